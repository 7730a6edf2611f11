//! What a test expects.

use std::collections::BTreeMap;

use mesh_compile_host::message::UNOBSERVED;

use super::values::{Check, is_token, short};
use crate::diag::suggest;
use crate::spec::Place;
use crate::spec::types::traffic::{self, ExpectedBody, ExpectedLocalReply, ExpectedValues};
use crate::traffic::{Expect, Expected, ExpectedCall, ExpectedField, ExpectedUpstream, LocalReply, Matcher};

/// Pseudo-headers, by what has them.
const OF_REQUESTS: &[&str] = &[":authority", ":method", ":path", ":scheme"];
const OF_ANSWERS: &[&str] = &[":status"];

impl Check<'_> {
    pub(super) fn expect(&mut self, written: Option<&traffic::Expect>, place: &Place) -> Expect {
        let Some(written) = written else { return Expect::default() };
        let at = |key: &str| self.document.at(&place.key(key));
        let status = written.status.map(|value| Expected { value, location: at("status") });
        let metrics = place.key("metrics");
        let metrics = written.metrics.iter().map(|(name, value)| {
            (name.clone(), Expected { value: *value, location: self.document.at(&metrics.key(name)) })
        });
        let metrics = metrics.collect();
        Expect {
            status,
            headers: self.expected_fields(&written.headers, OF_ANSWERS, &place.key("headers")),
            no_headers: self.unexpected(&written.no_headers, OF_ANSWERS, &place.key("no-headers")),
            body: self.expected_body(written.body.as_ref(), &place.key("body")),
            trailers: self.expected_fields(&written.trailers, &[], &place.key("trailers")),
            upstream: written.upstream.as_ref().map(|it| self.expected_upstream(it, &place.key("upstream"))),
            reset: written.reset.map(|value| Expected { value, location: self.document.at(&place.key("reset")) }),
            local_reply: written.local_reply.as_ref().map(|it| self.local_reply(it, &place.key("local-reply"))),
            log: self.lines(&written.log, &place.key("log")),
            no_log: self.lines(&written.no_log, &place.key("no-log")),
            metrics,
            calls: written.calls.as_ref().map(|calls| self.calls(calls, &place.key("calls"))),
        }
    }

    fn expected_upstream(&mut self, written: &traffic::ExpectedUpstream, place: &Place) -> ExpectedUpstream {
        let location = self.document.at(place);
        let default = traffic::ExpectedRequest::default();
        let written = match written {
            traffic::ExpectedUpstream::Reached(false) => return ExpectedUpstream::Nothing(location),
            traffic::ExpectedUpstream::Reached(true) => &default,
            traffic::ExpectedUpstream::Request(request) => request,
        };
        ExpectedUpstream::Request {
            headers: self.expected_fields(&written.headers, OF_REQUESTS, &place.key("headers")),
            no_headers: self.unexpected(&written.no_headers, OF_REQUESTS, &place.key("no-headers")),
            body: self.expected_body(written.body.as_ref(), &place.key("body")),
            trailers: self.expected_fields(&written.trailers, &[], &place.key("trailers")),
            location,
        }
    }

    fn local_reply(&mut self, written: &ExpectedLocalReply, place: &Place) -> Expected<LocalReply> {
        let location = self.document.at(place);
        let value = match written {
            ExpectedLocalReply::Sent(false) => LocalReply::No,
            ExpectedLocalReply::Sent(true) => LocalReply::Yes,
            ExpectedLocalReply::With(it) => {
                LocalReply::Details(match self.pattern(&it.details, &place.key("details")) {
                    // Envoy makes underscores of a details' blanks, whoever gave them.
                    Matcher::Is(text) => Matcher::Is(text.iter().map(|&b| if b == b' ' { b'_' } else { b }).collect()),
                    Matcher::Matches(regex) => Matcher::Matches(regex),
                })
            }
        };
        Expected { value, location }
    }

    fn calls(&mut self, written: &[traffic::ExpectedCall], place: &Place) -> Expected<Vec<ExpectedCall>> {
        let calls = written.iter().enumerate().map(|(i, call)| {
            let here = place.index(i);
            ExpectedCall {
                cluster: call.cluster.clone(),
                headers: self.expected_fields(&call.headers, OF_REQUESTS, &here.key("headers")),
                body: self.expected_body(call.body.as_ref(), &here.key("body")),
                location: self.document.at(&here.key("cluster")),
            }
        });
        let value = calls.collect();
        Expected { value, location: self.document.at(place) }
    }

    fn expected_body(&mut self, written: Option<&ExpectedBody>, place: &Place) -> Option<Expected<Matcher>> {
        let location = self.document.at(place);
        written.map(|body| Expected { value: self.body_pattern(body, place), location })
    }

    fn lines(&mut self, written: &[String], place: &Place) -> Vec<Expected<regex::bytes::Regex>> {
        let lines = written.iter().enumerate().filter_map(|(i, text)| {
            let here = place.index(i);
            self.regex(text, &here).map(|value| Expected { value, location: self.document.at(&here) })
        });
        lines.collect()
    }

    fn expected_fields(
        &mut self,
        written: &BTreeMap<String, ExpectedValues>,
        pseudo: &[&str],
        place: &Place,
    ) -> Vec<ExpectedField> {
        self.once(written.keys(), place);
        let fields = written.iter().map(|(name, values)| {
            let here = place.key(name);
            self.expected_name(name, pseudo, &here);
            let values = match values {
                ExpectedValues::Is(text) => vec![Matcher::Is(text.as_bytes().to_vec())],
                ExpectedValues::Like(it) => vec![self.matches(&it.matches, &here)],
                ExpectedValues::Several(several) => {
                    several.iter().enumerate().map(|(i, one)| self.pattern(one, &here.index(i))).collect()
                }
            };
            ExpectedField { name: name.to_ascii_lowercase(), values, location: self.document.at(&here) }
        });
        fields.collect()
    }

    fn unexpected(&mut self, written: &[String], pseudo: &[&str], place: &Place) -> Vec<Expected<String>> {
        let names = written.iter().enumerate().map(|(i, name)| {
            let here = place.index(i);
            self.expected_name(name, pseudo, &here);
            Expected { value: name.to_ascii_lowercase(), location: self.document.at(&here) }
        });
        names.collect()
    }

    /// A name that no header can have, or none that is looked at, would make an expectation that always fails or never does.
    fn expected_name(&mut self, name: &str, pseudo: &[&str], place: &Place) {
        let lower = name.to_ascii_lowercase();
        let (message, help) = if name.starts_with(':') && !pseudo.contains(&lower.as_str()) {
            let help = match suggest(&lower, pseudo.iter().copied()) {
                Some(near) => format!("did you mean `{near}`?"),
                None if pseudo.is_empty() => "trailers have no pseudo-headers".to_owned(),
                None => format!("the pseudo-headers here: `{}`", pseudo.join("`, `")),
            };
            (format!("{} never stands here", short(name)), help)
        } else if UNOBSERVED.contains(&lower.as_str()) {
            let help = "remove it: it differs from run to run, or belongs to the connection".to_owned();
            (format!("`{name}` is not looked at"), help)
        } else if !name.starts_with(':') && !is_token(name) {
            let help = "letters, digits and ``!#$%&'*+-.^_`|~`` may stand there".to_owned();
            (format!("{} is not the name of a header", short(name)), help)
        } else {
            return;
        };
        let location = self.document.key(place);
        self.refuse(location, message, help);
    }
}
