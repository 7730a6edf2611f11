//! Any filter, dry-run as `mesh-compile verify` does: no panic, no unbounded memory, no run without end.
//!
//! - Input that begins with `S` drives wasm-smith: a valid module with a filter's exports and the host's functions to import.
//! - All other input is a list of host calls for each callback, with arguments that are worth a try: addresses in and out of
//!   memory, sizes that fit and sizes that lie.

#![no_main]

use std::sync::LazyLock;

use libfuzzer_sys::arbitrary::{self, Unstructured};
use libfuzzer_sys::fuzz_target;
use mesh_compile::verify::fuzz;
use mesh_compile_module::abi::{self, Abi};
use wasm_encoder::{
    CodeSection, ConstExpr, DataSection, EntityType, ExportKind, ExportSection, Function, FunctionSection,
    ImportSection, MemArg, MemArgTarget, MemorySection, MemoryType, Module, TypeSection, ValType,
};

fuzz_target!(|input: &[u8]| {
    let Some((mode, rest)) = input.split_first() else { return };
    let mut seed = Unstructured::new(rest);
    let choices = seed.arbitrary().unwrap_or_default();
    let module = if *mode == b'S' { smith(&mut seed) } else { script(&mut seed) };
    if let Ok(module) = module {
        _ = fuzz::drive(&module, choices);
    }
});

static EXPORTS: LazyLock<Vec<u8>> = LazyLock::new(|| {
    let mut shell = Shell::default();
    shell.finish(&[], |_, _, _| Ok(())).expect("nothing is read")
});
static IMPORTS: LazyLock<Vec<u8>> = LazyLock::new(|| {
    let mut types = TypeSection::new();
    let mut imports = ImportSection::new();
    for (number, (module, name, signature)) in functions().into_iter().enumerate() {
        add_type(&mut types, signature);
        imports.import(module, name, EntityType::Function(u32::try_from(number).expect("few")));
    }
    let mut module = Module::new();
    module.section(&types).section(&imports);
    module.finish()
});

/// Every function that a module of ABI 0.2.1 may import: module, name, type as `ili>i`.
fn functions() -> Vec<(&'static str, &'static str, &'static str)> {
    let known = |module: &'static str| {
        move |name: &'static str| {
            abi::host_function(Abi::V0_2_1, module, name).map(|found| (module, found.name, found.signature.text()))
        }
    };
    let others = ["emscripten_notify_memory_growth", "pthread_equal", "envoy_resolve_dns"];
    let names = || abi::all_names().chain(others);
    names().filter_map(known("env")).chain(names().filter_map(known(abi::WASI_MODULES[0]))).collect()
}

/// Every function that Envoy calls in such a module: name, type.
fn callbacks() -> Vec<(&'static str, &'static str)> {
    let starting = [&abi::INIT, &abi::START].into_iter().chain(&abi::AFTER_INIT).chain(&abi::MALLOC);
    let all = starting.chain(abi::callbacks(Abi::V0_2_1));
    all.map(|callback| (callback.name, callback.signature.text())).collect()
}

/// A valid filter whose functions are wasm-smith's. Only features that the embedded host has.
fn smith(seed: &mut Unstructured<'_>) -> arbitrary::Result<Vec<u8>> {
    let config = wasm_smith::Config {
        exports: Some(EXPORTS.clone()),
        available_imports: Some(IMPORTS.clone()),
        min_imports: 1,
        max_imports: 40,
        bulk_memory_enabled: true,
        exceptions_enabled: false,
        extended_const_enabled: true,
        gc_enabled: false,
        memory64_enabled: false,
        max_memories: 3,
        max_memory32_bytes: 1 << 27,
        multi_value_enabled: true,
        reference_types_enabled: true,
        relaxed_simd_enabled: true,
        simd_enabled: true,
        tail_call_enabled: true,
        threads_enabled: false,
        custom_descriptors_enabled: false,
        custom_page_sizes_enabled: false,
        shared_everything_threads_enabled: false,
        wide_arithmetic_enabled: false,
        ..wasm_smith::Config::default()
    };
    Ok(wasm_smith::Module::new(config, seed)?.to_bytes())
}

/// A filter that makes host calls.
fn script(seed: &mut Unstructured<'_>) -> arbitrary::Result<Vec<u8>> {
    let functions = functions();
    let mut shell = Shell::default();
    shell.finish(&functions, |name, body, parameters| {
        let calls = seed.int_in_range(0..=if name == "_initialize" || name == "malloc" { 1 } else { 6 })?;
        for _ in 0..calls {
            let number = seed.choose_index(functions.len())?;
            let (_, called, signature) = functions[number];
            // Starting may call little, and a filter that does not start is soon done.
            if name == "_initialize" && called != "proxy_log" || name == "malloc" && !called.contains("log") {
                continue;
            }
            let (arguments, results) = signature.split_once('>').unwrap_or_default();
            let mut instructions = body.instructions();
            for letter in arguments.bytes() {
                let value: u8 = seed.arbitrary()?;
                match letter {
                    b'l' => instructions.i64_const(i64::from(NUMBERS[usize::from(value) % NUMBERS.len()])),
                    _ if value >= 0xf0 && parameters > 0 => instructions.local_get(u32::from(value & 0xf) % parameters),
                    _ if value >= 0xe0 => instructions.i32_const(i32::from(value & 0xf) * 4).i32_load(MEMORY),
                    _ => instructions.i32_const(NUMBERS[usize::from(value) % NUMBERS.len()]),
                };
            }
            instructions.call(u32::try_from(number).unwrap_or_default());
            if !results.is_empty() {
                instructions.drop();
            }
        }
        Ok(())
    })
}

