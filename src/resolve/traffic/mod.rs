//! The tests of the workloads: from mesh.toml to what the engines run, with the defaults filled in. Tests are never rendered, but
//! an error in a test is an error of the spec.

mod expect;
mod headers;
mod loading;
mod message;
pub(crate) mod suite;
pub(super) mod values;

#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};

use mesh_compile_host::{Callout, Exchange, Property, Scenario};

use super::clusters::Clusters;
use super::link::{Chains, Index};
use super::roster::Entry;
use super::workloads::Workload;
use crate::diag::{Code, Diagnostic, Location, Sink, Sources};
use crate::domain::Direction;
use crate::resolve::traffic::suite::{Chain, Loading, Step, Suite, Test};
use crate::spec::Spanned;
use crate::spec::types::traffic;
use crate::spec::types::traffic::{PropertyValue, TestDirection};
use values::{Check, short};

/// The tests of each workload, in the order of `resolved`. The tests of other workloads are checked too.
pub(super) fn resolve(
    sources: &Sources,
    roster: &[Entry<'_>],
    resolved: &[Workload<'_>],
    index: &Index<'_>,
    clusters: &Clusters,
    sink: &mut Sink,
) -> Vec<Suite> {
    let mut tests = BTreeMap::new();
    for entry in roster {
        tests.insert(entry.key.as_str(), workload(sources, entry, sink));
    }
    let chains = tests.values().any(|tests| !tests.is_empty()).then(|| Chains::new(index)).flatten();
    resolved.iter().for_each(|workload| loading::check(workload, sink));
    let mut of_workload = |workload: &Workload<'_>| {
        let mut tests = tests.remove(workload.entry.key.as_str()).unwrap_or_default();
        if let (Some(chains), Some(linked)) = (&chains, &workload.entry.linked) {
            tests.iter_mut().for_each(|test| test.chain = chains.of(linked, test));
        }
        let filters: Vec<&str> = workload.uses.iter().map(|one| one.filter.plugin.name.as_str()).collect();
        tests.iter_mut().for_each(|test| rename(test, &filters, clusters));
        tests
    };
    let suite = |workload: &Workload<'_>| Suite {
        kind: workload.mesh.kind,
        namespace: workload.mesh.namespace.to_string(),
        name: workload.mesh.name.to_string(),
        key: workload.entry.key.clone(),
        labels: workload.mesh.selector.iter().map(|(key, value)| (key.to_string(), value.to_string())).collect(),
        location: workload.mesh.location,
        filters: workload.uses.iter().map(|one| (one.filter.plugin.name.to_string(), one.name_location)).collect(),
        tests: of_workload(workload),
    };
    resolved.iter().map(suite).collect()
}

/// Gives the clusters that mesh.toml declares their names in the proxy: a test may use the short ones.
fn rename(test: &mut Test, filters: &[&str], clusters: &Clusters) {
    let names = |key: &str| -> Option<Vec<String>> {
        let cluster = clusters.get(key)?;
        let names: BTreeSet<String> = filters.iter().map(|filter| cluster.name(key, filter)).collect();
        Some(names.into_iter().collect())
    };
    let callouts = std::mem::take(&mut test.scenario.callouts);
    for (key, responses) in callouts {
        for name in names(&key).unwrap_or_else(|| vec![key.clone()]) {
            test.scenario.callouts.insert(name, responses.clone());
        }
    }
    for call in test.steps.iter_mut().filter_map(|step| step.expect.calls.as_mut()).flat_map(|calls| &mut calls.value) {
        if let Some(names) = names(&call.cluster) {
            call.names = names;
        }
    }
}

/// A filter of a workload, as far as it decides which requests it sees: its direction and its port.
struct Listener<'a> {
    direction: Direction,
    port: Option<&'a Spanned<u16>>,
}

fn workload(sources: &Sources, entry: &Entry<'_>, sink: &mut Sink) -> Vec<Test> {
    let default = entry.direction();
    let listeners = entry.uses.iter().map(|one| {
        let with = one.written.settings();
        let direction = with.and_then(|with| with.direction.as_deref().copied()).unwrap_or(default);
        Listener { direction, port: with.and_then(|with| with.port.as_ref()) }
    });
    let listeners: Vec<_> = listeners.collect();
    let mut check = Check { sources, sink };
    let tests: Vec<_> = entry.written.tests.iter().map(|test| check.test(test, default, &listeners)).collect();
    names(&tests, sink);
    tests
}

/// Reports tests of one workload that have the same name: reports identify a test by its workload and its name.
fn names(tests: &[Test], sink: &mut Sink) {
    let mut seen: BTreeMap<&str, Location> = BTreeMap::new();
    for test in tests {
        if let Some(first) = seen.get(test.name.as_str()) {
            sink.push(
                Diagnostic::error(Code::MC0120, format!("two tests have the name {}", short(&test.name)))
                    .at_label(test.location, "second test")
                    .related(*first, "first test")
                    .help("rename one of them, or combine them as `steps` of one test"),
            );
        } else {
            seen.insert(&test.name, test.location);
        }
    }
}

/// An exchange of a test, as mesh.toml sets it.
struct Written<'a> {
    loading: Option<&'a BTreeMap<String, Spanned<Loading>>>,
    after: Option<&'a Spanned<String>>,
    request: Option<&'a Spanned<traffic::Request>>,
    upstream: Option<&'a Spanned<traffic::Response>>,
    expect: Option<&'a Spanned<traffic::Expect>>,
}

