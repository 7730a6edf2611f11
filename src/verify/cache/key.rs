//! The cache key: a digest of everything that a dry run depends on. Each type is destructured completely, so that a new field that is
//! missing here does not compile.

use mesh_compile_host::{Callout, Exchange, Fields, Message, Property, Response, Scenario};

use crate::domain::Digest;
use crate::resolve::traffic::suite::{
    Chain, Expect, Expected, ExpectedCall, ExpectedField, ExpectedUpstream, LocalReply, Matcher, Step, Test,
};
use crate::verify::subject::{ChainEntry, Module, Plugin, Subject};

/// The program's version, and a hash of its sources (build.rs), because it is also built between versions.
const PROGRAM: &str = concat!("mesh-compile ", env!("CARGO_PKG_VERSION"), " ", env!("MESH_COMPILE_SOURCES"));

/// The key of a subject in the embedded engine.
pub(super) fn of(subject: &Subject) -> Digest {
    let mut key = Key::default();
    key.text(PROGRAM);
    key.text("embedded");
    let Subject { name, envoy, plugins, clusters, tests } = subject;
    key.variant(clusters);
    key.number(u64::from(*envoy));
    key.text(name);
    key.each(plugins, Key::chain_entry);
    key.each(tests, Key::test);
    Digest::of(&key.0)
}

/// The encoded content. Lengths precede texts and lists, so that different contents give different bytes.
#[derive(Debug, Default)]
struct Key(Vec<u8>);

impl Key {
    fn number(&mut self, number: u64) {
        self.0.extend(number.to_le_bytes());
    }

    fn bytes(&mut self, bytes: &[u8]) {
        self.number(bytes.len() as u64);
        self.0.extend(bytes);
    }

    fn text(&mut self, text: &str) {
        self.bytes(text.as_bytes());
    }

    fn flag(&mut self, flag: bool) {
        self.0.push(flag.into());
    }

    /// The name of a variant without fields.
    fn variant(&mut self, variant: impl std::fmt::Debug) {
        self.text(&format!("{variant:?}"));
    }

    fn each<'a, T: 'a>(
        &mut self,
        items: impl IntoIterator<Item = &'a T, IntoIter: ExactSizeIterator>,
        of: fn(&mut Self, &T),
    ) {
        let items = items.into_iter();
        self.number(items.len() as u64);
        items.for_each(|item| of(self, item));
    }

    fn optional<T>(&mut self, item: Option<&T>, of: fn(&mut Self, &T)) {
        self.flag(item.is_some());
        item.into_iter().for_each(|item| of(self, item));
    }

    fn chain_entry(&mut self, entry: &ChainEntry) {
        let ChainEntry { plugin, chain, direction, port, location: _ } = entry;
        self.plugin(plugin);
        self.variant((chain, direction, port));
    }

    fn plugin(&mut self, plugin: &Plugin) {
        let Plugin { chain_name, config, load_failure, module: Module { bytes: _, digest } } = plugin;
        self.text(chain_name);
        self.text(&serde_json::to_string(config).expect("a configuration has string keys"));
        self.variant(load_failure);
        self.text(&digest.to_string());
    }

    fn test(&mut self, test: &Test) {
        let Test { name, location: _, direction, port, chain, loading, scenario, steps } = test;
        let Scenario { time, seed, properties, callouts, any_cluster } = scenario;
        self.text(name);
        self.variant((direction, port));
        // Why a chain lacks filters does not change a result.
        let Chain { is_http, exists, has_port, bypass: _ } = chain;
        [is_http, exists, has_port].into_iter().for_each(|flag| self.flag(*flag));
        self.variant(loading);
        self.number(*time);
        self.number(*seed);
        self.flag(*any_cluster);
        self.number(properties.len() as u64);
        for (path, property) in properties {
            self.each(path, |key, part| key.text(part));
            match property {
                Property::Text(text) => self.text(text),
                Property::Integer(number) => self.variant(number),
                Property::Boolean(flag) => self.variant(flag),
            }
            self.variant(std::mem::discriminant(property));
        }
        self.number(callouts.len() as u64);
        for (cluster, responses) in callouts {
            self.text(cluster);
            self.each(responses, |key, Callout { after, response }| {
                key.variant(after);
                key.response(response);
            });
        }
        self.each(steps, Self::step);
    }

