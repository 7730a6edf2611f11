//! A test of mesh.toml, checked: what is sent, what the workload and other clusters answer, what is to come of it.

use std::collections::BTreeMap;
use std::time::Duration;

use regex::bytes::Regex;

use super::message::Message;
use crate::diag::Location;
use crate::domain::Direction;
use crate::module::abi::EnvoyMinor;

/// Where the virtual clock starts unless a test says otherwise: 2025-01-01T00:00:00Z, in nanoseconds since 1970.
pub(crate) const DEFAULT_TIME: u64 = 1_735_689_600_000_000_000;

/// A test: one or several exchanges through a workload's whole chain, on VMs of its own.
#[derive(Debug, Clone)]
pub(crate) struct Test {
    pub(crate) name: String,
    /// The test in mesh.toml.
    pub(crate) location: Location,
    /// Which listener the requests come to; `Any` is never among them.
    pub(crate) direction: Direction,
    /// The port of that listener as a patch's `portNumber` names it. `None`: one that no filter names.
    pub(crate) port: Option<u16>,
    /// Nanoseconds since 1970 at which the virtual clock starts.
    pub(crate) time: u64,
    /// What random numbers are made from.
    pub(crate) seed: u64,
    /// Properties beside those that the request itself gives, by their path.
    pub(crate) properties: BTreeMap<Vec<String>, Property>,
    /// What the clusters that filters call answer, by the cluster's name. A cluster that is not here is unknown to the proxy.
    pub(crate) callouts: BTreeMap<String, Vec<Callout>>,
    /// Never empty. All on the same VMs, one after the other.
    pub(crate) steps: Vec<Step>,
}

/// One exchange.
#[derive(Debug, Clone)]
pub(crate) struct Step {
    /// The step in mesh.toml; the test itself where it has no `steps`.
    pub(crate) location: Location,
    /// How far the clock goes on before the request.
    pub(crate) after: Duration,
    pub(crate) request: Message,
    pub(crate) upstream: Answer,
    pub(crate) expect: Expect,
}

/// What the workload answers, or a cluster that is called.
#[derive(Debug, Clone)]
pub(crate) enum Answer {
    /// An answer, with `:status` among its headers.
    Message(Message),
    /// The connection breaks before any of it.
    Reset,
}

/// What a cluster answers to one call.
#[derive(Debug, Clone)]
pub(crate) struct Callout {
    /// How long it takes.
    pub(crate) after: Duration,
    /// The answer to an HTTP call. To a gRPC call the same: `grpc-status` and `grpc-message` stand in its trailers or, without a
    /// body, in its headers; each chunk of its body is one message without its frame.
    pub(crate) answer: Answer,
}

/// The value of a property, as it reaches a filter.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Property {
    /// As it is.
    Text(String),
    /// 8 bytes, little-endian.
    Integer(i64),
    /// One byte.
    Boolean(bool),
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
