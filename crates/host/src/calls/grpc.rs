//! gRPC calls (Envoy's `Context::grpcCall` and its neighbors). The scenario has their responses.

use std::time::Duration;

use super::callouts;
use crate::clusters::CallKind;
use crate::guest::Guest;
use crate::message::{Fields, Message};
use crate::pairs;
use crate::status::{Failure, Reply, Status};

/// Headers that Envoy writes before the guest's metadata.
const WRITTEN_BY_ENVOY: usize = 6;
/// Ids of gRPC calls and of gRPC streams, by their last two bits.
const CALL: u32 = 1;
const STREAM: u32 = 2;
const KIND: u32 = 3;
/// Bytes of a service that the host reads. No cluster of a scenario has a longer name.
const MAX_SERVICE: usize = 64 << 10;

/// The addresses and lengths of a service, a method's service name, a method and its metadata.
type Target = [u32; 8];

#[expect(clippy::too_many_arguments, reason = "the parameters of the ABI")]
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
    let target = [service, service_size, name, name_size, method, method_size, metadata, metadata_size];
    let (cluster, mut headers) = read_target(guest, target)?;
    let body = vec![guest.read(message, message_size)?];
    let timeout = Duration::from_millis(timeout.into());
    // After `te`, in Envoy's order.
    let field = (b"grpc-timeout".to_vec(), format!("{}m", timeout.as_millis()).into_bytes());
    headers.0.insert(WRITTEN_BY_ENVOY - 1, field);
    let request = Message { headers, body, trailers: None };
    let number = callouts::begin(guest, &cluster, CallKind::Grpc, request, timeout)?;
    guest.write_u32(token, number)
}

#[expect(clippy::too_many_arguments, reason = "the parameters of the ABI")]
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
    let target = [service, service_size, name, name_size, method, method_size, metadata, metadata_size];
    let (cluster, headers) = read_target(guest, target)?;
    let request = Message { headers, ..Message::default() };
    let number = callouts::begin(guest, &cluster, CallKind::GrpcStream, request, Duration::ZERO)?;
    guest.write_u32(token, number)
}

/// Reads a cluster and the headers of a call to it.
fn read_target(guest: &mut Guest<'_>, target: Target) -> Result<(String, Fields), Failure> {
    let [service, service_size, name, name_size, method, method_size, metadata, metadata_size] = target;
    let service = guest.read(service, service_size)?;
    let (name, method) = (guest.read(name, name_size)?, guest.read(method, method_size)?);
    let metadata = pairs::read_fields(&guest.read(metadata, metadata_size)?);
    let cluster = cluster(service.get(..MAX_SERVICE).unwrap_or(&service));
    if callouts::known(guest, &cluster).is_err() {
        // Envoy looks up a bare name, but trusts the cluster of a `GrpcService`, so that the call itself fails.
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

/// The cluster that a service names: `GrpcService.envoy_grpc.cluster_name`, or the bare name.
fn cluster(service: &[u8]) -> String {
    let name = envoy_grpc(service).unwrap_or(service);
    String::from_utf8_lossy(name).into_owned()
}

/// The field 1 of the message in field 1 (envoy/config/core/v3/grpc_service.proto).
fn envoy_grpc(service: &[u8]) -> Option<&[u8]> {
    first_field(first_field(service)?)
}

/// The content of field 1 in a protobuf message that starts with it; the field has a type with a length.
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

pub(super) fn send(guest: &mut Guest<'_>, token: u32, message: u32, size: u32, _end: u32) -> Reply {
    let message = guest.read(message, size)?;
    if token & KIND != STREAM {
        return Err(Status::BadArgument.into());
    }
    let vm = guest.state().number;
    let mut proxy_state = guest.proxy_state();
    proxy_state.keep(message.len())?;
    let call = proxy_state.clusters.pending(vm, token).ok_or(Status::NotFound)?.call;
    if let Some(call) = proxy_state.call_mut(call) {
        call.request.body.push(message);
    }
    Ok(())
}

/// Closing a call cancels it. A closed stream still receives responses.
pub(super) fn close(guest: &mut Guest<'_>, token: u32) -> Reply {
    let vm = guest.state().number;
    match token & KIND {
        CALL => guest.proxy_state().end_call(vm, token).map(|_| ()).ok_or_else(|| Status::NotFound.into()),
        STREAM => guest.proxy_state().clusters.pending(vm, token).map(|_| ()).ok_or_else(|| Status::NotFound.into()),
        _ => Err(Status::BadArgument.into()),
    }
}

pub(super) fn cancel(guest: &mut Guest<'_>, token: u32) -> Reply {
    let vm = guest.state().number;
    match token & KIND {
        CALL | STREAM => guest.proxy_state().end_call(vm, token).map(|_| ()).ok_or_else(|| Status::NotFound.into()),
        _ => Err(Status::BadArgument.into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_service_names_its_cluster_in_a_message_or_directly() {
        assert_eq!(cluster(b"auth"), "auth");
        assert_eq!(cluster(b"\x0a\x06\x0a\x04auth"), "auth");
        assert_eq!(cluster(b"\x0a\xff\xff\xff\xff\xff"), String::from_utf8_lossy(b"\x0a\xff\xff\xff\xff\xff"));
    }
}
