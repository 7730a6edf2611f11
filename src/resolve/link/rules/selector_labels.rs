//! A selector of mesh.toml matches the pods of the workload.

use super::Context;
use crate::diag::{Code, Diagnostic, Sink, suggest};

pub(super) fn check(context: &Context<'_>, sink: &mut Sink) {
    let Some(selector) = &context.written.selector else { return };
    let pod = context.linked.pod;
    for (key, value) in selector.iter() {
        let diagnostic = match pod.label(key) {
            Some(label) if label.value == value.as_str() => continue,
            Some(label) => missing(context, key, value)
                .at(value.location())
                .related(label.node.location, format!("its pods have `{key}: {}`", label.value))
                .help(format!("set `{key} = \"{}\"`", label.value)),
            None => {
                let diagnostic = missing(context, key, value)
                    .at(value.key_location())
                    .related(context.object().location, "its pod template has no such label");
                match suggest(key, pod.labels().iter().map(|label| label.key.as_str())) {
                    Some(near) => diagnostic.help(format!("did you mean `{near}`?")),
                    None => diagnostic.help("remove `selector`: it comes from the base"),
                }
            }
        };
        sink.push(diagnostic.note("an EnvoyFilter selects pods that have all labels of the selector"));
    }
}

fn missing(context: &Context<'_>, key: &str, value: &str) -> Diagnostic {
    Diagnostic::error(Code::MC0523, format!("the pods of {} do not have the label `{key}: {value}`", context.name()))
}
