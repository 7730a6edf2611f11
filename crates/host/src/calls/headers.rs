//! Header maps. The phase decides which maps exist (Envoy's `Context::getMap` and `getConstMap`).

use crate::context::{Context, ContextKind};
use crate::field;
use crate::guest::Guest;
use crate::half::StreamHalf;
use crate::message::Fields;
use crate::pairs;
use crate::status::{Failure, Reply, Status};
use crate::stream::{Map, Stream};
use mesh_compile_module::abi::Abi;

fn map_of(number: u32) -> Result<Map, Failure> {
    Map::of(number).ok_or_else(|| Status::BadArgument.into())
}

const fn is_of_stream(map: Map) -> bool {
    matches!(map, Map::Headers(_) | Map::Trailers(_))
}

fn of_stream(stream: &Stream, map: Map) -> Option<&Fields> {
    match map {
        Map::Headers(half) => stream.half(half).headers.as_ref(),
        Map::Trailers(half) => stream.half(half).trailers.as_ref(),
        _ => None,
    }
}

fn of_stream_mut(stream: &mut Stream, map: Map) -> Option<&mut Fields> {
    match map {
        Map::Headers(half) => stream.half_mut(half).headers.as_mut(),
        Map::Trailers(half) => stream.half_mut(half).trailers.as_mut(),
        _ => None,
    }
}

/// A map of the response to a call, on the root context.
fn of_call(root: &Context, map: Map) -> Option<&Fields> {
    match map {
        Map::GrpcInitialMetadata => root.grpc.initial.as_ref(),
        Map::GrpcTrailingMetadata => root.grpc.trailing.as_ref(),
        Map::CallHeaders => root.call.as_ref().map(|call| &call.headers),
        Map::CallTrailers => root.call.as_ref().and_then(|call| call.trailers.as_ref()),
        _ => None,
    }
}

/// Units of fuel for each field of a map.
const FUEL_TO_LOOK: u64 = 2;
const FUEL_TO_CHANGE: u64 = 4;
const FUEL_TO_COPY: u64 = 20;

/// Burns the fuel for visiting all fields of a map.
fn charge(guest: &mut Guest<'_>, map: Map, fuel: u64) -> Reply {
    let of_call = guest.state().root().and_then(|root| of_call(root, map)).map(|fields| fields.0.len());
    let of_stream =
        || guest.proxy_state().stream.as_ref().and_then(|stream| of_stream(stream, map)).map(|it| it.0.len());
    let count = of_call.or_else(of_stream).unwrap_or_default() as u64;
    guest.spend(count * fuel)
}

/// Reads a map. `None`: the map does not exist in this phase.
fn access<R>(guest: &mut Guest<'_>, map: Map, read: impl FnOnce(&Fields) -> R) -> Result<Option<R>, Failure> {
    charge(guest, map, FUEL_TO_LOOK)?;
    let context = guest.context()?;
    if !is_of_stream(map) {
        return Ok(guest.state().root().and_then(|root| of_call(root, map)).map(read));
    }
    if !context.sees(map) {
        return Ok(None);
    }
    let proxy_state = guest.proxy_state();
    Ok(proxy_state.stream.as_ref().and_then(|stream| of_stream(stream, map)).map(read))
}

/// Changes a map of the stream.
fn change<R>(guest: &mut Guest<'_>, map: Map, change: impl FnOnce(&mut Fields) -> R) -> Result<R, Failure> {
    add_trailers(guest, map)?;
    charge(guest, map, FUEL_TO_CHANGE)?;
    let context = guest.context()?;
    if context.access_log || !context.sees(map) {
        return Err(Status::BadArgument.into());
    }
    let mut proxy_state = guest.proxy_state();
    let stream = proxy_state.stream.as_mut().ok_or(Status::BadArgument)?;
    Ok(change(of_stream_mut(stream, map).ok_or(Status::BadArgument)?))
}

/// In the last callback of a body, a filter that accesses missing trailers adds them.
fn add_trailers(guest: &mut Guest<'_>, map: Map) -> Reply {
    let Map::Trailers(half) = map else { return Ok(()) };
    let context = guest.context_mut()?;
    let last_body = context.kind == ContextKind::Http && context.end_of_stream;
    let view = &mut context.views[half];
    if !last_body || view.body.is_none() || view.trailers {
        return Ok(());
    }
    view.trailers = true;
    if let Some(stream) = &mut guest.proxy_state().stream {
        stream.half_mut(half).trailers.get_or_insert_default();
    }
    Ok(())
}

