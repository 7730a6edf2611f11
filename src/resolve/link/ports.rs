//! The ports of a workload's pods that have a listener of their own, and the protocol that Istio expects there.
//!
//! istiod builds a filter chain for each port that a Service targets (istio/istio, pilot/pkg/networking/core/listener_inbound.go).
//! All other ports share the chain `virtualInbound-catchall-http`, which no `portNumber` matches.

use super::index::{Index, group};
use super::pod::{Pod, number, text};
use crate::base::{Node, Object};
use crate::diag::Location;

/// A port of a Service.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Port<'a> {
    /// The Service, ServiceEntry or Sidecar.
    pub(crate) service: &'a Object,
    /// The port that clients connect to.
    pub(crate) number: u16,
    /// The port that the container listens on. `None` if the Service names a port that no container has.
    pub(crate) target: Option<u16>,
    pub(crate) protocol: Protocol,
    /// Where the protocol is set, or the port itself.
    pub(crate) protocol_at: Location,
    /// Where the port of the container is set.
    pub(crate) location: Location,
}

/// What Istio expects on a port.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Protocol {
    Http,
    /// TCP, TLS, and the protocols of databases: the chain has no HTTP filters.
    Tcp,
    /// Istio looks at the first bytes of each connection.
    Detected,
    /// No listener at all.
    Udp,
}

/// The ports of the Services that select the pods, or of a Sidecar that declares the listeners itself.
pub(crate) fn of<'a>(index: &Index<'a>, object: &'a Object, pod: Pod<'a>) -> Vec<Port<'a>> {
    if let Some(sidecar) = index.sidecars(object, pod).first() {
        let listeners = sidecar.at(&["spec", "ingress"]).map_or(&[][..], Node::items);
        return listeners.iter().filter_map(|it| entry(sidecar, it.get("port")?, None)).collect();
    }
    let services = index.services(object, pod);
    services.into_iter().flat_map(|service| ports(service, pod)).collect()
}

fn ports<'a>(service: &'a Object, pod: Pod<'a>) -> Vec<Port<'a>> {
    of_kind(service, |name| pod.named_port(name))
}

/// The ports of a Service or ServiceEntry as its clients see them, whatever pods it selects.
pub(super) fn declared(service: &Object) -> Vec<Port<'_>> {
    of_kind(service, |_| None)
}

fn of_kind<'a>(service: &'a Object, named_port: impl Fn(&str) -> Option<u16>) -> Vec<Port<'a>> {
    let ports = service.at(&["spec", "ports"]).map_or(&[][..], Node::items);
    if group(service).is_empty() {
        ports.iter().filter_map(|port| of_service(service, port, &named_port)).collect()
    } else {
        ports.iter().filter_map(|port| entry(service, port, Some("targetPort"))).collect()
    }
}

fn of_service<'a>(service: &'a Object, port: &'a Node, named_port: impl Fn(&str) -> Option<u16>) -> Option<Port<'a>> {
    let number_of_port = number(port.get("port")?)?;
    let target = match port.get("targetPort") {
        None => Some(number_of_port),
        Some(target) => number(target).or_else(|| named_port(target.as_str()?)),
    };
    let (protocol, at) = match (port.get("protocol"), port.get("appProtocol"), port.get("name")) {
        (Some(udp), ..) if udp.as_str() == Some("UDP") => (Protocol::Udp, udp),
        (_, Some(set), _) => (application(set.as_str().unwrap_or_default(), number_of_port), set),
        (_, None, Some(set)) => (named(set.as_str().unwrap_or_default(), number_of_port), set),
        (_, None, None) => (named("", number_of_port), port.get("port").unwrap_or(port)),
    };
    let location = port.get("targetPort").or_else(|| port.get("port")).unwrap_or(port).location;
    let protocol_at = at.location;
    Some(Port { service, number: number_of_port, target, protocol, protocol_at, location })
}

/// A port of Istio's own objects, which name the protocol outright.
fn entry<'a>(object: &'a Object, port: &'a Node, target: Option<&str>) -> Option<Port<'a>> {
    let number_of_port = number(port.get("number")?)?;
    let target_node = target.and_then(|key| port.get(key));
    let target = target_node.and_then(number).unwrap_or(number_of_port);
    let location = target_node.or_else(|| port.get("number")).unwrap_or(port).location;
    let protocol = named(text(port, "protocol").unwrap_or_default(), 0);
    let protocol_at = port.get("protocol").unwrap_or(port).location;
    Some(Port { service: object, number: number_of_port, target: Some(target), protocol, protocol_at, location })
}

/// The protocol of a Service's `appProtocol` (istio/istio, pkg/config/kube/conversion.go).
fn application(text: &str, port: u16) -> Protocol {
    match text {
        "kubernetes.io/h2c" | "kubernetes.io/ws" => Protocol::Http,
        "kubernetes.io/wss" => Protocol::Tcp,
        _ => named(text, port),
    }
}

/// The protocol of a port's name: what precedes the first `-`.
fn named(name: &str, port: u16) -> Protocol {
    /// Ports whose clients wait for the server to speak first: SMTP, DNS, MySQL, MongoDB.
    const NEVER_DETECTED: [u16; 4] = [25, 53, 3306, 27017];
    let name = name.to_ascii_lowercase();
    let prefix = if name.starts_with("grpc-web") { "grpc-web" } else { name.split('-').next().unwrap_or_default() };
    match prefix {
        "http" | "http2" | "http_proxy" | "grpc" | "grpc-web" => Protocol::Http,
        "tcp" | "https" | "tls" | "mongo" | "redis" | "mysql" => Protocol::Tcp,
        "udp" => Protocol::Udp,
        _ if NEVER_DETECTED.contains(&port) => Protocol::Tcp,
        _ => Protocol::Detected,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_protocol_follows_from_the_name_as_in_istio() {
        use Protocol::{Detected, Http, Tcp, Udp};
        let cases = [
            ("http", Http),
            ("HTTP-web", Http),
            ("grpc-web", Http),
            ("grpc-web-x", Http),
            ("http2-x", Http),
            ("grpc", Http),
            ("tcp", Tcp),
            ("tcp-web", Tcp),
            ("https", Tcp),
            ("tls-x", Tcp),
            ("redis", Tcp),
            ("mysql-db", Tcp),
            ("udp-x", Udp),
            ("", Detected),
            ("web", Detected),
            ("httpx", Detected),
            ("web-http", Detected),
            ("thrift", Detected),
        ];
        for (name, expected) in cases {
            assert_eq!(named(name, 80), expected, "{name}");
        }
        assert_eq!(named("web", 3306), Tcp);
        assert_eq!(named("http", 3306), Http);
        assert_eq!(application("kubernetes.io/h2c", 80), Http);
        assert_eq!(application("kubernetes.io/wss", 80), Tcp);
        assert_eq!(application("http", 80), Http);
    }
}
