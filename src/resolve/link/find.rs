//! Which object of the base a workload of mesh.toml is.

use super::Linked;
use super::index::{Index, kind_of};
use super::pod::Pod;
use crate::base::Object;
use crate::diag::{Code, Diagnostic, Location, Sink, suggest};
use crate::domain::Kind;
use crate::spec::{Spanned, types};

/// The object of a workload. `None` if there is no base, or no such object, which is reported unless the base is incomplete.
pub(crate) fn find<'a>(
    index: &Index<'a>,
    key: &str,
    written: &Spanned<types::Workload>,
    mesh_namespace: Option<&Spanned<String>>,
    sink: &mut Sink,
) -> Option<Linked<'a>> {
    if index.base.objects.is_empty() {
        return None;
    }
    let (name, at) = match &written.name {
        Some(name) => (name.as_str(), name.location()),
        None => (key, written.key_location()),
    };
    let wanted = Wanted { name, at, written };
    let named = index.named(name);
    let linked: Vec<Linked<'a>> = named.iter().filter_map(|object| Linked::new(index, object)).collect();
    let of_kind = linked.iter().filter(|it| written.kind.as_ref().is_none_or(|kind| **kind == it.kind));
    let of_kind: Vec<Linked<'a>> = of_kind.copied().collect();
    let found: Vec<Linked<'a>> = of_kind.iter().filter(|it| wanted.is_namespace(it.object, true)).copied().collect();
    // An object that sets no namespace gets the one of mesh.toml.
    let found = if found.is_empty() {
        of_kind.iter().filter(|it| wanted.is_namespace(it.object, false)).copied().collect()
    } else {
        found
    };
    match found.as_slice() {
        [only] => Some(*only),
        [] if index.base.incomplete => None,
        [] => {
            sink.push(wanted.missing(index, named, &of_kind));
            None
        }
        several => {
            // `mesh.namespace` decides if it is written: it is the namespace of every workload that names none.
            let of_mesh = |it: &&Linked<'_>| mesh_namespace.is_some_and(|it_is| it.namespace == it_is.as_str());
            let mut in_mesh = several.iter().filter(of_mesh);
            if let (Some(only), None) = (in_mesh.next(), in_mesh.next()) {
                return Some(*only);
            }
            sink.push(wanted.ambiguous(several));
            None
        }
    }
}

struct Wanted<'a> {
    name: &'a str,
    at: Location,
    written: &'a types::Workload,
}

