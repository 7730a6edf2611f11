//! The rules for modules: what Envoy rejects, and what misbehaves at run time. One rule per file; `RULES` lists them.

mod abi_marker;
mod corrupt;
mod crash;
mod export_type;
mod host_version;
mod import_type;
mod invalid_bytecode;
mod memory_size;
mod missing_import;
mod no_allocator;
mod no_instance;
mod no_memory;
mod no_traffic_callback;
mod poll_oneoff;
mod precompiled;

use crate::abi::Abi;
use crate::finding::{Finding, LoadContext, Rule, Stage};
use crate::report::ModuleReport;
pub use host_version::oldest_envoy;

type Check = fn(&ModuleReport, &LoadContext, &mut Vec<Finding>);

/// The rules for what Envoy itself parses before V8 does. If they fail, findings of the other rules would only be consequences.
const READING: &[Check] = &[corrupt::check, abi_marker::check];

/// All other rules, in the order in which Envoy reaches what they check.
const RULES: &[Check] = &[
    invalid_bytecode::check,
    crash::check,
    missing_import::check,
    import_type::check,
    no_instance::check,
    memory_size::check,
    no_memory::check,
    export_type::check,
    no_allocator::check,
    host_version::check,
    poll_oneoff::check,
    no_traffic_callback::check,
    precompiled::check,
];

/// All findings, in the order in which Envoy reaches them.
#[must_use]
pub fn check(report: &ModuleReport, context: &LoadContext) -> Vec<Finding> {
    let mut found = Vec::new();
    let rules = if report.torn() { &[] } else { RULES };
    for rule in READING.iter().chain(rules) {
        rule(report, context, &mut found);
    }
    found.sort_by_key(|finding| finding.order);
    found
}

/// The ABI version of the module, if Envoy can read it.
fn abi(report: &ModuleReport) -> Option<Abi> {
    report.abi.ok().flatten()
}
