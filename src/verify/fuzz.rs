//! The door for the fuzzer (fuzz/fuzz_targets/host.rs): a module of its own in a chain of four, through a fixed test.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use mesh_compile_host::{Callout, Exchange, FailurePolicy, Message, Property, Response, Scenario};

use super::subject::{self, Placed, Plugin, Subject};
use super::{Options, Report, run};
use crate::diag::{Location, Sink};
use crate::domain::{Digest, Direction, FilterType, Istio};
use crate::traffic::{Expect, Step, Test};
use crate::world::{Memory, World as _};

/// Runs it, and writes the report and the findings as a user would get them. `choices`: failure policies, and how the stream ends.
///
/// # Panics
/// Never: that is what is fuzzed.
#[must_use]
pub fn drive(module: &[u8], choices: u8) -> String {
    let world = Memory::new();
    let location = Location::whole(world.sources().id("mesh.toml".into()));
    let module = subject::Module { bytes: module.into(), digest: Digest::of(module) };
    let policies = [FailurePolicy::Unspecified, FailurePolicy::Open, FailurePolicy::OpenOld, FailurePolicy::Reload];
    // Two plugins in one VM, one in its own, and one for connections.
    let plugins = ["a", "a", "b", "b"].into_iter().enumerate().map(|(number, vm_id)| Placed {
        plugin: Arc::new(Plugin {
            chain_name: format!("filter-{number}"),
            name: format!("filter-{number}"),
            root_id: String::new(),
            configuration: b"{\"a\":1}".to_vec(),
            vm_id: vm_id.into(),
            vm_configuration: b"vm".to_vec(),
            env: BTreeMap::from([("A".into(), "b".into())]),
            host_env: Vec::new(),
            capabilities: None,
            on_failure: policies[usize::from(choices >> (2 * number)) % policies.len()],
            stop_iteration: choices & 0x40 != 0,
            filename: "/filter.wasm".into(),
            module: module.clone(),
        }),
        chain: if number < 3 { FilterType::Http } else { FilterType::Network },
        direction: Direction::Any,
        port: None,
        location,
    });
    let envoy = Istio::NEWEST.envoy_minor();
    let subject = Subject { name: "w".into(), envoy, plugins: plugins.collect(), tests: vec![test(location, choices)] };
    let mut sink = Sink::new();
    let report = run::run(&world, &[subject], &Options::default(), &mut sink, &|_, _| {});
    report
        .as_ref()
        .map(|report: &Report| report.to_json(&sink.into_sorted(world.sources()), world.sources()))
        .unwrap_or_default()
}

fn message(headers: &[(&str, &str)], body: &[&str], trailers: &[(&str, &str)]) -> Message {
    let body = body.iter().map(|chunk| chunk.as_bytes().to_vec()).collect();
    let trailers = (!trailers.is_empty()).then(|| trailers.iter().copied().collect());
    Message { headers: headers.iter().copied().collect(), body, trailers }
}

fn test(location: Location, choices: u8) -> Test {
    let request = |method, body: &[&str], trailers: &[(&str, &str)]| {
        let headers =
            [(":authority", "mesh.test"), (":path", "/a?b"), (":method", method), (":scheme", "http"), ("a", "1")];
        message(&headers, body, trailers)
    };
    let ok = |body: &[&str], trailers: &[(&str, &str)]| {
        Response::Message(message(&[(":status", "200"), ("b", "2")], body, trailers))
    };
    let step = |after, request, upstream| Step {
        location,
        exchange: Exchange { after: Duration::from_millis(after), request, upstream },
        expect: Expect::default(),
    };
    let last = if choices & 0x80 == 0 { ok(&[], &[]) } else { Response::Reset };
    let callout = |after, response| vec![Callout { after: Duration::from_millis(after), response }];
    let grpc = Response::Message(message(&[(":status", "200")], &["m", "n"], &[("grpc-status", "0")]));
    Test {
        name: "t".into(),
        location,
        direction: Direction::Inbound,
        port: None,
        scenario: Scenario {
            properties: BTreeMap::from([(vec!["p".into()], Property::Integer(1))]),
            callouts: BTreeMap::from([
                ("auth".into(), callout(10, ok(&["yes"], &[("t", "1")]))),
                ("grpc".into(), callout(0, grpc)),
                ("slow".into(), callout(5000, Response::Reset)),
            ]),
            ..Scenario::default()
        },
        steps: vec![
            step(0, request("GET", &[], &[]), ok(&["body"], &[])),
            step(1000, request("POST", &["one", "two"], &[("t", "1")]), ok(&["three", "four"], &[("u", "2")])),
            step(100, request("HEAD", &[], &[]), last),
        ],
    }
}
