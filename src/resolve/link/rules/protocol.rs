//! The protocol of a port fits the filter. Istio takes it from the Service's `appProtocol`, or else from the name of its port.

use super::Context;
use crate::diag::{Code, Diagnostic, Sink};
use crate::domain::{Direction, FilterType};
use crate::resolve::link::ports::{Port, Protocol};
use crate::resolve::uses::Use;

pub(super) fn check(context: &Context<'_>, sink: &mut Sink) {
    for one in context.uses.iter().filter(|one| one.scope.direction == Direction::Inbound) {
        match (one.filter.plugin.filter_type, one.scope.port) {
            (FilterType::Http, Some(port)) => http(context, one, port, sink),
            (FilterType::Http, None) => http_on_all(context, one, sink),
            (FilterType::Network, Some(port)) => network(context, one, port, sink),
            (FilterType::Network, None) => {}
        }
    }
}

const fn is_http(protocol: Protocol) -> bool {
    matches!(protocol, Protocol::Http | Protocol::Detected)
}

/// Two Services may target one port. istiod takes the protocol of the older one.
fn http(context: &Context<'_>, one: &Use<'_>, port: u16, sink: &mut Sink) {
    let of_port: Vec<&Port<'_>> = context.ports.iter().filter(|it| it.target == Some(port)).collect();
    let Some(other) = of_port.iter().find(|it| !is_http(it.protocol)) else { return };
    let name = &one.filter.plugin.name;
    let service = format!("{} `{}`", other.service.kind, other.service.name);
    let diagnostic = match of_port.iter().find(|it| is_http(it.protocol)) {
        None => Diagnostic::error(
            Code::MC0536,
            format!("the HTTP filter `{name}` would never run: port {port} is not HTTP"),
        ),
        Some(http) => Diagnostic::warning(
            Code::MC0536,
            format!("the HTTP filter `{name}` may never run: one Service says that port {port} is not HTTP"),
        )
        .related(http.protocol_at, "HTTP here")
        .note("where two Services lead to one port, istiod takes the protocol of the older one"),
    };
    sink.push(
        diagnostic
            .at_label(one.port_location, "for an HTTP filter")
            .related(other.protocol_at, format!("{service} declares {}", shown(other.protocol)))
            .note("the chain of such a port is a TCP proxy, without HTTP filters")
            .help("name the Service's port `http` or `http-…`, or set `appProtocol: http`"),
    );
}

/// A filter for all ports still runs on ports that no Service targets.
fn http_on_all(context: &Context<'_>, one: &Use<'_>, sink: &mut Sink) {
    let [first, ..] = context.ports else { return };
    if context.ports.iter().any(|it| is_http(it.protocol)) {
        return;
    }
    let name = &one.filter.plugin.name;
    let message =
        format!("the HTTP filter `{name}` would see no request from a Service: no port of {} is HTTP", context.name());
    sink.push(
        Diagnostic::warning(Code::MC0536, message)
            .at(one.location)
            .related(
                first.protocol_at,
                format!("{} `{}` declares {}", first.service.kind, first.service.name, shown(first.protocol)),
            )
            .note("the chain of such a port is a TCP proxy, without HTTP filters")
            .help("name the Service's port `http` or `http-…`, or set `appProtocol: http`"),
    );
}

fn network(context: &Context<'_>, one: &Use<'_>, port: u16, sink: &mut Sink) {
    let mut of_port = context.ports.iter().filter(|it| it.target == Some(port));
    let Some(http) = of_port.find(|it| it.protocol == Protocol::Http) else { return };
    let name = &one.filter.plugin.name;
    sink.push(
        Diagnostic::warning(
            Code::MC0536,
            format!("the network filter `{name}` sees the bytes of HTTP, not requests: port {port} is HTTP"),
        )
        .at_label(one.port_location, "for a network filter")
        .related(http.protocol_at, format!("{} `{}` declares HTTP", http.service.kind, http.service.name))
        .help("use an HTTP filter, or name the Service's port `tcp` or `tcp-…` if it does not carry HTTP"),
    );
}

const fn shown(protocol: Protocol) -> &'static str {
    match protocol {
        Protocol::Http => "HTTP",
        Protocol::Tcp => "a protocol over TCP",
        Protocol::Detected => "no protocol",
        Protocol::Udp => "UDP",
    }
}
