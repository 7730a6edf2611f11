//! The direction of a use exists in the proxy: a gateway has the listeners of its Gateways, a sidecar inbound and outbound ones.

use super::Context;
use crate::diag::{Code, Diagnostic, Sink};
use crate::domain::Direction;
use crate::domain::annotation::TEMPLATES;

pub(super) fn check(context: &Context<'_>, sink: &mut Sink) {
    let pod = context.linked.pod;
    let gateway = pod.gateway();
    for one in context.uses {
        let error = |message| Diagnostic::error(Code::MC0537, message).at_label(one.direction_location, "set here");
        if context.linked.is_waypoint() {
            if let Direction::Outbound | Direction::Gateway = one.scope.direction {
                sink.push(
                    error(format!("{} is a waypoint, which has only inbound listeners", context.name()))
                        .related(context.object().location, "a waypoint")
                        .note("the filter would silently never run")
                        .help("remove `direction`"),
                );
            }
            continue;
        }
        match (gateway, one.scope.direction) {
            (Some(gateway), direction @ (Direction::Inbound | Direction::Outbound)) => {
                let word = if direction == Direction::Inbound { "inbound" } else { "outbound" };
                sink.push(
                    error(format!("{} is a gateway, which has no {word} listeners", context.name()))
                        .related(gateway.location, "makes it a gateway")
                        .note("the filter would silently never run")
                        .help("remove `direction`, or set `direction = \"gateway\"`"),
                );
            }
            // A template with another name may be a gateway's too.
            (None, Direction::Gateway) if pod.annotation(TEMPLATES).is_none() => sink.push(
                error(format!("{} is not a gateway", context.name()))
                    .related(context.object().location, format!("its pod template has no `{TEMPLATES}: gateway`"))
                    .note("the filter would silently never run: only gateways have these listeners")
                    .help("remove `direction`, or annotate the pod template if it is a gateway"),
            ),
            _ => {}
        }
    }
}
