//! What a VM knows beside its memory: its contexts, and what its callbacks have asked for.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::rc::Rc;

use wasmi::{Func, Memory};

use crate::limits::Limiter;
use crate::message::{Fields, Message};
use crate::outcome::Fault;
use crate::stream::{DataRef, Map, Side};
use crate::world::World;
use mesh_compile_module::abi::Abi;

/// What a VM is made with.
#[derive(Debug, Clone)]
pub(crate) struct VmSettings {
    pub(crate) abi: Abi,
    pub(crate) vm_id: String,
    pub(crate) configuration: Vec<u8>,
    /// `NAME=value` in the order of the names.
    pub(crate) env: BTreeMap<String, String>,
    /// `None`: no restriction.
    pub(crate) capabilities: Option<BTreeSet<String>>,
}

impl VmSettings {
    pub(crate) fn allows(&self, name: &str) -> bool {
        self.capabilities.as_ref().is_none_or(|allowed| allowed.contains(name))
    }
}

/// Which host calls a guest may make now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Phase {
    /// All.
    Normal,
    /// In `_initialize`, `main`, `_start`.
    Starting,
    /// In `malloc`.
    Allocating,
}

/// The data of a VM's store.
pub(crate) struct State {
    /// The VM's number in its proxy.
    pub(crate) number: usize,
    pub(crate) world: Rc<RefCell<World>>,
    pub(crate) settings: VmSettings,
    pub(crate) contexts: BTreeMap<u32, Context>,
    next_context: u32,
    /// The context that the callback under way was called with.
    pub(crate) current: u32,
    /// The one that it has put in its place.
    pub(crate) effective: u32,
    pub(crate) phase: Phase,
    /// What is to be done when the callback has returned.
    pub(crate) actions: VecDeque<Action>,
    /// Whether the callback has answered in the workload's place: whatever it returns, nothing goes on.
    pub(crate) stop_iteration: bool,
    pub(crate) limiter: Limiter,
    /// Fuel that the callback under way may burn beside what its store has.
    pub(super) reserve: u64,
    pub(crate) memory: Option<Memory>,
    /// The guest's allocator, and its name.
    pub(crate) malloc: Option<(&'static str, Func)>,
    /// A fault of a call into the guest from within a host call.
    pub(crate) nested_fault: Option<Fault>,
    /// Names of metrics by the ids that the guest knows them by.
    pub(crate) metrics: BTreeMap<u32, String>,
    /// How many ids were given: counters, gauges, histograms; HTTP calls, gRPC calls, gRPC streams.
    pub(crate) metric_ids: [u32; 3],
    pub(crate) call_ids: [u32; 3],
    /// Of root contexts: milliseconds, and how often it was set.
    pub(crate) timers: BTreeMap<u32, (u32, u32)>,
    /// What the callback under way has done, in words.
    pub(crate) acts: Vec<String>,
}

impl State {
    pub(crate) fn new(number: usize, world: Rc<RefCell<World>>, settings: VmSettings) -> Self {
        let mut contexts = BTreeMap::new();
        contexts.insert(0, Context::new(0, 0, None, ContextKind::Vm));
        let limiter = Limiter::new(Rc::clone(&world.borrow().memory));
        Self {
            number,
            world,
            settings,
            contexts,
            next_context: 1,
            current: 0,
            effective: 0,
            phase: Phase::Normal,
            actions: VecDeque::new(),
            stop_iteration: false,
            limiter,
            reserve: 0,
            memory: None,
            malloc: None,
            nested_fault: None,
            metrics: BTreeMap::new(),
            metric_ids: [0; 3],
            call_ids: [0; 3],
            timers: BTreeMap::new(),
            acts: Vec::new(),
        }
    }

    /// Makes a context; `root` is its root context, or `None` for a root context.
    pub(crate) fn create(&mut self, root: Option<u32>, plugin: usize, kind: ContextKind) -> u32 {
        let id = self.next_context;
        self.next_context += 1;
        self.contexts.insert(id, Context::new(id, root.unwrap_or(id), Some(plugin), kind));
        id
    }

    /// The context that host calls speak of. One that is gone gives way to the callback's own.
    pub(crate) fn context_id(&self) -> u32 {
        if self.effective != 0 && self.contexts.contains_key(&self.effective) { self.effective } else { self.current }
    }

    pub(crate) fn context(&self) -> Option<&Context> {
        self.contexts.get(&self.context_id())
    }

    pub(crate) fn context_mut(&mut self) -> Option<&mut Context> {
        let id = self.context_id();
        self.contexts.get_mut(&id)
    }

