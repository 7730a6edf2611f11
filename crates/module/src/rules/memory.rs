//! A module's memory: there must be one that the host can reach, and Envoy's V8 gives 1 GiB at most.

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
            "the module begins with {} pages of memory of 64 KiB, and Envoy gives {} (1 GiB)",
            group(usize::try_from(memory.initial).unwrap_or(usize::MAX)),
            group(MOST_PAGES as usize),
        );
        // One that is imported is made while the imports are looked at, and Envoy has no words for that.
        let finding = match imported.get(index) {
            Some(number) => {
                Finding::error(Rule::MemorySize, Stage::Link, message, "Failed to initialize Wasm code").number(*number)
            }
            None => Finding::error(Rule::MemorySize, Stage::Instantiate, message, "Failed to create new Wasm instance"),
        };
        found.push(finding.help("lower the initial memory (--initial-memory of the linker)"));
    }
    let exported = report.exports.iter().any(|export| matches!(export.kind, Kind::Memory));
    if !exported && imported.is_empty() && super::abi(report).is_some() {
        found.push(
            Finding::warning(Rule::NoMemory, "the module exports no memory")
                .note("every host call that passes a text reads or writes it; Envoy does not look whether it is there")
                .help("export it (for wasm-ld it is the default; `(export \"memory\" (memory 0))` in WAT)"),
        );
    }
}
