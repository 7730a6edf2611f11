//! What stops V8 from making an instance, as far as the bytes show it.
//!
//! For an imported memory or table Envoy makes one of the same limits, and a plain one otherwise.

use super::{Finding, Report, Rule, Setting, Stage};
use crate::report::{Import, Kind};

/// Elements of a table that V8 makes for an import, at most.
const MOST_ELEMENTS: u64 = 10_000_000;

pub(super) fn check(report: &Report, _: &Setting, found: &mut Vec<Finding>) {
    // In an invalid module the memory or table may be what is missing.
    if report.invalid.is_some() {
        return;
    }
    tables(report, found);
    memories(report, found);
    names(report, found);
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
                Finding::error(Rule::NoInstance, Stage::Link, message, "Failed to initialize Wasm code")
                    .help("give the table a smaller maximum, or none")
                    .number(number),
            );
        } else if table.table64 || !table.element_type.is_nullable() {
            let what = if table.table64 { "is indexed by 64 bits" } else { "holds no nulls" };
            let message = format!("`{module}.{name}` is a table that {what}, and Envoy has a plain one");
            found.push(
                Finding::error(Rule::NoInstance, Stage::Instantiate, message, "Failed to create new Wasm instance")
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
                Finding::error(Rule::NoInstance, Stage::Instantiate, message, "Failed to create new Wasm instance")
                    .help("let the module have a memory of its own, and export it"),
            );
        }
    }
}

/// V8 looks for what Envoy has made under the import's names in JavaScript objects: a name that is an array's index is not found
/// there, and of two imports of the same names both get the later one's.
fn names(report: &Report, found: &mut Vec<Finding>) {
    for import in &report.imports {
        let Import { module, name, kind } = import;
        let made = matches!(kind, Kind::Memory | Kind::Table);
        let later = report.imports.iter().rfind(|other| (&other.module, &other.name) == (module, name));
        let why = if made && (is_index(module) || is_index(name)) {
            "a number is no name that V8 finds it by"
        } else if later.is_some_and(|later| later.kind.as_str() != kind.as_str()) {
            "a later import of the same names is another thing"
        } else {
            continue;
        };
        let message = format!("Envoy cannot give the module its import `{module}.{name}`: {why}");
        found.push(
            Finding::error(Rule::NoInstance, Stage::Instantiate, message, "Failed to create new Wasm instance")
                .help("give the import another name, or define what it is in the module"),
        );
    }
}

/// Whether JavaScript takes the name for the index of an array.
fn is_index(name: &str) -> bool {
    name.parse::<u32>().is_ok_and(|index| index != u32::MAX && index.to_string() == name)
}

fn overflow(report: &Report, found: &mut Vec<Finding>) {
    let Some(overflow) = &report.overflow else { return };
    let (what, index) = (overflow.what, overflow.index);
    let room = if what == "data" { "the memory" } else { "the table" };
    found.push(
        Finding::error(
            Rule::NoInstance,
            Stage::Instantiate,
            format!("{what} segment {index} ends at {}, and {room} at {}", overflow.end, overflow.available),
            "Failed to create new Wasm instance",
        )
        .help("the module was linked or edited wrongly: build it again"),
    );
}
