//! The traffic tests of mesh.toml, checked. [`crate::resolve`] makes them, and [`crate::verify`] runs them.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use mesh_compile_host::{Exchange, Scenario};
use mesh_compile_module::Module;
use mesh_compile_module::abi::EnvoyMinor;
use regex::bytes::Regex;

use crate::diag::Location;
use crate::domain::{Direction, Kind};
use crate::resolve::mesh::{Plugin, Source};
pub(crate) use crate::spec::types::traffic::Loading;

/// A test: one or several exchanges through a workload's whole chain. Each test has its own VMs.
#[derive(Debug, Clone)]
pub(crate) struct Test {
    pub(crate) name: String,
    /// The test in mesh.toml.
    pub(crate) location: Location,
    /// The listener that the requests arrive at; never `Any`.
    pub(crate) direction: Direction,
    /// The port of that listener, as a patch's `portNumber` names it. `None`: a port that no filter names.
    pub(crate) port: Option<u16>,
    /// The filters of that listener.
    pub(crate) chain: Chain,
    /// What the proxy gets for filters at its start, by their names. Filters that are not listed are loaded.
    pub(crate) loading: BTreeMap<String, Loading>,
    /// Everything around the requests that filters can observe.
    pub(crate) scenario: Scenario,
    /// Never empty. All exchanges run on the same VMs, one after the other.
    pub(crate) steps: Vec<Step>,
}

impl Test {
    /// Whether the proxy starts without the filter.
    pub(crate) fn is_late(&self, filter: &str) -> bool {
        self.loading.get(filter).is_some_and(|loading| *loading != Loading::Good)
    }
}

/// The filter chain that requests meet in the mesh, as far as the base says. By default, one with all filters of its listener.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Chain {
    /// Whether it has HTTP filters.
    pub(crate) is_http: bool,
    /// Whether it has network filters: it does unless the proxy does not listen.
    pub(crate) exists: bool,
    /// Whether it belongs to one port, which a patch's `portNumber` can match.
    pub(crate) has_port: bool,
    /// Why some filters are not in it.
    pub(crate) bypass: Option<Bypass>,
}

/// Why requests bypass filters.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Bypass {
    /// A sentence without its period.
    pub(crate) reason: String,
    /// The place in the base, and a label.
    pub(crate) at: Option<(Location, String)>,
    pub(crate) help: String,
}

impl Default for Chain {
    fn default() -> Self {
        Self { is_http: true, exists: true, has_port: true, bypass: None }
    }
}

impl Chain {
    /// The TCP proxy of a port.
    pub(crate) fn tcp(bypass: Bypass) -> Self {
        Self { is_http: false, bypass: Some(bypass), ..Self::default() }
    }

    /// The chain that all ports without a chain of their own share.
    pub(crate) fn shared(bypass: Bypass) -> Self {
        Self { has_port: false, bypass: Some(bypass), ..Self::default() }
    }

    /// The TCP proxy that all hosts without a listener share.
    pub(crate) fn shared_tcp(bypass: Bypass) -> Self {
        Self { is_http: false, has_port: false, bypass: Some(bypass), ..Self::default() }
    }

    /// No chain: the proxy does not listen.
    pub(crate) fn none(bypass: Bypass) -> Self {
        Self { is_http: false, exists: false, has_port: false, bypass: Some(bypass) }
    }
}

/// An exchange and its expectations.
#[derive(Debug, Clone)]
pub(crate) struct Step {
    /// The step in mesh.toml; the test itself if it has no `steps`.
    pub(crate) location: Location,
    /// What the proxy gets for filters before the exchange.
    pub(crate) loading: BTreeMap<String, Loading>,
    pub(crate) exchange: Exchange,
    pub(crate) expect: Expect,
}

/// The expectations of an exchange. Whatever has no expectation is not checked.
#[derive(Debug, Clone, Default)]
pub(crate) struct Expect {
    pub(crate) status: Option<Expected<u16>>,
    /// Each field must have exactly these values, in order.
    pub(crate) headers: Vec<ExpectedField>,
    pub(crate) no_headers: Vec<Expected<String>>,
    pub(crate) body: Option<Expected<Matcher>>,
    pub(crate) trailers: Vec<ExpectedField>,
    /// The request that reaches the workload.
    pub(crate) upstream: Option<ExpectedUpstream>,
    /// Whether the response is a local reply, and its response code details.
    pub(crate) local_reply: Option<Expected<LocalReply>>,
    /// Whether the stream is reset. `None`: it must not be.
    pub(crate) reset: Option<Expected<bool>>,
    /// Each must match a line of the log.
    pub(crate) log: Vec<Expected<Regex>>,
    /// None of these may match a line of the log.
    pub(crate) no_log: Vec<Expected<Regex>>,
    /// The values of metrics after the exchange, by the names that the filters use.
    pub(crate) metrics: Vec<(String, Expected<u64>)>,
    /// All calls to other clusters during the exchange, in order.
    pub(crate) calls: Option<Expected<Vec<ExpectedCall>>>,
}

