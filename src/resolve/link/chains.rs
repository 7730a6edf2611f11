//! The filter chain that the requests of a test meet, as istiod builds it from the objects of the base
//! (istio/istio, pilot/pkg/networking/core/listener_inbound.go, listener.go and gateway.go).

use std::collections::{BTreeMap, BTreeSet};

use super::Linked;
use super::index::{Index, group};
use super::pod::{Pod, number, text};
use super::ports::{self, Port, Protocol};
use crate::base::{Node, Object};
use crate::domain::Direction;
use crate::resolve::traffic::suite::{Bypass, Chain, Test};

/// The name that a test's request has unless the test sets one.
const ANY_HOST: &str = "mesh.test";

/// The chains of a mesh's proxies.
#[derive(Debug)]
pub(crate) struct Chains<'a> {
    index: &'a Index<'a>,
    outbound: Outbound<'a>,
}

/// The Services and ServiceEntries that a sidecar has listeners for.
#[derive(Debug, Default)]
struct Outbound<'a> {
    /// By host: `web.shop.svc.cluster.local`, or a host of a ServiceEntry, which may start with `*`.
    hosts: BTreeMap<String, Vec<Port<'a>>>,
    /// The ports with a listener for HTTP on all addresses: `0.0.0.0_80`.
    shared: BTreeSet<u16>,
}

impl<'a> Chains<'a> {
    /// `None` if a part of the base is not known.
    pub(crate) fn new(index: &'a Index<'a>) -> Option<Self> {
        let is_known = !index.base.incomplete && !index.base.objects.is_empty();
        is_known.then(|| Self { index, outbound: Outbound::new(index) })
    }

    /// The chain of a test's requests in the proxy of a workload.
    pub(crate) fn of(&self, linked: &Linked<'a>, test: &Test) -> Chain {
        if linked.is_waypoint() {
            // The services behind it may be anywhere.
            return Chain::default();
        }
        match test.direction {
            Direction::Inbound => inbound(linked, &ports::of(self.index, linked.object, linked.pod), test.port),
            Direction::Gateway => self.gateway(linked, test.port),
            Direction::Outbound | Direction::Any => {
                let authorities =
                    test.steps.iter().filter_map(|step| step.exchange.request.headers.first(":authority"));
                let mut chains = authorities.map(|authority| {
                    let authority = String::from_utf8_lossy(authority);
                    self.outbound.chain(&authority, linked.namespace, test.port)
                });
                // The requests of one test go through one chain: the first that bypasses the filters says why.
                chains.find(|chain| chain.bypass.is_some()).unwrap_or_default()
            }
        }
    }

    /// The listeners of a gateway: the servers of the Gateways that select its pods, on the ports that its Services target.
    fn gateway(&self, linked: &Linked<'a>, port: Option<u16>) -> Chain {
        let services = ports::of(self.index, linked.object, linked.pod);
        let gateways = self.index.base.objects.iter().filter(|object| selects(object, linked.pod));
        let servers: Vec<Server<'_>> = if linked.kind.is_gateway() {
            listeners(linked.object)
        } else {
            gateways.flat_map(|gateway| servers(gateway, &services)).collect()
        };
        if servers.is_empty() {
            return Chain::default();
        }
        let of_port: Vec<&Server<'_>> =
            servers.iter().filter(|it| port.is_none_or(|port| it.listener == port)).collect();
        match (of_port.iter().find(|it| it.is_http), of_port.first(), port) {
            (Some(_), ..) => Chain::default(),
            (None, Some(other), _) => Chain::tcp(Bypass {
                reason: format!(
                    "the Gateway `{}` passes the connections of this port on, without HTTP filters",
                    other.gateway.name
                ),
                at: Some((other.node.location, "not HTTP".to_owned())),
                help: "send the requests to a port whose server speaks HTTP".to_owned(),
            }),
            (None, None, port) => {
                let (first, port) = (&servers[0], port.map_or_else(String::new, |port| port.to_string()));
                Chain::none(Bypass {
                    reason: format!("no Gateway of the base opens port {port} of the gateway"),
                    at: Some((first.node.location, format!("the gateway listens on {} here", first.listener))),
                    help: format!("set the test's `port` to that of a listener, such as `port = {}`", first.listener),
                })
            }
        }
    }
}

