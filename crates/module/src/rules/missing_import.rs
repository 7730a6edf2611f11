//! Envoy must provide every import.

use super::{Finding, LoadContext, ModuleReport, Rule, Stage, abi};
use crate::abi::{Abi, PROXY, WASI, WASI_MODULES, host_function};
use crate::report::{Import, Kind};
use crate::suggest::suggest;

pub(super) fn check(report: &ModuleReport, _: &LoadContext, found: &mut Vec<Finding>) {
    let Some(abi) = abi(report) else { return };
    for (number, import) in report.imports.iter().enumerate() {
        let missing = match import.kind {
            Kind::Function(_) => host_function(abi, &import.module, &import.name).is_none(),
            Kind::Global => true,
            Kind::Memory | Kind::Table | Kind::Tag => false,
        };
        if missing {
            found.push(finding(abi, import).number(number));
        }
    }
}

fn finding(abi: Abi, import: &Import) -> Finding {
    let Import { module, name, kind } = import;
    let finding = Finding::error(
        Rule::MissingImport,
        Stage::Link,
        format!(
            "Envoy provides no {} `{module}.{name}`",
            if matches!(kind, Kind::Global) { "global" } else { "function" }
        ),
        format!("Failed to load Wasm module due to a missing import: {module}.{name}"),
    );
    if matches!(kind, Kind::Global) {
        return finding
            .note("Envoy provides no globals")
            .help("build without dynamic linking (-fPIC, -shared): a static module imports no globals");
    }
    let elsewhere = [Abi::V0_1_0, Abi::V0_2_0, Abi::V0_2_1]
        .into_iter()
        .filter(|other| host_function(*other, module, name).is_some());
    let elsewhere: Vec<String> = elsewhere.map(|other| other.to_string()).collect();
    if !elsewhere.is_empty() {
        return finding
            .note(format!(
                "the module is marked as ABI {abi}; Envoy provides the function in {}",
                elsewhere.join(" and ")
            ))
            .help("build the module and its SDK for the same ABI");
    }
    let wasi = WASI_MODULES.contains(&module.as_str());
    let known: Vec<&str> = if wasi { &WASI[..] } else { &PROXY[..] }.iter().map(|function| function.name).collect();
    match (module.as_str(), suggest(name, known.into_iter())) {
        ("env" | "wasi_snapshot_preview1" | "wasi_unstable", Some(near)) => {
            finding.help(format!("did you mean `{near}`?"))
        }
        ("env", None) => finding.help(
            "the linker did not find this symbol: link it, or remove --allow-undefined to see the error at build time",
        ),
        ("wasi_snapshot_preview1" | "wasi_unstable", None) => finding.help("avoid the library call that needs it"),
        ("wbg" | "__wbindgen_placeholder__" | "__wbindgen_externref_xform__", _) => finding.help(
            "a dependency uses wasm-bindgen, which is for browsers: build for wasm32-wasip1, and disable that feature",
        ),
        _ => finding.note("Envoy provides functions only in `env`, `wasi_snapshot_preview1` and `wasi_unstable`"),
    }
}
