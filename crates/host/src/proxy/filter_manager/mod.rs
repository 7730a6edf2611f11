//! The filter manager: how headers, bodies and trailers move through the chain, stop and resume. The functions follow Envoy's
//! source/common/http/filter_manager.cc and name their counterparts.

mod callbacks;
mod ends;
mod filter;
mod replies;

use std::cell::RefCell;
use std::rc::Rc;

use super::downstream::Downstream;
use super::plugins::{ContextRef, Plugins};
use super::router::Router;
use crate::callback::Callback;
use crate::half::{ByHalf, StreamHalf};
use crate::limits;
use crate::local_reply::LocalReply;
use crate::message::Message;
use crate::outcome::{Fault, FaultKind};
use crate::proxy_state::ProxyState;
use crate::stream::{DataRef, HalfState, Stream};
use filter::{DataStatus, Filter, HeadersStatus, Iteration, TrailersStatus};

/// Bytes that the chain buffers in one half of the stream before it fails the stream (Envoy's `per_connection_buffer_limit_bytes`).
const BUFFER_LIMIT: usize = 1 << 20;

/// One stream on its way through the chain.
#[derive(Debug)]
pub(super) struct FilterManager {
    proxy_state: Rc<RefCell<ProxyState>>,
    /// In the order of the request path.
    filters: Vec<Filter>,
    /// Whether a local reply has replaced what is left of the half (`decoder_filter_chain_aborted_`).
    aborted: ByHalf<bool>,
    /// How many callbacks are running (`filter_call_state_`).
    running: ByHalf<u32>,
    /// A local reply that waits for the running request callback to return.
    prepared: Option<LocalReply>,
    /// Whether the filter that stopped the body lets it stream, so that the buffer has no limit (`…_filters_streaming_`).
    streaming: ByHalf<bool>,
    /// How many resumes run inside one another.
    nested: usize,
    over: bool,
    reset: bool,
    /// The end of the chain in the direction of the request.
    pub(super) router: Router,
    /// The end of the chain in the direction of the response.
    pub(super) downstream: Downstream,
}

impl FilterManager {
    /// A stream for the request, without filters.
    pub(super) fn new(proxy_state: Rc<RefCell<ProxyState>>, router: Router, request: &Message) -> Self {
        Self {
            proxy_state,
            filters: Vec::new(),
            aborted: ByHalf::default(),
            running: ByHalf::default(),
            prepared: None,
            streaming: ByHalf::default(),
            nested: 0,
            over: false,
            reset: false,
            router,
            downstream: Downstream::new(request),
        }
    }

    pub(super) fn add(&mut self, context: ContextRef) {
        self.filters.push(Filter::new(context));
    }

    /// Adds a filter that rejects every request, in the plugin's place.
    pub(super) fn add_rejecting(&mut self, plugin: usize) {
        self.filters.push(Filter::rejecting(plugin));
    }

    /// The contexts of the filters, in the order of the request path.
    pub(super) fn contexts(&self) -> Vec<ContextRef> {
        self.filters.iter().filter(|filter| !filter.rejects).map(|filter| filter.context).collect()
    }

    pub(super) const fn is_over(&self) -> bool {
        self.over
    }

    pub(super) const fn is_reset(&self) -> bool {
        self.reset
    }

    /// Ends the stream; nothing moves any more.
    pub(super) const fn finish(&mut self) {
        self.over = true;
    }

    /// Marks the stream as reset, although the request may never have reached the chain.
    pub(super) const fn mark_reset(&mut self) {
        self.reset = true;
    }

    /// The index of the filter at a position of the half's path: responses pass the chain backwards.
    fn on_path(&self, half: StreamHalf, position: usize) -> usize {
        match half {
            StreamHalf::Request => position,
            StreamHalf::Response => self.filters.len() - 1 - position,
        }
    }

    fn with_stream<R>(&self, act: impl FnOnce(&mut Stream) -> R) -> Option<R> {
        self.proxy_state.borrow_mut().stream.as_mut().map(act)
    }

    pub(super) fn with_half<R>(&self, half: StreamHalf, act: impl FnOnce(&mut HalfState) -> R) -> Option<R> {
        self.with_stream(|stream| act(stream.half_mut(half)))
    }

    fn is(&self, half: StreamHalf, what: impl FnOnce(&HalfState) -> bool) -> bool {
        self.with_half(half, |state| what(state)).unwrap_or_default()
    }

