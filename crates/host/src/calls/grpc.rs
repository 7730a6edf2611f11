//! gRPC calls, answered from the test's script (Envoy's `Context::grpcCall` and its neighbours).

use std::time::Duration;

use super::callouts;
use crate::guest::Guest;
use crate::message::{Fields, Message};
use crate::pairs;
use crate::script::CallKind;
use crate::status::{Failure, Reply, Status};

/// Headers that Envoy writes before the guest's metadata.
const WRITTEN_BY_ENVOY: usize = 6;
/// Ids of gRPC calls and of gRPC streams, by their last two bits.
const CALL: u32 = 1;
const STREAM: u32 = 2;
const KIND: u32 = 3;
/// Bytes of a service that are looked at: none that a test knows has more.
const MAX_SERVICE: usize = 64 << 10;

#[expect(clippy::too_many_arguments, reason = "the ABI's")]
pub(super) fn call(
    guest: &mut Guest<'_>,
    service: u32,
    service_size: u32,
    name: u32,
    name_size: u32,
    method: u32,
    method_size: u32,
    metadata: u32,
    metadata_size: u32,
    message: u32,
    message_size: u32,
    timeout: u32,
    token: u32,
) -> Reply {
    let target = target(guest, [service, service_size, name, name_size, method, method_size, metadata, metadata_size])?;
    let message = guest.read(message, message_size)?;
    let timeout = Duration::from_millis(timeout.into());
    let (cluster, mut headers) = target;
    // Behind `te`, in Envoy's order.
    headers
        .0
        .insert(WRITTEN_BY_ENVOY - 1, (b"grpc-timeout".to_vec(), format!("{}m", timeout.as_millis()).into_bytes()));
    let number = send_request(guest, (cluster, headers), CallKind::Grpc, vec![message], timeout)?;
    guest.write_u32(token, number)
}

#[expect(clippy::too_many_arguments, reason = "the ABI's")]
pub(super) fn stream(
    guest: &mut Guest<'_>,
    service: u32,
    service_size: u32,
    name: u32,
    name_size: u32,
    method: u32,
    method_size: u32,
    metadata: u32,
    metadata_size: u32,
    token: u32,
) -> Reply {
    let target = target(guest, [service, service_size, name, name_size, method, method_size, metadata, metadata_size])?;
    let number = send_request(guest, target, CallKind::GrpcStream, Vec::new(), Duration::ZERO)?;
    guest.write_u32(token, number)
}

/// A cluster, and the headers of a call to it.
fn target(guest: &mut Guest<'_>, place: [u32; 8]) -> Result<(String, Fields), Failure> {
    let [service, service_size, name, name_size, method, method_size, metadata, metadata_size] = place;
    let service = guest.read(service, service_size)?;
    let (name, method) = (guest.read(name, name_size)?, guest.read(method, method_size)?);
    let metadata = pairs::read_fields(&guest.read(metadata, metadata_size)?);
    let cluster = cluster(service.get(..MAX_SERVICE).unwrap_or(&service));
    if callouts::known(guest, &cluster).is_err() {
        // By a bare name the cluster is looked up; a message of the API's is believed, and the call fails.
        let bare = envoy_grpc(&service).is_none();
        return Err(if bare { Status::ParseFailure } else { Status::InternalFailure }.into());
    }
    let path = [b"/".as_slice(), &name, b"/", &method].concat();
    let mut headers: Fields = [
        (":method", b"POST".as_slice()),
        (":path", &path),
        (":authority", cluster.as_bytes()),
        (":scheme", b"http"),
        ("te", b"trailers"),
        ("content-type", b"application/grpc"),
    ]
    .into_iter()
    .collect();
    headers.0.extend(metadata.0);
    Ok((cluster, headers))
}

fn send_request(
    guest: &mut Guest<'_>,
    (cluster, headers): (String, Fields),
    kind: CallKind,
    body: Vec<Vec<u8>>,
    timeout: Duration,
) -> Result<u32, Failure> {
    callouts::begin(guest, &cluster, kind, Message { headers, body, trailers: None }, timeout)
}

/// The cluster that is meant: `GrpcService.envoy_grpc.cluster_name`, or the bare name.
fn cluster(service: &[u8]) -> String {
    let name = envoy_grpc(service).unwrap_or(service);
    String::from_utf8_lossy(name).into_owned()
}

/// The field 1 of the message in field 1 (envoy/config/core/v3/grpc_service.proto).
fn envoy_grpc(service: &[u8]) -> Option<&[u8]> {
    first_field(first_field(service)?)
}

/// What a protobuf message that begins with field 1, of a type with a length, holds in it.
fn first_field(message: &[u8]) -> Option<&[u8]> {
    let [0x0a, rest @ ..] = message else { return None };
    let (mut length, mut at) = (0usize, 0);
    loop {
        let byte = *rest.get(at)?;
        length |= usize::from(byte & 0x7f) << (7 * at);
        at += 1;
        if byte & 0x80 == 0 {
            return rest.get(at..at.checked_add(length)?);
        }
        if at > 3 {
            return None;
        }
    }
}

pub(super) fn send(guest: &mut Guest<'_>, token: u32, message: u32, size: u32, end: u32) -> Reply {
    let message = guest.read(message, size)?;
    let _ = end;
    if token & KIND != STREAM {
        return Err(Status::BadArgument.into());
    }
    let vm = guest.state().number;
    let mut world = guest.world();
    world.keep(message.len())?;
    let call = world.script.pending(vm, token).ok_or(Status::NotFound)?.call;
    if let Some(call) = world.call_mut(call) {
        call.request.body.push(message);
    }
    Ok(())
}

/// Closing a call cancels it; a stream that is closed still hears what comes.
pub(super) fn close(guest: &mut Guest<'_>, token: u32) -> Reply {
    let vm = guest.state().number;
    match token & KIND {
        CALL => guest.world().end_call(vm, token).map(|_| ()).ok_or_else(|| Status::NotFound.into()),
        STREAM => guest.world().script.pending(vm, token).map(|_| ()).ok_or_else(|| Status::NotFound.into()),
        _ => Err(Status::BadArgument.into()),
    }
}

pub(super) fn cancel(guest: &mut Guest<'_>, token: u32) -> Reply {
    let vm = guest.state().number;
    match token & KIND {
        CALL | STREAM => guest.world().end_call(vm, token).map(|_| ()).ok_or_else(|| Status::NotFound.into()),
        _ => Err(Status::BadArgument.into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cluster_is_named_by_a_message_or_by_its_bare_name() {
        assert_eq!(cluster(b"auth"), "auth");
        assert_eq!(cluster(b"\x0a\x06\x0a\x04auth"), "auth");
        assert_eq!(cluster(b"\x0a\xff\xff\xff\xff\xff"), String::from_utf8_lossy(b"\x0a\xff\xff\xff\xff\xff"));
    }
}
