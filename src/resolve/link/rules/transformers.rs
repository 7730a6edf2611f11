//! Transformers of a kustomization that lists out/ as a component. kustomize applies them after the patches of the component.

use super::Context;
use crate::base::Patched;
use crate::diag::{Code, Diagnostic, Sink};

pub(super) fn check(context: &Context<'_>, sink: &mut Sink) {
    let Some(patched) = &context.object().patched else { return };
    namespace(context, patched, sink);
    name(context, patched, sink);
}

/// The namespace of the patch is the one before the transformer.
fn namespace(context: &Context<'_>, patched: &Patched, sink: &mut Sink) {
    let Some(written) = &context.written.patch_namespace else { return };
    let before = patched.namespace.as_deref();
    let same = |namespace: Option<&str>| namespace.filter(|it| !it.is_empty()).unwrap_or("default").to_owned();
    if same(before) == same(Some(written)) {
        return;
    }
    let object = context.object();
    let shown = |namespace: Option<&str>| match namespace {
        Some(namespace) => format!("it is in the namespace `{namespace}`"),
        None => "it has no namespace".to_owned(),
    };
    let message = format!("the patch of {} would not find it: {} at that point", context.name(), shown(before));
    sink.push(
        Diagnostic::error(Code::MC0522, message)
            .at(written.location())
            .related(patched.location, "lists out/: patches apply here")
            .related(object.location, format!("{} in the end", shown(object.namespace.as_deref())))
            .note("kustomize applies components before the kustomization's own `namespace`")
            .help("remove `patch-namespace`: it comes from the base"),
    );
}

/// kustomize renames the ConfigMap of a module too, but not its name within an annotation.
fn name(context: &Context<'_>, patched: &Patched, sink: &mut Sink) {
    let object = context.object();
    if patched.name == object.name {
        return;
    }
    let message = format!("the kustomization that lists out/ renames `{}` to `{}`", patched.name, object.name);
    sink.push(
        Diagnostic::error(Code::MC0538, message)
            .at(context.at())
            .related(patched.location, "lists out/ in a kustomization with `namePrefix` or `nameSuffix`")
            .related(object.location, format!("is `{}` in the end", object.name))
            .note("kustomize would rename the ConfigMaps of the modules too, but not their names within the annotations: the pods would wait for a ConfigMap that does not exist")
            .help("list out/ in a kustomization above it: one whose `resources` lists the directory, and whose `components` lists out/"),
    );
}