pub(super) fn get_value(
    guest: &mut Guest<'_>,
    map: u32,
    key: u32,
    key_size: u32,
    value: u32,
    value_size: u32,
) -> Reply {
    let map = map_of(map)?;
    let key = key_of(guest, map, key, key_size)?;
    let first = |fields: &Fields| fields.0.iter().find(|(name, _)| *name == key).map(|(_, value)| value.clone());
    let old = guest.state().settings.abi == Abi::V0_1_0;
    match access(guest, map, first)? {
        Some(Some(found)) => guest.give(&found, value, value_size),
        None if !guest.context()?.access_log => Err(Status::BadArgument.into()),
        _ if old => guest.give(&[], value, value_size),
        _ => Err(Status::NotFound.into()),
    }
}

pub(super) fn add_value(
    guest: &mut Guest<'_>,
    map: u32,
    key: u32,
    key_size: u32,
    value: u32,
    value_size: u32,
) -> Reply {
    write_value(guest, map, [key, key_size, value, value_size], field::add)
}

pub(super) fn replace_value(
    guest: &mut Guest<'_>,
    map: u32,
    key: u32,
    key_size: u32,
    value: u32,
    value_size: u32,
) -> Reply {
    write_value(guest, map, [key, key_size, value, value_size], field::replace)
}

/// Writes a field; `field` holds the address and the length of its key and of its value.
fn write_value(guest: &mut Guest<'_>, map: u32, field: [u32; 4], write: fn(&mut Fields, &[u8], &[u8])) -> Reply {
    let [key, key_size, value, value_size] = field;
    let map = map_of(map)?;
    let (key, value) = (key_of(guest, map, key, key_size)?, guest.read(value, value_size)?);
    guest.proxy_state().keep(key.len() + value.len())?;
    change(guest, map, |fields| write(fields, &key, &value))
}

/// A name in lower case. In request headers, Envoy treats `host` as `:authority`.
fn key_of(guest: &mut Guest<'_>, map: Map, key: u32, size: u32) -> Result<Vec<u8>, Failure> {
    let key = guest.read(key, size)?.to_ascii_lowercase();
    Ok(if map == Map::Headers(StreamHalf::Request) && key == b"host" { b":authority".to_vec() } else { key })
}

pub(super) fn remove_value(guest: &mut Guest<'_>, map: u32, key: u32, key_size: u32) -> Reply {
    let map = map_of(map)?;
    let key = key_of(guest, map, key, key_size)?;
    change(guest, map, |fields| field::remove(fields, &key))
}

pub(super) fn get_pairs(guest: &mut Guest<'_>, map: u32, pairs: u32, size: u32) -> Reply {
    let map = map_of(map)?;
    charge(guest, map, FUEL_TO_COPY)?;
    let fields = access(guest, map, Fields::clone)?.unwrap_or_default();
    let bytes = if fields.0.is_empty() { Vec::new() } else { pairs::write_fields(&fields) };
    guest.give(&bytes, pairs, size)
}

pub(super) fn set_pairs(guest: &mut Guest<'_>, map: u32, pairs: u32, size: u32) -> Reply {
    let map = map_of(map)?;
    let bytes = guest.read(pairs, size)?;
    let new = pairs::read(&bytes);
    guest.proxy_state().keep_fields(&new.iter().copied().collect())?;
    change(guest, map, |fields| {
        fields.0.clear();
        for (name, value) in new {
            let host = map == Map::Headers(StreamHalf::Request) && name.eq_ignore_ascii_case(b"host");
            field::add(fields, if host { b":authority" } else { name }, value);
        }
    })
}

/// Bytes of all names and values.
pub(super) fn get_size(guest: &mut Guest<'_>, map: u32, size: u32) -> Reply {
    let map = map_of(map)?;
    let bytes =
        change(guest, map, |fields| fields.0.iter().map(|(name, value)| name.len() + value.len()).sum::<usize>())?;
    guest.write_u32(size, u32::try_from(bytes).unwrap_or(u32::MAX))
}
