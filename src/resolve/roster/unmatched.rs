//! Reports bindings that match nothing, and patterns that decide about nothing. Whatever is misspelled is among them.

use std::collections::BTreeSet;

use super::bindings::{Bindings, has_kind, has_labels, has_no_condition};
use super::patterns::Pattern;
use super::{Entry, labels};
use crate::base::{Base, Object};
use crate::diag::{Code, Diagnostic, Location, Sink, enumerate, suggest};
use crate::domain::Kind;
use crate::spec::types::KindName;
use crate::spec::{Binding, Spanned, Spec};

/// Namespaces that people exclude to be safe, whether the base uses them or not.
const SYSTEM: [&str; 3] = ["kube-", "istio-", "openshift-"];

/// Reports every binding that adds filters to no workload, and every pattern without which its binding would match the same.
pub(super) fn report(spec: &Spec, base: &Base, roster: &[Entry<'_>], bindings: &Bindings<'_>, sink: &mut Sink) {
    // A workload that could not be read may be the one that is meant.
    if base.incomplete || spec.unread.any || spec.unread.workloads {
        return;
    }
    let known = Known { spec, base, roster, bindings };
    for (index, binding) in bindings.all.iter().enumerate() {
        let is_broken = bindings.names.is_broken(index) || bindings.namespaces.is_broken(index);
        if is_broken || has_no_condition(binding) {
            continue;
        }
        if bindings.matches[index].bound == 0 {
            sink.push_or_warn(known.matches_nothing(index, binding));
        }
    }
    for (pattern, _) in bindings.names.all.iter().zip(&bindings.used_names).filter(|(_, is_used)| !**is_used) {
        if bindings.matches[pattern.list].bound > 0 && !known.is_known_otherwise(pattern) {
            push(pattern, known.unused_name(pattern), sink);
        }
    }
    for (pattern, _) in bindings.namespaces.all.iter().zip(&bindings.used_namespaces).filter(|(_, used)| !**used) {
        let is_system = pattern.excludes && SYSTEM.iter().any(|prefix| pattern.text().starts_with(prefix));
        let is_bound = bindings.matches.get(pattern.list).is_some_and(|matches| matches.bound > 0);
        if is_bound && !is_system {
            push(pattern, known.unused_namespace(pattern), sink);
        }
    }
}

/// A pattern may be for one environment. An exclusion does no harm in the others; with any other pattern, the filters may be missing
/// there.
fn push(pattern: &Pattern<'_>, diagnostic: Diagnostic, sink: &mut Sink) {
    if pattern.excludes { sink.push_if_everywhere(diagnostic) } else { sink.push_or_warn(diagnostic) }
}

struct Known<'a> {
    spec: &'a Spec,
    base: &'a Base,
    roster: &'a [Entry<'a>],
    bindings: &'a Bindings<'a>,
}

