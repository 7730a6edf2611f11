//! Subjects and tests for the tests of the engine.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use camino::Utf8PathBuf;
use mesh_compile_host::outcome::{ExchangeOutcome, LogLine};
use mesh_compile_host::{Callout, Exchange, Fields, Message, Response, Scenario};

use crate::diag::{Location, Sources};
use crate::domain::{Digest, Direction, FilterType, LoadFailure};
use crate::objects::{LocalFile, PluginConfig, VmCode, VmConfig};
use crate::resolve::traffic::suite::{Expect, Step, Test};
use crate::verify::envoy::{self, Options};
use crate::verify::outcome::Outcome;
use crate::verify::subject::{ChainEntry, Module, Plugin, Subject};
use crate::world::Disk;

pub(super) const MS: fn(u64) -> Duration = Duration::from_millis;

pub(super) fn nowhere() -> Location {
    Location::whole(Sources::new().id("mesh.toml".into()))
}

/// A plugin in every HTTP chain. Its VM id is its name.
pub(super) fn plugin(name: &str, module: &[u8]) -> Plugin {
    Plugin {
        chain_name: format!("wasm.{name}"),
        config: PluginConfig {
            name: name.to_owned(),
            root_id: Some("root".to_owned()),
            allow_on_headers_stop_iteration: Some(true),
            vm_config: VmConfig {
                vm_id: name.to_owned(),
                code: VmCode { local: LocalFile { filename: format!("/var/local/lib/wasm-filters/{name}.wasm") } },
                ..VmConfig::default()
            },
            ..PluginConfig::default()
        },
        load_failure: LoadFailure::StopRollout,
        module: Module { bytes: module.into(), digest: Digest::of(module) },
    }
}

pub(super) fn subject(plugins: Vec<Plugin>, tests: Vec<Test>) -> Subject {
    let place = |plugin| ChainEntry {
        plugin: Arc::new(plugin),
        chain: FilterType::Http,
        direction: Direction::Any,
        port: None,
        location: nowhere(),
    };
    let plugins = plugins.into_iter().map(place).collect();
    Subject { name: "Deployment/default/web".to_owned(), envoy: 40, plugins, clusters: None, tests }
}

pub(super) fn test(steps: Vec<Step>) -> Test {
    Test {
        name: "it".to_owned(),
        location: nowhere(),
        direction: Direction::Inbound,
        port: None,
        chain: Default::default(),
        loading: Default::default(),
        scenario: Scenario::default(),
        steps,
    }
}

pub(super) fn calls(steps: Vec<Step>, cluster: &str, callouts: Vec<Callout>) -> Test {
    let callouts = [(cluster.to_owned(), callouts)].into();
    Test { scenario: Scenario { callouts, ..Scenario::default() }, ..test(steps) }
}

pub(super) fn callout(response: Response, after: Duration) -> Callout {
    Callout { after, response }
}

/// A GET with the response `ok`.
pub(super) fn get() -> Step {
    exchange(message(&[], &[]), ok(&[], &["ok"]))
}

pub(super) fn exchange(request: Message, upstream: Message) -> Step {
    let given = [(":authority", "mesh.test"), (":path", "/"), (":method", "GET"), (":scheme", "http")];
    let mut headers: Fields = given.into_iter().collect();
    headers.0.extend(request.headers.0.clone());
    Step {
        location: nowhere(),
        loading: Default::default(),
        exchange: Exchange {
            after: Duration::ZERO,
            request: Message { headers, ..request },
            upstream: Response::Message(upstream),
        },
        expect: Expect::default(),
    }
}

pub(super) fn after(after: Duration, step: Step) -> Step {
    Step { exchange: Exchange { after, ..step.exchange }, ..step }
}

pub(super) fn message(headers: &[(&str, &str)], body: &[&str]) -> Message {
    let body = body.iter().map(|chunk| chunk.as_bytes().to_vec()).collect();
    Message { headers: headers.iter().copied().collect(), body, trailers: None }
}

pub(super) fn with_trailers(message: Message, trailers: &[(&str, &str)]) -> Message {
    Message { trailers: Some(trailers.iter().copied().collect()), ..message }
}

pub(super) fn ok(headers: &[(&str, &str)], body: &[&str]) -> Message {
    let mut all = Fields::default();
    all.add(":status", "200");
    let message = message(headers, body);
    all.0.extend(message.headers.0);
    Message { headers: all, ..message }
}

/// Options with the Envoy that `scripts/setup` installs.
///
/// # Panics
/// If it is missing.
#[expect(clippy::disallowed_methods, reason = "no manifest depends on where the tests find their tools")]
pub(super) fn options() -> Options {
    let bin = std::env::var("MESH_COMPILE_TOOLS")
        .map_or_else(|_| Path::new(env!("CARGO_MANIFEST_DIR")).join("target/tools/bin"), std::path::PathBuf::from);
    let path = Utf8PathBuf::from_path_buf(bin.join("envoy")).expect("UTF-8");
    assert!(path.is_file(), "{path} is missing: run ./scripts/setup first");
    Options { path: Some(path), timeout: Duration::from_secs(2) }
}

/// Runs the subjects on one Envoy.
pub(super) fn run(subjects: &[Subject]) -> Vec<Outcome> {
    envoy::run(&Disk::new(), subjects, &options(), &|| ()).unwrap_or_else(|error| panic!("{error:?}"))
}

/// The steps of the only test of the only subject.
pub(super) fn steps(plugins: Vec<Plugin>, test: Test) -> Vec<ExchangeOutcome> {
    let outcomes = run(&[subject(plugins, vec![test])]);
    let [Outcome { plugins, tests }] = &outcomes[..] else { panic!("one outcome: {outcomes:?}") };
    assert!(plugins.iter().all(|plugin| plugin.fault.is_none()), "{plugins:?}");
    assert!(tests[0].fault.is_none(), "{:?}", tests[0].fault);
    tests[0].steps.clone()
}

/// The fields as `name: value`.
pub(super) fn lines(fields: &Fields) -> Vec<String> {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    fields.0.iter().map(|(name, value)| format!("{}: {}", text(name), text(value))).collect()
}

pub(super) fn messages(log: &[LogLine]) -> Vec<&str> {
    log.iter().map(|line| line.message.as_str()).collect()
}
