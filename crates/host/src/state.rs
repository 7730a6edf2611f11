//! The state of a VM outside of its memory: its contexts, and the actions that its callbacks have deferred.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::rc::Rc;

use mesh_compile_module::abi::Abi;
use wasmi::{Func, Memory};

use crate::context::{Context, ContextKind};
use crate::half::StreamHalf;
use crate::limiter::Limiter;
use crate::local_reply::LocalReply;
use crate::outcome::Fault;
use crate::proxy_state::ProxyState;

/// What a VM is created with.
#[derive(Debug, Clone)]
pub(crate) struct VmSettings {
    pub(crate) abi: Abi,
    pub(crate) vm_id: String,
    pub(crate) configuration: Vec<u8>,
    /// The environment variables.
    pub(crate) env: BTreeMap<String, String>,
    /// `None`: no restriction.
    pub(crate) capabilities: Option<BTreeSet<String>>,
}

impl VmSettings {
    pub(crate) fn allows(&self, name: &str) -> bool {
        self.capabilities.as_ref().is_none_or(|allowed| allowed.contains(name))
    }
}

/// Which host functions a guest can call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Phase {
    /// All.
    Normal,
    /// Those that are allowed in `_initialize`, `main` and `_start`.
    Starting,
    /// Those that are allowed in `malloc`.
    Allocating,
}

/// The data of a VM's store.
pub(crate) struct State {
    /// The VM's index in its proxy.
    pub(crate) number: usize,
    pub(crate) proxy_state: Rc<RefCell<ProxyState>>,
    pub(crate) settings: VmSettings,
    pub(crate) contexts: BTreeMap<u32, Context>,
    next_context: u32,
    /// The context that the running callback was called with.
    pub(crate) current: u32,
    /// The context that the callback has selected instead.
    pub(crate) effective: u32,
    pub(crate) phase: Phase,
    /// What happens after the callback returns.
    pub(crate) deferred: VecDeque<DeferredAction>,
    /// Whether the callback has sent a local reply: the stream stops, whatever the callback returns.
    pub(crate) stop_iteration: bool,
    pub(crate) limiter: Limiter,
    /// Fuel that the running callback may burn in addition to the fuel in its store.
    pub(crate) reserve: u64,
    pub(crate) memory: Option<Memory>,
    /// The guest's allocator and its name.
    pub(crate) malloc: Option<(&'static str, Func)>,
    /// A fault of a call into the guest from within a host function.
    pub(crate) nested_fault: Option<Fault>,
    /// The names of metrics by the guest's ids.
    pub(crate) metrics: BTreeMap<u32, String>,
    /// How many ids were assigned to counters, gauges and histograms.
    pub(crate) metric_ids: [u32; 3],
    /// How many ids were assigned to HTTP calls, gRPC calls and gRPC streams.
    pub(crate) call_ids: [u32; 3],
    /// The timers of root contexts: the period in milliseconds, and how often the period was set.
    pub(crate) timers: BTreeMap<u32, (u32, u32)>,
    /// What the running callback has done, in words.
    pub(crate) actions: Vec<String>,
}

impl State {
    pub(crate) fn new(number: usize, proxy_state: Rc<RefCell<ProxyState>>, settings: VmSettings) -> Self {
        let mut contexts = BTreeMap::new();
        contexts.insert(0, Context::new(0, 0, None, ContextKind::Vm));
        let limiter = Limiter::new(Rc::clone(&proxy_state.borrow().memory));
        Self {
            number,
            proxy_state,
            settings,
            contexts,
            next_context: 1,
            current: 0,
            effective: 0,
            phase: Phase::Normal,
            deferred: VecDeque::new(),
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
            actions: Vec::new(),
        }
    }

    /// Creates a context. `root` is its root context; `None` creates a root context.
    pub(crate) fn create(&mut self, root: Option<u32>, plugin: usize, kind: ContextKind) -> u32 {
        let id = self.next_context;
        self.next_context += 1;
        self.contexts.insert(id, Context::new(id, root.unwrap_or(id), Some(plugin), kind));
        id
    }

    /// The context that host functions act on: the selected one while it exists, otherwise the callback's own.
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

    /// The root context of [`Self::context`].
    pub(crate) fn root(&self) -> Option<&Context> {
        self.contexts.get(&self.context()?.root)
    }

    /// The next id of one of three kinds, as the host counts them: 4, 8, 12… for the first kind, 5, 9, 13… for the second.
    pub(crate) const fn next_id(ids: &mut [u32; 3], kind: usize) -> u32 {
        ids[kind] += 1;
        ids[kind] * 4 + kind as u32
    }
}

/// What a callback has requested, and happens after the callback returns (Envoy's `addAfterVmCallAction`). The number is the context's.
#[derive(Debug)]
pub(crate) enum DeferredAction {
    /// `proxy_continue_stream`.
    Continue(u32, StreamHalf),
    /// `proxy_send_local_response`.
    LocalReply(u32, LocalReply),
    /// `proxy_close_stream`.
    Reset(u32),
}
