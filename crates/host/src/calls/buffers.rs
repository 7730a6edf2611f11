//! Bodies, configurations and what calls brought (Envoy's `Context::getBuffer` and `Buffer`).

use crate::guest::Guest;
use crate::status::{Failure, Reply, Status};
use crate::stream::{DataRef, Side};

/// A buffer by its number in the ABI.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Buffer {
    Body(Side),
    Downstream,
    Upstream,
    CallBody,
    GrpcMessage,
    VmConfiguration,
    PluginConfiguration,
    CallData,
}

fn buffer_of(number: u32) -> Result<Buffer, Failure> {
    Ok(match number {
        0 => Buffer::Body(Side::Request),
        1 => Buffer::Body(Side::Response),
        2 => Buffer::Downstream,
        3 => Buffer::Upstream,
        4 => Buffer::CallBody,
        5 => Buffer::GrpcMessage,
        6 => Buffer::VmConfiguration,
        7 => Buffer::PluginConfiguration,
        8 => Buffer::CallData,
        _ => return Err(Status::BadArgument.into()),
    })
}

/// The body that the context may look at: what the chain keeps back while the filter buffers, else the chunk.
fn body(guest: &Guest<'_>, side: Side) -> Result<Option<DataRef>, Failure> {
    let view = guest.context()?.view(side);
    Ok(if view.buffering { Some(DataRef::Buffered) } else { view.body })
}

/// A part of the buffer, and its whole length. A body that is not there is an empty one; other buffers are not found.
fn part(guest: &Guest<'_>, buffer: Buffer, start: usize, length: usize) -> Result<(Vec<u8>, usize), Failure> {
    let cut = |bytes: &[u8]| {
        let start = start.min(bytes.len());
        (bytes[start..start.saturating_add(length).min(bytes.len())].to_vec(), bytes.len())
    };
    let context = guest.context()?;
    let root = guest.state().root();
    match buffer {
        Buffer::Body(side) => {
            let data = body(guest, side)?;
            let world = guest.world();
            let bytes = data.and_then(|data| world.stream.as_ref().map(|stream| stream.data(side, data)));
            Ok(cut(bytes.unwrap_or_default()))
        }
        Buffer::Downstream => Ok(cut(context.downstream.as_deref().unwrap_or_default())),
        Buffer::Upstream => Ok(cut(context.upstream.as_deref().unwrap_or_default())),
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

/// An answer's body is put together each time that it is looked at.
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
    // One that is not there is not found, whatever the memory.
    let (_, whole) = part(guest, buffer, 0, 0)?;
    // What follows is moved, however little is new.
    guest.spend(whole as u64 / 16)?;
    let new = guest.read(data, size)?;
    guest.world().keep(new.len())?;
    let (start, length) = (start as usize, length as usize);
    match buffer {
        Buffer::Body(side) => {
            let data = body(guest, side)?.ok_or(Status::BadArgument)?;
            let mut world = guest.world();
            let stream = world.stream.as_mut().ok_or(Status::BadArgument)?;
            replace(stream.data_mut(side, data).ok_or(Status::BadArgument)?, start, length, &new)
        }
        Buffer::Downstream => {
            replace(guest.context_mut()?.downstream.as_mut().ok_or(Status::BadArgument)?, start, length, &new)
        }
        Buffer::Upstream => {
            replace(guest.context_mut()?.upstream.as_mut().ok_or(Status::BadArgument)?, start, length, &new)
        }
        _ => Err(Status::BadArgument.into()),
    }
}

/// Bytes at the start are replaced; behind the end they are added; in between they cannot be written.
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

/// ABI 0.1.0: the plugin's configuration in `proxy_on_configure`, else the VM's.
pub(super) fn get_configuration(guest: &mut Guest<'_>, value: u32, size: u32) -> Reply {
    let own = guest.context()?.configuration.clone();
    let configuration = own.unwrap_or_else(|| guest.state().settings.configuration.clone());
    guest.give(&configuration, value, size)
}
