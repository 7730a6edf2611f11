//! A module in which Envoy cannot allocate: every text that it passes needs it.

use super::{Finding, Report, Rule, Setting, Stage, abi};
use crate::abi::MALLOC;

pub(super) fn check(report: &Report, _: &Setting, found: &mut Vec<Finding>) {
    // One of another type is not missing: that has a finding of its own.
    let there = MALLOC.iter().any(|way| report.exported_function(way.name).is_some());
    if there || abi(report).is_none() || report.invalid.is_some() {
        return;
    }
    found.push(
        Finding::error(
            Rule::NoAllocator,
            Stage::Exports,
            "the module exports no function `malloc` and none `proxy_on_memory_allocate`",
            "Wasm module is missing malloc function.",
        )
        // After the start functions and both ways to allocate, before the callbacks.
        .number(5)
        .help("export one of them: SDKs do; in C, -Wl,--export=malloc"),
    );
}
