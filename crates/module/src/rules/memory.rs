//! The module must export its memory, and Envoy's V8 allows at most 1 GiB.

use super::instance::imported;
use super::{Finding, Report, Rule, Setting, Stage};
use crate::number::group;
use crate::report::Kind;

/// 64 KiB each: 1 GiB.
const MOST_PAGES: u64 = 16_384;

pub(super) fn check(report: &Report, _: &Setting, found: &mut Vec<Finding>) {
    if report.invalid.is_some() {
        return;
    }
    let imported: Vec<usize> =
        imported(report, |kind| matches!(kind, Kind::Memory)).map(|(number, _)| number).collect();
    for (index, memory) in report.memories.iter().enumerate().filter(|(_, memory)| memory.initial > MOST_PAGES) {
        let message = format!(
            "the module starts with {} pages of memory, and Envoy allows {} (1 GiB)",
            group(usize::try_from(memory.initial).unwrap_or(usize::MAX)),
            group(MOST_PAGES as usize),
        );
        // Envoy creates an imported memory while it links, and logs another error.
        let finding = match imported.get(index) {
            Some(number) => {
                Finding::error(Rule::MemorySize, Stage::Link, message, "Failed to initialize Wasm code").number(*number)
            }
            None => Finding::error(Rule::MemorySize, Stage::Instantiate, message, "Failed to create new Wasm instance"),
        };
        found.push(finding.help("lower the initial memory with the linker option --initial-memory"));
    }
    let exported = report.exports.iter().any(|export| matches!(export.kind, Kind::Memory));
    if !exported && imported.is_empty() && super::abi(report).is_some() {
        found.push(
            Finding::warning(Rule::NoMemory, "the module exports no memory")
                .note("every host call that passes a text accesses the memory, and Envoy does not check that it exists")
                .help("export it: wasm-ld does by default; in WAT, write `(export \"memory\" (memory 0))`"),
        );
    }
}