/// A port of a Service targets a port of the pods, or else all ports share one chain.
fn inbound(linked: &Linked<'_>, ports: &[Port<'_>], port: Option<u16>) -> Chain {
    // UDP has no listener.
    let mut of_port = ports.iter().filter(|it| it.protocol != Protocol::Udp);
    let of_port: Vec<&Port<'_>> = match port {
        Some(port) => of_port.filter(|it| it.target == Some(port)).collect(),
        None => of_port.by_ref().collect(),
    };
    if of_port.iter().any(|it| it.protocol != Protocol::Tcp) {
        return Chain::default();
    }
    let workload = format!("{} `{}`", linked.kind, linked.object.name);
    match (of_port.first(), port) {
        (Some(tcp), _) => {
            let service = format!("{} `{}`", tcp.service.kind, tcp.service.name);
            let what = port.map_or_else(
                || format!("no port of {workload} is HTTP"),
                |port| format!("port {port} of {workload} is not HTTP"),
            );
            Chain::tcp(Bypass {
                reason: format!("{what}: its chain is a TCP proxy, without HTTP filters"),
                at: Some((tcp.protocol_at, format!("the protocol of {service}"))),
                help: http_port(tcp).to_owned(),
            })
        }
        (None, None) => Chain::default(),
        (None, Some(port)) => Chain::shared(Bypass {
            reason: format!(
                "no Service of the base targets port {port} of {workload}, so its requests meet the chain of all other ports, which a filter with a `port` is not in"
            ),
            at: Some((linked.object.location, "its pods listen on the port".to_owned())),
            help: "add a Service that targets the port to the base, or remove `port` from the filter".to_owned(),
        }),
    }
}

impl<'a> Outbound<'a> {
    fn new(index: &Index<'a>) -> Self {
        let mut all = Self::default();
        for object in &index.base.objects {
            let hosts: Vec<String> = match (group(object), object.kind.as_str()) {
                ("", "Service") => vec![format!("{}.{}.svc.cluster.local", object.name, index.namespace_of(object))],
                ("networking.istio.io", "ServiceEntry") => {
                    let hosts = object.at(&["spec", "hosts"]).map_or(&[][..], Node::items);
                    hosts.iter().filter_map(Node::as_str).map(str::to_ascii_lowercase).collect()
                }
                _ => continue,
            };
            let ports = ports::declared(object);
            all.shared.extend(ports.iter().filter(|port| port.protocol == Protocol::Http).map(|port| port.number));
            for host in hosts {
                all.hosts.entry(host).or_default().extend(ports.iter().copied());
            }
        }
        all
    }

    /// The ports of a host as a pod of the namespace names it.
    fn find(&self, host: &str, namespace: &str) -> Option<&[Port<'a>]> {
        let host = host.trim_end_matches('.').to_ascii_lowercase();
        let of_services = match host.split('.').collect::<Vec<_>>()[..] {
            [_] => format!("{host}.{namespace}.svc.cluster.local"),
            [_, _] => format!("{host}.svc.cluster.local"),
            [_, _, "svc"] => format!("{host}.cluster.local"),
            _ => host.clone(),
        };
        let exact = self.hosts.get(&host).or_else(|| self.hosts.get(&of_services));
        let parents = || host.match_indices('.').find_map(|(dot, _)| self.hosts.get(&format!("*{}", &host[dot..])));
        exact.or_else(parents).map(Vec::as_slice)
    }

    fn chain(&self, authority: &str, namespace: &str, port: Option<u16>) -> Chain {
        let (host, of_authority) = match authority.rsplit_once(':') {
            Some((host, port)) if !host.ends_with(':') => (host, port.parse().ok()),
            _ => (authority, None),
        };
        let port: Option<u16> = port.or(of_authority);
        if host == ANY_HOST {
            return self.any_host(port);
        }
        let Some(ports) = self.find(host, namespace) else { return self.unknown(host, port.unwrap_or(80)) };
        let of_port: Vec<&Port<'_>> = ports.iter().filter(|it| port.is_none_or(|port| it.number == port)).collect();
        let is_shared = || port.is_some_and(|port| self.shared.contains(&port));
        if of_port.iter().any(|it| matches!(it.protocol, Protocol::Http | Protocol::Detected)) || is_shared() {
            return Chain::default();
        }
        match (of_port.first(), ports.first(), port) {
            (Some(tcp), ..) => Chain::tcp(Bypass {
                reason: format!("`{host}` is not HTTP: its listener is a TCP proxy, without HTTP filters"),
                at: Some((tcp.protocol_at, format!("the protocol of {} `{}`", tcp.service.kind, tcp.service.name))),
                help: http_port(tcp).to_owned(),
            }),
            (None, Some(other), Some(port)) => Chain::shared_tcp(Bypass {
                reason: format!("`{host}` has no port {port}, so the connection passes all HTTP filters by"),
                at: Some((
                    other.location,
                    format!("{} `{}` has port {}", other.service.kind, other.service.name, other.number),
                )),
                help: format!("send the request to port {}: `authority = \"{host}:{}\"`", other.number, other.number),
            }),
            (None, _, _) => self.unknown(host, port.unwrap_or(80)),
        }
    }

