//! The traffic tests of mesh.toml, checked: what runs, and what is expected of it. [`crate::resolve`] makes them, and
//! [`crate::verify`] runs them.

use std::collections::BTreeMap;

use mesh_compile_host::{Exchange, Scenario};
use mesh_compile_module::abi::EnvoyMinor;
use regex::bytes::Regex;

use crate::diag::Location;
use crate::domain::Direction;

/// A test: one or several exchanges through a workload's whole chain, on VMs of its own.
#[derive(Debug, Clone)]
pub(crate) struct Test {
    pub(crate) name: String,
    /// The test in mesh.toml.
    pub(crate) location: Location,
    /// The listener that the requests arrive at; never `Any`.
    pub(crate) direction: Direction,
    /// The port of that listener, as a patch's `portNumber` names it. `None`: a port that no filter names.
    pub(crate) port: Option<u16>,
    /// Everything around the requests that filters can observe.
    pub(crate) scenario: Scenario,
    /// Never empty. All exchanges run on the same VMs, one after the other.
    pub(crate) steps: Vec<Step>,
}

/// One exchange and what is expected of it.
#[derive(Debug, Clone)]
pub(crate) struct Step {
    /// The step in mesh.toml; the test itself if it has no `steps`.
    pub(crate) location: Location,
    pub(crate) exchange: Exchange,
    pub(crate) expect: Expect,
}

/// What is to come of an exchange. What is not said is not looked at.
#[derive(Debug, Clone, Default)]
pub(crate) struct Expect {
    pub(crate) status: Option<Expected<u16>>,
    /// A field has to have exactly these values, in their order.
    pub(crate) headers: Vec<ExpectedField>,
    pub(crate) no_headers: Vec<Expected<String>>,
    pub(crate) body: Option<Expected<Matcher>>,
    pub(crate) trailers: Vec<ExpectedField>,
    /// The request as it reaches the workload; `Absent`: it must not.
    pub(crate) upstream: Option<ExpectedUpstream>,
    /// Whether a filter answers in the workload's place, and with which response code details.
    pub(crate) local_reply: Option<Expected<LocalReply>>,
    /// Whether the stream is reset; not said: it must not be.
    pub(crate) reset: Option<Expected<bool>>,
    /// Each has to match a line of the log.
    pub(crate) log: Vec<Expected<Regex>>,
    /// None of these may match a line of the log.
    pub(crate) no_log: Vec<Expected<Regex>>,
    /// Values after the exchange, by the metric's name as the filter defines it.
    pub(crate) metrics: Vec<(String, Expected<u64>)>,
    /// The calls to other clusters during the exchange: all of them, in their order.
    pub(crate) calls: Option<Expected<Vec<ExpectedCall>>>,
}

/// An expectation and where it stands in mesh.toml.
#[derive(Debug, Clone)]
pub(crate) struct Expected<T> {
    pub(crate) value: T,
    pub(crate) location: Location,
}

/// A field and the values that it is to have.
#[derive(Debug, Clone)]
pub(crate) struct ExpectedField {
    /// In lower case.
    pub(crate) name: String,
    pub(crate) values: Vec<Matcher>,
    pub(crate) location: Location,
}

/// A text as it is to be.
#[derive(Debug, Clone)]
pub(crate) enum Matcher {
    /// Exactly this.
    Is(Vec<u8>),
    /// The expression is found in it.
    Matches(Regex),
}

impl Matcher {
    pub(crate) fn accepts(&self, bytes: &[u8]) -> bool {
        match self {
            Self::Is(text) => text == bytes,
            Self::Matches(regex) => regex.is_match(bytes),
        }
    }
}

/// Whether a filter answers.
#[derive(Debug, Clone)]
pub(crate) enum LocalReply {
    /// None does.
    No,
    /// One does.
    Yes,
    /// One does, with these details (blanks in them are underscores, as Envoy makes them).
    Details(Matcher),
}

/// What the workload is to get.
#[derive(Debug, Clone)]
pub(crate) enum ExpectedUpstream {
    /// Nothing at all.
    Nothing(Location),
    /// A request.
    Request {
        headers: Vec<ExpectedField>,
        no_headers: Vec<Expected<String>>,
        body: Option<Expected<Matcher>>,
        trailers: Vec<ExpectedField>,
        location: Location,
    },
}

/// A call that a filter is to make.
#[derive(Debug, Clone)]
pub(crate) struct ExpectedCall {
    pub(crate) cluster: String,
    pub(crate) headers: Vec<ExpectedField>,
    pub(crate) body: Option<Expected<Matcher>>,
    pub(crate) location: Location,
}

/// A workload's tests, and what is needed to find its proxy among the rendered objects.
#[derive(Debug, Clone)]
pub(crate) struct Suite {
    /// `Deployment`.
    pub(crate) kind: &'static str,
    pub(crate) namespace: String,
    pub(crate) name: String,
    /// The name of its table in mesh.toml.
    pub(crate) key: String,
    /// The pod labels that mesh.toml says its pods have (`selector`): the patch knows only its own.
    pub(crate) labels: BTreeMap<String, String>,
    /// The workload in mesh.toml.
    pub(crate) location: Location,
    /// Where its list names each filter, by the filter's name.
    pub(crate) filters: BTreeMap<String, Location>,
    pub(crate) tests: Vec<Test>,
}

/// What all proxies of the mesh have in common.
#[derive(Debug, Clone)]
pub(crate) struct Proxies {
    /// The declared Istio, as `1.28`: what `match.proxy.proxyVersion` is held against, with `.0` behind it.
    pub(crate) istio: String,
    /// The minor version of the Envoy that it ships.
    pub(crate) envoy: EnvoyMinor,
    /// An EnvoyFilter in it is held against the pods of every namespace.
    pub(crate) root_namespace: String,
}
