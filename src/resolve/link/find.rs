//! Which object of the base a workload of mesh.toml is.

use super::Linked;
use super::index::{Index, kind_of};
use super::pod::Pod;
use crate::base::gateways::deployed;
use crate::base::{Node, Object};
use crate::diag::{Code, Diagnostic, Location, Sink};
use crate::domain::Kind;
use crate::resolve::kinds;
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
    let is_custom = written.template_path.is_some();
    let named = if is_custom { index.all_named(name) } else { index.named(name) };
    let mut of_kind: Vec<Linked<'a>> = Vec::new();
    for object in named.iter().copied().filter(|object| wanted.is_kind(object)) {
        match Linked::written(index, object, written) {
            Ok(linked) => {
                of_kind.extend(linked.filter(|it| of_kind.iter().all(|other| !std::ptr::eq(other.object, it.object))))
            }
            Err(report) => return report_once(*report, sink),
        }
    }
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

fn report_once<T>(report: Diagnostic, sink: &mut Sink) -> Option<T> {
    sink.push(report);
    None
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
        if object.patched.is_some() {
            // Transformers change the namespace after the patch. The rule about them looks at `patch-namespace`.
            let wanted = self.written.namespace.as_ref().map(|it| it.as_str());
            return wanted.is_none_or(|wanted| effective(object.namespace.as_deref()) == wanted);
        }
        let Some(wanted) = self.namespace().map(|it| it.as_str()) else { return true };
        match object.namespace.as_deref() {
            Some(namespace) => namespace == wanted || (wanted.is_empty() && namespace == "default"),
            None => {
                let of_patch = self.written.patch_namespace.is_some();
                matches!(wanted, "" | "default") || !(exactly || of_patch)
            }
        }
    }

    /// Whether mesh.toml means objects of this kind.
    fn is_kind(&self, object: &Object) -> bool {
        let Object { api_version, kind, .. } = object;
        self.written.kind.as_ref().is_none_or(|written| Kind::means(&written.0, api_version, kind))
            && self.written.api_version.as_ref().is_none_or(|written| written.as_str() == api_version)
    }

    fn what(&self) -> String {
        match &self.written.kind {
            Some(kind) => format!("{} `{}`", kind.0, self.name),
            None => format!("workload `{}`", self.name),
        }
    }

    fn missing(&self, index: &Index<'_>, named: &[&Object], of_kind: &[Linked<'_>]) -> Diagnostic {
        if let ([first, ..], Some(namespace)) = (of_kind, self.namespace()) {
            return self.elsewhere(of_kind, first, namespace);
        }
        let diagnostic = Diagnostic::error(Code::MC0520, format!("the base has no {}", self.what()));
        let gateway = |object: &&Object| Some(((*object).clone(), deployed(index.base, object)?.err()?));
        let is_meant = |object: &&&Object| self.is_kind(object);
        if let Some((gateway, not)) = named.iter().filter(is_meant).find_map(gateway) {
            return Diagnostic::error(Code::MC0560, format!("the Gateway `{}` cannot run filters", gateway.name))
                .at(self.at)
                .related(not.location, not.label)
                .note(not.reason)
                .help(not.help);
        }
        if let Some(first) = named.iter().find(|object| kind_of(object).is_some() && self.is_kind(object)) {
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
            if let Some(report) = named.iter().find_map(|object| kinds::refused(object, self.at)) {
                return report;
            }
            return diagnostic
                .at(self.at)
                .related(first.location, format!("`{}` is a {}", self.name, first.kind))
                .help(pods_of(&first.kind));
        }
        let diagnostic = diagnostic.at_label(self.at, "no manifest of the base declares it");
        match index.suggest(self.name) {
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

/// kustomize takes no namespace and `default` for the same.
fn effective(namespace: Option<&str>) -> &str {
    namespace.unwrap_or("default")
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
        _ => "set `template-path` to the keys that lead to its pod template, or name a workload".to_owned(),
    }
}

impl<'a> Linked<'a> {
    /// An object of the base as a workload. `None` if it is of a kind that cannot be patched, or has no pod template.
    pub(crate) fn new(index: &Index<'a>, object: &'a Object) -> Option<Self> {
        Self::of_kind(index, object, kind_of(object)?)
    }

    fn of_kind(index: &Index<'a>, object: &'a Object, kind: Kind) -> Option<Self> {
        let pod = Pod::of(object, kind)?;
        Some(Self { object, kind, pod, namespace: index.namespace_of(object) })
    }

    /// An object of the base as mesh.toml means it: a Rollout may stand for the Deployment that it refers to, and only mesh.toml
    /// knows where a kind that mesh-compile does not know has its pod template. `None` if the object is no workload.
    fn written(
        index: &Index<'a>,
        object: &'a Object,
        written: &Spanned<types::Workload>,
    ) -> Result<Option<Self>, Box<Diagnostic>> {
        let path = written.template_path.as_ref();
        let of_path = || Kind::named(&object.kind, Some(&object.api_version), Some(path?.as_str())).ok();
        let Some(kind) = kind_of(object).or_else(of_path) else { return Ok(None) };
        if let Some(reference) = object.at(&["spec", "workloadRef"]).filter(|_| kind.as_str() == "Rollout") {
            return referenced(index, object, reference, written.key_location());
        }
        match (Self::of_kind(index, object, kind), path) {
            (None, Some(path)) => {
                let message =
                    format!("the {} `{}` has no pod template at `{}`", object.kind, object.name, path.as_str());
                let diagnostic = Diagnostic::error(Code::MC0563, message).at(path.location());
                let found = nearest(object, &kind.template_path());
                Err(Box::new(diagnostic.related(found.0, found.1)))
            }
            (linked, _) => Ok(linked),
        }
    }
}

/// The last value on a path that exists, and what it has instead.
fn nearest(object: &Object, path: &[&str]) -> (Location, String) {
    let mut node = &object.root;
    let mut at = object.location;
    for key in path {
        let Some(entry) = node.entry(key) else {
            let keys: Vec<String> = node.entries().iter().map(|entry| format!("`{}`", entry.key)).collect();
            let has = if keys.is_empty() { "no keys".to_owned() } else { keys.join(", ") };
            return (at, format!("has no `{key}`, but {has}"));
        };
        (node, at) = (&entry.value, entry.key_location);
    }
    (at, "is not a map".to_owned())
}

/// What is wrong if a Rollout takes its pod template from an object that the base does not have.
pub(crate) fn without_template(index: &Index<'_>, object: &Object) -> Option<Diagnostic> {
    let reference =
        object.at(&["spec", "workloadRef"]).filter(|_| kind_of(object).is_some_and(|it| it.as_str() == "Rollout"))?;
    referenced(index, object, reference, object.location).err().map(|report| *report)
}

/// The Deployment that the `workloadRef` of a Rollout names. `None` if it may be in a part of the base that could not be read (argoproj/argo-rollouts, utils/rollout): its template is that of the pods.
fn referenced<'a>(
    index: &Index<'a>,
    rollout: &'a Object,
    reference: &'a Node,
    at: Location,
) -> Result<Option<Linked<'a>>, Box<Diagnostic>> {
    let text = |key| reference.get(key).and_then(Node::as_str).unwrap_or_default();
    let (kind, name) = (text("kind"), text("name"));
    let report = |what: String, help: &str| {
        let diagnostic = Diagnostic::error(Code::MC0564, format!("the Rollout `{}` {what}", rollout.name)).at(at);
        Err(Box::new(diagnostic.related(reference.location, format!("refers to {kind} `{name}`")).help(help)))
    };
    if kind != "Deployment" {
        let help = "let `workloadRef` name a Deployment, or move the pod template into the Rollout";
        return report(format!("takes its pod template from a {kind}"), help);
    }
    let is_same_place =
        |object: &&&Object| object.kind == kind && index.namespace_of(object) == index.namespace_of(rollout);
    let deployment = index.named(name).iter().find(is_same_place).and_then(|object| Linked::new(index, object));
    match deployment {
        None if !index.base.incomplete => report(
            "takes its pod template from a Deployment that the base does not have".to_owned(),
            "add the manifest of the Deployment to the base: the patch goes to it",
        ),
        linked => Ok(linked),
    }
}
