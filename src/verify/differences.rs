//! Compares the outcomes of the two engines.

use std::collections::{BTreeMap, BTreeSet};

use mesh_compile_host::outcome::{End, ExchangeOutcome, FaultKind, LogLine, PluginOutcome};
use mesh_compile_host::{Fields, Message};

use super::report::exchange::{end, level};
use super::subject::Subject;
use super::text::quoted;
use crate::diag::{Code, Diagnostic};
use crate::resolve::traffic::suite::Test;
use crate::verify::outcome::{Outcome, TestOutcome};

/// Notes per finding.
const SHOWN: usize = 12;

/// A finding for each filter and each test on which the engines disagree.
pub(super) fn find(subject: &Subject, embedded: &Outcome, envoy: &Outcome) -> Vec<Diagnostic> {
    let mut found = Vec::new();
    for (number, entry) in subject.plugins.iter().enumerate() {
        let (Some(ours), Some(theirs)) = (embedded.plugins.get(number), envoy.plugins.get(number)) else { continue };
        let message = format!("the engines disagree about the filter `{}`", entry.plugin.name());
        found.extend(finding(message, plugin(ours, theirs)).map(|finding| finding.at(entry.location)));
    }
    let cannot = |outcome: &PluginOutcome| outcome.fault.as_ref().is_some_and(|it| it.kind == FaultKind::Unsupported);
    if embedded.plugins.iter().any(cannot) {
        return found;
    }
    for (number, case) in subject.tests.iter().enumerate() {
        let (Some(ours), Some(theirs)) = (embedded.tests.get(number), envoy.tests.get(number)) else { continue };
        // A test that one engine could not run, or stopped, has its own finding.
        if [ours, theirs].into_iter().any(is_cut_short) {
            continue;
        }
        let mut notes = Vec::new();
        if ours.steps.len() != theirs.steps.len() {
            notes.push(differ("steps", ours.steps.len(), theirs.steps.len()));
        }
        for (nth, (ours, theirs)) in ours.steps.iter().zip(&theirs.steps).enumerate() {
            let step = if case.steps.len() > 1 { format!("step {}, ", nth + 1) } else { String::new() };
            notes.extend(exchange(ours, theirs).into_iter().map(|note| format!("{step}{note}")));
        }
        found.extend(finding(test_message(subject, case), notes).map(|finding| finding.at(case.location)));
    }
    found
}

/// Whether an engine could not run the test to its end.
fn is_cut_short(outcome: &TestOutcome) -> bool {
    let cut = |kind: FaultKind| matches!(kind, FaultKind::Limits | FaultKind::Endless | FaultKind::Crash);
    outcome.fault.is_some() || outcome.steps.iter().flat_map(|step| &step.faults).any(|(_, fault)| cut(fault.kind))
}

fn test_message(subject: &Subject, test: &Test) -> String {
    format!("`{}`: the engines disagree about the test `{}`", subject.name, test.name)
}

fn finding(message: String, notes: Vec<String>) -> Option<Diagnostic> {
    let more = notes.len().saturating_sub(SHOWN);
    let mut shown: Vec<String> = notes.into_iter().take(SHOWN).collect();
    if more > 0 {
        shown.push(format!("and {more} more"));
    }
    let any = !shown.is_empty();
    any.then(|| shown.into_iter().fold(Diagnostic::warning(Code::MC0613, message), Diagnostic::note))
}

fn differ(what: &str, ours: impl std::fmt::Display, theirs: impl std::fmt::Display) -> String {
    format!("{what}: {ours} in the embedded host, {theirs} in Envoy")
}

fn plugin(ours: &PluginOutcome, theirs: &PluginOutcome) -> Vec<String> {
    let steps = [
        ("loads", ours.loads, theirs.loads),
        ("starts", ours.starts, theirs.starts),
        ("accepts its configuration", ours.configures, theirs.configures),
    ];
    let word = |step: bool| if step { "yes" } else { "no" };
    let differs = |(what, ours, theirs): (&str, Option<bool>, Option<bool>)| {
        let (ours, theirs) = (ours?, theirs?);
        (ours != theirs).then(|| differ(what, word(ours), word(theirs)))
    };
    steps.into_iter().filter_map(differs).collect()
}