    /// The root context of the context that host calls speak of.
    pub(crate) fn root(&self) -> Option<&Context> {
        self.contexts.get(&self.context()?.root)
    }

    /// The next id of a kind of three, as the host counts them: 4, 8, 12… for the first kind, 5, 9, 13… for the second.
    pub(crate) const fn next_id(ids: &mut [u32; 3], kind: usize) -> u32 {
        ids[kind] += 1;
        ids[kind] * 4 + kind as u32
    }
}

/// What a context stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ContextKind {
    /// The VM itself, context 0.
    Vm,
    /// A plugin.
    Root,
    /// An HTTP stream.
    Http,
    /// A connection.
    Network,
}

/// A context (Envoy's `Context`): what it may look at now.
#[derive(Debug)]
pub(crate) struct Context {
    pub(crate) id: u32,
    /// Its own id for a root context.
    pub(crate) root: u32,
    /// The plugin's place among the subject's.
    pub(crate) plugin: Option<usize>,
    pub(crate) kind: ContextKind,
    /// Whether `proxy_on_context_create` was called for it.
    pub(crate) created: bool,
    /// Whether the plugin's configuration can be read: in `proxy_on_configure` only.
    pub(crate) configuration: Option<Vec<u8>>,
    pub(crate) request: View,
    pub(crate) response: View,
    pub(crate) end_of_stream: bool,
    /// In `proxy_on_log` maps are there as the access log sees them.
    pub(crate) access_log: bool,
    /// Bytes from and to a network filter's connection.
    pub(crate) downstream: Option<Vec<u8>>,
    pub(crate) upstream: Option<Vec<u8>>,
    /// Of a root context: the answer to an HTTP call while `proxy_on_http_call_response` runs.
    pub(crate) call: Option<Message>,
    pub(crate) grpc: Grpc,
    pub(crate) status: (u32, Vec<u8>),
}

/// What of one direction of the stream a context may look at.
#[derive(Debug, Default)]
pub(crate) struct View {
    pub(crate) headers: bool,
    pub(crate) trailers: bool,
    pub(crate) body: Option<DataRef>,
    /// The filter keeps the body back, so what it sees is all of it so far.
    pub(crate) buffering: bool,
}

/// What came of a gRPC call, while its callback runs.
#[derive(Debug, Default)]
pub(crate) struct Grpc {
    pub(crate) initial: Option<Fields>,
    pub(crate) trailing: Option<Fields>,
    pub(crate) message: Option<Vec<u8>>,
}

impl Context {
    fn new(id: u32, root: u32, plugin: Option<usize>, kind: ContextKind) -> Self {
        Self {
            id,
            root,
            plugin,
            kind,
            created: false,
            configuration: None,
            request: View::default(),
            response: View::default(),
            end_of_stream: false,
            access_log: false,
            downstream: None,
            upstream: None,
            call: None,
            grpc: Grpc::default(),
            status: (0, Vec::new()),
        }
    }

    pub(crate) const fn view(&self, side: Side) -> &View {
        match side {
            Side::Request => &self.request,
            Side::Response => &self.response,
        }
    }

    pub(crate) const fn view_mut(&mut self, side: Side) -> &mut View {
        match side {
            Side::Request => &mut self.request,
            Side::Response => &mut self.response,
        }
    }

    /// Whether the map of the stream is one that it may look at.
    pub(crate) const fn sees(&self, map: Map) -> bool {
        match map {
            Map::RequestHeaders => self.request.headers || self.access_log,
            Map::RequestTrailers => self.request.trailers && !self.access_log,
            Map::ResponseHeaders => self.response.headers || self.access_log,
            Map::ResponseTrailers => self.response.trailers || self.access_log,
            _ => false,
        }
    }
}

/// What a callback has asked for, to be done when it has returned (Envoy's `addAfterVmCallAction`).
#[derive(Debug)]
pub(crate) enum Action {
    /// `proxy_continue_stream` of an HTTP context.
    Continue(u32, Side),
    /// `proxy_send_local_response`.
    LocalReply(u32, LocalResponse),
    /// `proxy_close_stream`.
    Reset(u32),
    /// `proxy_continue_stream` of a connection's context.
    Read(u32),
}

/// An answer in the workload's place.
#[derive(Debug, Clone)]
pub(crate) struct LocalResponse {
    pub(crate) code: u32,
    pub(crate) details: String,
    pub(crate) body: Vec<u8>,
    pub(crate) headers: Fields,
    /// `None`: no `grpc-status`.
    pub(crate) grpc_status: Option<u32>,
}
