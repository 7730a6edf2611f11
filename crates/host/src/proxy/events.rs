//! What happens while time passes: answers to calls, timers, queues, the workload's answer.

use super::Proxy;
use super::reply::VIA_UPSTREAM;
use crate::message::{Fields, Message};
use crate::outcome::{Fault, FaultKind};
use crate::script::{CallKind, CallOutcome};
use crate::state::{Context, Grpc};
use crate::world::Event;
use crate::{field, limits};

fn length(count: usize) -> u32 {
    u32::try_from(count).unwrap_or(u32::MAX)
}

impl Proxy<'_> {
    pub(super) fn happen(&mut self, event: Event) {
        self.world.borrow_mut().burn(limits::FUEL_OF_AN_EVENT);
        if let Some(vm) = event.vm()
            && self.world.borrow().is_spent()
        {
            return self.endless(vm);
        }
        match event {
            Event::Answer { vm, context, token } => self.answered(vm, context, token),
            Event::Tick { vm, context, set } => self.tick(vm, context, set),
            Event::Queue { vm, context, token } => {
                if self.is_alive(vm) {
                    self.on_root(vm, context, "proxy_on_queue_ready", &[context, token]);
                }
            }
            Event::Upstream => self.upstream_answers(),
        }
    }

    /// The test has gone on for long enough: a VM that wants more of it has failed.
    fn endless(&mut self, vm: usize) {
        const MESSAGE: &str = "its timers, queues and calls do not end";
        if self.is_alive(vm) {
            let fault = Fault { kind: FaultKind::Endless, message: MESSAGE.into() };
            let plugin = self.plugins.iter().position(|started| started.vm == vm).unwrap_or_default();
            self.fail(vm, plugin, fault);
        }
    }

    fn is_alive(&self, vm: usize) -> bool {
        self.vms.get(vm).is_some_and(|vm| vm.fault.is_none())
    }

    /// Calls a callback on a root context.
    fn on_root(&mut self, vm: usize, context: u32, callback: &'static str, arguments: &[u32]) {
        let plugin = self.vms[vm].state().contexts.get(&context).and_then(|it| it.plugin).unwrap_or_default();
        if self.vms[vm].has(callback) {
            self.call_only(vm, plugin, callback, context, arguments);
            // Ticks may be many: those that do nothing are not worth a line.
            self.note_acts(vm, plugin, callback, callback == "proxy_on_tick");
        }
    }

    fn tick(&mut self, vm: usize, context: u32, set: u32) {
        let timer = |proxy: &Self| proxy.vms[vm].state().timers.get(&context).copied();
        if !self.is_alive(vm) || timer(self).is_none_or(|(period, now)| now != set || period == 0) {
            return;
        }
        self.on_root(vm, context, "proxy_on_tick", &[context]);
        self.act(vm);
        if let Some((period, now)) = timer(self)
            && now == set
        {
            // One has just made room.
            let _ = self.world.borrow_mut().schedule(u64::from(period) * 1_000_000, Event::Tick { vm, context, set });
        }
    }

    fn answered(&mut self, vm: usize, root: u32, token: u32) {
        let pending = self.world.borrow_mut().end_call(vm, token);
        let Some(pending) = pending.filter(|_| self.is_alive(vm)) else { return };
        match (pending.kind, pending.outcome) {
            (CallKind::Http, CallOutcome::Message(message)) => self.http_answer(vm, root, token, message),
            (CallKind::Http, CallOutcome::Failed(..)) => {}
            (kind, outcome) => self.grpc_answer(vm, root, token, kind, outcome),
        }
    }

    fn with_root(&mut self, vm: usize, root: u32, set: impl FnOnce(&mut Context)) {
        if let Some(context) = self.vms[vm].state_mut().contexts.get_mut(&root) {
            set(context);
        }
    }

    fn http_answer(&mut self, vm: usize, root: u32, token: u32, mut message: Message) {
        message.headers = field::taken_in(&message.headers);
        let counts = [
            message.headers.0.len(),
            message.body().len(),
            message.trailers.as_ref().map_or(0, |trailers| trailers.0.len()),
        ];
        let [headers, body, trailers] = counts.map(length);
        self.with_root(vm, root, |context| context.call = Some(message));
        self.on_root(vm, root, "proxy_on_http_call_response", &[root, token, headers, body, trailers]);
        self.with_root(vm, root, |context| context.call = None);
        self.act(vm);
    }

    /// The callbacks of a gRPC call (Envoy's `GrpcCallClientHandler` and `GrpcStreamClientHandler`).
    fn grpc_answer(&mut self, vm: usize, root: u32, token: u32, kind: CallKind, outcome: CallOutcome) {
        let (status, text, message) = match outcome {
            CallOutcome::Failed(status, text) => (status, text, None),
            CallOutcome::Message(message) => {
                let (status, text) = grpc_end(&message);
                // Envoy adds its response code details.
                let text = if text.is_empty() { VIA_UPSTREAM.to_owned() } else { format!("{text}{{{VIA_UPSTREAM}}}") };
                (status, text, Some(message))
            }
        };
        if let Some(message) = &message {
            if kind == CallKind::GrpcStream {
                self.grpc_metadata(vm, root, token, &message.headers, false);
            }
            if kind == CallKind::GrpcStream || status == 0 {
                for part in &message.body {
                    self.with_root(vm, root, |context| context.grpc.message = Some(part.clone()));
                    self.on_root(vm, root, "proxy_on_grpc_receive", &[root, token, length(part.len())]);
                    self.with_root(vm, root, |context| context.grpc = Grpc::default());
                    self.act(vm);
                }
            }
            if kind == CallKind::GrpcStream {
                self.grpc_metadata(vm, root, token, &message.trailers.clone().unwrap_or_default(), true);
            }
        }
        // A call that went well ends with its answer; one that brought none has failed.
        let empty = message.as_ref().is_some_and(|message| message.body.is_empty());
        if kind == CallKind::Grpc && status == 0 && !empty {
            return;
        }
        let status = if kind == CallKind::Grpc && status == 0 { 13 } else { status };
        self.with_root(vm, root, |context| context.status = (status, text.into_bytes()));
        self.on_root(vm, root, "proxy_on_grpc_close", &[root, token, status]);
        self.with_root(vm, root, |context| context.status.1.clear());
        self.act(vm);
    }

    fn grpc_metadata(&mut self, vm: usize, root: u32, token: u32, fields: &Fields, trailing: bool) {
        let count = length(fields.0.len());
        let callback =
            if trailing { "proxy_on_grpc_receive_trailing_metadata" } else { "proxy_on_grpc_receive_initial_metadata" };
        self.with_root(vm, root, |context| {
            let place = if trailing { &mut context.grpc.trailing } else { &mut context.grpc.initial };
            *place = Some(fields.clone());
        });
        self.on_root(vm, root, callback, &[root, token, count]);
        self.with_root(vm, root, |context| context.grpc = Grpc::default());
        self.act(vm);
    }
}

/// Status and message of a gRPC answer: in its trailers, or in its headers where it has no others.
fn grpc_end(message: &Message) -> (u32, String) {
    let fields = message.trailers.as_ref().unwrap_or(&message.headers);
    let text = |name: &str| fields.first(name).map(|value| String::from_utf8_lossy(value).into_owned());
    // UNKNOWN, where the answer says nothing.
    let status = text("grpc-status").and_then(|status| status.parse().ok()).unwrap_or(2);
    (status, text("grpc-message").unwrap_or_default())
}
