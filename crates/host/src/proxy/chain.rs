//! The filter manager: how headers, bodies and trailers move through the chain, stop and go on. It follows Envoy's
//! source/common/http/filter_manager.cc function by function; each names its namesake.

use super::Proxy;
use super::reply::Reply;
use super::side::{DataStatus, Filter, HeadersStatus, Iteration, TrailersStatus};
use crate::limits;
use crate::message::{Fields, Message};
use crate::outcome::{Fault, FaultKind, Remark};
use crate::stream::{DataRef, Side, Stream};

/// Bytes that the chain keeps back in one direction before it gives up (Envoy's `per_connection_buffer_limit_bytes`).
const BUFFER_LIMIT: usize = 1 << 20;

/// A stream's chain and what has become of it.
#[derive(Debug, Default)]
pub(super) struct Chain {
    /// In the order of the request path.
    pub(super) filters: Vec<Filter>,
    /// The proxy has answered: what is left of the direction is dropped (`decoder_filter_chain_aborted_`).
    pub(super) request_aborted: bool,
    pub(super) response_aborted: bool,
    /// Which callbacks are under way (`filter_call_state_`).
    pub(super) in_request: u32,
    pub(super) in_response: u32,
    /// An answer that waits for the request callback under way to return.
    pub(super) prepared: Option<Reply>,
    /// The client has got headers.
    pub(super) answered: bool,
    /// The stream is over.
    pub(super) over: bool,
    pub(super) reset: bool,
    /// What the client and the workload have got.
    pub(super) client: Option<Message>,
    pub(super) workload: Option<Message>,
    /// Whether the workload has got all of the request.
    pub(super) requested: bool,
    pub(super) head: bool,
    /// As the client sent it.
    pub(super) scheme: Vec<u8>,
    pub(super) grpc: bool,
    /// Whether the body under way is one that no filter holds back as a whole (`…_filters_streaming_`).
    streaming: [bool; 2],
}

