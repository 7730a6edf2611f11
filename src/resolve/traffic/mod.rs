//! The tests of the workloads: from mesh.toml to what the engines run, with defaults filled in. Nothing is rendered from them, but
//! what is wrong with one is wrong with the spec.

mod expect;
mod message;
mod values;

#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};

use mesh_compile_host::{Callout, Exchange, Property, Scenario};

use super::workloads::Workload;
use crate::diag::{Code, Diagnostic, Location, Sink};
use crate::domain::Direction;
use crate::spec::types::traffic::{PropertyValue, TestDirection};
use crate::spec::types::{self, Use, traffic};
use crate::spec::{Place, Spec};
use crate::traffic::{Step, Suite, Test};
use values::{Check, short};

/// The tests of each workload, in the workloads' order. Those of workloads that are not among `resolved` are checked too.
pub(super) fn resolve(spec: &Spec, resolved: &[Workload<'_>], sink: &mut Sink) -> Vec<Suite> {
    let mut tests = BTreeMap::new();
    for (name, written) in &spec.workloads {
        let place = Place::default().key("workloads").key(name);
        tests.insert(place.clone(), workload(spec, written, &place, sink));
    }
    let suite = |workload: &Workload<'_>| Suite {
        kind: workload.written.kind.as_str(),
        namespace: workload.namespace.to_string(),
        name: workload.name.to_string(),
        key: workload.place.last_key().to_owned(),
        labels: workload.selector.iter().map(|(key, value)| (key.to_string(), value.to_string())).collect(),
        location: spec.document.key(&workload.place),
        filters: workload.uses.iter().map(|it| (it.filter.name.to_owned(), name_of(spec, &it.place))).collect(),
        tests: tests.remove(&workload.place).unwrap_or_default(),
    };
    resolved.iter().map(suite).collect()
}

/// Where an entry of a workload's list names its filter.
fn name_of(spec: &Spec, entry: &Place) -> Location {
    let name = entry.key("filter");
    spec.document.at(if spec.document.has(&name) { &name } else { entry })
}

/// A filter of a workload's list, as far as it decides who sees a test: its direction and its port, and where that stands.
struct Listener {
    direction: Direction,
    port: Option<(u16, Place)>,
}

fn workload(spec: &Spec, written: &types::Workload, place: &Place, sink: &mut Sink) -> Vec<Test> {
    let default = written.direction.unwrap_or_default();
    let listeners = written.filters.iter().enumerate().map(|(i, item)| match item {
        Use::Plain(_) => Listener { direction: default, port: None },
        Use::With(with) => {
            let port = place.key("filters").index(i).key("port");
            Listener { direction: with.direction.unwrap_or(default), port: with.port.map(|number| (number, port)) }
        }
    });
    let listeners: Vec<_> = listeners.collect();
    let mut check = Check { document: &spec.document, sink };
    let tests = written.tests.iter().enumerate().map(|(i, test)| {
        let place = place.key("tests").index(i);
        check.test(test, default, &listeners, &place)
    });
    let tests: Vec<_> = tests.collect();
    names(&tests, sink);
    tests
}

/// A report names a test by its workload and its name.
fn names(tests: &[Test], sink: &mut Sink) {
    let mut seen: BTreeMap<&str, &Location> = BTreeMap::new();
    for test in tests {
        if let Some(first) = seen.get(test.name.as_str()) {
            sink.push(
                Diagnostic::error(Code::MC0120, format!("two tests are named {}", short(&test.name)))
                    .at_label(test.location, "again here")
                    .related(**first, "first here")
                    .help("give one of them another name, or make them `steps` of one test"),
            );
        } else {
            seen.insert(&test.name, &test.location);
        }
    }
}

