//! Bodies, configurations and the responses to calls (Envoy's `Context::getBuffer` and `Buffer`).

use crate::guest::Guest;
use crate::half::StreamHalf;
use crate::status::{Failure, Reply, Status};
use crate::stream::DataRef;

/// A buffer of the ABI.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Buffer {
    Body(StreamHalf),
    /// The bytes of a connection.
    Connection(StreamHalf),
    CallBody,
    GrpcMessage,
    VmConfiguration,
    PluginConfiguration,
    CallData,
}

fn buffer_of(number: u32) -> Result<Buffer, Failure> {
    Ok(match number {
        0 => Buffer::Body(StreamHalf::Request),
        1 => Buffer::Body(StreamHalf::Response),
        2 => Buffer::Connection(StreamHalf::Request),
        3 => Buffer::Connection(StreamHalf::Response),
        4 => Buffer::CallBody,
        5 => Buffer::GrpcMessage,
        6 => Buffer::VmConfiguration,
        7 => Buffer::PluginConfiguration,
        8 => Buffer::CallData,
        _ => return Err(Status::BadArgument.into()),
    })
}

/// The body that the context can access: what the chain holds if the filter buffers, otherwise the chunk.
fn body(guest: &Guest<'_>, half: StreamHalf) -> Result<Option<DataRef>, Failure> {
    let view = &guest.context()?.views[half];
    Ok(if view.buffering { Some(DataRef::Buffered) } else { view.body })
}

/// A part of the buffer, and the length of the whole. A missing body is empty; other missing buffers are not found.
fn part(guest: &Guest<'_>, buffer: Buffer, start: usize, length: usize) -> Result<(Vec<u8>, usize), Failure> {
    let cut = |bytes: &[u8]| {
        let start = start.min(bytes.len());
        (bytes[start..start.saturating_add(length).min(bytes.len())].to_vec(), bytes.len())
    };
    let context = guest.context()?;
    let root = guest.state().root();
    match buffer {
        Buffer::Body(half) => {
            let data = body(guest, half)?;
            let proxy_state = guest.proxy_state();
            let bytes = data.and_then(|data| proxy_state.stream.as_ref().map(|stream| stream.data(half, data)));
            Ok(cut(bytes.unwrap_or_default()))
        }
        Buffer::Connection(half) => Ok(cut(context.bytes[half].as_deref().unwrap_or_default())),
        Buffer::CallBody => {
            let call = root.and_then(|root| root.call.as_ref()).ok_or(Status::NotFound)?;
            Ok(cut(&call.body()))
        }
        Buffer::GrpcMessage => Ok(cut(root.and_then(|root| root.grpc.message.as_deref()).unwrap_or_default())),
        Buffer::VmConfiguration => Ok(cut(&guest.state().settings.configuration)),
        Buffer::PluginConfiguration => Ok(cut(context.configuration.as_deref().ok_or(Status::NotFound)?)),
        Buffer::CallData => Ok(cut(&[])),
    }
}

/// Charges for the body of a response to a call, which is concatenated for each access.
fn concatenated(guest: &mut Guest<'_>, buffer: Buffer, whole: usize) -> Reply {
    if buffer == Buffer::CallBody { guest.spend(whole as u64 / 16) } else { Ok(()) }
}

pub(super) fn get_bytes(guest: &mut Guest<'_>, buffer: u32, start: u32, length: u32, data: u32, size: u32) -> Reply {
    let buffer = buffer_of(buffer)?;
    let (bytes, whole) = part(guest, buffer, start as usize, length as usize)?;
    concatenated(guest, buffer, whole)?;
    guest.give(&bytes, data, size)
}

pub(super) fn get_status(guest: &mut Guest<'_>, buffer: u32, length: u32, flags: u32) -> Reply {
    let buffer = buffer_of(buffer)?;
    let (_, whole) = part(guest, buffer, 0, 0)?;
    concatenated(guest, buffer, whole)?;
    guest.write_u32(length, u32::try_from(whole).unwrap_or(u32::MAX))?;
    guest.write_u32(flags, 0)
}

pub(super) fn set_bytes(guest: &mut Guest<'_>, buffer: u32, start: u32, length: u32, data: u32, size: u32) -> Reply {
    let buffer = buffer_of(buffer)?;
    // A missing buffer is reported before an invalid address.
    let (_, whole) = part(guest, buffer, 0, 0)?;
    // The bytes after the new ones move.
    guest.spend(whole as u64 / 16)?;
    let new = guest.read(data, size)?;
    guest.proxy_state().keep(new.len())?;
    let (start, length) = (start as usize, length as usize);
    match buffer {
        Buffer::Body(half) => {
            let data = body(guest, half)?.ok_or(Status::BadArgument)?;
            let mut proxy_state = guest.proxy_state();
            let stream = proxy_state.stream.as_mut().ok_or(Status::BadArgument)?;
            replace(stream.data_mut(half, data).ok_or(Status::BadArgument)?, start, length, &new)
        }
        Buffer::Connection(half) => {
            let bytes = guest.context_mut()?.bytes[half].as_mut().ok_or(Status::BadArgument)?;
            replace(bytes, start, length, &new)
        }
        _ => Err(Status::BadArgument.into()),
    }
}

/// Replaces bytes at the start, or appends bytes after the end. Nothing in between can be written.
fn replace(bytes: &mut Vec<u8>, start: usize, length: usize, new: &[u8]) -> Reply {
    if start == 0 {
        bytes.splice(..length.min(bytes.len()), new.iter().copied());
        Ok(())
    } else if start >= bytes.len() {
        bytes.extend_from_slice(new);
        Ok(())
    } else {
        Err(Status::BadArgument.into())
    }
}

/// ABI 0.1.0: the plugin's configuration in `proxy_on_configure`, otherwise the VM's.
pub(super) fn get_configuration(guest: &mut Guest<'_>, value: u32, size: u32) -> Reply {
    let own = guest.context()?.configuration.clone();
    let configuration = own.unwrap_or_else(|| guest.state().settings.configuration.clone());
    guest.give(&configuration, value, size)
}
