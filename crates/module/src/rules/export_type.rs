//! Exports that Envoy calls must have the type that Envoy calls them with.

use wasmparser::FuncType;

use super::{Finding, LoadContext, ModuleReport, Rule, Stage, abi};
use crate::abi::{AFTER_INIT, Abi, Callback, INIT, MALLOC, START, callbacks};
use crate::signature::Written;

pub(super) fn check(report: &ModuleReport, _: &LoadContext, found: &mut Vec<Finding>) {
    let Some(abi) = abi(report) else { return };
    let fits =
        |callback: &Callback| report.exported_function(callback.name).is_some_and(|own| callback.signature.fits(own));
    let start: &[&Callback] = if fits(&INIT) { &[&AFTER_INIT[0], &AFTER_INIT[1]] } else { &[&START] };
    let malloc: &[Callback] = if fits(&MALLOC[0]) { &MALLOC[..1] } else { &MALLOC };
    let looked_at = [&INIT].into_iter().chain(start.iter().copied()).chain(malloc).chain(callbacks(abi));
    for (number, callback) in looked_at.enumerate() {
        if let Some(own) = report.exported_function(callback.name).filter(|own| !callback.signature.fits(own)) {
            found.push(finding(abi, callback, own).number(number));
        }
    }
}

fn finding(abi: Abi, callback: &Callback, own: &FuncType) -> Finding {
    let Callback { name, signature } = callback;
    let finding = Finding::error(
        Rule::ExportType,
        Stage::Exports,
        format!("Envoy calls the export `{name}` with a different type"),
        format!("Bad function signature for: {name}, want: {signature}, but the module exports: {}", Written(own)),
    );
    let headers = ["proxy_on_request_headers", "proxy_on_response_headers"].contains(name);
    match (abi, headers, own.params().len()) {
        (Abi::V0_1_0, true, 3) => finding
            .note("ABI 0.2.x has three parameters, but the module is marked as 0.1.0")
            .help("update the SDK, so that the module is marked as 0.2.0 or 0.2.1"),
        (Abi::V0_2_0 | Abi::V0_2_1, true, 2) => finding
            .note(format!("ABI 0.1.0 has two parameters, but the module is marked as {abi}"))
            .help("update the SDK, so that its callbacks match its marker"),
        _ => finding.help("the SDK is for another ABI, or its declaration is wrong: fix or update it"),
    }
}