    pub(super) fn has_headers(&self, half: StreamHalf) -> bool {
        self.is(half, |state| state.headers.is_some())
    }

    fn has_trailers(&self, half: StreamHalf) -> bool {
        self.is(half, |state| state.trailers.is_some())
    }

    fn has_buffered(&self, half: StreamHalf) -> bool {
        self.is(half, |state| state.buffered.is_some())
    }

    fn has_ended(&self, half: StreamHalf) -> bool {
        self.is(half, |state| state.ended)
    }

    /// Takes a chunk of a body into the stream.
    pub(super) fn chunk(&self, half: StreamHalf, bytes: Vec<u8>) -> Option<DataRef> {
        self.with_stream(|stream| {
            stream.half_mut(half).size += bytes.len() as u64;
            stream.chunk(bytes)
        })
    }

    /// `decodeHeaders`, `encodeHeaders`, starting at a position of the path.
    pub(super) fn headers(&mut self, plugins: &mut Plugins<'_>, half: StreamHalf, from: usize, end: bool) {
        for position in from..self.filters.len() {
            if self.over {
                return;
            }
            let filter = self.on_path(half, position);
            self.filters[filter].position[half].end_stream = end;
            let mut status = self.headers_callback(plugins, half, filter, end);
            if self.aborted[half] {
                self.send_prepared(plugins);
                status = HeadersStatus::StopIteration;
            }
            let position = &mut self.filters[filter].position[half];
            position.iteration = match status {
                HeadersStatus::Continue => {
                    position.headers_continued = true;
                    continue;
                }
                HeadersStatus::StopIteration => Iteration::StopSingle,
                HeadersStatus::StopAllBuffer | HeadersStatus::StopAllWatermark => Iteration::StopAll,
            };
            self.streaming[half] = status == HeadersStatus::StopAllWatermark;
            return;
        }
        self.headers_through(plugins, half, end);
    }

    /// `decodeData`, `encodeData`, starting at a position of the path.
    pub(super) fn data(
        &mut self,
        plugins: &mut Plugins<'_>,
        half: StreamHalf,
        from: usize,
        data: DataRef,
        mut end: bool,
    ) {
        let had_trailers = self.has_trailers(half);
        let mut trailers_from = None;
        let mut through = true;
        for position in from..self.filters.len() {
            if self.over || self.aborted[half] {
                return;
            }
            let filter = self.on_path(half, position);
            if self.filters[filter].position[half].iteration == Iteration::StopAll {
                return self.buffer(plugins, half, data);
            }
            if self.filters[filter].position[half].end_stream {
                return;
            }
            let ends = end && !self.has_trailers(half);
            self.filters[filter].position[half].end_stream = ends;
            let status = self.data_callback(plugins, half, filter, data, ends);
            if self.aborted[half] {
                return self.send_prepared(plugins);
            }
            // The filter has added trailers.
            if !had_trailers && trailers_from.is_none() && self.has_trailers(half) {
                end = false;
                trailers_from = Some(position + 1);
            }
            if !self.after_data(plugins, half, filter, status, data) {
                through = false;
                break;
            }
        }
        if through {
            self.data_through(plugins, half, data, end);
        }
        if let Some(position) = trailers_from {
            self.trailers(plugins, half, position);
        }
    }

    /// `commonHandleAfterDataCallback`: whether the data continues to the next filter.
    fn after_data(
        &mut self,
        plugins: &mut Plugins<'_>,
        half: StreamHalf,
        filter: usize,
        status: DataStatus,
        data: DataRef,
    ) -> bool {
        let position = &mut self.filters[filter].position[half];
        if status == DataStatus::Continue {
            if position.iteration != Iteration::StopSingle {
                return true;
            }
            self.buffer(plugins, half, data);
            self.resume(plugins, half, filter);
            return false;
        }
        position.iteration = Iteration::StopSingle;
        if matches!(status, DataStatus::StopBuffer | DataStatus::StopWatermark) {
            self.streaming[half] = status == DataStatus::StopWatermark;
            self.buffer(plugins, half, data);
        } else if self.has_ended(half) && !self.has_trailers(half) && !self.has_buffered(half) {
            // An empty buffer makes a resume send the end of the stream.
            self.with_half(half, |state| state.buffered = Some(Vec::new()));
        }
        false
    }

