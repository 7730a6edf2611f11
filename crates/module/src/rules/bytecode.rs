//! Bytecode that V8 refuses.

use super::{Finding, Report, Rule, Setting, Stage};

pub(super) fn check(report: &Report, _: &Setting, found: &mut Vec<Finding>) {
    let Some(invalid) = &report.invalid else { return };
    found.push(
        Finding::error(
            Rule::InvalidBytecode,
            Stage::Compile,
            format!("not valid WebAssembly at byte {}: {}", invalid.offset, invalid.message),
            "Failed to load Wasm bytecode",
        )
        .help("build the module again; for a feature that Envoy's V8 lacks, switch it off in the compiler"),
    );
}