const MEMORY: MemArg = MemArg { offset: 0, align: 2, target: MemArgTarget::Memory(0), ordering: None };

/// Arguments: kinds of maps and buffers, addresses and lengths of what stands in memory, and lies.
const NUMBERS: [i32; 40] = [
    0,
    1,
    2,
    3,
    4,
    5,
    6,
    7,
    8,
    9,
    12,
    16,
    20,
    32,
    64,
    128,
    256,
    300,
    4,
    400,
    61,
    500,
    15,
    600,
    1,
    700,
    11,
    200,
    403,
    1000,
    10_000,
    65_535,
    65_536,
    131_071,
    0x7fff_ffff,
    -1,
    -2,
    i32::MIN,
    100,
    10,
];

/// All callbacks with a memory and an allocator.
#[derive(Default)]
struct Shell {
    types: TypeSection,
    functions: FunctionSection,
    exports: ExportSection,
    code: CodeSection,
}

impl Shell {
    fn finish(
        &mut self,
        imported: &[(&str, &str, &str)],
        mut fill: impl FnMut(&str, &mut Function, u32) -> arbitrary::Result<()>,
    ) -> arbitrary::Result<Vec<u8>> {
        let mut imports = ImportSection::new();
        for (number, (module, name, signature)) in imported.iter().enumerate() {
            add_type(&mut self.types, signature);
            imports.import(module, name, EntityType::Function(u32::try_from(number).unwrap_or_default()));
        }
        let before = u32::try_from(imported.len()).unwrap_or_default();
        let callbacks = callbacks();
        let all = callbacks.iter().copied().chain([("proxy_abi_version_0_2_1", ">")]);
        // `_start` and `malloc`'s other name would only be in the way.
        for (number, (name, signature)) in all.filter(|(name, _)| *name != "_start").enumerate() {
            let number = before + u32::try_from(number).unwrap_or_default();
            add_type(&mut self.types, signature);
            self.functions.function(number);
            self.exports.export(name, ExportKind::Func, number);
            let mut body = Function::new([]);
            let (parameters, results) = signature.split_once('>').unwrap_or_default();
            fill(name, &mut body, u32::try_from(parameters.len()).unwrap_or_default())?;
            if name == "malloc" || name == "proxy_on_memory_allocate" {
                body.instructions().i32_const(0x1_0000);
            } else if !results.is_empty() {
                // What is returned, the guest may write.
                let continues = name.contains("headers") || name.contains("body") || name.contains("trailers");
                if continues {
                    body.instructions().i32_const(0).i32_load(MEMORY);
                } else {
                    body.instructions().i32_const(1);
                }
            }
            body.instructions().end();
            self.code.function(&body);
        }
        let mut memories = MemorySection::new();
        memories.memory(MemoryType { minimum: 4, maximum: None, memory64: false, shared: false, page_size_log2: None });
        self.exports.export("memory", ExportKind::Memory, 0);
        let mut module = Module::new();
        module
            .section(&self.types)
            .section(&imports)
            .section(&self.functions)
            .section(&memories)
            .section(&self.exports);
        module.section(&self.code);
        let mut data = DataSection::new();
        let headers = [(":method", "GET"), (":path", "/"), (":authority", "a")];
        let map = map(&headers);
        let texts: [(i32, &[u8]); 5] =
            [(300, b"auth"), (400, &map), (500, b"request\0headers"), (600, b"p"), (700, b":status\0403")];
        for (at, bytes) in texts {
            data.active(0, &ConstExpr::i32_const(at), bytes.iter().copied());
        }
        module.section(&data);
        Ok(module.finish())
    }
}

fn map(pairs: &[(&str, &str)]) -> Vec<u8> {
    let word = |number: usize| u32::try_from(number).unwrap_or_default().to_le_bytes();
    let lengths = pairs.iter().flat_map(|(name, value)| [word(name.len()), word(value.len())]).flatten();
    let texts = pairs.iter().flat_map(|(name, value)| [name.as_bytes(), b"\0", value.as_bytes(), b"\0"].concat());
    word(pairs.len()).into_iter().chain(lengths).chain(texts).collect()
}

fn add_type(types: &mut TypeSection, signature: &str) {
    let (parameters, results) = signature.split_once('>').unwrap_or_default();
    let of = |letters: &str| {
        letters.bytes().map(|it| if it == b'l' { ValType::I64 } else { ValType::I32 }).collect::<Vec<_>>()
    };
    types.ty().function(of(parameters), of(results));
}
