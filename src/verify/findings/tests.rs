//! What is said of a test.

use super::trace;
use super::{Diagnostic, Fault, Placed, Subject, of_fault};
use crate::verify::case::Test;
use crate::verify::judge::Failure;
use crate::verify::outcome::{Effect, End, TestOutcome};

/// A test that could not be run at all.
pub(super) fn not_run(subject: &Subject, test: &Test, fault: &Fault) -> Diagnostic {
    let message = format!("`{}`: the test `{}` could not be run", subject.name, test.name);
    of_fault(fault, message).at(test.location.clone()).note(&fault.message)
}

/// A request that nothing will let go on, not yet at its place.
pub(super) fn stalled(placed: Option<&Placed>, test: &Test, subject: &Subject, effects: &[Effect]) -> Diagnostic {
    let name = placed.map_or_else(|| "a filter".to_owned(), |placed| format!("the filter `{}`", placed.plugin.name));
    let finding = Diagnostic::error("MC0607", format!("{name} holds a request and never lets it go on"))
        .note(format!("in the test `{}` of `{}`", test.name, subject.name));
    match effects
        .iter()
        .rev()
        .find(|effect| effect.returned.starts_with("Stop") || effect.returned.starts_with("Pause"))
    {
        Some(last) => finding.note(format!("{} returned {}, and nothing followed", last.callback, last.returned)),
        None => finding,
    }
}

/// A finding for each step of which something else was expected, and what tells it from others. Of a stalled step there is one
/// already, and of a test that was not run.
pub(super) fn failed(
    subject: &Subject,
    test: &Test,
    outcome: &TestOutcome,
    failures: &[Failure],
) -> Vec<(Diagnostic, String)> {
    let mut findings = Vec::new();
    if outcome.fault.is_some() {
        return findings;
    }
    for (number, step) in test.steps.iter().enumerate() {
        let failures: Vec<&Failure> = failures.iter().filter(|failure| failure.step == number).collect();
        let Some((first, others)) = failures.split_first() else { continue };
        let done = outcome.steps.get(number);
        if done.is_some_and(|done| matches!(done.end, End::Stalled(_))) {
            continue;
        }
        let nth = if test.steps.len() > 1 { format!(", step {}", number + 1) } else { String::new() };
        let message = format!("`{}`: the test `{}` failed{nth}: {}", subject.name, test.name, sentence(first));
        let mut finding = Diagnostic::error("MC0610", message).at_label(first.location.clone(), &first.message);
        for other in others {
            finding = finding.related(other.location.clone(), sentence(other));
        }
        let detail = done.map(|done| trace::exchange(subject, step, done)).unwrap_or_default();
        findings.push((finding.detail(detail), number.to_string()));
    }
    findings
}

/// A failed expectation in one sentence.
pub(in crate::verify) fn sentence(failure: &Failure) -> String {
    let Failure { message, expected, found, .. } = failure;
    let part = |what: &str, text: &Option<String>| text.as_ref().map(|text| format!("{what} {text}"));
    let parts: Vec<String> = part("expected", expected).into_iter().chain(part("found", found)).collect();
    if parts.is_empty() { message.clone() } else { format!("{message}: {}", parts.join(", ")) }
}
