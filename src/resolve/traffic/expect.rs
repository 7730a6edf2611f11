//! The expected results of a test.

use mesh_compile_host::message::UNOBSERVED;

use super::headers::TOKEN;
use super::values::{Check, is_token, short};
use crate::diag::{Location, suggest};
use crate::resolve::traffic::suite::{
    Expect, Expected, ExpectedCall, ExpectedField, ExpectedUpstream, LocalReply, Matcher,
};
use crate::spec::Spanned;
use crate::spec::types::traffic::{self, ExpectedBody, ExpectedFields, ExpectedLocalReply, ExpectedValues};

/// The pseudo-headers of requests.
const OF_REQUESTS: &[&str] = &[":authority", ":method", ":path", ":scheme"];
/// The pseudo-headers of responses.
const OF_RESPONSES: &[&str] = &[":status"];

fn expected<T: Copy>(written: &Spanned<T>) -> Expected<T> {
    Expected { value: **written, location: written.location() }
}

impl Check<'_> {
    pub(super) fn expect(&mut self, written: Option<&Spanned<traffic::Expect>>) -> Expect {
        let Some(written) = written else { return Expect::default() };
        let metrics = written.metrics.iter().map(|(name, value)| (name.clone(), expected(value)));
        Expect {
            status: written.status.as_ref().map(expected),
            headers: self.expected_fields(&written.headers, OF_RESPONSES),
            no_headers: self.unexpected(&written.no_headers, OF_RESPONSES),
            body: written.body.as_ref().map(|body| self.expected_body(body)),
            trailers: self.expected_fields(&written.trailers, &[]),
            upstream: written.upstream.as_ref().map(|upstream| self.expected_upstream(upstream)),
            reset: written.reset.as_ref().map(expected),
            local_reply: written.local_reply.as_ref().map(|reply| self.local_reply(reply)),
            log: self.lines(&written.log),
            no_log: self.lines(&written.no_log),
            metrics: metrics.collect(),
            calls: written.calls.as_ref().map(|calls| self.calls(calls)),
        }
    }

    fn expected_upstream(&mut self, written: &Spanned<traffic::ExpectedUpstream>) -> ExpectedUpstream {
        let location = written.location();
        let default = traffic::ExpectedRequest::default();
        let request = match &**written {
            traffic::ExpectedUpstream::Reached(false) => return ExpectedUpstream::Nothing(location),
            traffic::ExpectedUpstream::Reached(true) => &default,
            traffic::ExpectedUpstream::Request(request) => request,
        };
        ExpectedUpstream::Request {
            headers: self.expected_fields(&request.headers, OF_REQUESTS),
            no_headers: self.unexpected(&request.no_headers, OF_REQUESTS),
            body: request.body.as_ref().map(|body| self.expected_body(body)),
            trailers: self.expected_fields(&request.trailers, &[]),
            location,
        }
    }

    fn local_reply(&mut self, written: &Spanned<ExpectedLocalReply>) -> Expected<LocalReply> {
        let value = match &**written {
            ExpectedLocalReply::Sent(false) => LocalReply::No,
            ExpectedLocalReply::Sent(true) => LocalReply::Yes,
            ExpectedLocalReply::With(reply) => LocalReply::Details(match self.pattern(&reply.details) {
                // Envoy replaces the spaces of response code details with underscores.
                Matcher::Is(text) => Matcher::Is(text.iter().map(|&b| if b == b' ' { b'_' } else { b }).collect()),
                Matcher::Matches(regex) => Matcher::Matches(regex),
            }),
        };
        Expected { value, location: written.location() }
    }

    fn calls(&mut self, written: &Spanned<Vec<traffic::ExpectedCall>>) -> Expected<Vec<ExpectedCall>> {
        let calls = written.iter().map(|call| ExpectedCall {
            cluster: call.cluster.to_string(),
            names: vec![call.cluster.to_string()],
            headers: self.expected_fields(&call.headers, OF_REQUESTS),
            body: call.body.as_ref().map(|body| self.expected_body(body)),
            location: call.cluster.location(),
        });
        Expected { value: calls.collect(), location: written.location() }
    }

    fn expected_body(&mut self, written: &Spanned<ExpectedBody>) -> Expected<Matcher> {
        Expected { value: self.body_pattern(written), location: written.location() }
    }

    fn lines(&mut self, written: &[Spanned<String>]) -> Vec<Expected<regex::bytes::Regex>> {
        let regex = |text: &Spanned<String>| Some(Expected { value: self.regex(text)?, location: text.location() });
        written.iter().filter_map(regex).collect()
    }

    fn expected_fields(&mut self, written: &ExpectedFields, pseudo: &[&str]) -> Vec<ExpectedField> {
        self.once(written);
        let fields = written.iter().map(|(name, values)| {
            self.expected_name(name, pseudo, values.key_location());
            let matchers = match &**values {
                ExpectedValues::Is(text) => vec![Matcher::Is(text.as_bytes().to_vec())],
                ExpectedValues::Like(like) => vec![self.matches(&like.matches)],
                ExpectedValues::Several(several) => several.iter().map(|one| self.pattern(one)).collect(),
            };
            ExpectedField { name: name.to_ascii_lowercase(), values: matchers, location: values.location() }
        });
        fields.collect()
    }

    fn unexpected(&mut self, written: &[Spanned<String>], pseudo: &[&str]) -> Vec<Expected<String>> {
        let names = written.iter().map(|name| {
            self.expected_name(name, pseudo, name.key_location());
            Expected { value: name.to_ascii_lowercase(), location: name.location() }
        });
        names.collect()
    }

    /// Reports a name that no header can have or that is never compared: the expectation would always fail, or never.
    fn expected_name(&mut self, name: &str, pseudo: &[&str], location: Location) {
        let lower = name.to_ascii_lowercase();
        let (message, help) = if name.starts_with(':') && !pseudo.contains(&lower.as_str()) {
            let help = match suggest(&lower, pseudo.iter().copied()) {
                Some(near) => format!("did you mean `{near}`?"),
                None if pseudo.is_empty() => "trailers have no pseudo-headers".to_owned(),
                None => format!("pseudo-headers here: `{}`", pseudo.join("`, `")),
            };
            (format!("{} is not a pseudo-header here", short(name)), help)
        } else if UNOBSERVED.contains(&lower.as_str()) {
            let help = "remove it: it differs between runs, or belongs to the connection".to_owned();
            (format!("`{name}` is not checked"), help)
        } else if !name.starts_with(':') && !is_token(name) {
            (format!("{} is not a valid header name", short(name)), TOKEN.to_owned())
        } else {
            return;
        };
        self.reject(location, message, help);
    }
}
