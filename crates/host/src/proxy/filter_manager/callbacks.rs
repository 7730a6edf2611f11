//! A filter's callbacks for a stream, as Envoy's `Context` makes them (source/extensions/common/wasm/context.cc): which maps and bodies
//! the filter can access, what a failed VM does, and the actions after the callback.

use mesh_compile_module::abi::Abi;

use super::filter::{DataStatus, HeadersStatus, TrailersStatus};
use super::{FilterManager, Plugins};
use crate::callback::Callback;
use crate::config::FailurePolicy;
use crate::context::{ContextKind, View};
use crate::envoy_texts::RBAC_DENIED;
use crate::half::StreamHalf;
use crate::local_reply::LocalReply;
use crate::message::Fields;
use crate::outcome::{Effect, Fault, FaultKind, Returned};
use crate::proxy::plugins::{ContextRef, length};
use crate::state::DeferredAction;
use crate::stream::DataRef;

/// What a callback can change.
#[derive(Debug, Default, PartialEq, Eq)]
struct Snapshot {
    headers: Option<Fields>,
    trailers: Option<Fields>,
    body: Vec<u8>,
}

/// A callback of one filter.
struct Call {
    half: StreamHalf,
    filter: usize,
    callback: Callback,
    /// The body that the callback can access.
    body: Option<DataRef>,
}

impl FilterManager {
    /// Performs the actions that the VM's callbacks have deferred.
    pub(in crate::proxy) fn act(&mut self, plugins: &mut Plugins<'_>, vm: usize) {
        while let Some(action) = plugins.next_action(vm) {
            match action {
                DeferredAction::Continue(context, half) => {
                    let Some(filter) = self.filter_of(vm, context) else { continue };
                    if half == StreamHalf::Response && !self.has_headers(half) && !self.over {
                        let at = self.filters[filter].context;
                        self.crash(plugins, at, "it continues a response that does not exist");
                    } else {
                        self.resume(plugins, half, filter);
                    }
                }
                DeferredAction::LocalReply(context, reply) => {
                    if self.filter_of(vm, context).is_some() {
                        self.local_reply(plugins, reply);
                    }
                }
                DeferredAction::Reset(context) => {
                    let connection = plugins.kind(vm, context) == Some(ContextKind::Network);
                    if connection || self.filter_of(vm, context).is_some() {
                        self.reset_stream("wasm_close_stream");
                    }
                }
            }
        }
    }

    /// The filter did what ends Envoy's process: the stream is over, and the VM is not called again.
    pub(in crate::proxy) fn crash(&mut self, plugins: &mut Plugins<'_>, at: ContextRef, message: &str) {
        plugins.crash(at.vm, at.plugin, Fault { kind: FaultKind::Crash, message: message.to_owned() });
        self.reset = true;
        self.over = true;
    }

    fn filter_of(&self, vm: usize, context: u32) -> Option<usize> {
        self.filters.iter().position(|filter| filter.context.vm == vm && filter.context.id == context)
    }

    /// `onCreate`: the guest learns about its stream with the first part of it.
    pub(in crate::proxy) fn notify_created(&mut self, plugins: &mut Plugins<'_>, at: ContextRef) {
        if plugins.notify_created(at) {
            self.act(plugins, at.vm);
        }
    }

    /// `CHECK_FAIL_HTTP`: a filter whose VM has failed lets the stream pass, or makes the proxy respond 503. `None`: the VM works.
    fn failed<S>(&mut self, plugins: &mut Plugins<'_>, filter: usize, open: S, closed: S) -> Option<S> {
        let ContextRef { plugin, vm, .. } = self.filters[filter].context;
        if !plugins.is_failed(vm) {
            return None;
        }
        if plugins.policy(plugin) == FailurePolicy::LegacyFailOpen {
            return Some(open);
        }
        if !std::mem::replace(&mut self.filters[filter].failed, true) {
            self.local_reply(plugins, LocalReply::failed());
        }
        Some(closed)
    }

    /// Whether the callback is skipped: the guest does not know the stream, or the proxy has responded 503 for the filter.
    fn is_skipped(&self, plugins: &mut Plugins<'_>, half: StreamHalf, filter: usize) -> bool {
        // Envoy's own filter has no context.
        let created = plugins.context(self.filters[filter].context).is_some_and(|context| context.created);
        !created || half == StreamHalf::Response && self.filters[filter].failed
    }

