//! Compares the outcome of a test with its expectations.

mod fields;

#[cfg(test)]
mod tests;

use mesh_compile_host::outcome::{Call, End, ExchangeOutcome};
use mesh_compile_host::{Fields, Message};

use super::subject::Subject;
use super::text::{self, difference, list, quoted, show};
use crate::diag::{Location, suggest};
use crate::resolve::traffic::suite::{Expected, ExpectedCall, ExpectedUpstream, LocalReply, Matcher, Step, Test};
use crate::verify::outcome::TestOutcome;
use fields::{FieldsOf, Kind};

/// An expectation that was not met.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Failure {
    /// The exchange, counted from 0.
    pub(crate) step: usize,
    /// The expectation in mesh.toml, or the exchange itself if it did not complete.
    pub(crate) location: Location,
    /// A line that is understood without its context.
    pub(crate) message: String,
    /// Excerpts of the expected and the found value, where the message does not contain all of them.
    pub(crate) expected: Option<String>,
    pub(crate) found: Option<String>,
}

/// Every expectation of the test that was not met. An exchange that did not complete is one failure, whatever it should have given. So
/// is a test that could not be run.
pub(crate) fn judge(subject: &Subject, test: &Test, outcome: &TestOutcome) -> Vec<Failure> {
    if let Some(bypass) = subject.bypass(test) {
        let message = format!("no filter sees the requests: {}", bypass.reason);
        return vec![Failure { step: 0, location: test.location, message, expected: None, found: None }];
    }
    let mut failures = Vec::new();
    if let Some(fault) = &outcome.fault {
        let message = format!("the test could not be run: {}", fault.message);
        return vec![Failure { step: 0, location: test.location, message, expected: None, found: None }];
    }
    for (index, step) in test.steps.iter().enumerate() {
        let mut judge = Judge { subject, step: index, failures: Vec::new() };
        match outcome.steps.get(index) {
            Some(found) => judge.exchange(step, found),
            // Report the first missing step, unless a failure before it explains it.
            None if failures.is_empty() => judge.fail(&step.location, "the exchange was not run"),
            None => break,
        }
        failures.append(&mut judge.failures);
    }
    failures
}

/// Which message of an exchange.
#[derive(Debug, Clone, Copy)]
enum Which<'a> {
    Response,
    Upstream,
    Call(usize, &'a str),
}

impl std::fmt::Display for Which<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Response => f.write_str("the response"),
            Self::Upstream => f.write_str("the request to the workload"),
            Self::Call(index, cluster) => write!(f, "call {} (to `{cluster}`)", index + 1),
        }
    }
}

/// Stands for a response of which nothing arrived.
static NOTHING: Message = Message { headers: Fields(Vec::new()), body: Vec::new(), trailers: None };

struct Judge<'a> {
    subject: &'a Subject,
    step: usize,
    failures: Vec<Failure>,
}

