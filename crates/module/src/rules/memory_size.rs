//! Envoy's V8 allows at most 1 GiB of memory.

use super::no_instance::imported;
use super::{Finding, LoadContext, ModuleReport, Rule, Stage};
use crate::number::group;
use crate::report::Kind;

/// 64 KiB each: 1 GiB.
const MOST_PAGES: u64 = 16_384;

pub(super) fn check(report: &ModuleReport, _: &LoadContext, found: &mut Vec<Finding>) {
    if report.invalid.is_some() {
        return;
    }
    let imported: Vec<usize> =
        imported(report, |kind| matches!(kind, Kind::Memory)).map(|(number, _)| number).collect();
    for (index, memory) in report.memories.iter().enumerate().filter(|(_, memory)| memory.initial > MOST_PAGES) {
        let message = format!(
            "the module starts with {} pages of memory, but Envoy allows {} (1 GiB)",
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
}
