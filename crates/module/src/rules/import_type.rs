//! Imports must have the type of Envoy's function.

use super::{Finding, LoadContext, ModuleReport, Rule, Stage, abi};
use crate::abi::{WASI_MODULES, host_function};
use crate::report::Kind;
use crate::signature::Written;

pub(super) fn check(report: &ModuleReport, _: &LoadContext, found: &mut Vec<Finding>) {
    let Some(abi) = abi(report) else { return };
    for (number, import) in report.imports.iter().enumerate() {
        let Kind::Function(Some(function)) = &import.kind else { continue };
        let Some(host) = host_function(abi, &import.module, &import.name) else { continue };
        if host.signature.fits(function) {
            continue;
        }
        let (module, name, own) = (&import.module, &import.name, Written(function));
        let finding = Finding::error(
            Rule::ImportType,
            Stage::Link,
            format!("the type of the import `{module}.{name}` differs from Envoy's function"),
            format!(
                "Failed to load Wasm module due to an import type mismatch: {module}.{name}, want: {own}, but host exports: {}",
                host.signature
            ),
        );
        let differs = WASI_MODULES.contains(&module.as_str()) && ["path_link", "path_symlink"].contains(&name.as_str());
        found.push(
            if differs {
                finding
                    .note("Envoy's function has one parameter fewer than WASI's, so no standard module matches")
                    .help("avoid calls of the function")
            } else {
                finding.help("the SDK is for another ABI, or its declaration is wrong: fix or update it")
            }
            .number(number),
        );
    }
}