impl Judge<'_> {
    fn fail(&mut self, location: &Location, message: impl Into<String>) {
        self.fail_with(location, message, None, None);
    }

    fn fail_with(
        &mut self,
        location: &Location,
        message: impl Into<String>,
        expected: Option<String>,
        found: Option<String>,
    ) {
        let (step, location, message) = (self.step, *location, message.into());
        self.failures.push(Failure { step, location, message, expected, found });
    }

    fn exchange(&mut self, step: &Step, found: &ExchangeOutcome) {
        let expect = &step.expect;
        let reset = expect.reset.as_ref().filter(|reset| reset.value);
        let response = match (&found.response, &found.end, reset) {
            (Some(response), End::Complete | End::LocalReply(_), None) => response,
            (_, End::Complete | End::LocalReply(_), Some(reset)) => {
                return self.fail(&reset.location, "the stream was not reset");
            }
            // The part of the response that arrived before the reset.
            (response, End::Reset, Some(_)) => response.as_ref().unwrap_or(&NOTHING),
            _ => return self.fail(&step.location, self.incomplete(found)),
        };
        self.status(expect.status.as_ref(), response, &found.end);
        self.message(Which::Response, response, (&expect.headers, &expect.no_headers, &expect.trailers));
        self.body(Which::Response, expect.body.as_ref(), response);
        self.upstream(expect.upstream.as_ref(), found);
        self.local_reply(expect.local_reply.as_ref(), &found.end);
        self.log(step, found);
        self.metrics(step, found);
        self.calls(expect.calls.as_ref(), &found.calls);
    }

    /// Why the response did not arrive completely.
    fn incomplete(&self, found: &ExchangeOutcome) -> String {
        let holder = match found.end {
            End::Stalled(plugin) => plugin.and_then(|index| self.subject.plugins.get(index)),
            End::Reset if found.response.is_some() => {
                return "the stream was reset in the middle of the response".into();
            }
            End::Reset => return "the stream was reset before a response arrived".into(),
            End::Complete | End::LocalReply(_) => return "no response arrived".into(),
        };
        let holder = holder.map_or("a filter".to_owned(), |entry| format!("`{}`", entry.plugin.name()));
        match (&found.upstream, &found.response) {
            (None, None) => format!("the request never reached the workload: {holder} paused it"),
            (Some(_), None) => format!("no response arrived: {holder} paused the exchange"),
            (_, Some(_)) => format!("the response never ended: {holder} paused the rest of it"),
        }
    }

    fn status(&mut self, expected: Option<&Expected<u16>>, response: &Message, end: &End) {
        let Some(Expected { value, location }) = expected else { return };
        let found = response.headers.first(":status").unwrap_or_default();
        if found != value.to_string().as_bytes() {
            let message = format!("the status is {}{}, not {value}", show(found), reply(end));
            self.fail_with(location, message, Some(value.to_string()), Some(show(found)));
        }
    }

    fn message(
        &mut self,
        which: Which<'_>,
        found: &Message,
        (headers, no_headers, trailers): (
            &[crate::resolve::traffic::suite::ExpectedField],
            &[Expected<String>],
            &[crate::resolve::traffic::suite::ExpectedField],
        ),
    ) {
        let of_headers = FieldsOf { kind: Kind::Header, which, fields: Some(&found.headers) };
        headers.iter().for_each(|field| self.field(of_headers, field));
        no_headers.iter().for_each(|name| self.no_field(of_headers, name));
        let of_trailers = FieldsOf { kind: Kind::Trailer, which, fields: found.trailers.as_ref() };
        trailers.iter().for_each(|field| self.field(of_trailers, field));
    }

    fn body(&mut self, which: Which<'_>, expected: Option<&Expected<Matcher>>, found: &Message) {
        let Some(Expected { value, location }) = expected else { return };
        let body = found.body();
        if value.accepts(&body) {
            return;
        }
        let message = match value {
            Matcher::Matches(regex) => {
                let message = format!("{} does not match the body of {which}", text::expression(regex));
                return self.fail_with(location, message, None, Some(show(&body)));
            }
            Matcher::Is(wanted) => match difference(wanted, &body) {
                Some((how, expected, found)) => {
                    let message = format!("the body of {which} is not the expected body: {how}");
                    return self.fail_with(location, message, Some(expected), Some(found));
                }
                None if body.is_empty() => format!("the body of {which} is empty, not {}", quoted(wanted)),
                None if wanted.is_empty() => format!("the body of {which} is {}, not empty", quoted(&body)),
                None => format!("the body of {which} is {}, not {}", quoted(&body), quoted(wanted)),
            },
        };
        let Matcher::Is(wanted) = value else { return };
        self.fail_with(location, message, Some(show(wanted)), Some(show(&body)));
    }

    fn upstream(&mut self, expected: Option<&ExpectedUpstream>, found: &ExchangeOutcome) {
        match (expected, &found.upstream) {
            (None, _) | (Some(ExpectedUpstream::Nothing(_)), None) => {}
            (Some(ExpectedUpstream::Nothing(location)), Some(request)) => {
                let line = |name| show(request.headers.first(name).unwrap_or_default());
                let message = format!("the request reached the workload: `{} {}`", line(":method"), line(":path"));
                self.fail(location, message);
            }
            (Some(ExpectedUpstream::Request { location, .. }), None) => {
                let message = format!("no request reached the workload{}", reply(&found.end));
                self.fail(location, message);
            }
            (Some(ExpectedUpstream::Request { headers, no_headers, body, trailers, .. }), Some(request)) => {
                self.message(Which::Upstream, request, (headers, no_headers, trailers));
                self.body(Which::Upstream, body.as_ref(), request);
            }
        }
    }

    fn local_reply(&mut self, expected: Option<&Expected<LocalReply>>, end: &End) {
        let Some(Expected { value, location }) = expected else { return };
        match (value, end) {
            (LocalReply::No, End::LocalReply(details)) => {
                let details = if details.is_empty() {
                    String::new()
                } else {
                    format!(" with the details {}", quoted(details.as_bytes()))
                };
                self.fail(location, format!("the response is a local reply{details}, not the workload's response"));
            }
            (LocalReply::Details(matcher), End::LocalReply(details)) if !matcher.accepts(details.as_bytes()) => {
                let message = format!(
                    "the details of the local reply are {}, {}",
                    quoted(details.as_bytes()),
                    text::not(matcher)
                );
                self.fail(location, message);
            }
            (LocalReply::Yes | LocalReply::Details(_), End::Complete) => {
                self.fail(location, "the response is the workload's, not a local reply");
            }
            _ => {}
        }
    }

    fn log(&mut self, step: &Step, found: &ExchangeOutcome) {
        let lines = || found.log.iter().map(|line| line.message.as_str());
        for Expected { value, location } in &step.expect.log {
            if !lines().any(|line| value.is_match(line.as_bytes())) {
                let log = match found.log.len() {
                    0 => "the log is empty".to_owned(),
                    1 => "the log has 1 line".to_owned(),
                    count => format!("the log has {count} lines"),
                };
                let message = format!("{} matches no line: {log}", text::expression(value));
                let found = (!found.log.is_empty()).then(|| text::lines(lines()));
                self.fail_with(location, message, None, found);
            }
        }
        for Expected { value, location } in &step.expect.no_log {
            if let Some(line) = lines().find(|line| value.is_match(line.as_bytes())) {
                let message =
                    format!("{} matches a line of the log: {}", text::expression(value), quoted(line.as_bytes()));
                self.fail_with(location, message, None, Some(show(line.as_bytes())));
            }
        }
    }

    fn metrics(&mut self, step: &Step, found: &ExchangeOutcome) {
        for (name, Expected { value, location }) in &step.expect.metrics {
            match found.metrics.get(name) {
                Some(found) if found == value => {}
                Some(found) => {
                    let message = format!("the metric `{name}` is {found}, not {value}");
                    self.fail_with(location, message, Some(value.to_string()), Some(found.to_string()));
                }
                None => {
                    let names = || found.metrics.keys().map(String::as_str);
                    let hint = match suggest(name, names()) {
                        Some(near) => format!("did you mean `{near}`?"),
                        None if found.metrics.is_empty() => "no filter defined a metric".to_owned(),
                        None => format!("the metrics are {}", list(names())),
                    };
                    self.fail(location, format!("there is no metric `{name}`; {hint}"));
                }
            }
        }
    }

    fn calls(&mut self, expected: Option<&Expected<Vec<ExpectedCall>>>, found: &[Call]) {
        let Some(Expected { value, location }) = expected else { return };
        let wanted: Vec<&str> = value.iter().map(|call| call.cluster.as_str()).collect();
        let made: Vec<&str> = found.iter().map(|call| call.cluster.as_str()).collect();
        let is_made = |(call, made): (&ExpectedCall, &&str)| call.names.iter().any(|name| name == made);
        if wanted.len() != made.len() || !value.iter().zip(&made).all(is_made) {
            let number = |count| match count {
                0 => "no call was".to_owned(),
                1 => "1 call was".to_owned(),
                count => format!("{count} calls were"),
            };
            let message = if wanted.len() == made.len() {
                format!("the calls went to {}, expected {}", list(made.iter().copied()), list(wanted.iter().copied()))
            } else if made.is_empty() {
                format!("no call was made, expected {}", wanted.len())
            } else {
                format!("{} made (to {}), expected {}", number(made.len()), list(made.iter().copied()), wanted.len())
            };
            // If the number of calls is right, point to the first call that differs.
            let other = value
                .iter()
                .zip(&made)
                .find(|(call, made)| !call.names.iter().any(|name| name == **made))
                .map(|(call, _)| call);
            let location = other.filter(|_| wanted.len() == made.len()).map_or(location, |call| &call.location);
            return self.fail_with(location, message, Some(wanted.join(", ")), Some(made.join(", ")));
        }
        for (index, (call, made)) in value.iter().zip(found).enumerate() {
            let which = Which::Call(index, &call.cluster);
            self.message(which, &made.request, (&call.headers, &[], &[]));
            self.body(which, call.body.as_ref(), &made.request);
        }
    }
}

/// Says that the response was a local reply, if it was one.
fn reply(end: &End) -> String {
    match end {
        End::LocalReply(details) if details.is_empty() => " (a local reply)".to_owned(),
        End::LocalReply(details) => format!(" (a local reply: {})", quoted(details.as_bytes())),
        _ => String::new(),
    }
}
