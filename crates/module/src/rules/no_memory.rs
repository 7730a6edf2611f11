//! The module must export its memory.

use super::no_instance::imported;
use super::{Finding, LoadContext, ModuleReport, Rule};
use crate::report::Kind;

pub(super) fn check(report: &ModuleReport, _: &LoadContext, found: &mut Vec<Finding>) {
    if report.invalid.is_some() {
        return;
    }
    let exported = report.exports.iter().any(|export| matches!(export.kind, Kind::Memory));
    if !exported
        && imported(report, |kind| matches!(kind, Kind::Memory)).next().is_none()
        && super::abi(report).is_some()
    {
        found.push(
            Finding::warning(Rule::NoMemory, "the module exports no memory")
                .note(
                    "every host call that passes a string accesses the memory, and Envoy does not check that it exists",
                )
                .help("export it: wasm-ld does by default; in WAT, write `(export \"memory\" (memory 0))`"),
        );
    }
}
