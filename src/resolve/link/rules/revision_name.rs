//! A revision of Knative that has a fixed name cannot change (knative/serving, pkg/apis/serving/v1/revision_validation.go,
//! `VerifyNameChange`).

use super::Context;
use crate::diag::{Code, Diagnostic, Sink};

pub(super) fn check(context: &Context<'_>, sink: &mut Sink) {
    if context.linked.kind.as_str() != "KnativeService" {
        return;
    }
    let Some(name) = context.object().at(&["spec", "template", "metadata", "name"]) else { return };
    sink.push(
        Diagnostic::warning(Code::MC0565, format!("the revisions of {} have a fixed name", context.name()))
            .at(context.at())
            .related(name.location, "the name of every revision")
            .note("Knative's webhook rejects a Service whose pod template changes while the name of its revision does not")
            .help("remove the name, or change it with every change of the filters"),
    );
}
