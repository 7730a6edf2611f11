//! What happens as time passes: responses to callouts, timers, queues, the workload's response.

use super::Proxy;
use super::plugins::{ContextRef, length};
use crate::callback::Callback;
use crate::clusters::{CallKind, CallOutcome};
use crate::context::GrpcResponse;
use crate::envoy_texts::VIA_UPSTREAM;
use crate::message::{Fields, Message};
use crate::outcome::{Fault, FaultKind};
use crate::proxy_state::Event;
use crate::{field, limits};

/// gRPC's UNKNOWN: the status of a response that has none.
const UNKNOWN: u32 = 2;
/// gRPC's INTERNAL: the status of a call whose response has no message.
const INTERNAL: u32 = 13;

impl Proxy<'_> {
    pub(super) fn dispatch(&mut self, event: Event) {
        self.proxy_state.borrow_mut().burn(limits::EVENT_FUEL);
        if let Some(vm) = event.vm()
            && self.proxy_state.borrow().is_spent()
        {
            return self.stop(vm);
        }
        match event {
            Event::Response { vm, context, token } => self.callout_ended(vm, context, token),
            Event::Tick { vm, context, set } => self.tick(vm, context, set),
            Event::Queue { vm, context, token } => {
                if self.plugins.is_alive(vm) {
                    let root = self.plugins.find(vm, context);
                    self.call_root(root, Callback::QueueReady, &[token]);
                }
            }
            Event::Upstream => self.upstream_responds(),
        }
    }

    /// The run has used up its time: a VM that still has events has failed.
    fn stop(&mut self, vm: usize) {
        const MESSAGE: &str = "its timers, queues and callouts do not terminate";
        if self.plugins.is_alive(vm) {
            let fault = Fault { kind: FaultKind::Endless, message: MESSAGE.into() };
            self.plugins.fail(vm, self.plugins.first_of(vm), fault);
        }
    }

    /// Calls a callback of a root context.
    fn call_root(&mut self, root: ContextRef, callback: Callback, arguments: &[u32]) {
        if self.plugins.has(root.vm, callback) {
            self.plugins.call(root, callback, arguments);
            // There may be many ticks: the trace leaves out those that do nothing.
            self.plugins.record_actions(root, callback, callback == Callback::Tick);
        }
    }

    fn tick(&mut self, vm: usize, context: u32, set: u32) {
        let timer = |proxy: &Self| proxy.plugins.vm(vm).state().timers.get(&context).copied();
        if !self.plugins.is_alive(vm) || timer(self).is_none_or(|(period, now)| now != set || period == 0) {
            return;
        }
        let root = self.plugins.find(vm, context);
        self.call_root(root, Callback::Tick, &[]);
        self.stream.act(&mut self.plugins, vm);
        if let Some((period, now)) = timer(self)
            && now == set
        {
            // This tick has just made room for the next one.
            let _ =
                self.proxy_state.borrow_mut().schedule(u64::from(period) * 1_000_000, Event::Tick { vm, context, set });
        }
    }

    /// A callout has its response, or will not get one.
    fn callout_ended(&mut self, vm: usize, context: u32, token: u32) {
        let pending = self.proxy_state.borrow_mut().end_call(vm, token);
        let Some(pending) = pending.filter(|_| self.plugins.is_alive(vm)) else { return };
        let root = self.plugins.find(vm, context);
        match (pending.kind, pending.outcome) {
            (CallKind::Http, CallOutcome::Message(message)) => self.http_response(root, token, message),
            (CallKind::Http, CallOutcome::Failed(..)) => {}
            (kind, outcome) => self.grpc_response(root, token, kind, outcome),
        }
    }

    fn http_response(&mut self, root: ContextRef, token: u32, mut message: Message) {
        message.headers = field::received(&message.headers);
        let counts = [
            message.headers.0.len(),
            message.body().len(),
            message.trailers.as_ref().map_or(0, |trailers| trailers.0.len()),
        ];
        let [headers, body, trailers] = counts.map(length);
        self.plugins.with_context(root, |context| context.call = Some(message));
        self.call_root(root, Callback::HttpCallResponse, &[token, headers, body, trailers]);
        self.plugins.with_context(root, |context| context.call = None);
        self.stream.act(&mut self.plugins, root.vm);
    }

    /// The callbacks of a gRPC call (Envoy's `GrpcCallClientHandler` and `GrpcStreamClientHandler`).
    fn grpc_response(&mut self, root: ContextRef, token: u32, kind: CallKind, outcome: CallOutcome) {
        let (status, text, message) = match outcome {
            CallOutcome::Failed(status, text) => (status, text, None),
            CallOutcome::Message(message) => {
                let (status, text) = grpc_status(&message);
                // Envoy appends its response code details.
                let text = if text.is_empty() { VIA_UPSTREAM.to_owned() } else { format!("{text}{{{VIA_UPSTREAM}}}") };
                (status, text, Some(message))
            }
        };
        let is_stream = kind == CallKind::GrpcStream;
        if let Some(message) = &message {
            if is_stream {
                let initial = GrpcResponse { initial: Some(message.headers.clone()), ..GrpcResponse::default() };
                let count = message.headers.0.len();
                self.grpc_part(root, token, Callback::GrpcReceiveInitialMetadata, count, initial);
            }
            if is_stream || status == 0 {
                for part in &message.body {
                    let received = GrpcResponse { message: Some(part.clone()), ..GrpcResponse::default() };
                    self.grpc_part(root, token, Callback::GrpcReceive, part.len(), received);
                }
            }
            if is_stream {
                let trailers = message.trailers.clone().unwrap_or_default();
                let count = trailers.0.len();
                let trailing = GrpcResponse { trailing: Some(trailers), ..GrpcResponse::default() };
                self.grpc_part(root, token, Callback::GrpcReceiveTrailingMetadata, count, trailing);
            }
        }
        // A successful call ends with its message; a call without a message has failed.
        let empty = message.as_ref().is_some_and(|message| message.body.is_empty());
        if !is_stream && status == 0 && !empty {
            return;
        }
        let status = if !is_stream && status == 0 { INTERNAL } else { status };
        self.plugins.with_context(root, |context| context.status = (status, text.into_bytes()));
        self.call_root(root, Callback::GrpcClose, &[token, status]);
        self.plugins.with_context(root, |context| context.status.1.clear());
        self.stream.act(&mut self.plugins, root.vm);
    }

    /// Passes a part of a gRPC response to a callback; `length` is what the callback learns about the part.
    fn grpc_part(&mut self, root: ContextRef, token: u32, callback: Callback, size: usize, part: GrpcResponse) {
        self.plugins.with_context(root, |context| context.grpc = part);
        self.call_root(root, callback, &[token, length(size)]);
        self.plugins.with_context(root, |context| context.grpc = GrpcResponse::default());
        self.stream.act(&mut self.plugins, root.vm);
    }
}

/// Status and message of a gRPC response: in its trailers, or in the headers of a response without trailers.
fn grpc_status(message: &Message) -> (u32, String) {
    let fields: &Fields = message.trailers.as_ref().unwrap_or(&message.headers);
    let text = |name: &str| fields.first(name).map(|value| String::from_utf8_lossy(value).into_owned());
    let status = text("grpc-status").and_then(|status| status.parse().ok()).unwrap_or(UNKNOWN);
    (status, text("grpc-message").unwrap_or_default())
}
