//! A filter's callbacks for a stream, as Envoy's `Context` makes them (source/extensions/common/wasm/context.cc): which maps and bodies
//! are there, what a failed VM does, and what is done when the callback has returned.

use super::Proxy;
use super::reply::Reply;
use super::side::{DataStatus, HeadersStatus, TrailersStatus};
use crate::config::FailurePolicy;
use crate::limits;
use crate::message::Fields;
use crate::outcome::{Effect, Fault, FaultKind};
use crate::state::{Action, Context};
use crate::stream::{DataRef, Side};
use mesh_compile_module::abi::Abi;

/// What the stream looked like before a callback.
#[derive(Debug, Default, PartialEq, Eq)]
struct Before {
    headers: Option<Fields>,
    trailers: Option<Fields>,
    body: Vec<u8>,
}

impl Proxy<'_> {
    /// Calls into a VM on behalf of a plugin, notes a fault and what was done, and does what was asked for.
    pub(super) fn call(
        &mut self,
        vm: usize,
        plugin: usize,
        callback: &'static str,
        context: u32,
        arguments: &[u32],
    ) -> Option<u32> {
        let result = self.call_only(vm, plugin, callback, context, arguments);
        self.act(vm);
        result
    }

    /// As [`Self::call`], without what was asked for.
    pub(super) fn call_only(
        &mut self,
        vm: usize,
        plugin: usize,
        callback: &'static str,
        context: u32,
        arguments: &[u32],
    ) -> Option<u32> {
        let had = self.vms[vm].fault.is_some();
        let result = self.vms[vm].call(callback, context, arguments);
        if let (false, Some(fault)) = (had, &self.vms[vm].fault) {
            self.faults.push((plugin, fault.clone()));
            let now = self.world.borrow().now;
            self.failed_at.insert(vm, now);
        }
        result
    }

    /// The VM has failed, though not in a call.
    pub(super) fn fail(&mut self, vm: usize, plugin: usize, fault: Fault) {
        self.faults.push((plugin, fault.clone()));
        self.vms[vm].fault = Some(fault);
        let now = self.world.borrow().now;
        self.failed_at.insert(vm, now);
    }

    /// Does what the VM's callback has asked for (`doAfterVmCallActions`).
    pub(super) fn act(&mut self, vm: usize) {
        self.vms[vm].state_mut().stop_iteration = false;
        while let Some(action) = self.vms[vm].state_mut().actions.pop_front() {
            match action {
                Action::Continue(context, side) => {
                    if let Some(filter) = self.filter_of(vm, context) {
                        if side == Side::Response && self.headers_of(side).is_none() && !self.chain.over {
                            self.crash(vm, filter, "it continues a response that is not there");
                        } else {
                            self.go_on(side, filter);
                        }
                    }
                }
                Action::LocalReply(context, response) => {
                    if self.filter_of(vm, context).is_some() {
                        self.local_reply(Reply::of(response));
                    }
                }
                Action::Read(context) if self.reading.contains(&(vm, context)) => {}
                Action::Read(context) => self.reading.push((vm, context)),
                Action::Reset(context) => {
                    if self.filter_of(vm, context).is_some() || self.is_connection(vm, context) {
                        self.reset_stream("wasm_close_stream");
                    }
                }
            }
        }
    }

    /// What the filter did would end Envoy's process: the stream is over, and nothing more is called.
    pub(super) fn crash(&mut self, vm: usize, filter: usize, what: &str) {
        let fault = Fault { kind: FaultKind::Crash, message: what.to_owned() };
        self.faults.push((self.chain.filters[filter].plugin, fault.clone()));
        self.vms[vm].fault = Some(fault);
        self.chain.reset = true;
        self.chain.over = true;
    }

    fn filter_of(&self, vm: usize, context: u32) -> Option<usize> {
        self.chain.filters.iter().position(|filter| filter.vm == vm && filter.context == context)
    }

    pub(super) fn context_mut(&mut self, filter: usize) -> Option<&mut Context> {
        let (vm, context) = (self.chain.filters[filter].vm, self.chain.filters[filter].context);
        self.vms.get_mut(vm)?.state_mut().contexts.get_mut(&context)
    }

    fn set(&mut self, filter: usize, set: impl FnOnce(&mut Context)) {
        if let Some(context) = self.context_mut(filter) {
            set(context);
        }
    }

    /// `onCreate`: the guest hears of its stream when the first of it comes.
    pub(super) fn create(&mut self, filter: usize) {
        let (vm, context) = (self.chain.filters[filter].vm, self.chain.filters[filter].context);
        let plugin = self.chain.filters[filter].plugin;
        let root = self.plugins[plugin].root;
        if self.context_mut(filter).is_some_and(|it| !std::mem::replace(&mut it.created, true)) {
            self.call(vm, plugin, "proxy_on_context_create", context, &[context, root]);
        }
    }

    fn is_created(&mut self, filter: usize) -> bool {
        self.context_mut(filter).is_some_and(|context| context.created)
    }

    /// `CHECK_FAIL_HTTP`: a filter whose VM has failed lets the stream pass, or has it answered with 503. `None`: it has not failed.
    fn failed<S>(&mut self, filter: usize, open: S, closed: S) -> Option<S> {
        let vm = self.chain.filters[filter].vm;
        self.vms[vm].fault.as_ref()?;
        if self.policy(self.chain.filters[filter].plugin) == FailurePolicy::OpenOld {
            return Some(open);
        }
        if !std::mem::replace(&mut self.chain.filters[filter].failed, true) {
            self.local_reply(Reply::failed());
        }
        Some(closed)
    }

    /// Whether a response callback is passed over: the guest has not heard of the stream, or 503 was answered in its place.
    fn is_passed_over(&mut self, side: Side, filter: usize) -> bool {
        let created = self.is_created(filter);
        !created || side == Side::Response && self.chain.filters[filter].failed
    }

    pub(super) fn headers_callback(&mut self, side: Side, filter: usize, end: bool) -> HeadersStatus {
        if side == Side::Request {
            self.create(filter);
        }
        if self.is_passed_over(side, filter) {
            return HeadersStatus::Continue;
        }
        self.set(filter, |context| {
            context.view_mut(side).headers = true;
            context.end_of_stream = end;
        });
        let callback = match side {
            Side::Request => "proxy_on_request_headers",
            Side::Response => "proxy_on_response_headers",
        };
        let (closed, open) = (HeadersStatus::StopAllWatermark, HeadersStatus::Continue);
        let status = self.guarded(side, filter, open, closed, |proxy| {
            let count = proxy.headers_of(side).map_or(0, |fields| fields.0.len());
            let (vm, context) = (proxy.chain.filters[filter].vm, proxy.chain.filters[filter].context);
            let arguments = [context, u32::try_from(count).unwrap_or(u32::MAX), u32::from(end)];
            let arguments = if proxy.vms[vm].abi == Abi::V0_1_0 { &arguments[..2] } else { &arguments[..] };
            let stop_iteration = proxy.config.filters[proxy.chain.filters[filter].plugin].plugin.stop_iteration;
            proxy.returned(side, filter, None, callback, arguments, |number, stopped| {
                let status = HeadersStatus::of(number, stopped, stop_iteration);
                (status, status.words())
            })
        });
        if status == HeadersStatus::Continue {
            self.set(filter, |context| context.view_mut(side).headers = false);
        }
        status
    }

    pub(super) fn data_callback(&mut self, side: Side, filter: usize, data: DataRef, end: bool) -> DataStatus {
        if self.is_passed_over(side, filter) {
            return DataStatus::Continue;
        }
        let buffering = self.context_mut(filter).is_some_and(|context| context.view(side).buffering);
        if buffering && let Some(stream) = &mut self.world.borrow_mut().stream {
            // What the filter sees is all that was kept back, this chunk included.
            stream.keep(side, data);
        }
        self.set(filter, |context| {
            context.view_mut(side).body = Some(data);
            context.end_of_stream = end;
        });
        let callback = match side {
            Side::Request => "proxy_on_request_body",
            Side::Response => "proxy_on_response_body",
        };
        let seen = if buffering { DataRef::Buffered } else { data };
        let (closed, open) = (DataStatus::StopNoBuffer, DataStatus::Continue);
        let status = self.guarded(side, filter, open, closed, |proxy| {
            let size = proxy.world.borrow().stream.as_ref().map_or(0, |stream| stream.data(side, seen).len());
            let context = proxy.chain.filters[filter].context;
            let arguments = [context, u32::try_from(size).unwrap_or(u32::MAX), u32::from(end)];
            proxy.returned(side, filter, Some(seen), callback, &arguments, |number, stopped| {
                let status = DataStatus::of(number, stopped);
                (status, status.words())
            })
        });
        self.set(filter, |context| {
            let view = context.view_mut(side);
            view.buffering = status == DataStatus::StopBuffer;
            if status == DataStatus::Continue {
                view.body = None;
            }
        });
        status
    }

    pub(super) fn trailers_callback(&mut self, side: Side, filter: usize) -> TrailersStatus {
        if self.is_passed_over(side, filter) {
            return TrailersStatus::Continue;
        }
        self.set(filter, |context| context.view_mut(side).trailers = true);
        let callback = match side {
            Side::Request => "proxy_on_request_trailers",
            Side::Response => "proxy_on_response_trailers",
        };
        let (closed, open) = (TrailersStatus::StopIteration, TrailersStatus::Continue);
        let status = self.guarded(side, filter, open, closed, |proxy| {
            let world = proxy.world.borrow();
            let count = world.stream.as_ref().and_then(|it| it.way(side).trailers.as_ref()).map_or(0, |it| it.0.len());
            drop(world);
            let context = proxy.chain.filters[filter].context;
            let arguments = [context, u32::try_from(count).unwrap_or(u32::MAX)];
            proxy.returned(side, filter, None, callback, &arguments, |number, stopped| {
                let status = TrailersStatus::of(number, stopped);
                (status, status.words())
            })
        });
        if status == TrailersStatus::Continue {
            self.set(filter, |context| context.view_mut(side).trailers = false);
        }
        status
    }

    /// Makes a callback unless the VM has failed, before or in it. While it runs the direction's callbacks are marked as under way;
    /// what it asked for is done before it ends.
    fn guarded<S: Copy>(
        &mut self,
        side: Side,
        filter: usize,
        open: S,
        closed: S,
        callback: impl FnOnce(&mut Self) -> S,
    ) -> S {
        let vm = self.chain.filters[filter].vm;
        *self.under_way(side) += 1;
        let status = match self.failed(filter, open, closed) {
            Some(status) => status,
            None => {
                let status = callback(self);
                let status = self.failed(filter, open, closed).unwrap_or(status);
                self.act(vm);
                status
            }
        };
        *self.under_way(side) -= 1;
        status
    }

    const fn under_way(&mut self, side: Side) -> &mut u32 {
        match side {
            Side::Request => &mut self.chain.in_request,
            Side::Response => &mut self.chain.in_response,
        }
    }

    /// Calls the guest and says what it changed. A callback that it has not is one that goes on.
    fn returned<S>(
        &mut self,
        side: Side,
        filter: usize,
        body: Option<DataRef>,
        callback: &'static str,
        arguments: &[u32],
        status: impl FnOnce(u32, bool) -> (S, &'static str),
    ) -> S {
        let (vm, plugin) = (self.chain.filters[filter].vm, self.chain.filters[filter].plugin);
        let context = self.chain.filters[filter].context;
        if !self.vms[vm].has(callback) {
            return status(0, false).0;
        }
        let before = self.look(side, body);
        let returned = self.call_only(vm, plugin, callback, context, arguments);
        let stopped = self.vms[vm].state().stop_iteration;
        let (status, words) = status(returned.unwrap_or_default(), stopped);
        let trapped = self.vms[vm].fault.is_some();
        let words = if trapped { "a trap" } else { words };
        let after = self.look(side, body);
        self.note(plugin, callback, words, before, after);
        status
    }

    fn look(&self, side: Side, body: Option<DataRef>) -> Before {
        let world = self.world.borrow();
        let Some(stream) = &world.stream else { return Before::default() };
        let way = stream.way(side);
        let body = body.map(|body| stream.data(side, body).to_vec()).unwrap_or_default();
        let before = Before { headers: way.headers.clone(), trailers: way.trailers.clone(), body };
        drop(world);
        let fields =
            [&before.headers, &before.trailers].into_iter().flatten().map(|it| it.0.len() * 32 + it.size() / 16);
        let cost = fields.sum::<usize>() + before.body.len() / 16;
        self.world.borrow_mut().burn(cost as u64);
        before
    }

    fn note(&mut self, plugin: usize, callback: &'static str, returned: &str, before: Before, after: Before) {
        let vm = self.plugins[plugin].vm;
        let acts = self.vms.get(vm).map(|vm| vm.state().acts.clone()).unwrap_or_default();
        let changed = |before: Option<Fields>, after: Option<Fields>| {
            (before != after).then(|| (before.unwrap_or_default(), after.unwrap_or_default()))
        };
        let fields = changed(before.headers, after.headers).or_else(|| changed(before.trailers, after.trailers));
        let body = (before.body != after.body).then_some((before.body, after.body));
        let returned = returned.to_owned();
        self.keep_effect(Effect { plugin, callback, returned, fields, body, acts });
    }

    /// Notes what a callback did that sees no stream of its own; one that did nothing only if it is not `quiet`.
    pub(super) fn note_acts(&mut self, vm: usize, plugin: usize, callback: &'static str, quiet: bool) {
        let acts = self.vms[vm].state().acts.clone();
        let returned = if self.vms[vm].fault.is_some() { "a trap".to_owned() } else { String::new() };
        if !quiet || !acts.is_empty() || !returned.is_empty() {
            self.keep_effect(Effect { plugin, callback, returned, fields: None, body: None, acts });
        }
    }

    pub(super) fn keep_effect(&mut self, mut effect: Effect) {
        let of_fields = |(before, after): &(Fields, Fields)| before.size() + after.size();
        let of_body = |(before, after): &(Vec<u8>, Vec<u8>)| before.len() + after.len();
        let changed = effect.fields.as_ref().map_or(0, of_fields) + effect.body.as_ref().map_or(0, of_body);
        if self.changed + changed > limits::EFFECT_BYTES {
            (effect.fields, effect.body) = (None, None);
            effect.acts.push("a change that is too much to be shown".to_owned());
        } else {
            self.changed += changed;
        }
        if self.effects.len() < limits::EFFECTS {
            self.effects.push(effect);
        }
    }
}
