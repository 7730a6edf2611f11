//! Where each filter of the chain stands, in each direction (Envoy's `ActiveStreamFilterBase`).

use crate::stream::Side;

/// Whether a filter lets a direction go on.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) enum Iteration {
    #[default]
    Continue,
    /// Headers are held back, bodies still come to it.
    StopSingle,
    /// Nothing more comes to it until it goes on.
    StopAll,
}

/// A filter's state in one direction.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Position {
    pub(super) iteration: Iteration,
    /// Going on after `StopAll`: what was kept back comes to the filter itself first.
    pub(super) from_itself: bool,
    pub(super) headers_continued: bool,
    pub(super) end_stream: bool,
}

/// A filter of the stream.
#[derive(Debug)]
pub(super) struct Filter {
    /// Its place among the subject's plugins.
    pub(super) plugin: usize,
    pub(super) vm: usize,
    pub(super) context: u32,
    request: Position,
    response: Position,
    /// Whether the proxy has answered 503 for it.
    pub(super) failed: bool,
}

impl Filter {
    pub(super) fn new(plugin: usize, vm: usize, context: u32) -> Self {
        Self { plugin, vm, context, request: Position::default(), response: Position::default(), failed: false }
    }

    pub(super) const fn at(&self, side: Side) -> &Position {
        match side {
            Side::Request => &self.request,
            Side::Response => &self.response,
        }
    }

    pub(super) const fn at_mut(&mut self, side: Side) -> &mut Position {
        match side {
            Side::Request => &mut self.request,
            Side::Response => &mut self.response,
        }
    }
}

/// What a headers callback returned (Envoy's `FilterHeadersStatus`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum HeadersStatus {
    Continue,
    StopIteration,
    StopAllBuffer,
    StopAllWatermark,
}

/// What a body callback returned (Envoy's `FilterDataStatus`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum DataStatus {
    Continue,
    StopBuffer,
    StopWatermark,
    StopNoBuffer,
}

/// What a trailers callback returned (Envoy's `FilterTrailersStatus`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum TrailersStatus {
    Continue,
    StopIteration,
}

impl HeadersStatus {
    /// Of the number that a callback returned (proxy-wasm-cpp-host, `convertVmCallResultToFilterHeadersStatus`).
    pub(super) const fn of(number: u32, stopped: bool, stop_iteration: bool) -> Self {
        match number {
            _ if stopped => Self::StopAllWatermark,
            0 | 2 => Self::Continue,
            1 if stop_iteration => Self::StopIteration,
            3 => Self::StopAllBuffer,
            _ => Self::StopAllWatermark,
        }
    }

    pub(super) const fn words(self) -> &'static str {
        match self {
            Self::Continue => "Continue",
            Self::StopIteration => "StopIteration",
            Self::StopAllBuffer => "StopAllIterationAndBuffer",
            Self::StopAllWatermark => "StopAllIterationAndWatermark",
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

    pub(super) const fn words(self) -> &'static str {
        match self {
            Self::Continue => "Continue",
            Self::StopBuffer => "StopIterationAndBuffer",
            Self::StopWatermark => "StopIterationAndWatermark",
            Self::StopNoBuffer => "StopIterationNoBuffer",
        }
    }
}

impl TrailersStatus {
    pub(super) const fn of(number: u32, stopped: bool) -> Self {
        if stopped || number > 0 { Self::StopIteration } else { Self::Continue }
    }

    pub(super) const fn words(self) -> &'static str {
        match self {
            Self::Continue => "Continue",
            Self::StopIteration => "StopIteration",
        }
    }
}
