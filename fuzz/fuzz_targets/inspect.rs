//! Inspects any bytes as `mesh-compile inspect` does. The inspection must not panic, must limit its memory, and must be correct.
//!
//! - Input that starts with `S` drives wasm-smith: a valid module that exports callbacks and imports host functions.
//! - Input that starts with `E`: the same, with a few changed bytes.
//! - All other input is the module itself.

#![no_main]

use std::sync::LazyLock;

use camino::Utf8Path;
use libfuzzer_sys::arbitrary::{self, Unstructured};
use libfuzzer_sys::fuzz_target;
use mesh_compile::diag::{Code, Diagnostic, Sources};
use mesh_compile::inspect::{Inspection, Target, inspect_bytes};
use mesh_compile::{NotSlim, Slim, slim};
use wasmparser::{Validator, WasmFeatures};

/// The exports that Envoy requires of a filter.
const EXPORTS: &str = r#"(module
    (memory (export "memory") 1)
    (func (export "proxy_abi_version_0_2_1"))
    (func (export "_initialize"))
    (func (export "proxy_on_memory_allocate") (param i32) (result i32) i32.const 0)
    (func (export "proxy_on_context_create") (param i32 i32))
    (func (export "proxy_on_request_headers") (param i32 i32 i32) (result i32) i32.const 0))"#;

const IMPORTS: &str = r#"(module
    (import "env" "proxy_log" (func (param i32 i32 i32) (result i32)))
    (import "env" "proxy_get_header_map_pairs" (func (param i32 i32 i32) (result i32)))
    (import "env" "proxy_increment_metric" (func (param i32 i64) (result i32)))
    (import "wasi_snapshot_preview1" "fd_write" (func (param i32 i32 i32 i32) (result i32)))
    (import "wasi_snapshot_preview1" "clock_time_get" (func (param i32 i64 i32) (result i32))))"#;

static FILTER: LazyLock<[Vec<u8>; 2]> =
    LazyLock::new(|| [EXPORTS, IMPORTS].map(|text| wat::parse_str(text).expect("the text is a module")));

/// V8 also accepts legacy exceptions. By default, wasmparser does not.
static FEATURES: LazyLock<WasmFeatures> =
    LazyLock::new(|| WasmFeatures::default().union(WasmFeatures::LEGACY_EXCEPTIONS));

fuzz_target!(|input: &[u8]| {
    match input.split_first() {
        Some((b'S', seed)) => {
            if let Ok(module) = filter(&mut Unstructured::new(seed)) {
                valid(&look(&module));
            }
        }
        Some((b'E', seed)) => {
            let mut seed = Unstructured::new(seed);
            if let Ok(module) = damaged(&mut seed) {
                look(&module);
            }
        }
        _ => _ = look(input),
    }
});

/// A valid filter. Uses only features that V8 enables by default.
fn filter(seed: &mut Unstructured<'_>) -> arbitrary::Result<Vec<u8>> {
    let config = wasm_smith::Config {
        exports: Some(FILTER[0].clone()),
        available_imports: Some(FILTER[1].clone()),
        min_imports: 1,
        generate_custom_sections: seed.arbitrary()?,
        bulk_memory_enabled: true,
        exceptions_enabled: true,
        extended_const_enabled: true,
        gc_enabled: seed.arbitrary()?,
        memory64_enabled: seed.arbitrary()?,
        max_memories: 3,
        multi_value_enabled: true,
        reference_types_enabled: true,
        relaxed_simd_enabled: true,
        saturating_float_to_int_enabled: true,
        sign_extension_ops_enabled: true,
        simd_enabled: true,
        tail_call_enabled: true,
        threads_enabled: seed.arbitrary()?,
        custom_descriptors_enabled: false,
        custom_page_sizes_enabled: false,
        shared_everything_threads_enabled: false,
        wide_arithmetic_enabled: false,
        ..wasm_smith::Config::default()
    };
    Ok(wasm_smith::Module::new(config, seed)?.to_bytes())
}

/// A valid filter with one to eight changed bytes, or truncated.
fn damaged(seed: &mut Unstructured<'_>) -> arbitrary::Result<Vec<u8>> {
    let edits: Vec<(u16, u8)> =
        (0..seed.int_in_range(1..=8)?).map(|_| seed.arbitrary()).collect::<arbitrary::Result<_>>()?;
    let cut: Option<u16> = seed.arbitrary()?;
    let mut module = filter(seed)?;
    for (place, byte) in edits {
        let place = usize::from(place) % module.len();
        module[place] ^= byte;
    }
    if let Some(cut) = cut {
        module.truncate(usize::from(cut) % module.len());
    }
    Ok(module)
}

/// Inspects the bytes and checks the result.
fn look(bytes: &[u8]) -> Inspection {
    let target = Target::parse(None).expect("the newest version");
    let sources = Sources::new();
    let inspection = inspect_bytes(&sources, Utf8Path::new("module.wasm"), bytes.to_vec(), target);
    _ = inspection.to_json(&sources);
    let valid = validates(bytes);
    assert!(valid || !inspection.loads, "an invalid module is reported to load");
    assert_eq!(inspection.size, bytes.len());
    for which in [Slim::Debug, Slim::All] {
        match slim(bytes, which) {
            Ok(slimmed) => {
                assert!(slimmed.len() <= bytes.len());
                assert!(!valid || validates(&slimmed), "slim broke a valid module");
                assert_eq!(slim(&slimmed, which).as_ref(), Ok(&slimmed), "slim is not idempotent");
            }
            Err(NotSlim::Signed) => {}
            Err(NotSlim::Corrupt) => assert!(!inspection.loads, "a module that cannot be parsed is reported to load"),
        }
    }
    inspection
}

fn validates(bytes: &[u8]) -> bool {
    // A component is valid but not a module.
    wasmparser::Parser::is_core_wasm(bytes) && Validator::new_with_features(*FEATURES).validate_all(bytes).is_ok()
}

/// Checks that no part of a valid filter is reported as malformed, missing or of the wrong type.
fn valid(inspection: &Inspection) {
    let broken = |finding: &&Diagnostic| {
        [Code::MC0303, Code::MC0304, Code::MC0305, Code::MC0306, Code::MC0307, Code::MC0308].contains(&finding.code)
    };
    let found: Vec<_> = inspection.findings.iter().filter(broken).map(|finding| &finding.message).collect();
    assert!(found.is_empty(), "errors in a valid filter: {found:?}");
    assert_eq!(inspection.abi.as_deref(), Some("0.2.1"));
}
