//! Network filters around an exchange: the connection, and the bytes that the exchange is on the wire (Envoy's `Context::onNewConnection`
//! and its neighbours). What they make of the bytes does not reach the HTTP filters: bytes that are changed are remarked upon.

use mesh_compile_module::FilterType;

use super::Proxy;
use crate::config::FailurePolicy;
use crate::message::Message;
use crate::outcome::{Effect, Remark};
use crate::state::{Context, ContextKind};

/// A network filter of the connection.
#[derive(Debug, Clone, Copy)]
pub(super) struct NetworkFilter {
    plugin: usize,
    vm: usize,
    context: u32,
}

/// Who closed a connection, as the ABI numbers it: the client does.
const CLOSED_BY_PEER: u32 = 2;

/// Which way bytes go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Way {
    Downstream,
    Upstream,
}

impl Proxy<'_> {
    /// The client connects. `false`: a filter holds the connection, or closes it.
    pub(super) fn connect(&mut self) -> bool {
        let plugins = self.chain_of(FilterType::Network);
        self.network.clear();
        self.reading.clear();
        for plugin in plugins {
            let started = self.plugins[plugin];
            let context = self.vms[started.vm].state_mut().create(Some(started.root), plugin, ContextKind::Network);
            if let Some(context) = self.vms[started.vm].state_mut().contexts.get_mut(&context) {
                context.created = true;
            }
            self.network.push(NetworkFilter { plugin, vm: started.vm, context });
            self.call(started.vm, plugin, "proxy_on_context_create", context, &[context, started.root]);
        }
        (0..self.network.len()).all(|filter| self.network_call(filter, "proxy_on_new_connection", &[]))
    }

    /// The request as bytes, through the chain.
    pub(super) fn downstream(&mut self, request: &Message) -> bool {
        if self.network.is_empty() {
            return true;
        }
        let line = |name: &str| request.headers.first(name).unwrap_or_default();
        let first =
            [line(":method"), b" ", line(":path"), b" HTTP/1.1\r\nhost: ", line(":authority"), b"\r\n"].concat();
        let bytes = wire(first, request);
        (0..self.network.len()).all(|filter| self.bytes(filter, Way::Downstream, &bytes))
    }

    /// The answer as bytes, the other way round.
    pub(super) fn upstream(&mut self) {
        let Some(answer) = self.chain.client.clone().filter(|_| !self.network.is_empty()) else { return };
        let status = answer.headers.first(":status").unwrap_or_default();
        let bytes = wire([b"HTTP/1.1 ", status, b"\r\n"].concat(), &answer);
        for filter in (0..self.network.len()).rev() {
            self.bytes(filter, Way::Upstream, &bytes);
        }
    }

    /// The client closes the connection.
    pub(super) fn disconnect(&mut self) {
        for filter in 0..self.network.len() {
            let NetworkFilter { plugin, vm, context } = self.network[filter];
            self.call(vm, plugin, "proxy_on_downstream_connection_close", context, &[context, CLOSED_BY_PEER]);
            for callback in ["proxy_on_done", "proxy_on_log", "proxy_on_delete"] {
                self.call(vm, plugin, callback, context, &[context]);
            }
            self.vms[vm].state_mut().contexts.remove(&context);
        }
        self.network.clear();
    }

    pub(super) fn is_connection(&self, vm: usize, context: u32) -> bool {
        self.network.iter().any(|filter| filter.vm == vm && filter.context == context)
    }

    fn bytes(&mut self, filter: usize, way: Way, bytes: &[u8]) -> bool {
        let NetworkFilter { plugin, vm, context } = self.network[filter];
        let place = |context: &mut Context| match way {
            Way::Downstream => context.downstream.replace(bytes.to_vec()),
            Way::Upstream => context.upstream.replace(bytes.to_vec()),
        };
        self.vms[vm].state_mut().contexts.get_mut(&context).map(place);
        let callback = match way {
            Way::Downstream => "proxy_on_downstream_data",
            Way::Upstream => "proxy_on_upstream_data",
        };
        let length = u32::try_from(bytes.len()).unwrap_or(u32::MAX);
        let goes_on = self.network_call(filter, callback, &[length, 0]);
        let left = self.vms[vm].state_mut().contexts.get_mut(&context).and_then(|context| match way {
            Way::Downstream => context.downstream.take(),
            Way::Upstream => context.upstream.take(),
        });
        if left.is_some_and(|left| left != bytes) {
            let remark = Remark::NotSimulated("changes the bytes of its connection".into());
            self.world.borrow_mut().remark(Some(plugin), remark);
        }
        goes_on
    }

    /// Whether the filter lets the connection go on. A failed VM closes it, unless it is to let it pass.
    fn network_call(&mut self, filter: usize, callback: &'static str, arguments: &[u32]) -> bool {
        let NetworkFilter { plugin, vm, context } = self.network[filter];
        if !self.vms[vm].has(callback) {
            return true;
        }
        let arguments: Vec<u32> = std::iter::once(context).chain(arguments.iter().copied()).collect();
        let returned = self.call(vm, plugin, callback, context, &arguments);
        let acts = self.vms[vm].state().acts.clone();
        let words = if returned == Some(0) { "Continue" } else { "StopIteration" };
        self.keep_effect(Effect { plugin, callback, returned: words.into(), fields: None, body: None, acts });
        if self.vms[vm].fault.is_some() {
            let passes = matches!(self.policy(plugin), FailurePolicy::Open | FailurePolicy::OpenOld);
            self.chain.reset |= !passes;
            return passes;
        }
        returned == Some(0) || self.reads_on(vm, context)
    }

    /// A filter that has stopped the connection may let it go on when a call is answered or its timer ticks.
    fn reads_on(&mut self, vm: usize, context: u32) -> bool {
        self.wait(|proxy| proxy.reading.contains(&(vm, context)) || proxy.chain.reset);
        let at = self.reading.iter().position(|it| *it == (vm, context));
        at.map(|at| self.reading.swap_remove(at)).is_some()
    }
}

/// A message as HTTP/1.1 writes it, below its first line.
fn wire(mut bytes: Vec<u8>, message: &Message) -> Vec<u8> {
    for (name, value) in message.headers.0.iter().filter(|(name, _)| !name.starts_with(b":")) {
        bytes.extend([name.as_slice(), b": ", value, b"\r\n"].concat());
    }
    bytes.extend(b"\r\n");
    bytes.extend(message.body());
    bytes
}