impl Proxy<'_> {
    /// The filter at a place of the direction's path: requests go in the chain's order, answers the other way round.
    fn on_path(&self, side: Side, place: usize) -> usize {
        match side {
            Side::Request => place,
            Side::Response => self.chain.filters.len() - 1 - place,
        }
    }

    fn with_stream<R>(&self, act: impl FnOnce(&mut Stream) -> R) -> Option<R> {
        self.world.borrow_mut().stream.as_mut().map(act)
    }

    pub(super) fn headers_of(&self, side: Side) -> Option<Fields> {
        self.with_stream(|stream| stream.way(side).headers.clone()).flatten()
    }

    fn has_trailers(&self, side: Side) -> bool {
        self.with_stream(|stream| stream.way(side).trailers.is_some()).unwrap_or_default()
    }

    fn has_buffered(&self, side: Side) -> bool {
        self.with_stream(|stream| stream.way(side).buffered.is_some()).unwrap_or_default()
    }

    fn has_ended(&self, side: Side) -> bool {
        self.with_stream(|stream| stream.way(side).ended).unwrap_or_default()
    }

    const fn aborted(&self, side: Side) -> bool {
        match side {
            Side::Request => self.chain.request_aborted,
            Side::Response => self.chain.response_aborted,
        }
    }

    /// `decodeHeaders`, `encodeHeaders`: from a place of the path on.
    pub(super) fn headers(&mut self, side: Side, from: usize, end: bool) {
        for place in from..self.chain.filters.len() {
            if self.chain.over {
                return;
            }
            let filter = self.on_path(side, place);
            self.chain.filters[filter].at_mut(side).end_stream = end;
            let mut status = self.headers_callback(side, filter, end);
            if self.aborted(side) {
                self.send_prepared();
                status = HeadersStatus::StopIteration;
            }
            let position = self.chain.filters[filter].at_mut(side);
            position.iteration = match status {
                HeadersStatus::Continue => {
                    position.headers_continued = true;
                    continue;
                }
                HeadersStatus::StopIteration => Iteration::StopSingle,
                HeadersStatus::StopAllBuffer | HeadersStatus::StopAllWatermark => Iteration::StopAll,
            };
            self.chain.streaming[side as usize] = status == HeadersStatus::StopAllWatermark;
            return;
        }
        self.headers_through(side, end);
    }

    /// `decodeData`, `encodeData`: from a place of the path on.
    pub(super) fn data(&mut self, side: Side, from: usize, data: DataRef, mut end: bool) {
        let had_trailers = self.has_trailers(side);
        let mut trailers_from = None;
        let mut through = true;
        for place in from..self.chain.filters.len() {
            if self.chain.over || self.aborted(side) {
                return;
            }
            let filter = self.on_path(side, place);
            let position = self.chain.filters[filter].at(side);
            if position.iteration == Iteration::StopAll {
                self.keep(side, data);
                return;
            }
            if position.end_stream {
                return;
            }
            let ends = end && !self.has_trailers(side);
            self.chain.filters[filter].at_mut(side).end_stream = ends;
            let status = self.data_callback(side, filter, data, ends);
            if self.aborted(side) {
                self.send_prepared();
                return;
            }
            if !had_trailers && trailers_from.is_none() && self.has_trailers(side) {
                end = false;
                trailers_from = Some(place + 1);
            }
            if !self.after_data(side, place, status, data) {
                through = false;
                break;
            }
        }
        if through {
            self.data_through(side, data, end);
        }
        if let Some(place) = trailers_from {
            self.trailers(side, place);
        }
    }

    /// `commonHandleAfterDataCallback`: whether the data goes on to the next filter.
    fn after_data(&mut self, side: Side, place: usize, status: DataStatus, data: DataRef) -> bool {
        let filter = self.on_path(side, place);
        if status == DataStatus::Continue {
            if self.chain.filters[filter].at(side).iteration != Iteration::StopSingle {
                return true;
            }
            self.keep(side, data);
            self.go_on(side, filter);
            return false;
        }
        self.chain.filters[filter].at_mut(side).iteration = Iteration::StopSingle;
        if matches!(status, DataStatus::StopBuffer | DataStatus::StopWatermark) {
            self.chain.streaming[side as usize] = status == DataStatus::StopWatermark;
            self.keep(side, data);
        } else if self.has_ended(side) && !self.has_trailers(side) && !self.has_buffered(side) {
            // So that going on sends the end.
            self.with_stream(|stream| stream.way_mut(side).buffered = Some(Vec::new()));
        }
        false
    }

    /// `commonHandleBufferData`, and what happens when it is too much.
    fn keep(&mut self, side: Side, data: DataRef) {
        let kept = self.with_stream(|stream| {
            stream.keep(side, data);
            stream.way(side).buffered.as_ref().map_or(0, Vec::len)
        });
        if kept.unwrap_or_default() > BUFFER_LIMIT && !self.chain.streaming[side as usize] {
            self.too_large(side);
        }
    }

    /// `decodeTrailers`, `encodeTrailers`: from a place of the path on.
    pub(super) fn trailers(&mut self, side: Side, from: usize) {
        for place in from..self.chain.filters.len() {
            if self.chain.over || self.aborted(side) {
                return;
            }
            let filter = self.on_path(side, place);
            if self.chain.filters[filter].at(side).iteration == Iteration::StopAll {
                return;
            }
            let mut status = self.trailers_callback(side, filter);
            self.chain.filters[filter].at_mut(side).end_stream = true;
            if self.aborted(side) {
                self.send_prepared();
                status = TrailersStatus::StopIteration;
            }
            let position = self.chain.filters[filter].at_mut(side);
            match (status, position.iteration) {
                (TrailersStatus::Continue, Iteration::StopSingle) => return self.go_on(side, filter),
                (TrailersStatus::Continue, _) => {}
                (TrailersStatus::StopIteration, _) => {
                    if position.iteration == Iteration::Continue {
                        position.iteration = Iteration::StopSingle;
                    }
                    return;
                }
            }
        }
        self.trailers_through(side);
    }

    /// `commonContinue`: what a filter has held back goes on.
    pub(super) fn go_on(&mut self, side: Side, filter: usize) {
        if self.chain.over || self.aborted(side) || (side == Side::Request && self.response_ended()) {
            return;
        }
        if self.nested > limits::NESTED + self.chain.filters.len() {
            return self.goes_on_and_on(filter);
        }
        self.nested += 1;
        self.go_on_from(side, filter);
        self.nested -= 1;
    }

    /// A filter that goes on from within what its going on has brought it, over and over: V8's stack ends that (seen on Envoy 1.40).
    fn goes_on_and_on(&mut self, filter: usize) {
        let Filter { vm, plugin, .. } = self.chain.filters[filter];
        if self.vms[vm].fault.is_some() {
            return;
        }
        let last = self.effects.iter().rfind(|effect| effect.plugin == plugin);
        let callback = last.map_or("proxy_on_request_body", |effect| effect.callback);
        let message = format!("Function: {callback} failed: Uncaught RangeError: Maximum call stack size exceeded");
        let fault = Fault { kind: FaultKind::Trap, message };
        self.fail(vm, plugin, fault);
    }

    fn go_on_from(&mut self, side: Side, filter: usize) {
        let place = self.on_path(side, filter);
        let position = self.chain.filters[filter].at_mut(side);
        position.from_itself |= position.iteration == Iteration::StopAll;
        position.iteration = Iteration::Continue;
        if !position.headers_continued {
            position.headers_continued = true;
            let end = self.has_ended(side) && !self.has_buffered(side) && !self.has_trailers(side);
            self.headers(side, place + 1, end);
        }
        let had_trailers = self.has_trailers(side);
        if self.has_buffered(side) {
            let end = self.has_ended(side) && !had_trailers;
            self.data(side, self.next_place(side, filter), DataRef::Buffered, end);
        }
        if had_trailers {
            self.trailers(side, self.next_place(side, filter));
        }
        if let Some(filter) = self.chain.filters.get_mut(filter) {
            filter.at_mut(side).from_itself = false;
        }
    }

    fn response_ended(&self) -> bool {
        self.chain.over
    }

    /// `commonDecodePrefix`, `commonEncodePrefix`.
    fn next_place(&self, side: Side, filter: usize) -> usize {
        let place = self.on_path(side, filter);
        if self.chain.filters[filter].at(side).from_itself { place } else { place + 1 }
    }

    /// Headers that no filter holds back: to the router, or to the client.
    fn headers_through(&mut self, side: Side, end: bool) {
        if self.chain.over {
            return;
        }
        let headers = self.headers_of(side).unwrap_or_default();
        match side {
            Side::Request => self.route(headers, end),
            Side::Response => self.answer(headers, end),
        }
    }

    fn data_through(&mut self, side: Side, data: DataRef, end: bool) {
        if self.chain.over || self.aborted(side) {
            return;
        }
        let bytes = self.with_stream(|stream| stream.take(side, data)).unwrap_or_default();
        let message = match side {
            Side::Request => &mut self.chain.workload,
            Side::Response => &mut self.chain.client,
        };
        if let Some(message) = message
            && !bytes.is_empty()
        {
            message.body.push(bytes);
        }
        if end {
            self.ended(side);
        }
    }

    fn trailers_through(&mut self, side: Side) {
        if self.chain.over {
            return;
        }
        let trailers = self.with_stream(|stream| stream.way(side).trailers.clone()).flatten();
        let message = match side {
            Side::Request => &mut self.chain.workload,
            Side::Response => &mut self.chain.client,
        };
        if let Some(message) = message {
            message.trailers = trailers;
        }
        self.ended(side);
    }

    /// The last of a direction has gone through.
    pub(super) fn ended(&mut self, side: Side) {
        self.measure(side);
        match side {
            Side::Request => self.request_sent(),
            Side::Response => self.chain.over = true,
        }
    }

    /// Cuts a body to the length that its headers say, as whoever reads it does, and remarks upon it.
    fn measure(&mut self, side: Side) {
        let (message, what) = match side {
            Side::Request => (&mut self.chain.workload, "the request"),
            Side::Response => (&mut self.chain.client, "the answer"),
        };
        let Some(message) = message.as_mut().filter(|message| !message.body.is_empty()) else { return };
        let written =
            message.headers.first("content-length").and_then(|text| std::str::from_utf8(text).ok()?.parse().ok());
        let length: usize = message.body.iter().map(Vec::len).sum();
        let Some(written) = written.filter(|written| *written != length) else { return };
        let mut left = written;
        for chunk in &mut message.body {
            chunk.truncate(left);
            left -= chunk.len();
        }
        message.body.retain(|chunk| !chunk.is_empty());
        // The one that changed the body last, as far as it can be told.
        let changed = self.effects.iter().rev().find(|effect| effect.body.is_some());
        let plugin = changed.map(|effect| effect.plugin).or_else(|| Some(self.chain.filters.first()?.plugin));
        let remark = Remark::WrongLength(format!("`content-length: {written}` on {length} B of {what}"));
        self.world.borrow_mut().remark(plugin, remark);
    }

    /// The first filter that holds the stream, by its place among the subject's plugins.
    pub(super) fn holder(&self) -> Option<usize> {
        let holds = |side: Side| {
            let held = self.chain.filters.iter().find(|filter| filter.at(side).iteration != Iteration::Continue);
            held.map(|filter| filter.plugin)
        };
        let answering = self.headers_of(Side::Response).is_some();
        if answering { holds(Side::Response).or_else(|| holds(Side::Request)) } else { holds(Side::Request) }
    }
}