    fn step(&mut self, step: &Step) {
        let Step { location: _, loading, exchange: Exchange { after, request, upstream }, expect } = step;
        self.variant(loading);
        self.variant(after);
        self.message(request);
        self.response(upstream);
        self.expect(expect);
    }

    fn response(&mut self, response: &Response) {
        let message = match response {
            Response::Message(message) => Some(message),
            Response::Reset => None,
        };
        self.optional(message, Self::message);
    }

    fn message(&mut self, message: &Message) {
        let Message { headers, body, trailers } = message;
        self.fields(headers);
        self.each(body, |key, chunk| key.bytes(chunk));
        self.optional(trailers.as_ref(), Self::fields);
    }

    fn fields(&mut self, Fields(fields): &Fields) {
        self.each(fields, |key, (name, value)| {
            key.bytes(name);
            key.bytes(value);
        });
    }

    fn expect(&mut self, expect: &Expect) {
        let Expect {
            status,
            headers,
            no_headers,
            body,
            trailers,
            upstream,
            local_reply,
            reset,
            log,
            no_log,
            metrics,
            calls,
        } = expect;
        self.optional(status.as_ref(), |key, status| key.number(status.value.into()));
        self.each(headers, Self::field);
        self.each(no_headers, |key, name| key.text(&name.value));
        self.optional(body.as_ref(), Self::body);
        self.each(trailers, Self::field);
        self.optional(upstream.as_ref(), |key, upstream| match upstream {
            ExpectedUpstream::Nothing(_) => key.flag(false),
            ExpectedUpstream::Request { headers, no_headers, body, trailers, location: _ } => {
                key.flag(true);
                key.each(headers, Self::field);
                key.each(no_headers, |key, name| key.text(&name.value));
                key.optional(body.as_ref(), Self::body);
                key.each(trailers, Self::field);
            }
        });
        self.optional(local_reply.as_ref(), |key, reply| match &reply.value {
            LocalReply::No => key.text("no"),
            LocalReply::Yes => key.text("yes"),
            LocalReply::Details(details) => {
                key.text("details");
                key.matcher(details);
            }
        });
        self.optional(reset.as_ref(), |key, reset| key.flag(reset.value));
        for patterns in [log, no_log] {
            self.each(patterns, |key, pattern| key.text(pattern.value.as_str()));
        }
        self.each(metrics, |key, (name, value)| {
            key.text(name);
            key.number(value.value);
        });
        self.optional(calls.as_ref(), |key, calls| key.each(&calls.value, Self::call));
    }

    fn call(&mut self, call: &ExpectedCall) {
        let ExpectedCall { cluster, names, headers, body, location: _ } = call;
        self.text(cluster);
        self.each(names, |key, name| key.text(name));
        self.each(headers, Self::field);
        self.optional(body.as_ref(), Self::body);
    }

    fn field(&mut self, field: &ExpectedField) {
        let ExpectedField { name, values, location: _ } = field;
        self.text(name);
        self.each(values, Self::matcher);
    }

    fn body(&mut self, body: &Expected<Matcher>) {
        let Expected { value, location: _ } = body;
        self.matcher(value);
    }

    fn matcher(&mut self, matcher: &Matcher) {
        match matcher {
            Matcher::Is(bytes) => {
                self.flag(false);
                self.bytes(bytes);
            }
            Matcher::Matches(regex) => {
                self.flag(true);
                self.text(regex.as_str());
            }
        }
    }
}