    /// A test that does not care for the host.
    fn any_host(&self, port: Option<u16>) -> Chain {
        let Some(port) = port else { return Chain::default() };
        let of_port: Vec<&Port<'_>> = self.hosts.values().flatten().filter(|it| it.number == port).collect();
        if of_port.iter().any(|it| matches!(it.protocol, Protocol::Http | Protocol::Detected)) {
            return Chain::default();
        }
        match of_port.first() {
            Some(tcp) => Chain::tcp(Bypass {
                reason: format!(
                    "no Service of the base has HTTP on port {port}: its listeners are TCP proxies, without HTTP filters"
                ),
                at: Some((tcp.protocol_at, format!("the protocol of {} `{}`", tcp.service.kind, tcp.service.name))),
                help: http_port(tcp).to_owned(),
            }),
            None => Chain::shared_tcp(Bypass {
                reason: format!(
                    "no Service and no ServiceEntry of the base has the port {port}, so the sidecar has no listener for it"
                ),
                at: None,
                help: "add the Service or a ServiceEntry to the base".to_owned(),
            }),
        }
    }

    /// A host that is not in the base. A listener for all addresses takes its requests too.
    fn unknown(&self, host: &str, port: u16) -> Chain {
        if self.shared.contains(&port) {
            return Chain::default();
        }
        Chain::shared_tcp(Bypass {
            reason: format!(
                "no Service and no ServiceEntry of the base has the host `{host}`, so the connection passes all HTTP filters by"
            ),
            at: None,
            help: format!("add the Service, or a ServiceEntry with the host `{host}`, to the base"),
        })
    }
}

/// A server of a Gateway.
struct Server<'a> {
    gateway: &'a Object,
    node: &'a Node,
    listener: u16,
    is_http: bool,
}

/// Whether a Gateway of Istio selects the pods.
fn selects(object: &Object, pod: Pod<'_>) -> bool {
    let is_gateway = object.kind == "Gateway" && group(object) == "networking.istio.io";
    let selector = object.at(&["spec", "selector"]).map_or(&[][..], Node::entries);
    is_gateway && selector.iter().all(|it| it.value.as_str().is_some_and(|value| pod.has_label(&it.key, value)))
}

fn servers<'a>(gateway: &'a Object, services: &[Port<'_>]) -> Vec<Server<'a>> {
    let servers = gateway.at(&["spec", "servers"]).map_or(&[][..], Node::items);
    let server = |node: &'a Node| {
        let port = node.get("port")?;
        let open = number(port.get("number")?)?;
        let target = services.iter().find(|it| it.number == open).and_then(|it| it.target);
        let mode = node.at(&["tls", "mode"]).and_then(Node::as_str).unwrap_or_default();
        let protocol = text(port, "protocol").unwrap_or_default().to_ascii_uppercase();
        let is_http = match protocol.as_str() {
            "HTTP" | "HTTP2" | "GRPC" | "GRPC-WEB" => true,
            "HTTPS" => !mode.ends_with("PASSTHROUGH"),
            _ => false,
        };
        Some(Server { gateway, node, listener: target.unwrap_or(open), is_http })
    };
    servers.iter().filter_map(server).collect()
}

/// The listeners of a Gateway of the Gateway API. The Service that istiod creates has the ports of the pods.
fn listeners(gateway: &Object) -> Vec<Server<'_>> {
    let listeners = gateway.at(&["spec", "listeners"]).map_or(&[][..], Node::items);
    let server = |node| {
        let is_http = match text(node, "protocol")? {
            "HTTP" => true,
            "HTTPS" => node.at(&["tls", "mode"]).and_then(Node::as_str) != Some("Passthrough"),
            _ => false,
        };
        Some(Server { gateway, node, listener: number(node.get("port")?)?, is_http })
    };
    listeners.iter().filter_map(server).collect()
}

/// How a port gets HTTP filters.
fn http_port(port: &Port<'_>) -> &'static str {
    if port.service.kind == "ServiceEntry" {
        "if the port carries HTTP, set its `protocol: HTTP`; filters see HTTPS requests only if the sidecar originates the TLS, \
         by a DestinationRule with `tls.mode: SIMPLE`"
    } else {
        "if the port carries HTTP, name it `http` or `http-…` in the Service, or set its `appProtocol: http`"
    }
}
