//! What a workload does not take from bindings: `bindings = false` or `bindings = ["!NAME"]`.

use std::collections::{BTreeMap, BTreeSet};

use super::Entry;
use crate::diag::{Code, Diagnostic, Location, Sink, suggest};
use crate::spec::types::Bindings;
use crate::spec::{Spanned, Spec};

/// The filters that bindings do not add to a workload.
#[derive(Debug)]
pub(super) enum OptOut<'a> {
    All,
    These(BTreeSet<&'a str>),
}

impl OptOut<'_> {
    pub(super) fn excludes(&self, filter: &str) -> bool {
        match self {
            Self::All => true,
            Self::These(names) => names.contains(filter),
        }
    }
}

/// The opt-outs of all workloads. Workloads share those of `[defaults.workloads]`.
#[derive(Debug, Default)]
pub(super) struct OptOuts<'a> {
    /// By the place of each `!NAME`: the filter, one of the workloads, and whether a binding adds the filter to any of them.
    names: BTreeMap<Location, (&'a str, String, bool)>,
}

impl<'a> OptOuts<'a> {
    /// The opt-out of a workload to which the bindings `bound` apply.
    pub(super) fn of(&mut self, spec: &'a Spec, entry: &Entry<'a>, bound: &[usize], sink: &mut Sink) -> OptOut<'a> {
        let list = match entry.written.bindings.as_deref() {
            None | Some(Bindings::All(true)) => return OptOut::These(BTreeSet::new()),
            Some(Bindings::All(false)) => return OptOut::All,
            Some(Bindings::Without(list)) => list,
        };
        let bindings = bound.iter().map(|&index| &spec.bindings[index]);
        let added: BTreeSet<&str> = bindings.flat_map(|binding| &binding.filters).map(|one| one.filter()).collect();
        let mut names = BTreeSet::new();
        for written in list {
            match written.strip_prefix('!') {
                Some(name) if spec.filters.contains_key(name) || is_unread(spec, name) => {
                    names.insert(name);
                    let used = self.names.entry(written.location()).or_insert((name, entry.key.clone(), false));
                    used.2 |= added.contains(name);
                }
                Some(name) => sink.push(unknown(spec, written, name)),
                None => sink.push(
                    Diagnostic::error(Code::MC0144, format!("`{}` does not start with `!`", written.as_str()))
                        .at(written.location())
                        .note("`bindings` lists the filters that no binding adds to the workload")
                        .help(format!(
                            "write `\"!{0}\"` to exclude the filter, or add `{0}` to `filters`",
                            written.as_str()
                        )),
                ),
            }
        }
        OptOut::These(names)
    }

    /// Reports exclusions of what no binding adds.
    pub(super) fn report(self, spec: &Spec, sink: &mut Sink) {
        if spec.unread.any || spec.unread.bindings {
            return;
        }
        for (location, (name, key, _)) in self.names.into_iter().filter(|(_, (.., is_used))| !is_used) {
            sink.push_if_everywhere(
                Diagnostic::warning(Code::MC0144, format!("no binding adds the filter `{name}` to `{key}`"))
                    .at_label(location, "excludes nothing")
                    .help("remove it, or correct the name"),
            );
        }
    }
}

fn is_unread(spec: &Spec, name: &str) -> bool {
    spec.unread.any || spec.unread.filters.contains(name)
}

fn unknown(spec: &Spec, written: &Spanned<String>, name: &str) -> Diagnostic {
    let known = || spec.filters.keys().chain(&spec.unread.filters).map(String::as_str);
    let diagnostic =
        Diagnostic::error(Code::MC0144, format!("the filter `{name}` does not exist")).at(written.location());
    match suggest(name, known()) {
        Some(near) => diagnostic.help(format!("did you mean `!{near}`?")),
        None => diagnostic.help("name a filter of a binding, or write `bindings = false` to exclude all of them"),
    }
}
