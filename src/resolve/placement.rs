//! `insert`: the places of a workload's filters in its chains.

use super::uses::Use;
use crate::diag::{Code, Diagnostic, Sink, enumerate, suggest};
use crate::domain::anchor::Anchor;
use crate::domain::{Direction, FilterType, Insert};
use crate::spec::Spanned;
use crate::spec::types::{self, NextTo, Place};

/// Sets the place of each use, and orders the uses: one that is relative to another of the list stands next to it.
pub(super) fn resolve(uses: &mut Vec<Use<'_>>, sink: &mut Sink) {
    let mut relative = Vec::new();
    for index in 0..uses.len() {
        let Some(written) = uses[index].insert else { continue };
        match &**written {
            types::Insert::At(Place::BeforeRouter | Place::Last) => uses[index].scope.insert = Insert::BeforeRouter,
            types::Insert::At(Place::First) => uses[index].scope.insert = Insert::First,
            types::Insert::NextTo(next_to) => {
                let Some((is_before, other)) = one_of(next_to, written, sink) else { continue };
                let is_ours = uses.iter().any(|one| one.filter.plugin.name.as_str() == other.as_str());
                if is_ours {
                    relative.push((uses[index].filter.plugin.name.to_string(), is_before, other));
                } else {
                    uses[index].scope.insert = at_anchor(&uses[index], uses, is_before, other, sink);
                }
            }
        }
    }
    for (name, is_before, other) in relative {
        beside(uses, &name, is_before, other, sink);
    }
    order(uses, sink);
}

/// The one key that is set, and whether it is `before`.
fn one_of<'a>(
    written: &'a NextTo,
    at: &Spanned<types::Insert>,
    sink: &mut Sink,
) -> Option<(bool, &'a Spanned<String>)> {
    let diagnostic = match (&written.before, &written.after) {
        (Some(before), None) => return Some((true, before)),
        (None, Some(after)) => return Some((false, after)),
        (Some(before), Some(after)) => Diagnostic::error(Code::MC0114, "`before` and `after` are mutually exclusive")
            .at(after.key_location())
            .related(before.key_location(), "the other one")
            .help("keep one of them"),
        (None, None) => Diagnostic::error(Code::MC0105, "`insert` has neither `before` nor `after`")
            .at(at.location())
            .help("name another filter: `insert = { before = \"authz\" }`"),
    };
    sink.push(diagnostic);
    None
}

/// Next to a filter that is not in the list.
fn at_anchor(one: &Use<'_>, uses: &[Use<'_>], is_before: bool, other: &Spanned<String>, sink: &mut Sink) -> Insert {
    let plugin = &one.filter.plugin;
    let filter_type = plugin.filter_type;
    let is_end = match filter_type {
        FilterType::Http => matches!(other.as_str(), "router" | "envoy.filters.http.router"),
        FilterType::Network => false,
    };
    if is_end {
        if !is_before {
            sink.push(
                Diagnostic::error(Code::MC0228, "no filter runs after the router")
                    .at(other.location())
                    .note("Envoy rejects a chain that does not end with it")
                    .help("remove `insert`: by default, the filter runs right before it"),
            );
        }
        return Insert::BeforeRouter;
    }
    let Some(anchor) = Anchor::named(other, filter_type) else {
        sink.push(unknown(other, uses, filter_type));
        return Insert::BeforeRouter;
    };
    let absent: Vec<String> = anchor.absent_in(one.scope.direction).into_iter().map(chains).collect();
    if !absent.is_empty() {
        sink.push(
            Diagnostic::error(Code::MC0228, format!("{} have no filter `{anchor}`", enumerate(&absent)))
                .at(other.location())
                .related(one.direction_location, "where the filter runs")
                .note("istiod applies nothing and reports no error: the filter would not run"),
        );
    } else if let Some(depends_on) = anchor.depends_on() {
        let where_is = if is_before { "before" } else { "after" };
        sink.push(
            Diagnostic::warning(
                Code::MC0229,
                format!("`{}` runs only where `{anchor}` does, which takes {depends_on}", plugin.name),
            )
            .at_label(other.location(), format!("runs {where_is} it"))
            .note("elsewhere, istiod applies nothing and reports no error: the filter does not run"),
        );
    }
    if is_before { Insert::Before(anchor) } else { Insert::After(anchor) }
}

