//! `loading`: the filters that a test's proxy gets late, or not at all.

use std::collections::BTreeMap;

use crate::diag::{Code, Diagnostic, Sink, suggest};
use crate::domain::LoadFailure;
use crate::resolve::traffic::suite::Loading;
use crate::resolve::workloads::Workload;
use crate::spec::Spanned;
use crate::spec::types::traffic::Test;

/// What the proxy gets, by the name of the filter.
pub(super) fn resolve(written: &BTreeMap<String, Spanned<Loading>>) -> BTreeMap<String, Loading> {
    written.iter().map(|(name, loading)| (name.clone(), **loading)).collect()
}

/// Reports names that are no filters of the workload, and filters without which its pods do not get ready.
pub(super) fn check(workload: &Workload<'_>, sink: &mut Sink) {
    for test in &workload.entry.written.tests {
        for (name, loading) in &test.loading {
            known(workload, name, loading, sink);
            inline(workload, name, loading, sink);
        }
        for (name, loading) in test.steps.iter().flat_map(|steps| steps.iter()).flat_map(|step| &step.loading) {
            known(workload, name, loading, sink);
        }
        unheeded(test, sink);
    }
}

fn known(workload: &Workload<'_>, name: &str, loading: &Spanned<Loading>, sink: &mut Sink) {
    let names = || workload.uses.iter().map(|one| one.filter.plugin.name.as_str());
    if names().any(|known| known == name) {
        return;
    }
    let message = format!("the workload has no filter `{name}`");
    let diagnostic = Diagnostic::error(Code::MC0110, message).at(loading.key_location());
    sink.push(match suggest(name, names()) {
        Some(near) => diagnostic.help(format!("did you mean `{near}`?")),
        None => diagnostic,
    });
}

/// Without the filter, no listener serves the test's requests.
fn inline(workload: &Workload<'_>, name: &str, loading: &Spanned<Loading>, sink: &mut Sink) {
    let mut uses = workload.uses.iter().map(|one| &one.filter.plugin).filter(|plugin| plugin.name.as_str() == name);
    let Some(plugin) = uses.next().filter(|plugin| plugin.load_failure == LoadFailure::StopRollout) else { return };
    if **loading != Loading::Good {
        sink.push(
            Diagnostic::error(
                Code::MC0137,
                format!("without `{name}`, the pod does not become ready and gets no requests"),
            )
            .at(loading.location())
            .related(plugin.location, "its `load-failure` is `stop-rollout`")
            .help("set `load-failure = \"allow\"` or `\"deny\"` of the filter, or remove this test"),
        );
    }
}

/// Reports a test that starts with what it gets anyway.
fn unheeded(test: &Spanned<Test>, sink: &mut Sink) {
    for (name, loading) in test.loading.iter().filter(|(_, loading)| ***loading == Loading::Good) {
        sink.push(
            Diagnostic::warning(Code::MC0137, format!("`{name}` is loaded at the start of every test"))
                .at(loading.key_location())
                .help("remove it, or set it in one of the `steps`"),
        );
    }
}
