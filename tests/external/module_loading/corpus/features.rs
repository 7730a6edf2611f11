//! Features that WebAssembly got after its first version, one small module each.

use crate::module_loading::case::{Case, Text, assemble, replaced, section, sections};

pub(crate) fn cases() -> Vec<Case> {
    let lists = [VECTORS, FINISHED, EXCEPTIONS, THREADS, MEMORIES, PROPOSALS];
    let mut cases: Vec<Case> =
        lists.concat().iter().map(|(name, rest)| Text::default().rest(*rest).case(format!("feature/{name}"))).collect();
    cases.extend(imports());
    cases.extend(bytes());
    cases
}

type List = &'static [(&'static str, &'static str)];

const VECTORS: List = &[
    ("simd", "(func (result v128) (i32x4.add (v128.const i32x4 1 2 3 4) (v128.const i32x4 1 2 3 4)))"),
    ("simd load", "(func (result v128) (v128.load32_lane 1 (i32.const 0) (v128.const i64x2 0 0)))"),
    ("relaxed simd", "(func (param v128 v128) (result v128) (i8x16.relaxed_swizzle (local.get 0) (local.get 1)))"),
    (
        "relaxed madd",
        "(func (param v128) (result v128) (f32x4.relaxed_madd (local.get 0) (local.get 0) (local.get 0)))",
    ),
    ("relaxed dot", "(func (param v128) (result v128) (i16x8.relaxed_dot_i8x16_i7x16_s (local.get 0) (local.get 0)))"),
];

