//! The objects of the base by what links them: names, labels and namespaces. Every look-up takes time in proportion to what it
//! finds, so that linking is linear in the size of the base.

use std::cell::Cell;
use std::collections::BTreeMap;

use super::pod::{Pod, Text};
use crate::base::{Base, Entry, Node, Object};
use crate::diag::suggest;
use crate::domain::Kind;

/// The base, indexed.
#[derive(Debug)]
pub(crate) struct Index<'a> {
    pub(crate) base: &'a Base,
    /// Objects that have their own pod template, or that run pods in another way, by name.
    by_name: BTreeMap<&'a str, Vec<&'a Object>>,
    /// All objects, by name.
    all_by_name: BTreeMap<&'a str, Vec<&'a Object>>,
    namespaces: BTreeMap<&'a str, &'a Object>,
    /// Services, and ServiceEntries that select pods.
    services: Selectors<'a>,
    /// Istio's Sidecars that declare listeners for inbound traffic.
    sidecars: Selectors<'a>,
    /// The namespace of an object that sets none.
    default: &'a str,
    /// How many more names may be compared with all names of the base.
    suggestions: Cell<usize>,
}

/// A suggestion takes time in proportion to the base. Whoever misspells more names sees the others in the next run.
const SUGGESTIONS: usize = 20;

/// Kinds that run pods, or that users take for something that does. A name among them is worth telling.
const RUN_PODS: [&str; 9] =
    ["Deployment", "StatefulSet", "DaemonSet", "Rollout", "CronJob", "Job", "ReplicaSet", "Pod", "Service"];

impl<'a> Index<'a> {
    /// Indexes the base. Objects without a namespace count as objects of the namespace `default`.
    pub(crate) fn new(base: &'a Base, default: &'a str) -> Self {
        let mut by_name: BTreeMap<&str, Vec<&Object>> = BTreeMap::new();
        let mut all_by_name: BTreeMap<&str, Vec<&Object>> = BTreeMap::new();
        let mut namespaces = BTreeMap::new();
        let (mut services, mut sidecars) = (Vec::new(), Vec::new());
        for object in &base.objects {
            let namespace = object.namespace.as_deref().unwrap_or(default);
            all_by_name.entry(&object.name).or_default().push(object);
            if kind_of(object).is_some() || RUN_PODS.contains(&object.kind.as_str()) {
                by_name.entry(&object.name).or_default().push(object);
            }
            let selector = |path: &[&str]| object.at(path).map_or(&[][..], Node::entries);
            match (group(object), object.kind.as_str()) {
                ("", "Namespace") => drop(namespaces.insert(object.name.as_str(), object)),
                ("", "Service") => services.push((namespace, object, selector(&["spec", "selector"]))),
                ("networking.istio.io", "ServiceEntry") => {
                    services.push((namespace, object, selector(&["spec", "workloadSelector", "labels"])));
                }
                ("networking.istio.io", "Sidecar") if object.at(&["spec", "ingress"]).is_some() => {
                    sidecars.push((namespace, object, selector(&["spec", "workloadSelector", "labels"])));
                }
                _ => {}
            }
        }
        let (services, sidecars) = (Selectors::new(services), Selectors::new(sidecars));
        Self {
            base,
            by_name,
            all_by_name,
            namespaces,
            services,
            sidecars,
            default,
            suggestions: Cell::new(SUGGESTIONS),
        }
    }

    /// The objects of this name that run pods, or that users take for something that does.
    pub(crate) fn named(&self, name: &str) -> &[&'a Object] {
        self.by_name.get(name).map_or(&[], Vec::as_slice)
    }

    /// The objects of this name.
    pub(crate) fn all_named(&self, name: &str) -> &[&'a Object] {
        self.all_by_name.get(name).map_or(&[], Vec::as_slice)
    }

