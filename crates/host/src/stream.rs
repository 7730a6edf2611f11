//! The current HTTP stream as all filters of its chain see it: what Envoy's filter manager owns.

use std::collections::BTreeMap;

use crate::direction::Direction;
use crate::message::Fields;

/// A header map of the ABI.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Map {
    Headers(Direction),
    Trailers(Direction),
    GrpcInitialMetadata,
    GrpcTrailingMetadata,
    CallHeaders,
    CallTrailers,
}

impl Map {
    /// The map with this number (`WasmHeaderMapType`).
    pub(crate) const fn of(number: u32) -> Option<Self> {
        Some(match number {
            0 => Self::Headers(Direction::Request),
            1 => Self::Trailers(Direction::Request),
            2 => Self::Headers(Direction::Response),
            3 => Self::Trailers(Direction::Response),
            4 => Self::GrpcInitialMetadata,
            5 => Self::GrpcTrailingMetadata,
            6 => Self::CallHeaders,
            7 => Self::CallTrailers,
            _ => return None,
        })
    }
}

/// A body that a callback can read and write.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum DataRef {
    /// The chunk with this number, which moves through the chain.
    Chunk(usize),
    /// What the chain has buffered.
    Buffered,
}

/// One direction of the stream.
#[derive(Debug, Default)]
pub(crate) struct HalfStream {
    pub(crate) headers: Option<Fields>,
    pub(crate) trailers: Option<Fields>,
    /// What filters hold back; one buffer for the whole chain.
    pub(crate) buffered: Option<Vec<u8>>,
    /// Whether its last frame has arrived.
    pub(crate) ended: bool,
    /// Bytes of its body so far.
    pub(crate) size: u64,
}

/// The stream.
#[derive(Debug, Default)]
pub(crate) struct Stream {
    pub(crate) request: HalfStream,
    pub(crate) response: HalfStream,
    /// Every chunk so far. A chunk keeps its number.
    chunks: Vec<Vec<u8>>,
    /// What `proxy_set_property` has stored, by path.
    pub(crate) filter_state: BTreeMap<Vec<u8>, Vec<u8>>,
    pub(crate) info: Info,
}

/// Envoy's StreamInfo.
#[derive(Debug, Default, Clone)]
pub(crate) struct Info {
    /// Nanoseconds since 1970.
    pub(crate) start: u64,
    /// Set when the stream is over.
    pub(crate) end: Option<u64>,
    pub(crate) code: Option<u16>,
    /// The response code details.
    pub(crate) details: Option<String>,
    /// Whether the router has selected the workload.
    pub(crate) upstream: bool,
    pub(crate) route_name: String,
}

impl Stream {
    pub(crate) const fn half(&self, direction: Direction) -> &HalfStream {
        match direction {
            Direction::Request => &self.request,
            Direction::Response => &self.response,
        }
    }

    pub(crate) const fn half_mut(&mut self, direction: Direction) -> &mut HalfStream {
        match direction {
            Direction::Request => &mut self.request,
            Direction::Response => &mut self.response,
        }
    }

    /// Takes in a chunk that will move through the chain.
    pub(crate) fn chunk(&mut self, bytes: Vec<u8>) -> DataRef {
        self.chunks.push(bytes);
        DataRef::Chunk(self.chunks.len() - 1)
    }

    pub(crate) fn data(&self, direction: Direction, data: DataRef) -> &[u8] {
        match data {
            DataRef::Chunk(number) => self.chunks.get(number).map_or(&[], Vec::as_slice),
            DataRef::Buffered => self.half(direction).buffered.as_deref().unwrap_or_default(),
        }
    }

    pub(crate) fn data_mut(&mut self, direction: Direction, data: DataRef) -> Option<&mut Vec<u8>> {
        match data {
            DataRef::Chunk(number) => self.chunks.get_mut(number),
            DataRef::Buffered => self.half_mut(direction).buffered.as_mut(),
        }
    }

    /// Moves the data out, and leaves it empty.
    pub(crate) fn take(&mut self, direction: Direction, data: DataRef) -> Vec<u8> {
        self.data_mut(direction, data).map(std::mem::take).unwrap_or_default()
    }

    /// Appends the data to the buffer (Envoy's `commonHandleBufferData`).
    pub(crate) fn buffer(&mut self, direction: Direction, data: DataRef) {
        let bytes = if data == DataRef::Buffered { Vec::new() } else { self.take(direction, data) };
        self.half_mut(direction).buffered.get_or_insert_default().extend(bytes);
    }
}
