//! `capabilities`: the list that Envoy restricts a module to.

use std::collections::BTreeSet;

use mesh_compile_module::{abi, capabilities};

use super::modules::DeliveredModule;
use crate::diag::{Code, Diagnostic, Sink, suggest};
use crate::spec::Spanned;
use crate::spec::types::{Capabilities, CapabilityRule};

/// The allowed names, or `None` if an error was reported.
pub(super) fn resolve(
    written: &Spanned<Capabilities>,
    delivered: Option<&DeliveredModule>,
    sink: &mut Sink,
) -> Option<BTreeSet<String>> {
    let Some(delivered) = delivered else { return unseen(written, sink) };
    let report = &delivered.module.report;
    let allowed: BTreeSet<String> = match &**written {
        Capabilities::Rule(CapabilityRule::Derived) => capabilities::derived(report),
        Capabilities::List(names) => {
            unknown(names, sink);
            names.iter().map(|name| name.to_string()).collect()
        }
    };
    let silenced: Vec<&str> = capabilities::gated_callbacks(report).filter(|name| !allowed.contains(*name)).collect();
    if !silenced.is_empty() {
        let list = silenced.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ");
        sink.push(
            Diagnostic::error(Code::MC0316, format!("the list disables callbacks that the module exports: {list}"))
                .at(written.location())
                .note("a list of capabilities applies to callbacks too: Envoy would silently never call these")
                .help("add them, or use `capabilities = \"derived\"`"),
        );
        return None;
    }
    Some(allowed)
}

/// The list for a module that only a volume has.
fn unseen(written: &Spanned<Capabilities>, sink: &mut Sink) -> Option<BTreeSet<String>> {
    match &**written {
        Capabilities::Rule(CapabilityRule::Derived) => {
            sink.push(
                Diagnostic::error(Code::MC0214, "`capabilities = \"derived\"` requires `module`")
                    .at(written.location())
                    .help("add the module, or list the capabilities"),
            );
            None
        }
        Capabilities::List(names) => {
            unknown(names, sink);
            Some(names.iter().map(|name| name.to_string()).collect())
        }
    }
}

/// Reports names that are neither host functions nor callbacks.
fn unknown(names: &[Spanned<String>], sink: &mut Sink) {
    let known: BTreeSet<&str> = abi::all_names().collect();
    for name in names.iter().filter(|name| !known.contains(name.as_str())) {
        let diagnostic = Diagnostic::error(Code::MC0104, format!("`{}` is not a capability", name.as_str()))
            .at(name.location())
            .note("capabilities are names of host functions, such as `proxy_log` and `fd_write`, and of callbacks");
        sink.push(match suggest(name, known.iter().copied()) {
            Some(near) => diagnostic.help(format!("did you mean `{near}`?")),
            None => diagnostic.help("use `capabilities = \"derived\"` for everything that the module uses"),
        });
    }
}
