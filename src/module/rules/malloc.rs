//! A module in which Envoy cannot allocate: every text that it passes needs it.

use super::{Finding, Report, Setting, Stage, abi};
use crate::module::abi::MALLOC;

pub(super) fn check(report: &Report, _: &Setting, found: &mut Vec<Finding>) {
    let there = MALLOC.iter().any(|way| report.exported_function(way.name).is_some_and(|own| way.signature.fits(own)));
    if there || abi(report).is_none() || report.invalid.is_some() {
        return;
    }
    found.push(
        Finding::error(
            "MC0309",
            Stage::Exports,
            "the module exports neither `malloc` nor `proxy_on_memory_allocate`",
            "Wasm module is missing malloc function.",
        )
        // After the start functions and both ways to allocate, before the callbacks.
        .number(5)
        .help("export one of them: SDKs do; in C, -Wl,--export=malloc"),
    );
}
