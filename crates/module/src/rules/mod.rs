//! The rules for modules: what Envoy rejects, and what misbehaves at run time. One rule per file; `RULES` lists them.

mod abi_marker;
mod bytecode;
mod callbacks;
mod corrupt;
mod crash;
mod export_type;
mod host_age;
mod import_type;
mod instance;
mod malloc;
mod memory;
mod missing_import;
mod precompiled;

use crate::abi::Abi;
use crate::finding::{Finding, Rule, Setting, Stage};
use crate::report::Report;
pub use host_age::oldest_envoy;

type Check = fn(&Report, &Setting, &mut Vec<Finding>);

/// The rules for what Envoy itself parses before V8 does. If they fail, findings of the other rules would only be consequences.
const READING: &[Check] = &[corrupt::check, abi_marker::check];

/// All other rules, in the order in which Envoy reaches what they check.
const RULES: &[Check] = &[
    bytecode::check,
    crash::check,
    missing_import::check,
    import_type::check,
    instance::check,
    memory::check,
    export_type::check,
    malloc::check,
    host_age::check,
    callbacks::check,
    precompiled::check,
];

/// All findings, in the order in which Envoy reaches them.
#[must_use]
pub fn check(report: &Report, setting: &Setting) -> Vec<Finding> {
    let mut found = Vec::new();
    let rules = if report.torn() { &[] } else { RULES };
    for rule in READING.iter().chain(rules) {
        rule(report, setting, &mut found);
    }
    found.sort_by_key(|finding| finding.order);
    found
}

/// The ABI version of the module, if Envoy can read it.
fn abi(report: &Report) -> Option<Abi> {
    report.abi.ok().flatten()
}
