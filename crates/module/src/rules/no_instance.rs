//! V8 must be able to instantiate the module, as far as the bytes show.
//!
//! For an imported memory or table, Envoy creates a plain one with the same limits.

use super::{Finding, LoadContext, ModuleReport, Rule, Stage};
use crate::report::{Import, Kind};

/// The largest table that V8 creates for an import.
const MOST_ELEMENTS: u64 = 10_000_000;

pub(super) fn check(report: &ModuleReport, _: &LoadContext, found: &mut Vec<Finding>) {
    // In an invalid module, the memory or table itself may be missing.
    if report.invalid.is_some() {
        return;
    }
    tables(report, found);
    memories(report, found);
    names(report, found);
    overflow(report, found);
}

/// The imports of a kind, with their index among all imports.
pub(super) fn imported(report: &ModuleReport, kind: fn(&Kind) -> bool) -> impl Iterator<Item = (usize, &Import)> {
    report.imports.iter().enumerate().filter(move |(_, import)| kind(&import.kind))
}

fn tables(report: &ModuleReport, found: &mut Vec<Finding>) {
    for ((number, Import { module, name, .. }), table) in
        imported(report, |kind| matches!(kind, Kind::Table)).zip(&report.tables)
    {
        if let Some(most) = table.maximum.filter(|most| *most > MOST_ELEMENTS) {
            let message = format!(
                "the imported table `{module}.{name}` has up to {most} elements, and Envoy allows {MOST_ELEMENTS}"
            );
            found.push(
                Finding::error(Rule::NoInstance, Stage::Link, message, "Failed to initialize Wasm code")
                    .help("lower or remove the maximum of the table")
                    .number(number),
            );
        } else if table.table64 || !table.element_type.is_nullable() {
            let what = if table.table64 { "has 64-bit indexes" } else { "has non-nullable elements" };
            let message = format!("the imported table `{module}.{name}` {what}, and Envoy provides only a plain table");
            found.push(
                Finding::error(Rule::NoInstance, Stage::Instantiate, message, "Failed to create new Wasm instance")
                    .help("define the table in the module"),
            );
        }
    }
}

fn memories(report: &ModuleReport, found: &mut Vec<Finding>) {
    for ((_, Import { module, name, .. }), memory) in
        imported(report, |kind| matches!(kind, Kind::Memory)).zip(&report.memories)
    {
        if memory.memory64 || memory.shared {
            let what = if memory.memory64 { "64-bit" } else { "shared" };
            let message =
                format!("the imported memory `{module}.{name}` is {what}, and Envoy provides only a plain memory");
            found.push(
                Finding::error(Rule::NoInstance, Stage::Instantiate, message, "Failed to create new Wasm instance")
                    .help("define the memory in the module, and export it"),
            );
        }
    }
}

/// V8 looks up what Envoy created by the import's names in JavaScript objects. It does not find a name that is an array index, and
/// two imports with the same names both get the later one's item.
fn names(report: &ModuleReport, found: &mut Vec<Finding>) {
    for import in &report.imports {
        let Import { module, name, kind } = import;
        let made = matches!(kind, Kind::Memory | Kind::Table);
        let later = report.imports.iter().rfind(|other| (&other.module, &other.name) == (module, name));
        let why = if made && (is_index(module) || is_index(name)) {
            "V8 does not find items whose name is a number"
        } else if later.is_some_and(|later| later.kind.as_str() != kind.as_str()) {
            "a later import with the same names is of another kind"
        } else {
            continue;
        };
        let message = format!("Envoy cannot provide the import `{module}.{name}`: {why}");
        found.push(
            Finding::error(Rule::NoInstance, Stage::Instantiate, message, "Failed to create new Wasm instance")
                .help("rename the import, or define the item in the module"),
        );
    }
}

/// Whether JavaScript treats the name as an array index.
fn is_index(name: &str) -> bool {
    name.parse::<u32>().is_ok_and(|index| index != u32::MAX && index.to_string() == name)
}

fn overflow(report: &ModuleReport, found: &mut Vec<Finding>) {
    let Some(overflow) = &report.overflow else { return };
    let (what, index) = (overflow.what, overflow.index);
    let room = if what == "data" { "the memory" } else { "the table" };
    found.push(
        Finding::error(
            Rule::NoInstance,
            Stage::Instantiate,
            format!("{what} segment {index} ends at {}, but {room} ends at {}", overflow.end, overflow.available),
            "Failed to create new Wasm instance",
        )
        .help("the module was linked or edited incorrectly: rebuild it"),
    );
}