/// An expectation and its location in mesh.toml.
#[derive(Debug, Clone)]
pub(crate) struct Expected<T> {
    pub(crate) value: T,
    pub(crate) location: Location,
}

/// A field and its expected values.
#[derive(Debug, Clone)]
pub(crate) struct ExpectedField {
    /// In lower case.
    pub(crate) name: String,
    pub(crate) values: Vec<Matcher>,
    pub(crate) location: Location,
}

/// An expected text.
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

/// Whether the response is a local reply.
#[derive(Debug, Clone)]
pub(crate) enum LocalReply {
    /// It must not be.
    No,
    /// It must be.
    Yes,
    /// It must be, with these response code details. Envoy replaces spaces in them by underscores.
    Details(Matcher),
}

/// The request that must reach the workload.
#[derive(Debug, Clone)]
pub(crate) enum ExpectedUpstream {
    /// No request.
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

/// A call that a filter must make.
#[derive(Debug, Clone)]
pub(crate) struct ExpectedCall {
    /// As mesh.toml names it.
    pub(crate) cluster: String,
    /// The names that it may have in the proxy.
    pub(crate) names: Vec<String>,
    pub(crate) headers: Vec<ExpectedField>,
    pub(crate) body: Option<Expected<Matcher>>,
    pub(crate) location: Location,
}

/// A workload's tests, and the names that identify its proxy among the rendered objects.
#[derive(Debug, Clone)]
pub(crate) struct Suite {
    pub(crate) kind: Kind,
    pub(crate) namespace: String,
    pub(crate) name: String,
    /// The name of its table in mesh.toml.
    pub(crate) key: String,
    /// The pod labels from `selector` in mesh.toml. The patch contains only the labels that it adds.
    pub(crate) labels: BTreeMap<String, String>,
    /// The workload in mesh.toml.
    pub(crate) location: Location,
    /// The location of each filter in the workload's list, by the filter's name.
    pub(crate) filters: BTreeMap<String, Location>,
    pub(crate) tests: Vec<Test>,
}

/// The modules that are in no object of `out/`.
#[derive(Debug, Clone, Default)]
pub(crate) struct Elsewhere {
    /// By the reference to the image.
    pub(crate) images: BTreeMap<String, Arc<Module>>,
    /// In volumes of the user's, by the name of the filter. `None`: only its digest is known.
    pub(crate) volumes: BTreeMap<String, Option<Arc<Module>>>,
}

impl Elsewhere {
    /// The modules of the plugins.
    pub(crate) fn of<'a>(plugins: impl Iterator<Item = &'a Plugin>) -> Self {
        let mut elsewhere = Self::default();
        for plugin in plugins {
            let module = plugin.module.file().map(|delivered| Arc::clone(&delivered.module));
            match (&plugin.source, module) {
                (Source::Image(image), Some(module)) => drop(elsewhere.images.insert(image.reference(), module)),
                (Source::Volume(_), module) => drop(elsewhere.volumes.insert(plugin.name.to_string(), module)),
                (Source::ConfigMap, _) | (Source::Image(_), None) => {}
            }
        }
        elsewhere
    }
}

/// Settings of all proxies of the mesh.
#[derive(Debug, Clone)]
pub(crate) struct Proxies {
    /// The declared Istio, like `1.28`. `match.proxy.proxyVersion` must match it followed by `.0`.
    pub(crate) istio: String,
    /// The minor version of the Envoy that it ships.
    pub(crate) envoy: EnvoyMinor,
    /// Why the base does not say which chain a request meets, if it does not.
    pub(crate) assumed: Option<&'static str>,
    /// EnvoyFilters in this namespace apply to the pods of every namespace.
    pub(crate) root_namespace: String,
    pub(crate) elsewhere: Elsewhere,
    /// The clusters that something else adds to the proxies, as mesh.toml says.
    pub(crate) clusters: BTreeSet<String>,
}