const FINISHED: List = &[
    ("mutable global exported", r#"(global (export "g") (mut i32) (i32.const 0))"#),
    ("sign extension", "(func (param i32) (result i32) (i32.extend8_s (local.get 0)))"),
    ("sign extension of 64 bits", "(func (param i64) (result i64) (i64.extend32_s (local.get 0)))"),
    ("saturating conversion", "(func (param f32) (result i32) (i32.trunc_sat_f32_s (local.get 0)))"),
    ("multi-value function", "(func (result i32 i64) (i32.const 0) (i64.const 0))"),
    ("multi-value block", "(func (i32.const 0) (block (param i32) (result i32 i32) (i32.const 1)) drop drop)"),
    ("memory.fill", "(func (memory.fill (i32.const 0) (i32.const 0) (i32.const 1)))"),
    ("memory.copy", "(func (memory.copy (i32.const 0) (i32.const 0) (i32.const 1)))"),
    ("memory.init", r#"(data "x") (func (memory.init 0 (i32.const 0) (i32.const 0) (i32.const 1)) (data.drop 0))"#),
    ("table.copy", "(table 1 funcref) (func (table.copy (i32.const 0) (i32.const 0) (i32.const 1)))"),
    (
        "table.init",
        "(table 1 funcref) (elem func 0) (func (table.init 0 (i32.const 0) (i32.const 0) (i32.const 1)) (elem.drop 0))",
    ),
    ("reference types", "(func (param externref) (result i32) (ref.is_null (local.get 0)))"),
    ("table.grow", "(table 1 externref) (func (drop (table.grow (ref.null extern) (i32.const 1))))"),
    ("table.set", "(table 1 funcref) (func (table.set (i32.const 0) (ref.func 0)))"),
    ("table.fill", "(table 1 funcref) (func (table.fill (i32.const 0) (ref.null func) (table.size)))"),
    (
        "select with a type",
        "(func (result externref) (select (result externref) (ref.null extern) (ref.null extern) (i32.const 0)))",
    ),
    ("tail call", "(func (return_call 0))"),
    ("tail call, indirect", "(table 1 funcref) (func (return_call_indirect (i32.const 0)))"),
    ("tail call, of another result", "(func (result i32) (return_call 0))"),
    ("extended const, i32", "(global i32 (i32.mul (i32.const 3) (i32.sub (i32.const 3) (i32.const 1))))"),
    ("extended const, i64", "(global i64 (i64.add (i64.const 3) (i64.const 1)))"),
    ("extended const, division", "(global i32 (i32.div_s (i32.const 3) (i32.const 1)))"),
];

const EXCEPTIONS: List = &[
    ("exceptions", "(tag) (func (block (try_table (catch 0 0) (throw 0))))"),
    (
        "exceptions, catch_all_ref",
        "(func (block (result exnref) (try_table (catch_all_ref 0)) (ref.null exn)) throw_ref)",
    ),
    (
        "exceptions, catch_ref",
        "(tag (param i32)) (func (block (result i32 exnref) (try_table (catch_ref 0 0)) return) drop drop)",
    ),
    ("exceptions, exnref in a local", "(func (local exnref) (throw_ref (local.get 0)))"),
    ("legacy exceptions", "(tag) (func try nop catch 0 nop catch_all nop end)"),
    ("legacy exceptions, rethrow", "(tag) (func try nop catch 0 rethrow 0 end)"),
    ("legacy exceptions, delegate", "(func try nop delegate 0)"),
    ("legacy exceptions, throw only", "(tag) (func (throw 0))"),
    (
        "both exceptions, in two functions",
        "(tag) (func (block (try_table (catch 0 0)))) (func try nop catch 0 nop end)",
    ),
    (
        "both exceptions, in two functions, the other way round",
        "(tag) (func try nop catch 0 nop end) (func (block (try_table (catch 0 0))))",
    ),
    ("both exceptions, in one function", "(tag) (func (block (try_table (catch 0 0))) try nop catch 0 nop end)"),
    ("legacy exceptions, and exnref in a type", "(type (func (param exnref))) (func try nop catch_all nop end)"),
    (
        "legacy exceptions, and exnref in a block",
        "(func try nop catch_all nop end) (func (block (result exnref) unreachable) drop)",
    ),
    ("legacy exceptions, and exnref in a function's type", "(func try nop catch_all nop end) (func (param exnref))"),
    ("legacy exceptions, and a null exnref", "(func try nop catch_all nop end) (func (drop (ref.null exn)))"),
    ("legacy exceptions, and a null of no exnref", "(func try nop catch_all nop end) (func (drop (ref.null noexn)))"),
    ("legacy exceptions, and a global exnref", "(global exnref (ref.null exn)) (func try nop catch_all nop end)"),
    ("legacy exceptions, and a table of exnref", "(table 1 exnref) (func try nop catch_all nop end)"),
    ("legacy exceptions, and elements of exnref", "(elem exnref (ref.null exn)) (func try nop catch_all nop end)"),
    ("legacy exceptions, and a tag of exnref", "(tag (param exnref)) (func try nop catch_all nop end)"),
    ("legacy exceptions, and a struct of exnref", "(type (struct (field exnref))) (func try nop catch_all nop end)"),
    ("legacy exceptions, and throw_ref", "(func try nop catch_all nop end) (func unreachable throw_ref)"),
    (
        "legacy exceptions, and an unreachable try_table",
        "(func try nop catch_all nop end) (func unreachable (block (try_table (catch_all 0))))",
    ),
    ("legacy exceptions, and throw", "(tag) (func try nop catch_all nop end) (func (throw 0))"),
    ("legacy exceptions, and a try_table without catches", "(func try nop catch_all nop end) (func (try_table))"),
    ("a bare try, and try_table", "(func try nop end) (func (try_table))"),
    ("delegate, and try_table", "(func try nop delegate 0) (func (try_table))"),
    ("unreachable try, and try_table", "(func unreachable try nop catch_all nop end) (func (try_table))"),
    ("legacy exceptions, and exnref in a local", "(tag) (func (local exnref) try nop catch 0 nop end)"),
];

const THREADS: List = &[
    ("atomics", "(func (result i32) (i32.atomic.load (i32.const 0)))"),
    ("atomics, rmw", "(func (result i64) (i64.atomic.rmw.cmpxchg (i32.const 0) (i64.const 0) (i64.const 0)))"),
    ("atomics, fence", "(func atomic.fence)"),
    ("atomics, notify", "(func (result i32) (memory.atomic.notify (i32.const 0) (i32.const 0)))"),
    ("atomics, wait", "(func (result i32) (memory.atomic.wait32 (i32.const 0) (i32.const 0) (i64.const 0)))"),
    ("atomics, alignment too small", "(func (result i32) (i32.atomic.load align=2 (i32.const 0)))"),
    ("atomics, a shared memory", "(memory 1 1 shared) (func (result i32) (i32.atomic.load 1 (i32.const 0)))"),
    ("shared function type", "(type (shared (func)))"),
    ("shared global", "(global (shared mut i32) (i32.const 0))"),
    ("shared table", "(table shared 1 (ref null (shared func)))"),
    ("global.atomic.get", "(global (mut i32) (i32.const 0)) (func (result i32) (global.atomic.get seqcst 0))"),
    ("pause", "(func pause)"),
];

const MEMORIES: List = &[
    ("memory64", "(memory i64 1) (func (result i32) (i32.load 1 (i64.const 0)))"),
    ("memory64, a large offset", "(memory i64 1) (func (result i32) (i32.load 1 offset=0x100000000 (i64.const 0)))"),
    ("table64", "(table i64 1 funcref) (func (drop (table.get (i64.const 0))))"),
    ("multi-memory", "(memory 1) (func (result i32) (i32.load 1 (i32.const 0)))"),
    ("multi-memory, memory.copy", "(memory 1) (func (memory.copy 0 1 (i32.const 0) (i32.const 0) (i32.const 0)))"),
    ("multi-memory, memory.size", "(memory 1) (func (result i32) (memory.size 1))"),
    ("custom page sizes", "(memory 1 (pagesize 1))"),
    ("custom page sizes, the usual", "(memory 1 (pagesize 65536))"),
];

const PROPOSALS: List = &[
    (
        "wide arithmetic, add",
        "(func (result i64 i64) (i64.add128 (i64.const 0) (i64.const 0) (i64.const 0) (i64.const 0)))",
    ),
    ("wide arithmetic, multiply", "(func (result i64 i64) (i64.mul_wide_u (i64.const 0) (i64.const 0)))"),
    ("stack switching, type", "(type (func)) (type (cont 0))"),
    (
        "stack switching, cont.new",
        "(type (func)) (type (cont 0)) (elem declare func 0) (func (drop (cont.new 1 (ref.func 0))))",
    ),
    ("stack switching, suspend", "(tag) (func (suspend 0))"),
    ("branch hint", r#"(func (param i32) (block (local.get 0) (@metadata.code.branch_hint "\01") (br_if 0)))"#),
    ("custom descriptors", "(rec (type (descriptor 1) (struct)) (type (describes 0) (struct)))"),
    ("exact reference", "(type (struct)) (func (param (ref null (exact 0))))"),
    ("acquire-release", "(func (result i32) (i32.atomic.load acqrel (i32.const 0)))"),
];

/// Imports that share the name of their module.
fn imports() -> Vec<Case> {
    let import = |items: &str| Text::default().imports(format!(r#"(import "env" {items})"#));
    vec![
        import(r#"(item "proxy_done" (func (result i32))) (item "proxy_log" (func (param i32 i32 i32) (result i32)))"#)
            .case("feature/compact imports"),
        import(r#"(item "proxy_done") (item "proxy_continue_stream") (func (result i32))"#)
            .case("feature/compact imports of one type"),
        import(r#"(item "proxy_done" (func (result i32))) (item "x" (func))"#)
            .case("feature/compact imports, one missing"),
    ]
}

/// Function bodies and types that the text format cannot express, as bytes.
fn bytes() -> Vec<Case> {
    let body = |name: &str, code: &[u8]| {
        let mut all = sections(&Text::default().rest("(func)").bytes());
        let own = all.iter().position(|section| section[0] == 10).expect("a code section");
        let content = replaced(&all[own][2..], &[2, 0, 0x0b], &[]);
        let last = section(u8::try_from(code.len() + 2).expect("short"), &[]);
        all[own] = section(10, &[&content[..], &last[..1], &[0], code, &[0x0b]].concat());
        Case::new(format!("feature/{name}"), assemble(&all))
    };
    let ty = |name: &str, bytes: &[u8]| {
        let mut all = sections(&Text::default().bytes());
        let content = all[0][2..].to_vec();
        all[0] = section(1, &[&[content[0] + 1], &content[1..], bytes].concat());
        Case::new(format!("feature/{name}"), assemble(&all))
    };
    let mut cases = vec![
        body("an unused opcode, 0x1f without a block", &[0x1f, 0x40, 0]),
        body("half precision", &[0x41, 0, 0xfd, 0x08, 0, 0, 0x1a]),
        body("f32.load_f16", &[0x41, 0, 0xfc, 0x30, 1, 0, 0x1a]),
        body("f16x8.splat", &[0x43, 0, 0, 0, 0, 0xfd, 0xa0, 0x02, 0x1a]),
        body("memory.discard", &[0x41, 0, 0x41, 0, 0xfc, 0x12, 0]),
        body("string.const", &[0xfb, 0x82, 0x01, 0, 0x1a]),
        body("asm.js division", &[0x41, 1, 0x41, 1, 0xd3, 0x1a]),
        body("multibyte array access", &[0xfb, 0x20, 0, 0]),
        ty("stringref", &[0x60, 1, 0x67, 0]),
        ty("a type of f16", &[0x60, 1, 0x76, 0]),
        ty("an unknown value type", &[0x60, 1, 0x50, 0]),
        ty("an unknown form of type", &[0x5b, 0, 0]),
        ty("a value type i8", &[0x60, 1, 0x78, 0]),
        ty("a reference to a type to come", &[0x60, 1, 0x63, 0x7e, 0]),
        ty("contref", &[0x60, 1, 0x68, 0]),
        ty("nocontref", &[0x60, 1, 0x75, 0]),
        ty("waitqueueref", &[0x60, 1, 0x63, 0x61, 0]),
    ];
    for opcode in [0x16, 0x17, 0x27, 0x42, 0x1e, 0xc5, 0xd7, 0xda, 0xe0, 0xe6, 0xef, 0xf0, 0xf5, 0xfa, 0xff] {
        cases.push(body(&format!("opcode {opcode:#04x}"), &[opcode]));
    }
    for (prefix, code) in
        [(0xfb, 0x3f), (0xfc, 0x13), (0xfc, 0x17), (0xfd, 0x9a), (0xfd, 0xa2), (0xfe, 0x04), (0xfe, 0x4f)]
    {
        cases.push(body(&format!("opcode {prefix:#04x} {code:#04x}"), &[prefix, code, 1]));
    }
    cases
}