macro_rules! written {
    ($written:expr) => {
        Written {
            loading: Some(&$written.loading),
            after: $written.after.as_ref(),
            request: $written.request.as_ref(),
            upstream: $written.upstream.as_ref(),
            expect: $written.expect.as_ref(),
        }
    };
}

impl Check<'_> {
    fn test(&mut self, written: &Spanned<traffic::Test>, default: Direction, all: &[Listener<'_>]) -> Test {
        let location = written.name.location();
        if written.name.trim().is_empty() || written.name.contains(char::is_control) {
            let help = "describe in one line what the test shows: `name = \"adds the header\"`";
            self.reject(location, format!("{} is not a valid test name", short(&written.name)), help);
        }
        let direction = match (written.direction.as_deref(), default) {
            (Some(TestDirection::Inbound), _) | (None, Direction::Inbound | Direction::Any) => Direction::Inbound,
            (Some(TestDirection::Outbound), _) | (None, Direction::Outbound) => Direction::Outbound,
            (Some(TestDirection::Gateway), _) | (None, Direction::Gateway) => Direction::Gateway,
        };
        let sees = |it: &&Listener<'_>| it.direction == direction || it.direction == Direction::Any;
        let listeners: Vec<_> = all.iter().filter(sees).collect();
        // A workload without filters is reported itself.
        if listeners.is_empty() && !all.is_empty() {
            self.bypassed(direction, written);
        }
        Test {
            name: written.name.to_string(),
            direction,
            port: written.port.or_else(|| self.port(&listeners, location)),
            chain: Chain::default(),
            loading: loading::resolve(&written.loading),
            scenario: Scenario {
                time: self.time(written.time.as_ref()),
                seed: written.seed.unwrap_or(0),
                properties: self.properties(&written.properties),
                callouts: self.clusters(&written.callouts),
                any_cluster: false,
            },
            steps: self.steps(written),
            location,
        }
    }

    fn bypassed(&mut self, direction: Direction, written: &traffic::Test) {
        let location = written.direction.as_ref().map_or_else(|| written.name.location(), Spanned::location);
        let direction = format!("{direction:?}").to_lowercase();
        self.sink.push(
            Diagnostic::warning(Code::MC0121, format!("no filter of the workload sees {direction} traffic"))
                .at_label(location, "this test bypasses all filters")
                .help("set the test's `direction` to that of the filters, or the filters' `direction` to `any`"),
        );
    }

    /// The one port that the filters set.
    fn port(&mut self, listeners: &[&Listener<'_>], test: Location) -> Option<u16> {
        let set: BTreeMap<u16, Location> =
            listeners.iter().filter_map(|it| it.port.map(|port| (**port, port.location()))).collect();
        let ports: BTreeSet<u16> = set.keys().copied().collect();
        if let (Some(first), true) = (ports.first(), ports.len() > 1) {
            let diagnostic = Diagnostic::error(Code::MC0119, "the test sets no port, but its filters set several")
                .at_label(test, "needs a `port`")
                .help(format!("set the port that receives the requests, such as `port = {first}`"));
            let related = |diagnostic: Diagnostic, location| diagnostic.related(location, "the port of a filter");
            self.sink.push(set.into_values().fold(diagnostic, related));
        }
        ports.first().copied()
    }

    fn properties(&mut self, written: &BTreeMap<String, Spanned<PropertyValue>>) -> BTreeMap<Vec<String>, Property> {
        let mut properties = BTreeMap::new();
        for (path, value) in written {
            let parts: Vec<String> = path.split('.').map(str::to_owned).collect();
            if parts.iter().any(String::is_empty) || path.contains('\0') {
                let message = format!("{} is not a valid property path", short(path));
                self.reject(value.key_location(), message, "separate its parts with dots: `source.address`");
            }
            let value = match &**value {
                PropertyValue::Text(text) => Property::Text(text.clone()),
                PropertyValue::Integer(number) => Property::Integer(*number),
                PropertyValue::Boolean(flag) => Property::Boolean(*flag),
            };
            properties.insert(parts, value);
        }
        properties
    }

    fn clusters(&mut self, written: &BTreeMap<String, Spanned<traffic::Callouts>>) -> BTreeMap<String, Vec<Callout>> {
        if let Some(unnamed) = written.get("") {
            let help = "use the name with which the filter calls it: `callouts.auth = { … }`";
            self.reject(unnamed.key_location(), "the name of a cluster is empty", help);
        }
        written.iter().map(|(cluster, responses)| (cluster.clone(), self.callouts(responses))).collect()
    }

    fn steps(&mut self, written: &traffic::Test) -> Vec<Step> {
        // What the test gets at its start is no step.
        let exchange = Written { loading: None, ..written!(written) };
        let Some(steps) = &written.steps else { return vec![self.step(&exchange, written.name.location())] };
        let others = [
            ("after", exchange.after.map(Spanned::key_location)),
            ("request", exchange.request.map(Spanned::key_location)),
            ("upstream", exchange.upstream.map(Spanned::key_location)),
            ("expect", exchange.expect.map(Spanned::key_location)),
        ];
        for (key, location) in others {
            if let Some(location) = location {
                self.exclusive([("steps", steps.key_location()), (key, location)], "move it into one of the steps");
            }
        }
        steps.iter().map(|step| self.step(&written!(step), step.location())).collect()
    }

    fn step(&mut self, written: &Written<'_>, location: Location) -> Step {
        Step {
            location,
            loading: written.loading.map(loading::resolve).unwrap_or_default(),
            exchange: Exchange {
                after: self.duration(written.after),
                request: self.request(written.request),
                upstream: self.upstream(written.upstream),
            },
            expect: self.expect(written.expect),
        }
    }
}
