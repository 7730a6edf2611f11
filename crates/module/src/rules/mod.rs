//! What Envoy would refuse a module for, and what would misbehave. One rule a file; [`RULES`] lists them.

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

/// What Envoy itself reads, before V8 does. Whatever the others found in a torn module would follow from that.
const READING: &[Check] = &[corrupt::check, abi_marker::check];

/// All other rules, in the order in which Envoy would come upon what they look for.
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

/// All findings, in the order in which Envoy would come upon them.
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

/// The ABI that the host takes the module for, where it gets as far as that.
fn abi(report: &Report) -> Option<Abi> {
    report.abi.ok().flatten()
}
