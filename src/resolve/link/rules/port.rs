//! The port of a use has a listener. istiod drops an EnvoyFilter whose `portNumber` matches none, and reports nothing.

use super::Context;
use crate::diag::{Code, Diagnostic, Sink};
use crate::domain::Direction;
use crate::resolve::link::ports::Port;
use crate::resolve::uses::Use;

pub(super) fn check(context: &Context<'_>, sink: &mut Sink) {
    if context.index.base.incomplete {
        return;
    }
    for one in context.uses {
        let Some(port) = one.scope.port else { continue };
        let at_gateway = match one.scope.direction {
            Direction::Inbound => false,
            Direction::Gateway => true,
            // The listeners of these belong to the Services that the workload calls.
            Direction::Outbound | Direction::Any => continue,
        };
        if context.ports.iter().any(|it| it.target == Some(port)) {
            continue;
        }
        let of_service = context.ports.iter().find(|it| it.number == port);
        sink.push(match (of_service, context.ports) {
            (Some(service), _) => of_a_service(context, one, (port, service), at_gateway),
            (None, []) => no_service(context, one, port, at_gateway),
            (None, _) => no_target(context, one, port, at_gateway),
        });
    }
}

/// The port that clients connect to, where the listener's is meant.
fn of_a_service(
    context: &Context<'_>,
    one: &Use<'_>,
    (port, service): (u16, &Port<'_>),
    at_gateway: bool,
) -> Diagnostic {
    let object = service.service;
    let listens = if at_gateway { "the gateway" } else { "the container" };
    let message =
        format!("{port} is the port of the {} `{}`; {listens} listens on another one", object.kind, object.name);
    let diagnostic = Diagnostic::error(Code::MC0535, message).at_label(one.port_location, "no listener has this port");
    match service.target {
        Some(target) => diagnostic
            .related(service.location, format!("leads to port {target} of {}", context.name()))
            .note("an EnvoyFilter matches the port that the proxy receives traffic for, and istiod silently drops it otherwise")
            .help(format!("set `port = {target}`")),
        None => diagnostic
            .related(service.location, "its `targetPort` names a port that no container has")
            .help("correct the Service's `targetPort` or the name of the container's port"),
    }
}

/// Services of the base select the pods, but lead to other ports.
fn no_target(context: &Context<'_>, one: &Use<'_>, port: u16, at_gateway: bool) -> Diagnostic {
    let message = format!("no Service leads to port {port} of {}", context.name());
    let mut targets: Vec<u16> = context.ports.iter().filter_map(|it| it.target).collect();
    targets.sort_unstable();
    targets.dedup();
    // Gateways also listen on ports that only a Gateway object names.
    let diagnostic =
        if at_gateway { Diagnostic::warning(Code::MC0534, message) } else { Diagnostic::error(Code::MC0534, message) };
    let diagnostic = diagnostic.at_label(one.port_location, "no listener has this port");
    let shown = context.ports.iter().take(3);
    let diagnostic = shown.fold(diagnostic, |diagnostic, it| {
        let label = match it.target {
            Some(target) => format!("{} `{}` leads to port {target}", it.service.kind, it.service.name),
            None => format!("{} `{}` leads to a port that no container has", it.service.kind, it.service.name),
        };
        diagnostic.related(it.location, label)
    });
    let diagnostic = diagnostic.note(silence(at_gateway));
    match targets.as_slice() {
        [only] => diagnostic.help(format!("set `port = {only}`, or remove `port`")),
        _ => diagnostic
            .help(format!("let a Service lead to {port}, or remove `port`: the filter then runs on all ports")),
    }
}

/// No Service of the base selects the pods. One may exist elsewhere.
fn no_service(context: &Context<'_>, one: &Use<'_>, port: u16, at_gateway: bool) -> Diagnostic {
    Diagnostic::warning(Code::MC0534, format!("no Service of the base leads to port {port} of {}", context.name()))
        .at_label(one.port_location, "no listener has this port without a Service")
        .related(context.object().location, "no Service selects its pods")
        .note(silence(at_gateway))
        .help("add the Service to the base, or remove `port`: the filter then runs on all ports")
}

const fn silence(at_gateway: bool) -> &'static str {
    if at_gateway {
        "istiod silently drops an EnvoyFilter whose port matches no listener of the gateway"
    } else {
        "istiod builds a filter chain for each port that a Service targets; all other ports share one that no port matches, so the filter would silently never run"
    }
}