impl Wanted<'_> {
    /// The namespace that the manifest must set. `None`: mesh.toml does not say.
    fn namespace(&self) -> Option<&Spanned<String>> {
        self.written.patch_namespace.as_ref().or(self.written.namespace.as_ref())
    }

    /// kustomize takes no namespace and `default` for the same.
    fn is_namespace(&self, object: &Object, exactly: bool) -> bool {
        let Some(wanted) = self.namespace().map(|it| it.as_str()) else { return true };
        match object.namespace.as_deref() {
            Some(namespace) => namespace == wanted || (wanted.is_empty() && namespace == "default"),
            None => {
                let of_patch = self.written.patch_namespace.is_some();
                matches!(wanted, "" | "default") || !(exactly || of_patch)
            }
        }
    }

    /// Whether an object is of the kind that mesh.toml asks for.
    fn is_kind(&self, object: &Object) -> bool {
        let wanted = self.written.kind.as_deref();
        kind_of(object).is_some_and(|kind| wanted.is_none_or(|wanted| *wanted == kind))
    }

    fn what(&self) -> String {
        match &self.written.kind {
            Some(kind) => format!("{} `{}`", kind.as_str(), self.name),
            None => format!("workload `{}`", self.name),
        }
    }

    fn missing(&self, index: &Index<'_>, named: &[&Object], of_kind: &[Linked<'_>]) -> Diagnostic {
        if let ([first, ..], Some(namespace)) = (of_kind, self.namespace()) {
            return self.elsewhere(of_kind, first, namespace);
        }
        let diagnostic = Diagnostic::error(Code::MC0520, format!("the base has no {}", self.what()));
        if let Some(first) = named.iter().find(|object| self.is_kind(object)) {
            return Diagnostic::error(Code::MC0520, format!("the {} of the base has no pod template", self.what()))
                .at(self.at)
                .related(first.location, "nothing to patch");
        }
        if let ([first, ..], Some(kind)) = (named, &self.written.kind) {
            return diagnostic
                .at(kind.location())
                .related(first.location, format!("`{}` is a {}", self.name, first.kind))
                .help(match kind_of(first) {
                    Some(found) => {
                        format!("set `kind = \"{}\"`, or remove `kind`: it comes from the base", found.as_str())
                    }
                    None => pods_of(&first.kind),
                });
        }
        if let [first, ..] = named {
            return diagnostic
                .at(self.at)
                .related(first.location, format!("`{}` is a {}", self.name, first.kind))
                .help(pods_of(&first.kind));
        }
        let diagnostic = diagnostic.at_label(self.at, "no manifest of the base declares it");
        match suggest(self.name, index.names()) {
            Some(near) => match index.named(near).iter().find(|it| kind_of(it).is_some()) {
                Some(object) => diagnostic
                    .related(object.location, format!("{} `{near}`", object.kind))
                    .help(format!("did you mean `{near}`?")),
                None => diagnostic,
            },
            None => diagnostic.help("add its manifest to the base, or set `name` to the name of the object"),
        }
    }

    fn elsewhere(&self, of_kind: &[Linked<'_>], first: &Linked<'_>, namespace: &Spanned<String>) -> Diagnostic {
        let mut namespaces: Vec<String> = of_kind.iter().map(|it| shown(it.object)).collect();
        namespaces.sort();
        namespaces.dedup();
        let kind = first.kind.as_str();
        let is_patch = self.written.patch_namespace.is_some();
        let message = if namespace.is_empty() {
            format!("every {kind} `{}` of the base sets a namespace", self.name)
        } else {
            format!("the base has no {kind} `{}` in the namespace `{}`", self.name, namespace.as_str())
        };
        let key = if is_patch { "patch-namespace" } else { "namespace" };
        Diagnostic::error(Code::MC0520, message)
            .at(namespace.location())
            .related(first.object.location, format!("it is in {}", namespaces.join(" and ")))
            .help(match namespaces.as_slice() {
                [_] => format!("remove `{key}`: it comes from the base"),
                _ => format!("set `{key}` to one of them"),
            })
    }

    fn ambiguous(&self, several: &[Linked<'_>]) -> Diagnostic {
        let message = format!("the base has {} workloads named `{}`", several.len(), self.name);
        let diagnostic = Diagnostic::error(Code::MC0521, message).at_label(self.at, "which one?");
        let shown_here = several.iter().take(4);
        let diagnostic = shown_here.fold(diagnostic, |diagnostic, it| {
            diagnostic.related(it.object.location, format!("{} in {}", it.kind.as_str(), shown(it.object)))
        });
        let differ =
            |value: fn(&Linked<'_>) -> String| several.windows(2).any(|pair| value(&pair[0]) != value(&pair[1]));
        let kinds = differ(|it| it.kind.as_str().to_owned());
        let namespaces = differ(|it| it.namespace.to_owned());
        diagnostic.help(match (kinds, namespaces) {
            (true, false) => "set `kind`",
            (false, _) => "set `namespace`",
            (true, true) => "set `kind` or `namespace`",
        })
    }
}

/// The namespace of an object as text.
fn shown(object: &Object) -> String {
    object
        .namespace
        .as_ref()
        .map_or_else(|| "no namespace".to_owned(), |namespace| format!("the namespace `{namespace}`"))
}

fn pods_of(kind: &str) -> String {
    match kind {
        "Service" => "name the workload that runs its pods".to_owned(),
        "Job" | "ReplicaSet" | "Pod" => format!("name the object that creates the {kind}"),
        _ => "name a Deployment, StatefulSet, DaemonSet or Rollout".to_owned(),
    }
}

impl<'a> Linked<'a> {
    /// An object of the base as a workload. `None` if it is of a kind that cannot be patched, or has no pod template.
    pub(crate) fn new(index: &Index<'a>, object: &'a Object) -> Option<Self> {
        let kind: Kind = kind_of(object)?;
        let pod = Pod::of(object, kind)?;
        Some(Self { object, kind, pod, namespace: index.namespace_of(object) })
    }
}
