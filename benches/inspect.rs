//! The speed of `inspect` in memory, compared with validating the same bytes with wasmparser in the same run.
//!
//! `cargo bench --bench inspect -- [ITERATIONS]`, by default 10,000.

use std::hint::black_box;
use std::time::{Duration, Instant};

use camino::Utf8Path;
use mesh_compile::inspect::{Target, inspect_bytes};
use wasm_encoder::{
    CodeSection, ConstExpr, DataSection, EntityType, ExportKind, ExportSection, Function, FunctionSection,
    ImportSection, MemArg, MemArgTarget, MemorySection, MemoryType, Module, NameMap, NameSection, TypeSection, ValType,
};

const FUNCTIONS: u32 = 8_800;
const DATA: usize = 900_000;

#[expect(clippy::print_stdout, reason = "a benchmark's result")]
fn main() {
    // Cargo adds `--bench`.
    let iterations = std::env::args().skip(1).find(|argument| !argument.starts_with("--"));
    let iterations: u32 = iterations.map_or(10_000, |number| number.parse().expect("a number of iterations"));
    let demo = include_bytes!("../filter/example-filter.wasm");
    println!("{iterations} iterations each, {} threads", rayon::current_num_threads());
    println!("{:<44} {:>9} {:>9}", "", "ms", "MB/s");
    for (name, bytes) in [("generated", large()), ("demo filter", demo.to_vec())] {
        let target = Target::parse(None).expect("the newest version");
        let sources = mesh_compile::diag::Sources::new();
        let inspection = inspect_bytes(&sources, Utf8Path::new(name), bytes.clone(), target);
        assert!(inspection.loads, "{:?}", inspection.findings);
        let inspected = time(iterations, || {
            black_box(inspect_bytes(&sources, Utf8Path::new(name), black_box(&bytes).clone(), target));
        });
        let validated = time(iterations, || {
            black_box(wasmparser::validate(black_box(&bytes)).expect("it is valid"));
        });
        for (what, took) in [("inspect", inspected), ("wasmparser::validate", validated)] {
            let seconds = took.as_secs_f64() / f64::from(iterations);
            let size = u32::try_from(bytes.len()).expect("a few megabytes");
            let label = format!("{name}, {size} B: {what}");
            println!("{label:<44} {:>9.3} {:>9.1}", seconds * 1e3, f64::from(size) / 1e6 / seconds);
        }
    }
}

#[expect(clippy::disallowed_methods, reason = "a benchmark reads the clock")]
fn time(iterations: u32, mut what: impl FnMut()) -> Duration {
    let start = Instant::now();
    for _ in 0..iterations {
        what();
    }
    start.elapsed()
}

/// A filter of 3.6 MB, like one built with a Rust SDK and its dependencies: 60 % code, 25 % data, 15 % names.
fn large() -> Vec<u8> {
    let mut types = TypeSection::new();
    types.ty().function([], []);
    types.ty().function([ValType::I32], [ValType::I32]);
    types.ty().function([ValType::I32; 3], [ValType::I32]);
    let mut imports = ImportSection::new();
    imports.import("env", "proxy_log", EntityType::Function(2));
    let mut functions = FunctionSection::new();
    let (mut code, mut names) = (CodeSection::new(), NameMap::new());
    names.append(0, "proxy_log");
    for number in 0..FUNCTIONS {
        let signature = number.min(2);
        functions.function(signature);
        code.function(&body(signature, number));
        names
            .append(number + 1, &format!("_ZN5mesh_6filter{number:06}17h{:016x}E", number.wrapping_mul(2_654_435_761)));
    }
    let mut memories = MemorySection::new();
    let memory = MemoryType { minimum: 32, maximum: None, memory64: false, shared: false, page_size_log2: None };
    memories.memory(memory);
    let mut exports = ExportSection::new();
    exports.export("memory", ExportKind::Memory, 0);
    for (name, index) in [("proxy_abi_version_0_2_1", 1), ("malloc", 2), ("proxy_on_request_headers", 3)] {
        exports.export(name, ExportKind::Func, index);
    }
    let mut data = DataSection::new();
    data.active(0, &ConstExpr::i32_const(1024), (0..DATA).map(|byte| u8::try_from(byte % 251).expect("below 256")));
    let mut name = NameSection::new();
    name.functions(&names);
    let mut module = Module::new();
    module.section(&types).section(&imports).section(&functions).section(&memories).section(&exports);
    module.section(&code).section(&data).section(&name);
    module.finish()
}

/// Loops, memory accesses, arithmetic and calls.
fn body(signature: u32, number: u32) -> Function {
    let mut function = Function::new([(4, ValType::I32), (1, ValType::I64)]);
    let local = [0, 1, 3][signature as usize];
    let mut code = function.instructions();
    let seed = i32::try_from(number).expect("few functions");
    for round in 0..8 {
        code.block(wasm_encoder::BlockType::Empty);
        code.local_get(local).i32_const(seed + round).i32_add().local_tee(local + 1).i32_eqz().br_if(0);
        code.local_get(local + 1).local_get(local).i32_store(MemArg {
            offset: 16,
            align: 2,
            target: MemArgTarget::Memory(0),
            ordering: None,
        });
        code.local_get(local).local_get(local + 1).i32_const(round).call(0).local_set(local + 2).end();
    }
    if signature > 0 {
        code.local_get(local + 2);
    }
    code.end();
    function
}
