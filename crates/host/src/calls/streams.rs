//! What moves a stream on, or ends it. All of it is done when the callback has returned.

use crate::guest::Guest;
use crate::limits;
use crate::pairs;
use crate::state::{Action, ContextKind, LocalResponse};
use crate::status::{Reply, Status};
use crate::stream::Side;
use crate::world::Exceeded;

const REQUEST: u32 = 0;
const RESPONSE: u32 = 1;
const DOWNSTREAM: u32 = 2;
const UPSTREAM: u32 = 3;
/// Units of fuel for each byte of the details, which are rewritten.
const FUEL_OF_A_BYTE: u64 = 4;
/// The highest code of gRPC's that Envoy knows.
const HIGHEST_GRPC_STATUS: u32 = 16;

pub(super) fn continue_stream(guest: &mut Guest<'_>, stream: u32) -> Reply {
    match stream {
        REQUEST => resume(guest, Side::Request),
        RESPONSE => resume(guest, Side::Response),
        DOWNSTREAM => {
            let context = guest.context()?;
            let (id, network) = (context.id, context.kind == ContextKind::Network);
            if network {
                push(guest, Action::Read(id))?;
                guest.act(|| "continue the connection".into());
            }
            Ok(())
        }
        UPSTREAM => Err(Status::Unimplemented.into()),
        _ => Err(Status::BadArgument.into()),
    }
}

/// Has it done when the callback has returned.
fn push(guest: &mut Guest<'_>, action: Action) -> Reply {
    let actions = &mut guest.state_mut().actions;
    if actions.len() >= limits::EVENTS {
        return Err(Exceeded("100,000 requests to go on").into());
    }
    actions.push_back(action);
    Ok(())
}

pub(super) fn continue_request(guest: &mut Guest<'_>) -> Reply {
    resume(guest, Side::Request)
}

pub(super) fn continue_response(guest: &mut Guest<'_>) -> Reply {
    resume(guest, Side::Response)
}

/// Whichever way goes on, it is the request that the context may no longer look at (Envoy's `Context::continueStream`).
fn resume(guest: &mut Guest<'_>, side: Side) -> Reply {
    let context = guest.context_mut()?;
    let (id, http) = (context.id, context.kind == ContextKind::Http);
    context.request.headers = false;
    context.request.trailers = false;
    context.request.body = None;
    if http {
        push(guest, Action::Continue(id, side))?;
        guest.act(|| format!("continue the {}", if side == Side::Request { "request" } else { "response" }));
    }
    Ok(())
}

pub(super) fn close_stream(guest: &mut Guest<'_>, stream: u32) -> Reply {
    if stream > UPSTREAM {
        return Err(Status::BadArgument.into());
    }
    let context = guest.context()?;
    let its_own = match context.kind {
        ContextKind::Http => stream <= RESPONSE,
        ContextKind::Network => stream >= DOWNSTREAM,
        ContextKind::Vm | ContextKind::Root => false,
    };
    if its_own {
        let id = context.id;
        push(guest, Action::Reset(id))?;
        guest.act(|| "close the stream".into());
    }
    Ok(())
}

#[expect(clippy::too_many_arguments, reason = "the ABI's")]
pub(super) fn send_local_response(
    guest: &mut Guest<'_>,
    code: u32,
    details: u32,
    details_size: u32,
    body: u32,
    body_size: u32,
    headers: u32,
    headers_size: u32,
    grpc: u32,
) -> Reply {
    let details = guest.read(details, details_size)?;
    let body = guest.read(body, body_size)?;
    let headers = pairs::read_fields(&guest.read(headers, headers_size)?);
    guest.world().keep(body.len() + details.len())?;
    guest.world().keep_fields(&headers)?;
    let context = guest.context()?;
    let (id, http) = (context.id, context.kind == ContextKind::Http);
    if http {
        guest.spend(details.len() as u64 * FUEL_OF_A_BYTE)?;
        let details = String::from_utf8_lossy(&details).replace(|c: char| c.is_ascii_whitespace(), "_");
        let grpc_status = Some(grpc).filter(|status| *status <= HIGHEST_GRPC_STATUS);
        let response = LocalResponse { code, details, body, headers, grpc_status };
        guest.act(|| format!("local reply {code}"));
        push(guest, Action::LocalReply(id, response))?;
    }
    guest.state_mut().stop_iteration = true;
    Ok(())
}

pub(super) fn clear_route_cache(guest: &mut Guest<'_>) -> Reply {
    guest.act(|| "clear the route cache".into());
    Ok(())
}
