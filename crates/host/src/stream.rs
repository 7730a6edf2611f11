//! The current HTTP stream as all filters of its chain see it: what Envoy's filter manager owns.

use std::collections::BTreeMap;

use crate::half::StreamHalf;
use crate::message::Fields;

/// A header map of the ABI.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Map {
    Headers(StreamHalf),
    Trailers(StreamHalf),
    GrpcInitialMetadata,
    GrpcTrailingMetadata,
    CallHeaders,
    CallTrailers,
}

impl Map {
    /// The map with this number (`WasmHeaderMapType`).
    pub(crate) const fn of(number: u32) -> Option<Self> {
        Some(match number {
            0 => Self::Headers(StreamHalf::Request),
            1 => Self::Trailers(StreamHalf::Request),
            2 => Self::Headers(StreamHalf::Response),
            3 => Self::Trailers(StreamHalf::Response),
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

/// The state of one half of the stream.
#[derive(Debug, Default)]
pub(crate) struct HalfState {
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
    pub(crate) request: HalfState,
    pub(crate) response: HalfState,
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
    pub(crate) const fn half(&self, half: StreamHalf) -> &HalfState {
        match half {
            StreamHalf::Request => &self.request,
            StreamHalf::Response => &self.response,
        }
    }

    pub(crate) const fn half_mut(&mut self, half: StreamHalf) -> &mut HalfState {
        match half {
            StreamHalf::Request => &mut self.request,
            StreamHalf::Response => &mut self.response,
        }
    }

    /// Takes in a chunk that will move through the chain.
    pub(crate) fn chunk(&mut self, bytes: Vec<u8>) -> DataRef {
        self.chunks.push(bytes);
        DataRef::Chunk(self.chunks.len() - 1)
    }

    pub(crate) fn data(&self, half: StreamHalf, data: DataRef) -> &[u8] {
        match data {
            DataRef::Chunk(number) => self.chunks.get(number).map_or(&[], Vec::as_slice),
            DataRef::Buffered => self.half(half).buffered.as_deref().unwrap_or_default(),
        }
    }

    pub(crate) fn data_mut(&mut self, half: StreamHalf, data: DataRef) -> Option<&mut Vec<u8>> {
        match data {
            DataRef::Chunk(number) => self.chunks.get_mut(number),
            DataRef::Buffered => self.half_mut(half).buffered.as_mut(),
        }
    }

    /// Moves the data out, and leaves it empty.
    pub(crate) fn take(&mut self, half: StreamHalf, data: DataRef) -> Vec<u8> {
        self.data_mut(half, data).map(std::mem::take).unwrap_or_default()
    }

    /// Appends the data to the buffer (Envoy's `commonHandleBufferData`).
    pub(crate) fn buffer(&mut self, half: StreamHalf, data: DataRef) {
        let bytes = if data == DataRef::Buffered { Vec::new() } else { self.take(half, data) };
        self.half_mut(half).buffered.get_or_insert_default().extend(bytes);
    }
}
