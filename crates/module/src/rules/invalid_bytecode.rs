//! V8 must accept the bytecode.

use super::{Finding, LoadContext, ModuleReport, Rule, Stage};

pub(super) fn check(report: &ModuleReport, _: &LoadContext, found: &mut Vec<Finding>) {
    let Some(invalid) = &report.invalid else { return };
    found.push(
        Finding::error(
            Rule::InvalidBytecode,
            Stage::Compile,
            format!("not valid WebAssembly at byte {}: {}", invalid.offset, invalid.message),
            "Failed to load Wasm bytecode",
        )
        .help("rebuild the module; if it uses a feature that V8 in Envoy lacks, disable the feature in the compiler"),
    );
}