impl Check<'_> {
    fn test(&mut self, written: &traffic::Test, default: Direction, listeners: &[Listener], place: &Place) -> Test {
        let location = self.document.at(&place.key("name"));
        if written.name.trim().is_empty() || written.name.contains(char::is_control) {
            let help = "write in one line what the test shows: `name = \"adds the header\"`";
            self.refuse(location, format!("{} is not the name of a test", short(&written.name)), help);
        }
        let direction = match (written.direction, default) {
            (Some(TestDirection::Inbound), _) | (None, Direction::Inbound | Direction::Any) => Direction::Inbound,
            (Some(TestDirection::Outbound), _) | (None, Direction::Outbound) => Direction::Outbound,
            (Some(TestDirection::Gateway), _) | (None, Direction::Gateway) => Direction::Gateway,
        };
        let takes = |it: &&Listener| it.direction == direction || it.direction == Direction::Any;
        let on_way: Vec<_> = listeners.iter().filter(takes).collect();
        if on_way.is_empty() {
            self.bypassed(direction, place);
        }
        Test {
            name: written.name.clone(),
            direction,
            port: written.port.or_else(|| self.port(&on_way, place)),
            scenario: Scenario {
                time: self.time(written.time.as_deref(), &place.key("time")),
                seed: written.seed.unwrap_or(0),
                properties: self.properties(&written.properties, &place.key("properties")),
                callouts: self.clusters(&written.callouts, &place.key("callouts")),
                any_cluster: false,
            },
            steps: self.steps(written, &location, place),
            location,
        }
    }

    fn bypassed(&mut self, direction: Direction, place: &Place) {
        let key = ["direction", "name"].map(|key| place.key(key)).into_iter().find(|key| self.document.has(key));
        let direction = format!("{direction:?}").to_lowercase();
        self.sink.push(
            Diagnostic::warning(Code::MC0121, format!("no filter of the workload takes {direction} traffic"))
                .at_label(self.document.at(key.as_ref().unwrap_or(place)), "this test goes through none")
                .help("set the test's `direction` to that of the filters, or the filters' to `any`"),
        );
    }

    /// The one port that the filters on the way name.
    fn port(&mut self, listeners: &[&Listener], place: &Place) -> Option<u16> {
        let named: BTreeMap<u16, &Place> =
            listeners.iter().filter_map(|it| it.port.as_ref().map(|(port, place)| (*port, place))).collect();
        let ports: BTreeSet<u16> = named.keys().copied().collect();
        if let (Some(first), true) = (ports.first(), ports.len() > 1) {
            let finding = Diagnostic::error(Code::MC0119, "the test does not say which port its requests come to")
                .at_label(self.document.at(&place.key("name")), "needs a `port`")
                .help(format!("add `port = {first}`: its filters are on several"));
            let places = named.values().map(|place| self.document.at(place));
            self.sink.push(places.fold(finding, |finding, place| finding.related(place, "a filter's port")));
        }
        ports.first().copied()
    }

    fn properties(
        &mut self,
        written: &BTreeMap<String, PropertyValue>,
        place: &Place,
    ) -> BTreeMap<Vec<String>, Property> {
        let mut properties = BTreeMap::new();
        for (path, value) in written {
            let parts: Vec<String> = path.split('.').map(str::to_owned).collect();
            if parts.iter().any(String::is_empty) || path.contains('\0') {
                let message = format!("{} is not the path of a property: a part of it is empty", short(path));
                self.refuse(
                    self.document.key(&place.key(path)),
                    message,
                    "write its parts with dots between: `source.address`",
                );
            }
            let value = match value {
                PropertyValue::Text(text) => Property::Text(text.clone()),
                PropertyValue::Integer(number) => Property::Integer(*number),
                PropertyValue::Boolean(flag) => Property::Boolean(*flag),
            };
            properties.insert(parts, value);
        }
        properties
    }

    fn clusters(
        &mut self,
        written: &BTreeMap<String, traffic::Callouts>,
        place: &Place,
    ) -> BTreeMap<String, Vec<Callout>> {
        if written.contains_key("") {
            let help = "write its name as the filter calls it: `callouts.auth = { … }`";
            self.refuse(self.document.key(&place.key("")), "a cluster has no name", help);
        }
        written
            .iter()
            .map(|(cluster, answers)| (cluster.clone(), self.callouts(answers, &place.key(cluster))))
            .collect()
    }

    fn steps(&mut self, written: &traffic::Test, location: &Location, place: &Place) -> Vec<Step> {
        let here = place.key("steps");
        let Some(steps) = &written.steps else {
            let (after, request) = (written.after.as_deref(), written.request.as_ref());
            let only = (after, request, written.upstream.as_ref(), written.expect.as_ref());
            return vec![self.step(only, *location, place)];
        };
        for key in
            ["after", "request", "upstream", "expect"].into_iter().filter(|key| self.document.has(&place.key(*key)))
        {
            self.exclusive(place, ["steps", key], "make it one of the steps, or part of one");
        }
        let steps = steps.iter().enumerate().map(|(i, step)| {
            let place = here.index(i);
            let parts = (step.after.as_deref(), step.request.as_ref(), step.upstream.as_ref(), step.expect.as_ref());
            self.step(parts, self.document.at(&place), &place)
        });
        steps.collect()
    }

    fn step(&mut self, (after, request, upstream, expect): Parts<'_>, location: Location, place: &Place) -> Step {
        Step {
            location,
            exchange: Exchange {
                after: self.duration(after, &place.key("after")),
                request: self.request(request, &place.key("request")),
                upstream: self.upstream(upstream, &place.key("upstream")),
            },
            expect: self.expect(expect, &place.key("expect")),
        }
    }
}

/// An exchange as it is written: `after`, `request`, `upstream`, `expect`.
type Parts<'a> =
    (Option<&'a str>, Option<&'a traffic::Request>, Option<&'a traffic::Answer>, Option<&'a traffic::Expect>);
