//! Envoy must be able to allocate memory in the module, which it needs to pass any text.

use super::{Finding, LoadContext, ModuleReport, Rule, Stage, abi};
use crate::abi::MALLOC;

pub(super) fn check(report: &ModuleReport, _: &LoadContext, found: &mut Vec<Finding>) {
    // An allocator of another type has its own finding.
    let there = MALLOC.iter().any(|way| report.exported_function(way.name).is_some());
    if there || abi(report).is_none() || report.invalid.is_some() {
        return;
    }
    found.push(
        Finding::error(
            Rule::NoAllocator,
            Stage::Exports,
            "the module exports neither `malloc` nor `proxy_on_memory_allocate`",
            "Wasm module is missing malloc function.",
        )
        // After the start functions and both allocators, before the callbacks.
        .number(5)
        .help("export one of them, as the SDKs do; in C, with -Wl,--export=malloc"),
    );
}