    fn with_view<R: Default>(
        &self,
        plugins: &mut Plugins<'_>,
        half: StreamHalf,
        filter: usize,
        act: impl FnOnce(&mut View) -> R,
    ) -> R {
        plugins.context(self.filters[filter].context).map(|it| act(&mut it.views[half])).unwrap_or_default()
    }

    pub(super) fn headers_callback(
        &mut self,
        plugins: &mut Plugins<'_>,
        half: StreamHalf,
        filter: usize,
        end: bool,
    ) -> HeadersStatus {
        let at = self.filters[filter].context;
        if self.filters[filter].rejects {
            return self.reject(plugins, half);
        }
        if half == StreamHalf::Request {
            self.notify_created(plugins, at);
        }
        if self.is_skipped(plugins, half, filter) {
            return HeadersStatus::Continue;
        }
        plugins.with_context(at, |context| {
            context.views[half].headers = true;
            context.end_of_stream = end;
        });
        let callback = match half {
            StreamHalf::Request => Callback::RequestHeaders,
            StreamHalf::Response => Callback::ResponseHeaders,
        };
        let call = Call { half, filter, callback, body: None };
        let (open, closed) = (HeadersStatus::Continue, HeadersStatus::StopAllWatermark);
        let status = self.guarded(plugins, &call, open, closed, |manager, plugins| {
            let count = manager.with_half(half, |state| state.headers.as_ref().map_or(0, |it| it.0.len()));
            let arguments = [length(count.unwrap_or_default()), u32::from(end)];
            let arguments = if plugins.vm(at.vm).abi == Abi::V0_1_0 { &arguments[..1] } else { &arguments[..] };
            let stop_iteration = plugins.config(at.plugin).stop_iteration;
            manager
                .call(plugins, &call, arguments, |number, stopped| HeadersStatus::of(number, stopped, stop_iteration))
        });
        if status == HeadersStatus::Continue {
            self.with_view(plugins, half, filter, |view| view.headers = false);
        }
        status
    }

    /// What Envoy's RBAC filter does if its rules allow nothing (source/extensions/filters/http/rbac/rbac_filter.cc).
    fn reject(&mut self, plugins: &mut Plugins<'_>, half: StreamHalf) -> HeadersStatus {
        if half == StreamHalf::Response {
            return HeadersStatus::Continue;
        }
        self.running.request += 1;
        self.local_reply(plugins, LocalReply::of_proxy(403, "RBAC: access denied", RBAC_DENIED));
        self.running.request -= 1;
        HeadersStatus::StopIteration
    }

    pub(super) fn data_callback(
        &mut self,
        plugins: &mut Plugins<'_>,
        half: StreamHalf,
        filter: usize,
        data: DataRef,
        end: bool,
    ) -> DataStatus {
        if self.is_skipped(plugins, half, filter) {
            return DataStatus::Continue;
        }
        let buffering = self.with_view(plugins, half, filter, |view| view.buffering);
        if buffering {
            // The filter sees everything that was buffered, this chunk included.
            self.with_stream(|stream| stream.buffer(half, data));
        }
        plugins.with_context(self.filters[filter].context, |context| {
            context.views[half].body = Some(data);
            context.end_of_stream = end;
        });
        let callback = match half {
            StreamHalf::Request => Callback::RequestBody,
            StreamHalf::Response => Callback::ResponseBody,
        };
        let body = if buffering { DataRef::Buffered } else { data };
        let call = Call { half, filter, callback, body: Some(body) };
        let (open, closed) = (DataStatus::Continue, DataStatus::StopNoBuffer);
        let status = self.guarded(plugins, &call, open, closed, |manager, plugins| {
            let size = manager.with_stream(|stream| stream.data(half, body).len()).unwrap_or_default();
            manager.call(plugins, &call, &[length(size), u32::from(end)], DataStatus::of)
        });
        self.with_view(plugins, half, filter, |view| {
            view.buffering = status == DataStatus::StopBuffer;
            if status == DataStatus::Continue {
                view.body = None;
            }
        });
        status
    }

