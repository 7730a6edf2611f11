//! The entry point of the fuzzer (fuzz/fuzz_targets/host.rs): runs a module in a chain of four through a fixed test.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use mesh_compile_host::{Callout, Exchange, Message, Property, Response, Scenario};

use super::subject::{self, ChainEntry, Plugin, Subject};
use super::{Options, Report, run};
use crate::diag::{Location, Sink};
use crate::domain::{Digest, Direction, FilterType, Istio, LoadFailure};
use crate::objects::{Any, EnvironmentVariables, FailurePolicy, LocalFile, PluginConfig, VmCode, VmConfig};
use crate::resolve::traffic::suite::{Chain, Expect, Step, Test};
use crate::world::{Memory, World as _};

fn config(number: usize, vm_id: &str, choices: u8) -> PluginConfig {
    let text = |value: &str| Some(Any::String { value: value.to_owned() });
    let (failure_policy, fail_open) = match (choices >> (2 * number)) % 4 {
        0 => (None, None),
        1 => (Some(FailurePolicy::FailOpen), None),
        2 => (None, Some(true)),
        _ => (Some(FailurePolicy::FailReload), None),
    };
    PluginConfig {
        name: format!("filter-{number}"),
        configuration: text("{\"a\":1}"),
        failure_policy,
        fail_open,
        allow_on_headers_stop_iteration: Some(choices & 0x40 != 0),
        vm_config: VmConfig {
            vm_id: vm_id.to_owned(),
            code: VmCode { local: LocalFile { filename: "/filter.wasm".to_owned() } },
            configuration: text("vm"),
            environment_variables: EnvironmentVariables {
                key_values: BTreeMap::from([("A".to_owned(), "b".to_owned())]),
                ..EnvironmentVariables::default()
            },
            ..VmConfig::default()
        },
        ..PluginConfig::default()
    }
}

/// Runs the module and renders the report and the findings. `choices`: failure policies, and how the stream ends.
///
/// # Panics
/// Never. The fuzzer looks for panics.
#[must_use]
pub fn drive(module: &[u8], choices: u8) -> String {
    let world = Memory::new();
    let location = Location::whole(world.sources().id("mesh.toml".into()));
    let module = subject::Module { bytes: module.into(), digest: Digest::of(module) };
    // Two plugins in one VM, one in its own VM, and one network filter.
    let plugins = ["a", "a", "b", "b"].into_iter().enumerate().map(|(number, vm_id)| ChainEntry {
        plugin: Arc::new(Plugin {
            chain_name: format!("filter-{number}"),
            config: config(number, vm_id, choices),
            load_failure: LoadFailure::StopRollout,
            module: module.clone(),
        }),
        chain: if number < 3 { FilterType::Http } else { FilterType::Network },
        direction: Direction::Any,
        port: None,
        location,
    });
    let envoy = Istio::NEWEST.envoy_minor();
    let subject = Subject {
        name: "w".into(),
        envoy,
        plugins: plugins.collect(),
        clusters: None,
        tests: vec![test(location, choices)],
    };
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
        loading: Default::default(),
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
        chain: Chain::default(),
        loading: BTreeMap::new(),
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
