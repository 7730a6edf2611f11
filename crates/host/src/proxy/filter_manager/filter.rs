//! A filter of a stream, and its position in each half of the stream (Envoy's `ActiveStreamFilterBase`).

use crate::half::ByHalf;
use crate::outcome::Returned;
use crate::proxy::plugins::ContextRef;

/// Whether a filter lets a half of the stream continue.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) enum Iteration {
    #[default]
    Continue,
    /// The filter holds the headers, but still receives the body.
    StopSingle,
    /// The filter receives nothing until it resumes.
    StopAll,
}

/// A filter's state in one half of the stream.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Position {
    pub(super) iteration: Iteration,
    /// The filter resumes after `StopAll`, so what was held goes to the filter itself first.
    pub(super) from_itself: bool,
    pub(super) headers_continued: bool,
    pub(super) end_stream: bool,
}

/// A filter of the stream.
#[derive(Debug)]
pub(super) struct Filter {
    pub(super) context: ContextRef,
    pub(super) position: ByHalf<Position>,
    /// Whether the proxy has responded 503 for it.
    pub(super) failed: bool,
    /// Whether it is Envoy's own filter that rejects every request, in the place of a plugin that is not loaded.
    pub(super) rejects: bool,
}

impl Filter {
    pub(super) fn new(context: ContextRef) -> Self {
        Self { context, position: ByHalf::default(), failed: false, rejects: false }
    }

    /// Envoy's RBAC filter, which allows nothing.
    pub(super) fn rejecting(plugin: usize) -> Self {
        Self { rejects: true, ..Self::new(ContextRef { plugin, vm: usize::MAX, id: 0 }) }
    }
}

/// The status of a headers callback (Envoy's `FilterHeadersStatus`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum HeadersStatus {
    Continue,
    StopIteration,
    StopAllBuffer,
    StopAllWatermark,
}

/// The status of a body callback (Envoy's `FilterDataStatus`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum DataStatus {
    Continue,
    StopBuffer,
    StopWatermark,
    StopNoBuffer,
}

/// The status of a trailers callback (Envoy's `FilterTrailersStatus`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum TrailersStatus {
    Continue,
    StopIteration,
}

impl HeadersStatus {
    /// The status for a returned number (proxy-wasm-cpp-host, `convertVmCallResultToFilterHeadersStatus`). `stopped`: the callback
    /// has sent a local reply.
    pub(super) const fn of(number: u32, stopped: bool, stop_iteration: bool) -> Self {
        match number {
            _ if stopped => Self::StopAllWatermark,
            0 | 2 => Self::Continue,
            1 if stop_iteration => Self::StopIteration,
            3 => Self::StopAllBuffer,
            _ => Self::StopAllWatermark,
        }
    }
}

impl DataStatus {
    pub(super) const fn of(number: u32, stopped: bool) -> Self {
        match number {
            _ if stopped => Self::StopNoBuffer,
            0 => Self::Continue,
            1 => Self::StopBuffer,
            2 => Self::StopWatermark,
            _ => Self::StopNoBuffer,
        }
    }
}

impl TrailersStatus {
    pub(super) const fn of(number: u32, stopped: bool) -> Self {
        if stopped || number > 0 { Self::StopIteration } else { Self::Continue }
    }
}

impl From<HeadersStatus> for Returned {
    fn from(status: HeadersStatus) -> Self {
        match status {
            HeadersStatus::Continue => Self::Continue,
            HeadersStatus::StopIteration => Self::StopIteration,
            HeadersStatus::StopAllBuffer => Self::StopAllIterationAndBuffer,
            HeadersStatus::StopAllWatermark => Self::StopAllIterationAndWatermark,
        }
    }
}

impl From<DataStatus> for Returned {
    fn from(status: DataStatus) -> Self {
        match status {
            DataStatus::Continue => Self::Continue,
            DataStatus::StopBuffer => Self::StopIterationAndBuffer,
            DataStatus::StopWatermark => Self::StopIterationAndWatermark,
            DataStatus::StopNoBuffer => Self::StopIterationNoBuffer,
        }
    }
}

impl From<TrailersStatus> for Returned {
    fn from(status: TrailersStatus) -> Self {
        match status {
            TrailersStatus::Continue => Self::Continue,
            TrailersStatus::StopIteration => Self::StopIteration,
        }
    }
}
