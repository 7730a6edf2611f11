//! Excessive memory, tables and stacks, and modules that are slow to compile.

use std::fmt::Write as _;

use super::Case;
use super::guest::Guest;

const LIMITS: &[&str] = &["MC0605", "MC0606"];
const FAILS: &[&str] = &["MC0603", "MC0605", "MC0606"];

fn started(more: &str, does: &str) -> String {
    Guest::default().with(more).on("proxy_on_configure", does).text()
}

/// A filter without host functions, with more fields.
fn plain(memory: &str, more: &str) -> String {
    format!(
        r#"(module {memory} {more} (func (export "proxy_abi_version_0_2_1"))
        (func (export "malloc") (param i32) (result i32) (i32.const 1024))
        (func (export "proxy_on_request_headers") (param i32 i32 i32) (result i32) (i32.const 0)))"#
    )
}

pub(super) fn cases() -> Vec<Case> {
    let grow = |pages: u32| format!("(loop $l (drop (memory.grow (i32.const {pages}))) (br $l))");
    let touch = "(loop $l (drop (memory.grow (i32.const 1))) (memory.fill (i32.const 0) (i32.const 1) \
        (i32.shl (memory.size) (i32.const 16))) (br $l))";
    let copy = "(loop $l (memory.copy (i32.const 0) (i32.const 1) (i32.const 8000000)) (br $l))";
    let fill = "(loop $l (memory.fill (i32.const 0) (i32.const 1) (i32.const 8000000)) (br $l))";
    let table = "(table $t 10 funcref)";
    let table_grow = |more: u32| format!("(loop $l (drop (table.grow $t (ref.null func) (i32.const {more}))) (br $l))");
    let table_fill = "(loop $l (table.fill $t (i32.const 0) (ref.null func) (i32.const 90000)) (br $l))";
    let trap = |grown: &str| format!("(if (i32.eq {grown} (i32.const -1)) (then unreachable))");
    vec![
        Case::new("resources/4 GiB of memory", plain("(memory (export \"memory\") 65536)", ""), &["MC0314"]),
        Case::new("resources/1 GiB of memory", plain("(memory (export \"memory\") 16384)", ""), LIMITS),
        Case::new(
            "resources/100 memories of 127 MiB",
            plain("(memory (export \"memory\") 2000)", &"(memory 2000)".repeat(50)),
            LIMITS,
        ),
        Case::new("resources/memory in each of 20 filters", plain("(memory (export \"memory\") 2000)", ""), &[])
            .in_chain_of(20),
        Case::new("resources/memory.grow of a page", started("", &grow(1)), LIMITS),
        Case::new("resources/memory.grow of 1 GiB", started("", &grow(16384)), LIMITS),
        Case::new("resources/memory.grow of nothing", started("", &grow(0)), LIMITS),
        Case::new(
            "resources/memory.grow beyond the maximum",
            started("", &trap("(memory.grow (i32.const 65000))")),
            LIMITS,
        ),
        Case::new("resources/memory.grow and memory.fill", started("", touch), LIMITS),
        Case::new("resources/memory.copy", started("", copy), LIMITS),
        Case::new("resources/memory.fill", started("", fill), LIMITS),
        Case::new("resources/table.grow of an element", started(table, &table_grow(1)), LIMITS),
        Case::new("resources/table.grow of 100 million", started(table, &table_grow(100_000_000)), LIMITS),
        Case::new("resources/table.fill", started("(table $t 100000 funcref)", table_fill), LIMITS),
        Case::new("resources/a table of 10 million", started("(table 10000000 funcref)", ""), LIMITS),
        Case::new("resources/90 tables of 90,000", started(&"(table 90000 funcref)".repeat(90), ""), LIMITS),
        Case::new("resources/50,000 globals", started(&"(global (mut i64) (i64.const 1))".repeat(50_000), ""), &[]),
        Case::new("resources/recursion", started("(func $f (call $f))", "(call $f)"), &["MC0602", "MC0606"]),
        Case::new(
            "resources/mutual recursion",
            started("(func $f (call $g)) (func $g (call $f))", "(call $f)"),
            &["MC0602", "MC0606"],
        ),
        Case::new(
            "resources/indirect recursion",
            started(
                "(type $v (func)) (table funcref (elem $f)) (func $f (call_indirect (type $v) (i32.const 0)))",
                "(call $f)",
            ),
            &["MC0602", "MC0606"],
        ),
        Case::new(
            "resources/recursion with large frames",
            started(
                &format!("(func $f (param i32) (result i32) (local {}) (call $f (local.get 0)))", "i64 ".repeat(5000)),
                "(drop (call $f (i32.const 1)))",
            ),
            &["MC0602", "MC0606"],
        ),
        Case::new("resources/tail calls", started("(func $f (return_call $f))", "(call $f)"), LIMITS),
        Case::new(
            "resources/a reload per stream",
            Guest::default()
                .with("(memory 1900)")
                .on(
                    "proxy_on_request_headers",
                    "(memory.fill 1 (i32.const 0) (i32.const 1) (i32.const 120000000)) unreachable",
                )
                .text(),
            FAILS,
        )
        .with_test(""),
        compiles("20,000 functions", &functions(20_000, "(local i64)")),
        nested(),
        branches(),
        locals(),
        params(),
    ]
}