fn chains(direction: Direction) -> String {
    match direction {
        Direction::Inbound => "inbound chains",
        Direction::Outbound => "outbound chains",
        Direction::Gateway => "the chains of gateways",
        Direction::Any => "all chains",
    }
    .to_owned()
}

fn unknown(other: &Spanned<String>, uses: &[Use<'_>], filter_type: FilterType) -> Diagnostic {
    let message = format!("neither the workload nor Istio has a filter `{}`", other.as_str());
    let diagnostic = Diagnostic::error(Code::MC0228, message).at(other.location());
    let mut names: Vec<&str> = uses.iter().map(|one| one.filter.plugin.name.as_str()).collect();
    for name in Anchor::short_names(filter_type) {
        names.push(name);
    }
    match suggest(other, names.iter().copied()) {
        Some(near) => diagnostic.help(format!("did you mean `{near}`?")),
        None => {
            let names: Vec<String> = Anchor::short_names(filter_type).map(|name| format!("`{name}`")).collect();
            diagnostic
                .help(format!("Istio's own filters: {}; any other by its full name in the chain", names.join(", ")))
        }
    }
}

/// Moves a use next to another one, in the same place of the chain.
fn beside(uses: &mut Vec<Use<'_>>, name: &str, is_before: bool, other: &Spanned<String>, sink: &mut Sink) {
    let position = |uses: &[Use<'_>], name: &str| uses.iter().position(|one| one.filter.plugin.name.as_str() == name);
    let Some(from) = position(uses, name) else { return };
    if name == other.as_str() {
        sink.push(
            Diagnostic::error(Code::MC0228, format!("`{name}` cannot run next to itself"))
                .at(other.location())
                .help("name another filter of the list"),
        );
        return;
    }
    let mut one = uses.remove(from);
    let Some(to) = position(uses, other) else { return uses.insert(from, one) };
    let anchor = &uses[to];
    if anchor.filter.plugin.filter_type != one.filter.plugin.filter_type {
        sink.push(
            Diagnostic::error(Code::MC0228, format!("`{name}` and `{}` are in different chains", other.as_str()))
                .at(other.location())
                .related(anchor.name_location, "an HTTP filter runs after all network filters"),
        );
        return uses.insert(from, one);
    }
    one.scope.insert = anchor.scope.insert;
    uses.insert(if is_before { to } else { to + 1 }, one);
}

/// Reports filters whose places in the chain contradict the list.
fn order(uses: &[Use<'_>], sink: &mut Sink) {
    for filter_type in [FilterType::Network, FilterType::Http] {
        let mut last: Option<&Use<'_>> = None;
        for one in uses.iter().filter(|one| one.filter.plugin.filter_type == filter_type) {
            match last.filter(|last| last.scope.insert.rank() > one.scope.insert.rank()) {
                Some(last) => sink.push(contradiction(last, one)),
                None => last = Some(one),
            }
        }
    }
}

fn contradiction(before: &Use<'_>, after: &Use<'_>) -> Diagnostic {
    let (before_name, after_name) = (&before.filter.plugin.name, &after.filter.plugin.name);
    let message = format!("`{after_name}` would run before `{before_name}`, contrary to their order in the list");
    let place = |one: &Use<'_>| match one.scope.insert {
        Insert::BeforeRouter => "runs after Istio's own filters".to_owned(),
        Insert::First => "moves it to the start of the chain".to_owned(),
        insert => format!("runs {insert}"),
    };
    let at = after.insert.map_or(after.location, Spanned::location);
    Diagnostic::error(Code::MC0214, message)
        .at_label(at, place(after))
        .related(before.location, place(before))
        .help("list it first, or remove its `insert`")
}
