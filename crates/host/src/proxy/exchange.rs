//! One exchange: a request through the chain, the workload's response back, and the time that passes meanwhile.

use std::rc::Rc;

use mesh_compile_module::FilterType;

use super::connection::{self, Connection, Verdict};
use super::plugins::ContextRef;
use super::router::{self, Router};
use super::{FilterManager, Proxy};
use crate::callback::Callback;
use crate::clusters::SERVICE_TIME;
use crate::config::Unloaded;
use crate::envoy_texts::VIA_UPSTREAM;
use crate::field;
use crate::half::StreamHalf;
use crate::message::{Fields, HOP_BY_HOP, Message};
use crate::outcome::{End, ExchangeOutcome};
use crate::proxy_state::Metric;
use crate::scenario::Exchange;
use crate::state::DeferredAction;
use crate::stream::{Info, Stream};

/// How long the host waits for a stream while only timers are pending, in nanoseconds, and how many times they may tick.
const IDLE_TIMEOUT: u64 = 5_000_000_000;
const TICKS: usize = 1_000;

impl Proxy<'_> {
    /// Advances the clock, then sends the request. If a plugin has not started, Envoy has no listener and the exchange is reset.
    pub fn exchange(&mut self, exchange: &Exchange) -> ExchangeOutcome {
        if self.outcomes.iter().any(|plugin| plugin.fault.is_some()) {
            return ExchangeOutcome { end: End::Reset, ..ExchangeOutcome::default() };
        }
        self.advance(u64::try_from(exchange.after.as_nanos()).unwrap_or(u64::MAX));
        self.open(exchange);
        let request = exchange.request.framed_request();
        let mut stalled = true;
        if self.connect() && self.send_bytes(&request) {
            self.send(&request);
            stalled = !self.wait(|proxy| proxy.stream.is_over());
            self.return_bytes();
        }
        let end = self.end(stalled && !self.stream.is_reset());
        self.close();
        self.disconnect();
        self.outcome(end)
    }

    /// Advances the clock and dispatches due events.
    fn advance(&mut self, by: u64) {
        let until = self.proxy_state.borrow().now.saturating_add(by);
        loop {
            let event = self.proxy_state.borrow_mut().next_event(until);
            let Some(event) = event else { break };
            self.dispatch(event);
        }
        self.proxy_state.borrow_mut().now = until;
    }

    /// Opens the stream, with a context for each filter.
    fn open(&mut self, exchange: &Exchange) {
        let mut stream = Stream::default();
        stream.info.start = self.proxy_state.borrow().now;
        self.proxy_state.borrow_mut().stream = Some(stream);
        let router = Router::new(&exchange.request, exchange.upstream.clone());
        self.stream = FilterManager::new(Rc::clone(&self.proxy_state), router, &exchange.request);
        for plugin in self.chain(FilterType::Http) {
            match self.unloaded(plugin) {
                Some(Unloaded::Pass) => continue,
                Some(Unloaded::Reject) => {
                    self.stream.add_rejecting(plugin);
                    continue;
                }
                None => {}
            }
            if let Some(context) = self.plugins.open_stream(plugin) {
                self.stream.add(context);
            }
        }
    }

    /// The client connects. `false`: a network filter holds or closes the connection.
    fn connect(&mut self) -> bool {
        self.connection.close();
        for plugin in self.chain(FilterType::Network) {
            match self.unloaded(plugin) {
                Some(Unloaded::Pass) => continue,
                Some(Unloaded::Reject) => {
                    self.stream.mark_reset();
                    return false;
                }
                None => {}
            }
            let filter = self.connection.add(&mut self.plugins, plugin);
            self.stream.notify_created(&mut self.plugins, filter);
        }
        self.connection.filters().into_iter().all(|filter| {
            let verdict = Connection::opened(&mut self.plugins, filter);
            self.settle(filter, verdict)
        })
    }

    /// Passes the request's bytes through the network filters.
    fn send_bytes(&mut self, request: &Message) -> bool {
        let filters = self.connection.filters();
        if filters.is_empty() {
            return true;
        }
        let bytes = connection::request_bytes(request);
        filters.into_iter().all(|filter| self.pass_bytes(filter, StreamHalf::Request, &bytes))
    }

    /// Passes the response's bytes through the network filters, backwards.
    fn return_bytes(&mut self) {
        let filters = self.connection.filters();
        let Some(response) = self.stream.downstream.response.as_ref().filter(|_| !filters.is_empty()) else { return };
        let bytes = connection::response_bytes(response);
        for filter in filters.into_iter().rev() {
            self.pass_bytes(filter, StreamHalf::Response, &bytes);
        }
    }

    fn pass_bytes(&mut self, filter: ContextRef, half: StreamHalf, bytes: &[u8]) -> bool {
        let verdict = Connection::bytes(&mut self.plugins, filter, half, bytes);
        let continues = self.settle(filter, verdict);
        if let Some(remark) = Connection::changed(&mut self.plugins, filter, half, bytes) {
            self.proxy_state.borrow_mut().remark(Some(filter.plugin), remark);
        }
        continues
    }

    /// Whether the connection continues after a network filter's verdict. A filter that holds the connection can resume it later,
    /// from the response to a callout or from its timer.
    fn settle(&mut self, filter: ContextRef, verdict: Verdict) -> bool {
        self.stream.act(&mut self.plugins, filter.vm);
        match verdict {
            Verdict::Continue => true,
            Verdict::Close => {
                self.stream.mark_reset();
                false
            }
            Verdict::Hold => {
                self.wait(|proxy| proxy.stream.is_reset() || proxy.plugins.is_resumed(filter));
                self.plugins.take_resumed(filter)
            }
        }
    }

    fn send(&mut self, request: &Message) {
        let mut headers = field::received(&request.headers);
        HOP_BY_HOP.iter().for_each(|name| headers.remove(name));
        if headers.first("x-forwarded-proto").is_none() {
            headers.add("x-forwarded-proto", "http");
        }
        self.pass(StreamHalf::Request, headers, request);
    }

    /// Passes a message through the chain: the headers, each chunk, and the end, which HTTP/1.1 delivers separately.
    fn pass(&mut self, half: StreamHalf, headers: Fields, message: &Message) {
        let chunks: Vec<&Vec<u8>> = message.body.iter().filter(|chunk| !chunk.is_empty()).collect();
        let chunked = message.headers.first("transfer-encoding").is_some();
        let bare = chunks.is_empty() && message.trailers.is_none() && !chunked;
        self.stream.with_half(half, |state| {
            state.headers = Some(headers);
            state.ended = bare;
        });
        self.stream.headers(&mut self.plugins, half, 0, bare);
        if bare {
            return;
        }
        for (number, chunk) in chunks.into_iter().enumerate() {
            if number > 0 {
                // Due events come between the chunks. The first chunk arrives with the headers, the end with the last chunk.
                self.advance(0);
            }
            self.pass_chunk(half, chunk.clone(), false);
        }
        if self.stream.is_over() {
            return;
        }
        self.stream.with_half(half, |state| state.ended = true);
        match &message.trailers {
            Some(trailers) => {
                self.stream.with_half(half, |state| state.trailers = Some(field::received(trailers)));
                self.stream.trailers(&mut self.plugins, half, 0);
            }
            None => self.pass_chunk(half, Vec::new(), true),
        }
    }

    fn pass_chunk(&mut self, half: StreamHalf, bytes: Vec<u8>, end: bool) {
        if let Some(data) = self.stream.chunk(half, bytes) {
            self.stream.data(&mut self.plugins, half, 0, data, end);
        }
    }

    /// The workload responds.
    pub(super) fn upstream_responds(&mut self) {
        if self.stream.is_over() || self.stream.has_headers(StreamHalf::Response) {
            return;
        }
        self.with_info(|info| info.upstream = true);
        match self.stream.router.response() {
            Err(reply) => self.stream.local_reply(&mut self.plugins, reply),
            Ok(message) => {
                let mut headers = field::received(&message.headers);
                let (name, value) = SERVICE_TIME;
                field::replace(&mut headers, name.as_bytes(), value.as_bytes());
                self.with_info(|info| {
                    info.details = Some(VIA_UPSTREAM.into());
                    info.code = headers.code();
                });
                self.pass(StreamHalf::Response, headers, &message);
            }
        }
    }

    fn with_info(&self, change: impl FnOnce(&mut Info)) {
        if let Some(stream) = &mut self.proxy_state.borrow_mut().stream {
            change(&mut stream.info);
        }
    }

    /// Dispatches events until `done`. `false`: none are left.
    fn wait(&mut self, done: impl Fn(&Self) -> bool) -> bool {
        let mut ticks = 0;
        let mut idle_until = self.proxy_state.borrow().now.saturating_add(IDLE_TIMEOUT);
        while !done(self) {
            let expecting = self.proxy_state.borrow().is_expecting();
            let until = if expecting { u64::MAX } else { idle_until };
            let event = self.proxy_state.borrow_mut().next_event(until);
            let Some(event) = event.filter(|_| ticks < TICKS) else { return false };
            if expecting {
                idle_until = self.proxy_state.borrow().now.saturating_add(IDLE_TIMEOUT);
            } else {
                ticks += 1;
            }
            self.dispatch(event);
        }
        true
    }

    fn end(&self, stalled: bool) -> End {
        let details = self.proxy_state.borrow().stream.as_ref().and_then(|stream| stream.info.details.clone());
        match details {
            _ if stalled => End::Stalled(self.stream.holder()),
            _ if self.stream.is_reset() => End::Reset,
            Some(details) if details != VIA_UPSTREAM => End::LocalReply(details),
            _ => End::Complete,
        }
    }

    /// The stream is over: the filters log, and their contexts end.
    fn close(&mut self) {
        self.stream.finish();
        let now = self.proxy_state.borrow().now;
        if let Some(stream) = &mut self.proxy_state.borrow_mut().stream {
            stream.info.end = Some(now);
            // The codec removes the field before the access log runs.
            for headers in stream.response.headers.iter_mut() {
                headers.remove("transfer-encoding");
            }
        }
        let contexts = self.stream.contexts();
        for context in &contexts {
            self.stream.notify_created(&mut self.plugins, *context);
            self.plugins.with_context(*context, |context| context.access_log = true);
            self.call_at_end(*context, Callback::Log);
            self.plugins.with_context(*context, |context| context.access_log = false);
        }
        for context in contexts {
            self.call_at_end(context, Callback::Done);
            self.call_at_end(context, Callback::Delete);
            self.plugins.remove(context);
        }
        // Messages in queues are delivered now, while nothing else is due.
        self.advance(0);
    }

    fn call_at_end(&mut self, at: ContextRef, callback: Callback) {
        if !self.plugins.has(at.vm, callback) || self.plugins.is_failed(at.vm) {
            return;
        }
        self.plugins.call(at, callback, &[]);
        self.plugins.record_actions(at, callback, true);
        let fatal = self.plugins.vm(at.vm).state().deferred.iter().find_map(|action| match action {
            DeferredAction::LocalReply(..) => Some("it responds to a request that is over"),
            DeferredAction::Reset(_) if callback == Callback::Log => Some("it closes a stream that is over"),
            _ => None,
        });
        match fatal {
            Some(what) => self.stream.crash(&mut self.plugins, at, &format!("{callback}: {what}")),
            None => self.stream.act(&mut self.plugins, at.vm),
        }
    }

    /// The client closes the connection.
    fn disconnect(&mut self) {
        for filter in self.connection.filters() {
            for callback in Connection::CLOSING {
                Connection::closing(&mut self.plugins, filter, callback);
                self.stream.act(&mut self.plugins, filter.vm);
            }
            self.plugins.remove(filter);
        }
        self.connection.close();
    }

    fn outcome(&mut self, end: End) -> ExchangeOutcome {
        let (effects, faults) = self.plugins.trace.take();
        let mut proxy_state = self.proxy_state.borrow_mut();
        proxy_state.stream = None;
        let value = |(name, metric): (&String, &Metric)| match metric {
            Metric::Counter(value) | Metric::Gauge(value) => Some((name.clone(), *value)),
            Metric::Histogram => None,
        };
        ExchangeOutcome {
            response: self.stream.downstream.response.take().map(Message::observed),
            upstream: self.stream.router.request.take().map(Message::observed),
            end,
            calls: proxy_state.take_calls().into_iter().map(router::as_received).collect(),
            log: std::mem::take(&mut proxy_state.log),
            metrics: proxy_state.metrics.iter().filter_map(value).collect(),
            faults,
            effects,
            remarks: std::mem::take(&mut proxy_state.remarks),
        }
    }
}
