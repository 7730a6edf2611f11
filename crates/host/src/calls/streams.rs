//! Resuming, ending and responding on streams. The effects follow after the callback returns.

use crate::context::ContextKind;
use crate::guest::Guest;
use crate::half::StreamHalf;
use crate::limits;
use crate::local_reply::LocalReply;
use crate::pairs;
use crate::proxy_state::Exceeded;
use crate::state::DeferredAction;
use crate::status::{Reply, Status};

const REQUEST: u32 = 0;
const RESPONSE: u32 = 1;
const DOWNSTREAM: u32 = 2;
const UPSTREAM: u32 = 3;
/// Units of fuel for each byte of the details, which the host rewrites.
const FUEL_OF_A_BYTE: u64 = 4;
/// The highest gRPC status that Envoy knows.
const HIGHEST_GRPC_STATUS: u32 = 16;

pub(super) fn continue_stream(guest: &mut Guest<'_>, stream: u32) -> Reply {
    match stream {
        REQUEST => resume(guest, StreamHalf::Request),
        RESPONSE => resume(guest, StreamHalf::Response),
        DOWNSTREAM => {
            if guest.context()?.kind == ContextKind::Network {
                guest.context_mut()?.resumed = true;
                guest.record(|| "continue the connection".into());
            }
            Ok(())
        }
        UPSTREAM => Err(Status::Unimplemented.into()),
        _ => Err(Status::BadArgument.into()),
    }
}

/// Defers the action until the callback has returned.
fn defer(guest: &mut Guest<'_>, action: DeferredAction) -> Reply {
    let deferred = &mut guest.state_mut().deferred;
    if deferred.len() >= limits::EVENTS {
        return Err(Exceeded("100,000 deferred actions").into());
    }
    deferred.push_back(action);
    Ok(())
}

pub(super) fn continue_request(guest: &mut Guest<'_>) -> Reply {
    resume(guest, StreamHalf::Request)
}

pub(super) fn continue_response(guest: &mut Guest<'_>) -> Reply {
    resume(guest, StreamHalf::Response)
}

/// Whichever half resumes, the context loses access to the request (Envoy's `Context::continueStream`).
fn resume(guest: &mut Guest<'_>, half: StreamHalf) -> Reply {
    let context = guest.context_mut()?;
    let (id, http) = (context.id, context.kind == ContextKind::Http);
    let view = &mut context.views.request;
    (view.headers, view.trailers, view.body) = (false, false, None);
    if http {
        defer(guest, DeferredAction::Continue(id, half))?;
        guest.record(|| format!("continue the {}", if half == StreamHalf::Request { "request" } else { "response" }));
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
        defer(guest, DeferredAction::Reset(id))?;
        guest.record(|| "close the stream".into());
    }
    Ok(())
}

#[expect(clippy::too_many_arguments, reason = "the parameters of the ABI")]
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
    guest.proxy_state().keep(body.len() + details.len())?;
    guest.proxy_state().keep_fields(&headers)?;
    let context = guest.context()?;
    let (id, http) = (context.id, context.kind == ContextKind::Http);
    if http {
        guest.spend(details.len() as u64 * FUEL_OF_A_BYTE)?;
        let details = String::from_utf8_lossy(&details).replace(|c: char| c.is_ascii_whitespace(), "_");
        let grpc_status = Some(grpc).filter(|status| *status <= HIGHEST_GRPC_STATUS);
        let response = LocalReply { code, details, body, headers, grpc_status };
        guest.record(|| format!("local reply {code}"));
        defer(guest, DeferredAction::LocalReply(id, response))?;
    }
    guest.state_mut().stop_iteration = true;
    Ok(())
}

pub(super) fn clear_route_cache(guest: &mut Guest<'_>) -> Reply {
    guest.record(|| "clear the route cache".into());
    Ok(())
}
