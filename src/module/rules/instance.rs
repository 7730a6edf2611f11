//! What stops V8 from making an instance, as far as the bytes show it.
//!
//! For an imported memory or table Envoy makes one of the same limits, and a plain one otherwise.

use super::{Finding, Report, Setting, Stage};
use crate::module::report::{Import, Kind};

/// Elements of a table that V8 makes for an import, at most.
const MOST_ELEMENTS: u64 = 10_000_000;

pub(super) fn check(report: &Report, _: &Setting, found: &mut Vec<Finding>) {
    // In an invalid module the memory or table may be what is missing.
    if report.invalid.is_some() {
        return;
    }
    tables(report, found);
    memories(report, found);
    overflow(report, found);
}

/// The imports of a kind, each with its number among all imports.
pub(super) fn imported(report: &Report, kind: fn(&Kind) -> bool) -> impl Iterator<Item = (usize, &Import)> {
    report.imports.iter().enumerate().filter(move |(_, import)| kind(&import.kind))
}

fn tables(report: &Report, found: &mut Vec<Finding>) {
    for ((number, Import { module, name, .. }), table) in
        imported(report, |kind| matches!(kind, Kind::Table)).zip(&report.tables)
    {
        if let Some(most) = table.maximum.filter(|most| *most > MOST_ELEMENTS) {
            let message =
                format!("`{module}.{name}` is a table of up to {most} elements, and Envoy makes {MOST_ELEMENTS}");
            found.push(
                Finding::error("MC0311", Stage::Link, message, "Failed to initialize Wasm code")
                    .help("give the table a smaller maximum, or none")
                    .number(number),
            );
        } else if table.table64 || !table.element_type.is_nullable() {
            let what = if table.table64 { "is indexed by 64 bits" } else { "holds no nulls" };
            let message = format!("`{module}.{name}` is a table that {what}, and Envoy has a plain one");
            found.push(
                Finding::error("MC0311", Stage::Instantiate, message, "Failed to create new Wasm instance")
                    .help("let the module have a table of its own"),
            );
        }
    }
}

fn memories(report: &Report, found: &mut Vec<Finding>) {
    for ((_, Import { module, name, .. }), memory) in
        imported(report, |kind| matches!(kind, Kind::Memory)).zip(&report.memories)
    {
        if memory.memory64 || memory.shared {
            let what = if memory.memory64 { "of 64 bits" } else { "shared by threads" };
            let message = format!("`{module}.{name}` is a memory {what}, and Envoy has a plain one");
            found.push(
                Finding::error("MC0311", Stage::Instantiate, message, "Failed to create new Wasm instance")
                    .help("let the module have a memory of its own, and export it"),
            );
        }
    }
}

fn overflow(report: &Report, found: &mut Vec<Finding>) {
    let Some(overflow) = &report.overflow else { return };
    let (what, index) = (overflow.what, overflow.index);
    let room = if what == "data" { "the memory" } else { "the table" };
    found.push(
        Finding::error(
            "MC0311",
            Stage::Instantiate,
            format!("{what} segment {index} ends at {}, and {room} at {}", overflow.end, overflow.available),
            "Failed to create new Wasm instance",
        )
        .help("the module was linked or edited wrongly: build it again"),
    );
}
