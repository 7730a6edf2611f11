//! A module must export a marker of its Proxy-Wasm ABI version.

use super::{Finding, LoadContext, ModuleReport, Rule, Stage};

const MARKER: &str = "proxy_abi_version_";

pub(super) fn check(report: &ModuleReport, _: &LoadContext, found: &mut Vec<Finding>) {
    if report.abi != Ok(None) {
        return;
    }
    let finding = Finding::error(
        Rule::AbiMarker,
        Stage::AbiScan,
        "the module exports no marker of a Proxy-Wasm ABI version that Envoy supports",
        "Missing or unknown Proxy-Wasm ABI version",
    );
    let other = report.exports.iter().find(|export| export.name.starts_with(MARKER));
    found.push(match other {
        Some(export) if export.kind.as_str() != "func" => finding
            .note(format!("`{}` is exported as a {}, not as a function", export.name, export.kind.as_str()))
            .help("export it as a function without parameters or results, as the SDKs do"),
        Some(export) => finding
            .note(format!("it exports `{}`; Envoy supports 0_1_0, 0_2_0 and 0_2_1", export.name))
            .help("use a release of the SDK that exports one of these"),
        None if report.exports.iter().any(|export| export.name == "_start" || export.name == "main") => finding
            .note("it looks like a WASI program, not a filter")
            .help("build it as a library with a Proxy-Wasm SDK (in Rust, crate-type = [\"cdylib\"])"),
        None => finding.help("build it with a Proxy-Wasm SDK; in Rust, call `proxy_wasm::main!`"),
    });
}
