//! `capabilities`: the list that Envoy restricts a module to.

use std::collections::BTreeSet;

use mesh_compile_module::{abi, capabilities};

use super::mesh::Capabilities;
use super::modules::Embedded;
use super::settings::Settings;
use crate::diag::{Code, Diagnostic, Sink, suggest};
use crate::domain::Istio;
use crate::spec::types::{self, CapabilityRule};
use crate::spec::{Place, Spec};

/// `None` where nothing is restricted, and after a report.
pub(super) fn resolve(
    spec: &Spec,
    settings: &Settings,
    written: &types::Filter,
    embedded: &Embedded,
    filter: &Place,
    sink: &mut Sink,
) -> Option<Capabilities> {
    let report = &embedded.module.report;
    let place = filter.key("capabilities");
    let allowed: BTreeSet<String> = match written.capabilities.as_ref()? {
        types::Capabilities::Rule(CapabilityRule::Derived) => capabilities::derived(report),
        types::Capabilities::List(names) => {
            unknown(spec, names, &place, sink);
            names.iter().cloned().collect()
        }
    };
    let silenced: Vec<&str> = capabilities::gated_callbacks(report).filter(|name| !allowed.contains(*name)).collect();
    if !silenced.is_empty() {
        let list = silenced.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ");
        sink.push(
            Diagnostic::error(Code::MC0316, format!("the list silences what the module exports: {list}"))
                .at(spec.document.at(&place))
                .note("a list of capabilities gates callbacks too: Envoy would never call these, and say nothing")
                .help("add them, or write `capabilities = \"derived\"`"),
        );
        return None;
    }
    Some(Capabilities { allowed, in_vm_config: settings.istio >= Istio::VM_CAPABILITIES })
}

/// Reports names that are neither host functions nor callbacks.
fn unknown(spec: &Spec, names: &[String], place: &Place, sink: &mut Sink) {
    let known: BTreeSet<&str> = abi::all_names().collect();
    for (i, name) in names.iter().enumerate().filter(|(_, name)| !known.contains(name.as_str())) {
        let finding = Diagnostic::error(Code::MC0104, format!("`{name}` is no capability"))
            .at(spec.document.at(&place.index(i)))
            .note("capabilities are names of host functions, as `proxy_log` and `fd_write`, and of callbacks");
        sink.push(match suggest(name, known.iter().copied()) {
            Some(near) => finding.help(format!("did you mean `{near}`?")),
            None => finding.help("write `capabilities = \"derived\"` for all that the module uses"),
        });
    }
}
