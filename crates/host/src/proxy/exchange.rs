//! One exchange: a request through the chain, the workload's answer back, and whatever time has to pass.

use mesh_compile_module::FilterType;

use super::Proxy;
use super::reply::{self, Reply, VIA_UPSTREAM};
use super::side::Filter;
use crate::config::FailurePolicy;
use crate::field;
use crate::message::{Fields, Message};
use crate::outcome::{End, ExchangeOutcome};
use crate::scenario::{Exchange, Response};
use crate::script::SERVICE_TIME;
use crate::state::{Action, ContextKind};
use crate::stream::{Side, Stream, Way};
use crate::world::Metric;

/// How long a stream is given when nothing but timers is to come, in nanoseconds, and how many times they may tick.
const PATIENCE: u64 = 5_000_000_000;
const TICKS: usize = 1_000;

/// Fields that Envoy takes off a request, and off an answer that it hands on to the client.
const HOP_BY_HOP: [&str; 4] = ["connection", "keep-alive", "proxy-connection", "transfer-encoding"];

impl Proxy<'_> {
    /// Lets the step's time pass, then sends its request.
    pub fn exchange(&mut self, exchange: &Exchange) -> ExchangeOutcome {
        self.pass(u64::try_from(exchange.after.as_nanos()).unwrap_or(u64::MAX));
        self.answer = exchange.upstream.clone();
        self.open(&exchange.request);
        let request = exchange.request.framed_request();
        let mut stalled = true;
        if self.connect() && self.downstream(&request) {
            self.send(&request);
            stalled = !self.wait(|proxy| proxy.chain.over);
            self.upstream();
        }
        let end = self.end(stalled && !self.chain.reset);
        self.close();
        self.disconnect();
        self.outcome(end)
    }

    /// The clock goes on.
    fn pass(&mut self, after: u64) {
        let until = self.world.borrow().now.saturating_add(after);
        loop {
            let event = self.world.borrow_mut().next_event(until);
            match event {
                Some(event) => self.happen(event),
                None => break,
            }
        }
        self.world.borrow_mut().now = until;
    }

    /// A stream comes to be, with a context for each filter.
    fn open(&mut self, request: &Message) {
        let start = self.world.borrow().now;
        self.chain = super::chain::Chain::default();
        let content_type = request.headers.first("content-type").unwrap_or_default();
        self.chain.grpc = content_type == b"application/grpc" || content_type.starts_with(b"application/grpc+");
        self.chain.scheme = request.headers.first(":scheme").unwrap_or(b"http").to_vec();
        self.chain.head = request.headers.first(":method") == Some(b"HEAD");
        let mut stream = Stream::default();
        stream.info.start = start;
        self.world.borrow_mut().stream = Some(stream);
        for plugin in self.chain_of(FilterType::Http) {
            if let Some(filter) = self.filter(plugin) {
                self.chain.filters.push(filter);
            }
        }
    }

    /// A filter for the stream; none where its VM has failed and it is to let streams pass.
    fn filter(&mut self, plugin: usize) -> Option<Filter> {
        let failed = self.vms[self.plugins[plugin].vm].fault.is_some();
        match self.policy(plugin) {
            FailurePolicy::Open | FailurePolicy::OpenOld if failed => return None,
            FailurePolicy::Reload if failed => self.reload(self.plugins[plugin].vm),
            _ => {}
        }
        let started = self.plugins[plugin];
        let context = self.vms[started.vm].state_mut().create(Some(started.root), plugin, ContextKind::Http);
        Some(Filter::new(plugin, started.vm, context))
    }

    fn with_way<R>(&self, side: Side, act: impl FnOnce(&mut Way) -> R) -> Option<R> {
        self.world.borrow_mut().stream.as_mut().map(|stream| act(stream.way_mut(side)))
    }

    fn send(&mut self, request: &Message) {
        let mut headers = field::taken_in(&request.headers);
        HOP_BY_HOP.iter().for_each(|name| headers.remove(name));
        if headers.first("x-forwarded-proto").is_none() {
            headers.add("x-forwarded-proto", "http");
        }
        self.frames(Side::Request, headers, request);
    }

    /// Hands a message through the chain: headers, each chunk, and the end, which over HTTP/1.1 comes by itself.
    fn frames(&mut self, side: Side, headers: Fields, message: &Message) {
        let chunks: Vec<&Vec<u8>> = message.body.iter().filter(|chunk| !chunk.is_empty()).collect();
        let chunked = message.headers.first("transfer-encoding").is_some();
        let bare = chunks.is_empty() && message.trailers.is_none() && !chunked;
        self.with_way(side, |way| {
            way.headers = Some(headers);
            way.ended = bare;
        });
        self.headers(side, 0, bare);
        if bare {
            return;
        }
        for (number, chunk) in chunks.into_iter().enumerate() {
            if number > 0 {
                // What is due comes between the chunks; the first travels with the headers, the end with the last.
                self.pass(0);
            }
            if let Some(data) = self.chunk(side, chunk.clone()) {
                self.data(side, 0, data, false);
            }
        }
        if self.chain.over {
            return;
        }
        self.with_way(side, |way| way.ended = true);
        match &message.trailers {
            Some(trailers) => {
                self.with_way(side, |way| way.trailers = Some(field::taken_in(trailers)));
                self.trailers(side, 0);
            }
            None => {
                if let Some(data) = self.chunk(side, Vec::new()) {
                    self.data(side, 0, data, true);
                }
            }
        }
    }

    /// The workload has got the request.
    pub(super) fn upstream_answers(&mut self) {
        if self.chain.over || self.headers_of(Side::Response).is_some() {
            return;
        }
        if let Some(stream) = &mut self.world.borrow_mut().stream {
            stream.info.upstream = true;
        }
        match self.answer.clone() {
            Response::Reset => {
                const TEXT: &str =
                    "upstream connect error or disconnect/reset before headers. reset reason: connection termination";
                const DETAILS: &str = "upstream_reset_before_response_started{connection_termination}";
                self.local_reply(Reply::own(503, TEXT, DETAILS));
            }
            Response::Message(message) => {
                let method = self.chain.workload.as_ref().and_then(|request| request.headers.first(":method"));
                let message = message.framed_response(method.unwrap_or_default());
                let mut headers = field::taken_in(&message.headers);
                let (name, value) = SERVICE_TIME;
                field::replace(&mut headers, name.as_bytes(), value.as_bytes());
                if let Some(stream) = &mut self.world.borrow_mut().stream {
                    stream.info.details = Some(VIA_UPSTREAM.into());
                    stream.info.code = reply::code_of(&headers);
                }
                self.frames(Side::Response, headers, &message);
            }
        }
    }

    /// Lets happen what has to until it is `done`. `false`: it would never be.
    pub(super) fn wait(&mut self, done: impl Fn(&Self) -> bool) -> bool {
        let mut ticks = 0;
        let mut patience = self.world.borrow().now.saturating_add(PATIENCE);
        while !done(self) {
            let expecting = self.world.borrow().is_expecting();
            let until = if expecting { u64::MAX } else { patience };
            let event = self.world.borrow_mut().next_event(until);
            let Some(event) = event.filter(|_| ticks < TICKS) else { return false };
            if expecting {
                patience = self.world.borrow().now.saturating_add(PATIENCE);
            } else {
                ticks += 1;
            }
            self.happen(event);
        }
        true
    }

    fn end(&self, stalled: bool) -> End {
        let details = self.world.borrow().stream.as_ref().and_then(|stream| stream.info.details.clone());
        match details {
            _ if stalled => End::Stalled(self.holder()),
            _ if self.chain.reset => End::Reset,
            Some(details) if details != VIA_UPSTREAM => End::LocalReply(details),
            _ => End::Complete,
        }
    }

    /// The stream is over: filters log, and their contexts end.
    fn close(&mut self) {
        self.chain.over = true;
        let now = self.world.borrow().now;
        if let Some(stream) = &mut self.world.borrow_mut().stream {
            stream.info.end = Some(now);
            // What the codec takes off, the access log does not see.
            for headers in stream.response.headers.iter_mut() {
                headers.remove("transfer-encoding");
            }
        }
        for filter in 0..self.chain.filters.len() {
            self.create(filter);
            self.set_access_log(filter, true);
            self.end_call(filter, "proxy_on_log");
            self.set_access_log(filter, false);
        }
        for filter in 0..self.chain.filters.len() {
            self.end_call(filter, "proxy_on_done");
            self.end_call(filter, "proxy_on_delete");
            let (vm, context) = (self.chain.filters[filter].vm, self.chain.filters[filter].context);
            self.vms[vm].state_mut().contexts.remove(&context);
        }
        // Queues that were written to are read while nothing else is to happen.
        self.pass(0);
    }

    fn set_access_log(&mut self, filter: usize, access_log: bool) {
        if let Some(context) = self.context_mut(filter) {
            context.access_log = access_log;
        }
    }

    fn end_call(&mut self, filter: usize, callback: &'static str) {
        let (vm, context) = (self.chain.filters[filter].vm, self.chain.filters[filter].context);
        let plugin = self.chain.filters[filter].plugin;
        if !self.vms[vm].has(callback) || self.vms[vm].fault.is_some() {
            return;
        }
        self.call_only(vm, plugin, callback, context, &[context]);
        self.note_acts(vm, plugin, callback, true);
        let fatal = self.vms[vm].state().actions.iter().find_map(|action| match action {
            Action::LocalReply(..) => Some("it answers a request that is over"),
            Action::Reset(_) if callback == "proxy_on_log" => Some("it closes a stream that is over"),
            _ => None,
        });
        match fatal {
            Some(what) => self.crash(vm, filter, &format!("{callback}: {what}")),
            None => self.act(vm),
        }
    }

    fn outcome(&mut self, end: End) -> ExchangeOutcome {
        let mut world = self.world.borrow_mut();
        world.stream = None;
        let value = |(name, metric): (&String, &Metric)| match metric {
            Metric::Counter(value) | Metric::Gauge(value) => Some((name.clone(), *value)),
            Metric::Histogram => None,
        };
        ExchangeOutcome {
            response: self.chain.client.take().map(Message::observed),
            upstream: self.chain.workload.take().map(Message::observed),
            end,
            calls: world.take_calls().into_iter().map(reply::called).collect(),
            log: std::mem::take(&mut world.log),
            metrics: world.metrics.iter().filter_map(value).collect(),
            faults: std::mem::take(&mut self.faults),
            effects: std::mem::take(&mut self.effects),
            remarks: std::mem::take(&mut world.remarks),
        }
    }
}
