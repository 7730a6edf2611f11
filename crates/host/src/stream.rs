//! The HTTP stream under way, as all filters of its chain see it: what Envoy's filter manager owns.

use std::collections::BTreeMap;

use crate::message::Fields;

/// A header map by its number in the ABI.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Map {
    RequestHeaders,
    RequestTrailers,
    ResponseHeaders,
    ResponseTrailers,
    GrpcInitialMetadata,
    GrpcTrailingMetadata,
    CallHeaders,
    CallTrailers,
}

impl Map {
    pub(crate) const fn of(number: u32) -> Option<Self> {
        Some(match number {
            0 => Self::RequestHeaders,
            1 => Self::RequestTrailers,
            2 => Self::ResponseHeaders,
            3 => Self::ResponseTrailers,
            4 => Self::GrpcInitialMetadata,
            5 => Self::GrpcTrailingMetadata,
            6 => Self::CallHeaders,
            7 => Self::CallTrailers,
            _ => return None,
        })
    }
}

/// The way to the workload, or the way back.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Side {
    Request,
    Response,
}

/// A body that a callback may read and write.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum DataRef {
    /// The chunk that is being handed through the chain, by its number.
    Chunk(usize),
    /// What the chain has kept back.
    Buffered,
}

/// One direction of the stream.
#[derive(Debug, Default)]
pub(crate) struct Way {
    pub(crate) headers: Option<Fields>,
    pub(crate) trailers: Option<Fields>,
    /// What filters keep back; one buffer for the whole chain.
    pub(crate) buffered: Option<Vec<u8>>,
    /// Whether its last frame has come.
    pub(crate) ended: bool,
    /// Bytes of its body so far.
    pub(crate) size: u64,
}

/// The stream.
#[derive(Debug, Default)]
pub(crate) struct Stream {
    pub(crate) request: Way,
    pub(crate) response: Way,
    /// Every chunk that is or was under way; the number of one never means another.
    chunks: Vec<Vec<u8>>,
    /// What `proxy_set_property` left, by its path.
    pub(crate) filter_state: BTreeMap<Vec<u8>, Vec<u8>>,
    pub(crate) info: Info,
}

/// What Envoy's StreamInfo knows beside the messages.
#[derive(Debug, Default, Clone)]
pub(crate) struct Info {
    /// Nanoseconds since 1970.
    pub(crate) start: u64,
    /// Set when the stream is over.
    pub(crate) end: Option<u64>,
    pub(crate) code: Option<u16>,
    pub(crate) details: Option<String>,
    /// Whether the router has chosen the workload.
    pub(crate) upstream: bool,
    pub(crate) route_name: String,
}

impl Stream {
    pub(crate) const fn way(&self, side: Side) -> &Way {
        match side {
            Side::Request => &self.request,
            Side::Response => &self.response,
        }
    }

    pub(crate) const fn way_mut(&mut self, side: Side) -> &mut Way {
        match side {
            Side::Request => &mut self.request,
            Side::Response => &mut self.response,
        }
    }

    /// Takes a chunk in, to be handed through the chain.
    pub(crate) fn chunk(&mut self, bytes: Vec<u8>) -> DataRef {
        self.chunks.push(bytes);
        DataRef::Chunk(self.chunks.len() - 1)
    }

    pub(crate) fn data(&self, side: Side, data: DataRef) -> &[u8] {
        match data {
            DataRef::Chunk(number) => self.chunks.get(number).map_or(&[], Vec::as_slice),
            DataRef::Buffered => self.way(side).buffered.as_deref().unwrap_or_default(),
        }
    }

    pub(crate) fn data_mut(&mut self, side: Side, data: DataRef) -> Option<&mut Vec<u8>> {
        match data {
            DataRef::Chunk(number) => self.chunks.get_mut(number),
            DataRef::Buffered => self.way_mut(side).buffered.as_mut(),
        }
    }

    /// Moves the data out; what is left is empty.
    pub(crate) fn take(&mut self, side: Side, data: DataRef) -> Vec<u8> {
        self.data_mut(side, data).map(std::mem::take).unwrap_or_default()
    }

    /// Moves the data behind what is kept back already (Envoy's `commonHandleBufferData`).
    pub(crate) fn keep(&mut self, side: Side, data: DataRef) {
        let bytes = if data == DataRef::Buffered { Vec::new() } else { self.take(side, data) };
        self.way_mut(side).buffered.get_or_insert_default().extend(bytes);
    }
}
