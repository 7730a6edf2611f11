//! Holds what came of a test against what it expects.

mod fields;
mod words;

#[cfg(test)]
mod tests;
use mesh_compile_host::outcome::{Call, End, ExchangeOutcome};
use mesh_compile_host::{Fields, Message};

use super::subject::Subject;
use crate::diag::{Location, suggest};
use crate::traffic::{Expected, ExpectedCall, ExpectedUpstream, LocalReply, Matcher, Step, Test};
use crate::verify::outcome::TestOutcome;
use fields::{FieldsOf, Kind};
use words::{difference, list, quoted, show};

/// An expectation that was not met.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Failure {
    /// The exchange, counted from 0.
    pub(crate) step: usize,
    /// The expectation in mesh.toml; the exchange itself where nothing came of it.
    pub(crate) location: Location,
    /// One line that says what is wrong by itself.
    pub(crate) message: String,
    /// What was expected and what was found, cut to what can be read, where the message does not hold it all.
    pub(crate) expected: Option<String>,
    pub(crate) found: Option<String>,
}

/// Every expectation of the test that was not met. An exchange that came to nothing is one failure, whatever was expected of it, and so
/// is a test that could not be run.
pub(crate) fn judge(subject: &Subject, test: &Test, outcome: &TestOutcome) -> Vec<Failure> {
    let mut failures = Vec::new();
    if let Some(fault) = &outcome.fault {
        let message = format!("the test could not be run: {}", fault.message);
        return vec![Failure { step: 0, location: test.location, message, expected: None, found: None }];
    }
    for (index, step) in test.steps.iter().enumerate() {
        let mut judge = Judge { subject, step: index, failures: Vec::new() };
        match outcome.steps.get(index) {
            Some(found) => judge.exchange(step, found),
            // What came before has failed already, or it is said here.
            None if failures.is_empty() => judge.fail(&step.location, "the exchange was not gone through"),
            None => break,
        }
        failures.append(&mut judge.failures);
    }
    failures
}

/// One of the messages of an exchange.
#[derive(Debug, Clone, Copy)]
enum Whose<'a> {
    Answer,
    Upstream,
    Call(usize, &'a str),
}

impl std::fmt::Display for Whose<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Answer => f.write_str("the answer"),
            Self::Upstream => f.write_str("the request to the workload"),
            Self::Call(index, cluster) => write!(f, "call {} (to `{cluster}`)", index + 1),
        }
    }
}

