//! Istio's own filters in the chains of its proxies, which a patch can be relative to.

use std::fmt;

use super::intern::interned;
use super::{Direction, FilterType};

/// A filter that istiod builds into chains (istio/istio, pilot/pkg/networking/core/listener_builder.go,
/// `buildHTTPConnectionManager`, and networkfilter.go, `buildCompleteNetworkFilters`).
#[derive(Debug, PartialEq, Eq)]
struct Known {
    /// The name in mesh.toml.
    short: &'static str,
    /// The name in the chain.
    name: &'static str,
    filter_type: FilterType,
    /// The directions whose chains can have it.
    directions: &'static [Direction],
    /// What else must exist. Empty: it is in every chain of its directions.
    depends_on: &'static str,
}

use Direction::{Gateway, Inbound, Outbound};

const ALL: &[Direction] = &[Inbound, Outbound, Gateway];
const RECEIVING: &[Direction] = &[Inbound, Gateway];
const SENDING: &[Direction] = &[Outbound, Gateway];
const SIDECAR: &[Direction] = &[Inbound, Outbound];

const fn http(
    short: &'static str,
    name: &'static str,
    directions: &'static [Direction],
    depends_on: &'static str,
) -> Known {
    Known { short, name, filter_type: FilterType::Http, directions, depends_on }
}

const fn network(
    short: &'static str,
    name: &'static str,
    directions: &'static [Direction],
    depends_on: &'static str,
) -> Known {
    Known { short, name, filter_type: FilterType::Network, directions, depends_on }
}

/// In the order of the chains.
const KNOWN: [Known; 15] = [
    http("metadata_exchange", "istio.metadata_exchange", SIDECAR, "metadata exchange"),
    http("ext_authz", "envoy.filters.http.ext_authz", RECEIVING, "an AuthorizationPolicy with the action CUSTOM"),
    http("jwt_authn", "envoy.filters.http.jwt_authn", RECEIVING, "a RequestAuthentication"),
    http("authz", "envoy.filters.http.rbac", RECEIVING, "an AuthorizationPolicy"),
    http("grpc_web", "envoy.filters.http.grpc_web", ALL, "a port with the protocol grpc-web"),
    http("grpc_stats", "envoy.filters.http.grpc_stats", ALL, ""),
    http("alpn", "istio.alpn", SENDING, ""),
    http("fault", "envoy.filters.http.fault", ALL, ""),
    http("cors", "envoy.filters.http.cors", ALL, ""),
    http("stats", "istio.stats", ALL, "a provider of metrics, as by default"),
    http("stateful_session", "envoy.filters.http.stateful_session", SENDING, "persistent sessions, as by default"),
    network("metadata_exchange", "istio.metadata_exchange", ALL, "metadata exchange"),
    network("ext_authz", "envoy.filters.network.ext_authz", RECEIVING, "an AuthorizationPolicy with the action CUSTOM"),
    network("authz", "envoy.filters.network.rbac", RECEIVING, "an AuthorizationPolicy"),
    network("stats", "istio.stats", ALL, "a provider of metrics, as by default"),
];

/// A filter that a patch is relative to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Anchor {
    /// The name in the chain.
    name: &'static str,
    filter_type: FilterType,
}

impl Anchor {
    /// A filter of a chain of this type, by its short name or the one in the chain. `None`: Istio has no filter of this short name.
    pub(crate) fn named(text: &str, filter_type: FilterType) -> Option<Self> {
        let known = of_type(filter_type).find(|known| known.short == text || known.name == text);
        match known {
            Some(known) => Some(Self { name: known.name, filter_type }),
            // Any other filter has a name of parts.
            None => text.contains('.').then(|| Self { name: interned(text), filter_type }),
        }
    }

    /// The short names of the filters in chains of this type.
    pub(crate) fn short_names(filter_type: FilterType) -> impl Iterator<Item = &'static str> {
        of_type(filter_type).map(|known| known.short)
    }

    /// The name in the chain.
    pub(crate) const fn name(self) -> &'static str {
        self.name
    }

    fn known(self) -> Option<&'static Known> {
        of_type(self.filter_type).find(|known| known.name == self.name)
    }

    /// Ascending along the chain.
    pub(super) fn rank(self) -> usize {
        KNOWN
            .iter()
            .position(|known| known.name == self.name && known.filter_type == self.filter_type)
            .unwrap_or(KNOWN.len())
    }

    /// The directions among these whose chains never have the filter.
    pub(crate) fn absent_in(self, direction: Direction) -> Vec<Direction> {
        let asked: &[Direction] = match direction {
            Direction::Any => ALL,
            Inbound => &[Inbound],
            Outbound => &[Outbound],
            Gateway => &[Gateway],
        };
        let has = |direction: &Direction| self.known().is_none_or(|known| known.directions.contains(direction));
        asked.iter().copied().filter(|direction| !has(direction)).collect()
    }

    /// What else must exist for the filter to be in a chain. `None`: it always is.
    pub(crate) fn depends_on(self) -> Option<&'static str> {
        match self.known() {
            Some(known) => (!known.depends_on.is_empty()).then_some(known.depends_on),
            None => Some("an EnvoyFilter or another object that adds it"),
        }
    }
}

fn of_type(filter_type: FilterType) -> impl Iterator<Item = &'static Known> {
    KNOWN.iter().filter(move |known| known.filter_type == filter_type)
}

/// The short name, if it has one.
impl fmt::Display for Anchor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.known().map_or(self.name, |known| known.short))
    }
}
