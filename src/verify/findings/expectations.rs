//! Findings about tests.

use mesh_compile_host::Callback;
use mesh_compile_host::outcome::{Effect, End};

use super::trace;
use super::{ChainEntry, Diagnostic, Fault, Subject, of_fault};
use crate::diag::Code;
use crate::resolve::traffic::suite::{Bypass, Test};
use crate::verify::judge::Failure;
use crate::verify::outcome::TestOutcome;

/// A test that could not be run at all.
pub(super) fn not_run(subject: &Subject, test: &Test, fault: &Fault) -> Diagnostic {
    let message = format!("`{}`: the test `{}` could not be run", subject.name, test.name);
    of_fault(fault, message).at(test.location).note(&fault.message)
}

/// A test whose requests no filter sees in the mesh.
pub(super) fn bypassed(subject: &Subject, test: &Test, bypass: &Bypass) -> Diagnostic {
    let message = format!("`{}`: no filter sees the requests of the test `{}`", subject.name, test.name);
    let finding = Diagnostic::error(Code::MC0619, message).at(test.location);
    let finding = bypass.at.iter().fold(finding, |finding, (location, label)| finding.related(*location, label));
    finding.note(&bypass.reason).help(&bypass.help)
}

/// Callbacks in which a filter can resume a request that it paused.
const WAITED_FOR: [Callback; 4] =
    [Callback::HttpCallResponse, Callback::GrpcReceive, Callback::GrpcClose, Callback::QueueReady];

/// A request that is never resumed. The caller adds the location.
pub(super) fn stalled(entry: Option<&ChainEntry>, test: &Test, subject: &Subject, effects: &[Effect]) -> Diagnostic {
    let name = entry.map_or_else(|| "a filter".to_owned(), |entry| format!("the filter `{}`", entry.plugin.name()));
    let finding = Diagnostic::error(Code::MC0607, format!("{name} paused a request and never resumed it"))
        .note(format!("in the test `{}` of `{}`", test.name, subject.name));
    match effects.iter().rfind(|effect| effect.returned.stops()) {
        Some(last) => {
            let finding = finding.note(format!("{} returned {}", last.callback, last.returned));
            let later = effects.iter().rev().take_while(|effect| !std::ptr::eq(*effect, last));
            match later.filter(|effect| WAITED_FOR.contains(&effect.callback)).last() {
                Some(later) => {
                    finding.note(format!("{} neither resumed the request nor sent a response", later.callback))
                }
                None => finding,
            }
        }
        None => finding,
    }
    .help("resume it (`proxy_continue_stream`, in Rust `resume_http_request`) or send a response")
}

/// A finding for each step with unmet expectations, and a text that identifies it. A step that stalled or in which a filter failed has
/// its own finding, and so has a test that was not run.
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
        if done.is_some_and(|done| matches!(done.end, End::Stalled(_)) || !done.faults.is_empty()) {
            continue;
        }
        let nth = if test.steps.len() > 1 { format!(", step {}", number + 1) } else { String::new() };
        let message = format!("`{}`: the test `{}` failed{nth}: {}", subject.name, test.name, first.message);
        let mut finding = notes(Diagnostic::error(Code::MC0610, message).at(first.location), first);
        for other in others {
            finding = notes(finding.related(other.location, &other.message), other);
        }
        let detail = done.map(|done| trace::exchange(subject, step, done)).unwrap_or_default();
        findings.push((finding.detail(detail), number.to_string()));
    }
    findings
}

/// Adds the expected and the found value as notes, unless the message contains them.
fn notes(finding: Diagnostic, failure: &Failure) -> Diagnostic {
    let parts = [("expected", &failure.expected), ("found", &failure.found)];
    let parts = parts.into_iter().filter_map(|(what, text)| Some((what, text.as_ref()?)));
    let missing = parts.filter(|(_, text)| !failure.message.contains(text.as_str()));
    missing.fold(finding, |finding, (what, text)| finding.note(format!("{what}: {text}")))
}