/// An answer of which nothing came.
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
        let answer = match (&found.response, &found.end, reset) {
            (Some(answer), End::Complete | End::LocalReply(_), None) => answer,
            (_, End::Complete | End::LocalReply(_), Some(reset)) => {
                return self.fail(&reset.location, "the stream was not reset");
            }
            // What came before it, or nothing.
            (answer, End::Reset, Some(_)) => answer.as_ref().unwrap_or(&NOTHING),
            _ => return self.fail(&step.location, self.nothing(found)),
        };
        self.status(expect.status.as_ref(), answer, &found.end);
        self.message(Whose::Answer, answer, (&expect.headers, &expect.no_headers, &expect.trailers));
        self.body(Whose::Answer, expect.body.as_ref(), answer);
        self.upstream(expect.upstream.as_ref(), found);
        self.local_reply(expect.local_reply.as_ref(), &found.end);
        self.log(step, found);
        self.metrics(step, found);
        self.calls(expect.calls.as_ref(), &found.calls);
    }

    /// Why no answer came, or not all of it.
    fn nothing(&self, found: &ExchangeOutcome) -> String {
        let holder = match found.end {
            End::Stalled(plugin) => plugin.and_then(|index| self.subject.plugins.get(index)),
            End::Reset if found.response.is_some() => return "the stream was reset in the middle of the answer".into(),
            End::Reset => return "the stream was reset before an answer came".into(),
            End::Complete | End::LocalReply(_) => return "no answer came".into(),
        };
        let holder = holder.map_or("a filter".to_owned(), |placed| format!("`{}`", placed.plugin.name()));
        match (&found.upstream, &found.response) {
            (None, None) => format!("the request never gets to the workload: {holder} holds it"),
            (Some(_), None) => format!("no answer comes: {holder} holds the exchange"),
            (_, Some(_)) => format!("the answer never ends: {holder} holds the rest of it"),
        }
    }

    fn status(&mut self, expected: Option<&Expected<u16>>, answer: &Message, end: &End) {
        let Some(Expected { value, location }) = expected else { return };
        let found = answer.headers.first(":status").unwrap_or_default();
        if found != value.to_string().as_bytes() {
            let message = format!("the status is {}{}, not {value}", show(found), reply(end));
            self.fail_with(location, message, Some(value.to_string()), Some(show(found)));
        }
    }

    fn message(
        &mut self,
        whose: Whose<'_>,
        found: &Message,
        (headers, no_headers, trailers): (
            &[crate::traffic::ExpectedField],
            &[Expected<String>],
            &[crate::traffic::ExpectedField],
        ),
    ) {
        let of_headers = FieldsOf { kind: Kind::Header, whose, fields: Some(&found.headers) };
        headers.iter().for_each(|field| self.field(of_headers, field));
        no_headers.iter().for_each(|name| self.no_field(of_headers, name));
        let of_trailers = FieldsOf { kind: Kind::Trailer, whose, fields: found.trailers.as_ref() };
        trailers.iter().for_each(|field| self.field(of_trailers, field));
    }

    fn body(&mut self, whose: Whose<'_>, expected: Option<&Expected<Matcher>>, found: &Message) {
        let Some(Expected { value, location }) = expected else { return };
        let body = found.body();
        if value.accepts(&body) {
            return;
        }
        let message = match value {
            Matcher::Matches(regex) => {
                let message = format!("{} is not found in the body of {whose}", words::expression(regex));
                return self.fail_with(location, message, None, Some(show(&body)));
            }
            Matcher::Is(wanted) => match difference(wanted, &body) {
                Some((how, expected, found)) => {
                    let message = format!("the body of {whose} is not the expected one: {how}");
                    return self.fail_with(location, message, Some(expected), Some(found));
                }
                None if body.is_empty() => format!("the body of {whose} is empty, not {}", quoted(wanted)),
                None if wanted.is_empty() => format!("the body of {whose} is {}, and should be empty", quoted(&body)),
                None => format!("the body of {whose} is {}, not {}", quoted(&body), quoted(wanted)),
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
                self.message(Whose::Upstream, request, (headers, no_headers, trailers));
                self.body(Whose::Upstream, body.as_ref(), request);
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
                    format!(", with the details {}", quoted(details.as_bytes()))
                };
                self.fail(location, format!("the workload was not left to answer: a local reply came{details}"));
            }
            (LocalReply::Details(matcher), End::LocalReply(details)) if !matcher.accepts(details.as_bytes()) => {
                let message = format!(
                    "the details of the local reply are {}, {}",
                    quoted(details.as_bytes()),
                    words::not(matcher)
                );
                self.fail(location, message);
            }
            (LocalReply::Yes | LocalReply::Details(_), End::Complete) => {
                self.fail(location, "no filter answered: the workload did");
            }
            _ => {}
        }
    }

    fn log(&mut self, step: &Step, found: &ExchangeOutcome) {
        let lines = || found.log.iter().map(|line| line.message.as_str());
        for Expected { value, location } in &step.expect.log {
            if !lines().any(|line| value.is_match(line.as_bytes())) {
                let all = match found.log.len() {
                    0 => ", which is empty".to_owned(),
                    1 => ", which has 1 line".to_owned(),
                    count => format!(", which has {count} lines"),
                };
                let message = format!("{} matches no line of the log{all}", words::expression(value));
                let found = (!found.log.is_empty()).then(|| words::lines(lines()));
                self.fail_with(location, message, None, found);
            }
        }
        for Expected { value, location } in &step.expect.no_log {
            if let Some(line) = lines().find(|line| value.is_match(line.as_bytes())) {
                let message =
                    format!("{} matches a line of the log: {}", words::expression(value), quoted(line.as_bytes()));
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
                        None if found.metrics.is_empty() => "no filter defined any".to_owned(),
                        None => format!("there are {}", list(names())),
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
        if wanted != made {
            let number = |count| match count {
                0 => "no call was".to_owned(),
                1 => "1 call was".to_owned(),
                count => format!("{count} calls were"),
            };
            let message = if wanted.len() == made.len() {
                format!("the calls went to {}, not to {}", list(made.iter().copied()), list(wanted.iter().copied()))
            } else if made.is_empty() {
                format!("no call was made, and there should be {}", wanted.len())
            } else {
                format!("{} made (to {}), not {}", number(made.len()), list(made.iter().copied()), wanted.len())
            };
            // Where one call is another one, it alone is pointed at.
            let other = value.iter().zip(&made).find(|(call, made)| call.cluster != **made).map(|(call, _)| call);
            let location = other.filter(|_| wanted.len() == made.len()).map_or(location, |call| &call.location);
            return self.fail_with(location, message, Some(wanted.join(", ")), Some(made.join(", ")));
        }
        for (index, (call, made)) in value.iter().zip(found).enumerate() {
            let whose = Whose::Call(index, &call.cluster);
            self.message(whose, &made.request, (&call.headers, &[], &[]));
            self.body(whose, call.body.as_ref(), &made.request);
        }
    }
}

/// That it was no answer of the workload's, where it was none.
fn reply(end: &End) -> String {
    match end {
        End::LocalReply(details) if details.is_empty() => " (a local reply)".to_owned(),
        End::LocalReply(details) => format!(" (a local reply: {})", quoted(details.as_bytes())),
        _ => String::new(),
    }
}