impl Known<'_> {
    fn matches_nothing(&self, index: usize, binding: &Spanned<Binding>) -> Diagnostic {
        let matches = &self.bindings.matches[index];
        let diagnostic = Diagnostic::error(Code::MC0140, "the binding matches no workload").at(binding.location());
        if let Some((key, reason)) = &matches.first_left_out {
            let others = match matches.left_out {
                1 => String::new(),
                2 => ", and so is one other workload".to_owned(),
                n => format!(", and so are {} other workloads", n - 1),
            };
            return diagnostic
                .note(format!("`{key}` is left out because {reason}{others}"))
                .help("wildcards and labels leave out such workloads: to include one, list its name in `workloads`");
        }
        if self.roster.is_empty() {
            return if self.base.objects.is_empty() {
                diagnostic
                    .note("mesh.toml declares no workloads, and there is no base")
                    .help("set `mesh.base` to the workloads' own manifests")
            } else {
                diagnostic
                    .note("mesh.toml declares no workloads, and the base has none that can run filters")
                    .help("add the workloads' manifests to the base")
            };
        }
        let mut diagnostic = diagnostic;
        let (mut is_any, mut conditions) = (false, Vec::new());
        for (name, count, reason) in self.conditions(index, binding) {
            conditions.push(format!("{count} {} `{name}`", if count == 1 { "matches" } else { "match" }));
            if count == 0 {
                is_any = true;
                diagnostic = reason(self, diagnostic);
            }
        }
        if is_any {
            return diagnostic;
        }
        if let Some((first, allowed)) = self.outside(index, binding) {
            return diagnostic
                .related(allowed, "the file's bindings apply only to these namespaces")
                .note(format!("`{first}` matches, but is in another namespace"));
        }
        let total = self.roster.len();
        diagnostic
            .note(format!("of {total} workloads, {}, but none matches all", enumerate(&conditions)))
            .help("loosen one of the conditions")
    }

    /// A workload that meets all conditions, but is outside the namespaces that the binding's file may change, and where these
    /// are set.
    fn outside(&self, index: usize, binding: &Spanned<Binding>) -> Option<(&str, Location)> {
        let Bindings { names, namespaces, .. } = self.bindings;
        let allowed = self.spec.namespaces_of(binding.location())?.first()?.location();
        let mut hits = Vec::new();
        let meets = |entry: &&Entry<'_>| {
            let namespace = entry.namespace.as_ref().map_or("", |namespace| namespace.as_str());
            has_kind(binding, entry)
                && has_labels(binding, entry)
                && names.matches(entry.name, &mut hits)[index].accepts()
                && namespaces.matches(namespace, &mut hits)[index].accepts()
        };
        self.roster.iter().find(meets).map(|entry| (entry.key.as_str(), allowed))
    }

    /// Each condition of a binding, the number of workloads that meet it, and what is wrong if none does.
    fn conditions<'s>(&'s self, index: usize, binding: &'s Spanned<Binding>) -> Vec<Condition<'s>> {
        let Bindings { all, names, namespaces, .. } = self.bindings;
        let count = |meets: &dyn Fn(&Entry<'_>) -> bool| self.roster.iter().filter(|entry| meets(entry)).count();
        let mut hits = Vec::new();
        let namespace = |entry: &Entry<'_>| entry.namespace.as_ref().map(ToString::to_string).unwrap_or_default();
        let mut conditions: Vec<Condition<'s>> = Vec::new();
        if let Some(written) = &binding.workloads {
            let met = self.roster.iter().filter(|entry| names.matches(entry.name, &mut hits)[index].accepts()).count();
            conditions.push(("workloads", met, Box::new(|it, diagnostic| it.no_name(written, diagnostic))));
        }
        if let Some(written) = &binding.namespaces {
            let accepts = |entry: &&Entry<'_>| namespaces.matches(&namespace(entry), &mut hits)[index].accepts();
            let met = self.roster.iter().filter(accepts).count();
            conditions.push(("namespaces", met, Box::new(|it, diagnostic| it.no_namespace(written, diagnostic))));
        }
        if !binding.match_labels.is_empty() {
            let met = count(&|entry| has_labels(binding, entry));
            conditions.push(("match-labels", met, Box::new(|it, diagnostic| it.no_label(binding, diagnostic))));
        }
        if let Some(kinds) = &binding.kinds {
            let met = count(&|entry| has_kind(binding, entry));
            conditions.push(("kinds", met, Box::new(move |_, diagnostic| no_kind(kinds, diagnostic))));
        }
        if let Some(allowed) = self.spec.namespaces_of(binding.location()) {
            let list = all.len() + index;
            let accepts = |entry: &&Entry<'_>| namespaces.matches(&namespace(entry), &mut hits)[list].accepts();
            let met = self.roster.iter().filter(accepts).count();
            let reason = move |_: &Known<'_>, diagnostic: Diagnostic| match allowed.first() {
                Some(first) => diagnostic.related(first.location(), "bindings of that file apply only here"),
                None => diagnostic,
            };
            conditions.push(("mesh.include", met, Box::new(reason)));
        }
        conditions
    }

    fn no_name(&self, written: &[Spanned<String>], diagnostic: Diagnostic) -> Diagnostic {
        let mut diagnostic = diagnostic;
        for pattern in written.iter().filter(|pattern| !pattern.starts_with('!')) {
            diagnostic = diagnostic.related(pattern.location(), "matches no workload");
            diagnostic = self.near_name(pattern, diagnostic);
        }
        diagnostic
    }

    /// Adds what the pattern most likely means.
    fn near_name(&self, written: &str, diagnostic: Diagnostic) -> Diagnostic {
        let object = self.base.objects.iter().find(|object| object.name == written);
        if let Some(object) = object.filter(|_| !self.roster.iter().any(|entry| entry.name == written)) {
            let diagnostic = diagnostic.related(object.location, format!("a {}", object.kind));
            return match Kind::of(&object.api_version, &object.kind) {
                Err(refused) => diagnostic.note(refused.reason).help(refused.help),
                Ok(_) if object.at(&["spec", "workloadRef"]).is_some() => {
                    diagnostic.help("name the Deployment that its `workloadRef` refers to")
                }
                Ok(_) => diagnostic.help("bindings apply to workloads: name the object that creates the pods"),
            };
        }
        if let Some(entry) = self.roster.iter().find(|entry| entry.key == written && entry.name != written) {
            return diagnostic
                .related(entry.location, format!("its `name` is `{}`", entry.name))
                .help(format!("patterns match names of objects: write `{}`", entry.name));
        }
        if written.contains('/') {
            return diagnostic.help("a pattern matches the name alone: select the namespace with `namespaces`");
        }
        let literal: String = written.chars().filter(|c| !matches!(c, '*' | '?' | '[' | ']' | '{' | '}')).collect();
        match suggest(&literal, self.roster.iter().map(|entry| entry.name)) {
            Some(near) if literal == written => diagnostic.help(format!("did you mean `{near}`?")),
            Some(near) => diagnostic.help(format!("the nearest name is `{near}`")),
            None => diagnostic,
        }
    }

    fn no_namespace(&self, written: &[Spanned<String>], diagnostic: Diagnostic) -> Diagnostic {
        let known: BTreeSet<&str> = self.namespaces();
        let mut diagnostic = diagnostic;
        for pattern in written.iter().filter(|pattern| !pattern.starts_with('!')) {
            diagnostic = diagnostic.related(pattern.location(), "matches no namespace of a workload");
            if let Some(near) = suggest(pattern, known.iter().copied()) {
                diagnostic = diagnostic.help(format!("did you mean `{near}`?"));
            }
        }
        if diagnostic.help.is_empty() {
            diagnostic.note(format!("the namespaces are {}", some(&known)))
        } else {
            diagnostic
        }
    }

    fn namespaces(&self) -> BTreeSet<&str> {
        self.roster.iter().filter_map(|entry| entry.namespace.as_ref()).map(|namespace| namespace.as_str()).collect()
    }

    fn no_label(&self, binding: &Binding, diagnostic: Diagnostic) -> Diagnostic {
        let mut diagnostic = diagnostic;
        let all = || self.roster.iter().flat_map(|entry| labels::all(entry));
        for (key, value) in &binding.match_labels {
            let keys: BTreeSet<&str> = all().map(|(key, _)| key).collect();
            let values: BTreeSet<&str> = all().filter(|(of, _)| of == key).map(|(_, value)| value).collect();
            if !keys.contains(key.as_str()) {
                diagnostic = diagnostic.related(value.key_location(), "no pod template has this label");
                diagnostic = match suggest(key, keys.iter().copied()) {
                    Some(near) => diagnostic.help(format!("did you mean `{near}`?")),
                    None if keys.is_empty() => diagnostic.note("no pod template has labels"),
                    None => diagnostic.note(format!("the labels are {}", some(&keys))),
                };
            } else if !values.contains(value.as_str()) {
                diagnostic =
                    diagnostic.related(value.location(), format!("no pod template has `{key}` with this value"));
                diagnostic = match suggest(value, values.iter().copied()) {
                    Some(near) => diagnostic.help(format!("did you mean `{near}`?")),
                    None => diagnostic.note(format!("the values of `{key}` are {}", some(&values))),
                };
            }
        }
        diagnostic
    }

    /// Whether the pattern excludes an object that is no workload, and so would not match anyway.
    fn is_known_otherwise(&self, pattern: &Pattern<'_>) -> bool {
        let has_pods =
            |object: &&Object| Kind::of(&object.api_version, &object.kind).is_err_and(|refused| refused.has_pods);
        let mut objects = self.base.objects.iter().filter(has_pods);
        let mut hits = Vec::new();
        pattern.excludes
            && objects.any(|object| {
                self.bindings.names.matches(&object.name, &mut hits);
                hits.iter().any(|&hit| std::ptr::eq(&raw const self.bindings.names.all[hit], pattern))
            })
    }

    fn unused_name(&self, pattern: &Pattern<'_>) -> Diagnostic {
        let mut hits = Vec::new();
        let mut is_hit = |entry: &Entry<'_>| {
            self.bindings.names.matches(entry.name, &mut hits);
            hits.iter().any(|&hit| std::ptr::eq(&raw const self.bindings.names.all[hit], pattern))
        };
        let matched = self.roster.iter().find(|entry| is_hit(entry));
        let text = pattern.written.as_str();
        match (matched, pattern.excludes) {
            (None, false) => {
                let message = format!("`{text}` matches no workload");
                self.near_name(text, Diagnostic::error(Code::MC0141, message).at(pattern.written.location()))
            }
            (None, true) => {
                let message = format!("`{text}` excludes no workload: there is none of that name");
                self.near_name(pattern.text(), Diagnostic::error(Code::MC0141, message).at(pattern.written.location()))
            }
            (Some(entry), false) => {
                Diagnostic::error(Code::MC0141, format!("`{text}` adds no workload to the binding"))
                    .at(pattern.written.location())
                    .note(format!("`{}` does not match the other conditions, or is excluded", entry.key))
                    .help("remove it, or loosen the conditions")
            }
            (Some(entry), true) => Diagnostic::error(Code::MC0141, format!("`{text}` excludes no workload"))
                .at(pattern.written.location())
                .note(format!("without it, the binding would not match `{}` either", entry.key))
                .help("remove it"),
        }
    }

    fn unused_namespace(&self, pattern: &Pattern<'_>) -> Diagnostic {
        let text = pattern.written.as_str();
        let does = if pattern.excludes { "excludes" } else { "adds" };
        let diagnostic =
            Diagnostic::error(Code::MC0141, format!("`{text}` {does} no workload")).at(pattern.written.location());
        let known = self.namespaces();
        match suggest(pattern.text(), known.iter().copied()) {
            Some(near) if known.contains(pattern.text()) || near == pattern.text() => {
                diagnostic.note(format!("no workload in `{near}` matches the other conditions")).help("remove it")
            }
            Some(near) => diagnostic.help(format!("did you mean `{near}`?")),
            None => diagnostic.note(format!("the namespaces are {}", some(&known))).help("remove it"),
        }
    }
}

fn no_kind(kinds: &[Spanned<KindName>], diagnostic: Diagnostic) -> Diagnostic {
    kinds.iter().fold(diagnostic, |diagnostic, kind| {
        diagnostic.related(kind.location(), format!("no workload is a {}", kind.0))
    })
}

/// The name of a condition, the number of workloads that meet it, and what to add to the report if none does.
type Condition<'a> = (&'static str, usize, Box<dyn Fn(&Known<'_>, Diagnostic) -> Diagnostic + 'a>);

/// The first of many names.
fn some(names: &BTreeSet<&str>) -> String {
    const SHOWN: usize = 8;
    let shown: Vec<String> = names.iter().take(SHOWN).map(|name| format!("`{name}`")).collect();
    let more = names.len().saturating_sub(SHOWN);
    if more > 0 { format!("{} and {more} more", shown.join(", ")) } else { shown.join(", ") }
}