    /// `commonHandleBufferData`, and the limit of the buffer.
    fn buffer(&mut self, plugins: &mut Plugins<'_>, half: StreamHalf, data: DataRef) {
        let buffered = self.with_stream(|stream| {
            stream.buffer(half, data);
            stream.half(half).buffered.as_ref().map_or(0, Vec::len)
        });
        if buffered.unwrap_or_default() > BUFFER_LIMIT && !self.streaming[half] {
            self.too_large(plugins, half);
        }
    }

    /// `decodeTrailers`, `encodeTrailers`, starting at a position of the path.
    pub(super) fn trailers(&mut self, plugins: &mut Plugins<'_>, half: StreamHalf, from: usize) {
        for position in from..self.filters.len() {
            if self.over || self.aborted[half] {
                return;
            }
            let filter = self.on_path(half, position);
            if self.filters[filter].position[half].iteration == Iteration::StopAll {
                return;
            }
            let mut status = self.trailers_callback(plugins, half, filter);
            self.filters[filter].position[half].end_stream = true;
            if self.aborted[half] {
                self.send_prepared(plugins);
                status = TrailersStatus::StopIteration;
            }
            let position = &mut self.filters[filter].position[half];
            match (status, position.iteration) {
                (TrailersStatus::Continue, Iteration::StopSingle) => return self.resume(plugins, half, filter),
                (TrailersStatus::Continue, _) => {}
                (TrailersStatus::StopIteration, iteration) => {
                    if iteration == Iteration::Continue {
                        position.iteration = Iteration::StopSingle;
                    }
                    return;
                }
            }
        }
        self.trailers_through(plugins, half);
    }

    /// `commonContinue`: what a filter has held moves on.
    fn resume(&mut self, plugins: &mut Plugins<'_>, half: StreamHalf, filter: usize) {
        if self.over || self.aborted[half] {
            return;
        }
        if self.nested > limits::NESTED_RESUMES + self.filters.len() {
            return self.overflow_stack(plugins, filter);
        }
        self.nested += 1;
        self.resume_from(plugins, half, filter);
        self.nested -= 1;
    }

    /// A filter that resumes again in each callback that its resuming causes. In Envoy, V8's stack overflows (observed on 1.40).
    fn overflow_stack(&self, plugins: &mut Plugins<'_>, filter: usize) {
        let ContextRef { plugin, vm, .. } = self.filters[filter].context;
        if plugins.is_failed(vm) {
            return;
        }
        let callback = plugins.trace.last_callback(plugin).unwrap_or(Callback::RequestBody);
        let message = format!("Function: {callback} failed: Uncaught RangeError: Maximum call stack size exceeded");
        plugins.fail(vm, plugin, Fault { kind: FaultKind::Trap, message });
    }

    fn resume_from(&mut self, plugins: &mut Plugins<'_>, half: StreamHalf, filter: usize) {
        let next = self.on_path(half, filter) + 1;
        let position = &mut self.filters[filter].position[half];
        position.from_itself |= position.iteration == Iteration::StopAll;
        position.iteration = Iteration::Continue;
        if !position.headers_continued {
            position.headers_continued = true;
            let end = self.has_ended(half) && !self.has_buffered(half) && !self.has_trailers(half);
            self.headers(plugins, half, next, end);
        }
        let had_trailers = self.has_trailers(half);
        if self.has_buffered(half) {
            let end = self.has_ended(half) && !had_trailers;
            self.data(plugins, half, self.resume_position(half, filter), DataRef::Buffered, end);
        }
        if had_trailers {
            self.trailers(plugins, half, self.resume_position(half, filter));
        }
        if let Some(filter) = self.filters.get_mut(filter) {
            filter.position[half].from_itself = false;
        }
    }

    /// `commonDecodePrefix`, `commonEncodePrefix`.
    fn resume_position(&self, half: StreamHalf, filter: usize) -> usize {
        let position = self.on_path(half, filter);
        if self.filters[filter].position[half].from_itself { position } else { position + 1 }
    }

    /// The plugin of the first filter that holds the stream.
    pub(super) fn holder(&self) -> Option<usize> {
        let holder = |half: StreamHalf| {
            let mut filters = self.filters.iter();
            let held = filters.find(|filter| filter.position[half].iteration != Iteration::Continue);
            held.map(|filter| filter.context.plugin)
        };
        let responding = self.has_headers(StreamHalf::Response).then(|| holder(StreamHalf::Response)).flatten();
        responding.or_else(|| holder(StreamHalf::Request))
    }
}