fn exchange(ours: &ExchangeOutcome, theirs: &ExchangeOutcome) -> Vec<String> {
    let mut notes = Vec::new();
    if end(&ours.end) != end(&theirs.end) {
        notes.push(differ("the exchange", end(&ours.end), end(&theirs.end)));
    } else if let (End::LocalReply(ours), End::LocalReply(theirs)) = (&ours.end, &theirs.end)
        && ours != theirs
    {
        notes.push(differ("the response code details", quoted(ours.as_bytes()), quoted(theirs.as_bytes())));
    }
    messages("response", ours.response.as_ref(), theirs.response.as_ref(), &mut notes);
    messages("request at the workload", ours.upstream.as_ref(), theirs.upstream.as_ref(), &mut notes);
    let clusters = |outcome: &ExchangeOutcome| outcome.calls.iter().map(|it| it.cluster.clone()).collect::<Vec<_>>();
    if clusters(ours) == clusters(theirs) {
        for (ours, theirs) in ours.calls.iter().zip(&theirs.calls) {
            let what = format!("call to {}", ours.cluster);
            messages(&what, Some(&ours.request), Some(&theirs.request), &mut notes);
        }
    } else {
        notes.push(differ("calls", list(&clusters(ours)), list(&clusters(theirs))));
    }
    log(&ours.log, &theirs.log, &mut notes);
    let names: BTreeSet<&String> = ours.metrics.keys().chain(theirs.metrics.keys()).collect();
    for name in names {
        let (ours, theirs) = (ours.metrics.get(name), theirs.metrics.get(name));
        if ours != theirs {
            let shown = |value: Option<&u64>| value.map_or_else(|| "none".to_owned(), u64::to_string);
            notes.push(differ(&format!("metric `{name}`"), shown(ours), shown(theirs)));
        }
    }
    notes
}

fn messages(what: &str, ours: Option<&Message>, theirs: Option<&Message>, notes: &mut Vec<String>) {
    let (ours, theirs) = match (ours, theirs) {
        (Some(ours), Some(theirs)) => (ours, theirs),
        (None, None) => return,
        (ours, _) => {
            let word = |exists: bool| if exists { "present" } else { "missing" };
            return notes.push(differ(what, word(ours.is_some()), word(ours.is_none())));
        }
    };
    fields(&format!("{what}, header"), &ours.headers, &theirs.headers, notes);
    let bodies = (ours.body(), theirs.body());
    if bodies.0 != bodies.1 {
        notes.push(differ(&format!("{what}, body"), quoted(&bodies.0), quoted(&bodies.1)));
    }
    let empty = Fields::default();
    let trailers = |message: &Message| message.trailers.clone().unwrap_or_else(|| empty.clone());
    fields(&format!("{what}, trailer"), &trailers(ours), &trailers(theirs), notes);
}

/// Compares fields by name. The order of fields with different names does not matter; the order of one field's values does.
fn fields(what: &str, ours: &Fields, theirs: &Fields, notes: &mut Vec<String>) {
    let by_name = |fields: &Fields| {
        let mut names: BTreeMap<Vec<u8>, Vec<String>> = BTreeMap::new();
        for (name, value) in &fields.0 {
            names.entry(name.clone()).or_default().push(quoted(value));
        }
        names
    };
    let (ours, theirs) = (by_name(ours), by_name(theirs));
    let names: BTreeSet<&Vec<u8>> = ours.keys().chain(theirs.keys()).collect();
    for name in names {
        let (ours, theirs) = (ours.get(name), theirs.get(name));
        if ours != theirs {
            let shown = |values: Option<&Vec<String>>| values.map_or_else(|| "none".to_owned(), |it| it.join(", "));
            notes.push(differ(&format!("{what} {}", quoted(name)), shown(ours), shown(theirs)));
        }
    }
}

/// The first line that differs.
fn log(ours: &[LogLine], theirs: &[LogLine], notes: &mut Vec<String>) {
    let same = |(ours, theirs): &(&LogLine, &LogLine)| {
        let same_plugin = ours.plugin.is_none() || theirs.plugin.is_none() || ours.plugin == theirs.plugin;
        same_plugin && ours.level == theirs.level && ours.message == theirs.message
    };
    let at = ours.iter().zip(theirs).position(|pair| !same(&pair)).unwrap_or(ours.len().min(theirs.len()));
    if (ours.get(at), theirs.get(at)) == (None, None) {
        return;
    }
    let shown = |line: Option<&LogLine>| {
        let text = |line: &LogLine| format!("{} {}", level(line.level), quoted(line.message.as_bytes()));
        line.map_or_else(|| "none".to_owned(), text)
    };
    notes.push(differ(&format!("line {} of the log", at + 1), shown(ours.get(at)), shown(theirs.get(at))));
}

fn list(names: &[String]) -> String {
    if names.is_empty() { "none".to_owned() } else { names.join(", ") }
}