    /// The name of a workload that `name` is most likely a misspelling of.
    pub(crate) fn suggest(&self, name: &str) -> Option<&'a str> {
        let left = self.suggestions.get().checked_sub(1)?;
        self.suggestions.set(left);
        suggest(name, self.names())
    }

    /// The names of all workloads.
    fn names(&self) -> impl Iterator<Item = &'a str> {
        let is_workload = |objects: &&Vec<&Object>| objects.iter().any(|object| kind_of(object).is_some());
        self.by_name.iter().filter(move |(_, objects)| is_workload(objects)).map(|(name, _)| *name)
    }

    pub(crate) fn namespace(&self, name: &str) -> Option<&'a Object> {
        self.namespaces.get(name).copied()
    }

    /// The namespace of an object: its own, or the one of objects that set none.
    pub(crate) fn namespace_of(&self, object: &'a Object) -> &'a str {
        object.namespace.as_deref().unwrap_or(self.default)
    }

    /// The Services and ServiceEntries that select the pods of an object.
    pub(crate) fn services(&self, object: &'a Object, pod: Pod<'a>) -> Vec<&'a Object> {
        self.services.of(self.namespace_of(object), pod)
    }

    /// The Sidecars that declare the listeners of an object's pods. Without a selector, a Sidecar applies to its namespace.
    pub(crate) fn sidecars(&self, object: &'a Object, pod: Pod<'a>) -> Vec<&'a Object> {
        let namespace = self.namespace_of(object);
        let selected = self.sidecars.of(namespace, pod);
        if selected.is_empty() { self.sidecars.of_all(namespace).to_vec() } else { selected }
    }
}

/// The kind of a workload that can be patched.
pub(crate) fn kind_of(object: &Object) -> Option<Kind> {
    Kind::of(&object.api_version, &object.kind).ok().flatten()
}

/// The API group, empty for the core.
pub(crate) fn group(object: &Object) -> &str {
    object.api_version.split_once('/').map_or("", |(group, _)| group)
}

/// A namespace, and the key and value of a label.
type Label<'a> = (&'a str, &'a str, &'a str);

/// Objects that select pods by labels within their namespace.
#[derive(Debug, Default)]
struct Selectors<'a> {
    /// By namespace and by the label of each selector that the fewest selectors of the namespace have.
    by_label: BTreeMap<Label<'a>, Vec<(&'a Object, &'a [Entry])>>,
    /// Those that have no selector, by namespace.
    without: BTreeMap<&'a str, Vec<&'a Object>>,
}

impl<'a> Selectors<'a> {
    fn new(selectors: Vec<(&'a str, &'a Object, &'a [Entry])>) -> Self {
        let labels =
            |selector: &'a [Entry]| selector.iter().filter_map(|it| Some((it.key.as_str(), it.value.as_str()?)));
        let mut counts: BTreeMap<Label<'_>, usize> = BTreeMap::new();
        for (namespace, _, selector) in &selectors {
            labels(selector).for_each(|(key, value)| *counts.entry((namespace, key, value)).or_default() += 1);
        }
        let mut index = Self::default();
        for (namespace, object, selector) in selectors {
            let keys = labels(selector).map(|(key, value)| (namespace, key, value));
            match keys.min_by_key(|key| counts.get(key)) {
                Some(key) => index.by_label.entry(key).or_default().push((object, selector)),
                None => index.without.entry(namespace).or_default().push(object),
            }
        }
        index
    }

    fn of(&self, namespace: &str, pod: Pod<'a>) -> Vec<&'a Object> {
        let keys = pod.labels().iter().filter_map(Text::pair).map(|(key, value)| (namespace, key, value));
        let candidates = keys.filter_map(|key| self.by_label.get(&key)).flatten();
        candidates.filter(|(_, selector)| selects(selector, pod)).map(|(object, _)| *object).collect()
    }

    fn of_all(&self, namespace: &str) -> &[&'a Object] {
        self.without.get(namespace).map_or(&[], Vec::as_slice)
    }
}

/// Whether a pod has all labels of a selector.
fn selects(selector: &[Entry], pod: Pod<'_>) -> bool {
    selector.iter().all(|it| it.value.as_str().is_some_and(|value| pod.has_label(&it.key, value)))
}