fn functions(count: usize, body: &str) -> String {
    (0..count).fold(String::new(), |mut text, _| {
        _ = write!(text, "(func {body})");
        text
    })
}

fn compiles(name: &str, more: &str) -> Case {
    Case::new(format!("resources/compilation of {name}"), plain("(memory (export \"memory\") 1)", more), &[])
}

fn nested() -> Case {
    let deep = 20_000;
    compiles("nested blocks", &format!("(func {}{})", "(block ".repeat(deep), ")".repeat(deep)))
}

fn branches() -> Case {
    compiles("a large br_table", &format!("(func (block (br_table {} (i32.const 0))))", "0 ".repeat(65_000)))
}

/// 30,000 locals of a function take 4 bytes in the module.
fn locals() -> Case {
    use wasm_encoder::{CodeSection, Function, FunctionSection, Instruction, Module, TypeSection, ValType};
    let mut types = TypeSection::new();
    types.ty().function([], []);
    types.ty().function([ValType::I32], [ValType::I32]);
    let (mut functions, mut code) = (FunctionSection::new(), CodeSection::new());
    functions.function(1);
    let mut malloc = Function::new([]);
    malloc.instruction(&Instruction::I32Const(1024)).instruction(&Instruction::End);
    code.function(&malloc);
    for _ in 0..80_000 {
        functions.function(0);
        let mut body = Function::new([(30_000, ValType::I64)]);
        body.instruction(&Instruction::End);
        code.function(&body);
    }
    let mut module = Module::new();
    module.section(&types).section(&functions);
    let mut memories = wasm_encoder::MemorySection::new();
    let memory =
        wasm_encoder::MemoryType { minimum: 1, maximum: None, memory64: false, shared: false, page_size_log2: None };
    memories.memory(memory);
    let mut exports = wasm_encoder::ExportSection::new();
    exports.export("memory", wasm_encoder::ExportKind::Memory, 0);
    exports.export("proxy_abi_version_0_2_1", wasm_encoder::ExportKind::Func, 1);
    exports.export("malloc", wasm_encoder::ExportKind::Func, 0);
    exports.export("_initialize", wasm_encoder::ExportKind::Func, 1);
    module.section(&memories).section(&exports).section(&code);
    Case::of_bytes("resources/compilation of 80,000 functions with 30,000 locals", module.finish(), &["MC0611"])
}

/// Many calls with 1,000 parameters and results each.
fn params() -> Case {
    let many = "i64 ".repeat(1000);
    let sum = "(local.get 0)".repeat(1000);
    let call = "(call $f)".repeat(2000);
    let text = format!(
        "(func $f (param {many}) (result {many}) {sum}) (func (param i64) {sum} {call} {})",
        "drop ".repeat(1000)
    );
    compiles("calls with 1,000 results", &text)
}