    pub(super) fn trailers_callback(
        &mut self,
        plugins: &mut Plugins<'_>,
        half: StreamHalf,
        filter: usize,
    ) -> TrailersStatus {
        if self.is_skipped(plugins, half, filter) {
            return TrailersStatus::Continue;
        }
        self.with_view(plugins, half, filter, |view| view.trailers = true);
        let callback = match half {
            StreamHalf::Request => Callback::RequestTrailers,
            StreamHalf::Response => Callback::ResponseTrailers,
        };
        let call = Call { half, filter, callback, body: None };
        let (open, closed) = (TrailersStatus::Continue, TrailersStatus::StopIteration);
        let status = self.guarded(plugins, &call, open, closed, |manager, plugins| {
            let count = manager.with_half(half, |state| state.trailers.as_ref().map_or(0, |it| it.0.len()));
            manager.call(plugins, &call, &[length(count.unwrap_or_default())], TrailersStatus::of)
        });
        if status == TrailersStatus::Continue {
            self.with_view(plugins, half, filter, |view| view.trailers = false);
        }
        status
    }

    /// Makes a callback unless the VM has failed, and then performs the deferred actions. Until then, a callback of the direction
    /// counts as running.
    fn guarded<S: Copy>(
        &mut self,
        plugins: &mut Plugins<'_>,
        call: &Call,
        open: S,
        closed: S,
        callback: impl FnOnce(&mut Self, &mut Plugins<'_>) -> S,
    ) -> S {
        self.running[call.half] += 1;
        let status = match self.failed(plugins, call.filter, open, closed) {
            Some(status) => status,
            None => {
                let status = callback(self, plugins);
                let status = self.failed(plugins, call.filter, open, closed).unwrap_or(status);
                self.act(plugins, self.filters[call.filter].context.vm);
                status
            }
        };
        self.running[call.half] -= 1;
        status
    }

    /// Calls the guest, and records what it changed. A callback that the module does not export continues.
    fn call<S: Copy + Into<Returned>>(
        &self,
        plugins: &mut Plugins<'_>,
        call: &Call,
        arguments: &[u32],
        status: impl FnOnce(u32, bool) -> S,
    ) -> S {
        let at = self.filters[call.filter].context;
        if !plugins.has(at.vm, call.callback) {
            return status(0, false);
        }
        let before = self.snapshot(call);
        let returned = plugins.call(at, call.callback, arguments);
        let stopped = plugins.vm(at.vm).state().stop_iteration;
        let status = status(returned.unwrap_or_default(), stopped);
        let returned = if plugins.is_failed(at.vm) { Returned::Trap } else { status.into() };
        let after = self.snapshot(call);
        record(plugins, call.callback, at, returned, before, after);
        status
    }

    fn snapshot(&self, call: &Call) -> Snapshot {
        let snapshot = self.with_stream(|stream| {
            let state = stream.half(call.half);
            let body = call.body.map(|body| stream.data(call.half, body).to_vec()).unwrap_or_default();
            Snapshot { headers: state.headers.clone(), trailers: state.trailers.clone(), body }
        });
        let snapshot = snapshot.unwrap_or_default();
        let fields = [&snapshot.headers, &snapshot.trailers].into_iter().flatten();
        let cost = fields.map(|it| it.0.len() * 32 + it.size() / 16).sum::<usize>() + snapshot.body.len() / 16;
        self.proxy_state.borrow_mut().burn(cost as u64);
        snapshot
    }
}

fn record(
    plugins: &mut Plugins<'_>,
    callback: Callback,
    at: ContextRef,
    returned: Returned,
    before: Snapshot,
    after: Snapshot,
) {
    let changed = |before: Option<Fields>, after: Option<Fields>| {
        (before != after).then(|| (before.unwrap_or_default(), after.unwrap_or_default()))
    };
    let fields = changed(before.headers, after.headers).or_else(|| changed(before.trailers, after.trailers));
    let body = (before.body != after.body).then_some((before.body, after.body));
    let actions = plugins.actions(at.vm);
    plugins.trace.effect(Effect { plugin: at.plugin, callback, returned, fields, body, actions });
}
