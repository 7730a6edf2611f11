//! Calls to other clusters over HTTP. The root context receives the response.

use std::time::Duration;

use crate::clusters::{CallKind, PendingCall};
use crate::guest::{Guest, name_of};
use crate::message::{Fields, Message};
use crate::outcome::{Call, Remark};
use crate::pairs;
use crate::proxy_state::Event;
use crate::state::State;
use crate::status::{Failure, Reply, Status};

#[expect(clippy::too_many_arguments, reason = "the parameters of the ABI")]
pub(super) fn http_call(
    guest: &mut Guest<'_>,
    cluster: u32,
    cluster_size: u32,
    headers: u32,
    headers_size: u32,
    body: u32,
    body_size: u32,
    trailers: u32,
    trailers_size: u32,
    timeout: u32,
    token: u32,
) -> Reply {
    let cluster = name_of(&guest.read(cluster, cluster_size)?);
    let body = guest.read(body, body_size)?;
    let headers = guest.read(headers, headers_size)?;
    let trailers = guest.read(trailers, trailers_size)?;
    guest.write_u32(token, 0)?;
    let timeout = i32::from_ne_bytes(timeout.to_ne_bytes());
    let timeout = u64::try_from(timeout).map_err(|_| Status::BadArgument)?;
    known(guest, &cluster)?;
    let headers = pairs::read_fields(&headers);
    if [":path", ":method", ":authority"].into_iter().any(|name| headers.first(name).is_none()) {
        return Err(Status::BadArgument.into());
    }
    let trailers = Some(pairs::read_fields(&trailers)).filter(|trailers| !trailers.0.is_empty());
    let body = if body.is_empty() { Vec::new() } else { vec![body] };
    let request = Message { headers: as_sent(headers, &body), body, trailers };
    let number = begin(guest, &cluster, CallKind::Http, request, Duration::from_millis(timeout))?;
    guest.write_u32(token, number)
}

/// Envoy overwrites the length of a body that the filter has set.
fn as_sent(mut headers: Fields, body: &[Vec<u8>]) -> Fields {
    if let Some(body) = body.first() {
        headers.remove("content-length");
        headers.add("content-length", body.len().to_string());
    }
    headers
}

/// Checks that the proxy knows the cluster.
pub(super) fn known(guest: &mut Guest<'_>, cluster: &str) -> Reply {
    if guest.proxy_state().clusters.knows(cluster) {
        return Ok(());
    }
    guest.record(|| format!("a call to the unknown cluster `{cluster}`"));
    let plugin = guest.context()?.plugin;
    guest.proxy_state().remark(plugin, Remark::UnknownCluster(cluster.to_owned()));
    Err(Status::BadArgument.into())
}

/// Sends the call, and returns the token that identifies its response.
pub(super) fn begin(
    guest: &mut Guest<'_>,
    cluster: &str,
    kind: CallKind,
    request: Message,
    timeout: Duration,
) -> Result<u32, Failure> {
    let root = guest.context()?.root;
    let method = request.headers.first(":method").unwrap_or_default().to_vec();
    guest.proxy_state().keep(request.body.iter().map(Vec::len).sum())?;
    guest.proxy_state().keep_fields(&request.headers)?;
    request.trailers.iter().try_for_each(|trailers| guest.proxy_state().keep_fields(trailers))?;
    guest.record(|| format!("a call to `{cluster}`"));
    let state = guest.state_mut();
    let number = State::next_id(&mut state.call_ids, kind as usize);
    let vm = state.number;
    let mut proxy_state = guest.proxy_state();
    let (after, outcome) = proxy_state.clusters.call(cluster, kind, &method, timeout).ok_or(Status::InternalFailure)?;
    let call = proxy_state.call(Call { cluster: cluster.to_owned(), request });
    proxy_state.begin_call(vm, number, PendingCall { kind, outcome, call })?;
    let after = u64::try_from(after.as_nanos()).unwrap_or(u64::MAX);
    proxy_state.schedule(after, Event::Response { vm, context: root, token: number })?;
    Ok(number)
}

pub(super) fn get_status(guest: &mut Guest<'_>, code: u32, message: u32, size: u32) -> Reply {
    let (status, text) = guest.state().root().map(|root| root.status.clone()).ok_or(Status::InternalFailure)?;
    guest.write_u32(code, status)?;
    guest.give(&text, message, size)
}

/// This host resolves no names.
pub(super) fn resolve_dns(guest: &mut Guest<'_>, name: u32, size: u32, token: u32) -> Reply {
    let name = name_of(&guest.read(name, size)?);
    let plugin = guest.context()?.plugin;
    guest.proxy_state().remark(plugin, Remark::NotSimulated(format!("resolves the name `{name}`")));
    guest.write_u32(token, 0)?;
    Err(Status::InternalFailure.into())
}
