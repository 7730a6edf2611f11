//! The plugins of a proxy in their VMs, as one of Envoy's workers has them.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::rc::Rc;

use super::trace::Trace;
use crate::callback::Callback;
use crate::config::{FailurePolicy, Plugin, ProxyConfig};
use crate::context::{Context, ContextKind};
use crate::envoy_texts::{NOT_CONFIGURED, NOT_STARTED};
use crate::library::Library;
use crate::outcome::{Effect, Fault, FaultKind, PluginOutcome, Returned};
use crate::proxy_state::ProxyState;
use crate::state::{DeferredAction, VmSettings};
use crate::vm::Vm;

/// How long a failed VM waits before it is reloaded, in nanoseconds (Envoy's `reload_config.backoff`).
const BACKOFF: u64 = 1_000_000_000;

/// The plugins and their VMs.
pub(super) struct Plugins<'a> {
    library: &'a Library,
    config: &'a ProxyConfig,
    proxy_state: Rc<RefCell<ProxyState>>,
    vms: Vec<Vm>,
    /// The root context of each plugin, in the order of the configuration.
    roots: Vec<ContextRef>,
    /// When VMs failed, in nanoseconds since 1970.
    failed_at: BTreeMap<usize, u64>,
    /// What the plugins did.
    pub(super) trace: Trace,
}

/// A context of a plugin.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct ContextRef {
    /// The plugin's index in the configuration.
    pub(super) plugin: usize,
    /// The VM's index.
    pub(super) vm: usize,
    /// The context's number in its VM.
    pub(super) id: u32,
}

impl<'a> Plugins<'a> {
    /// Starts every plugin, and returns how each one started.
    pub(super) fn start(
        library: &'a Library,
        config: &'a ProxyConfig,
        proxy_state: Rc<RefCell<ProxyState>>,
    ) -> (Self, Vec<PluginOutcome>) {
        let (vms, roots, trace) = (Vec::new(), Vec::new(), Trace::default());
        let mut plugins = Self { library, config, proxy_state, vms, roots, failed_at: BTreeMap::new(), trace };
        let filters = config.filters.iter().enumerate();
        let outcomes = filters.map(|(number, filter)| match filter.unloaded {
            Some(_) => {
                plugins.place(ContextRef { plugin: number, vm: usize::MAX, id: 0 });
                PluginOutcome::default()
            }
            None => plugins.start_plugin(number, &filter.plugin),
        });
        let outcomes = outcomes.collect();
        (plugins, outcomes)
    }

    /// Starts a plugin whose configuration arrives late.
    pub(super) fn load(&mut self, number: usize) -> PluginOutcome {
        let config = self.config;
        self.start_plugin(number, &config.filters[number].plugin)
    }

    /// Whether the plugin has a VM.
    pub(super) fn is_loaded(&self, number: usize) -> bool {
        self.roots[number].vm != usize::MAX
    }

    /// Sets the root context of its plugin.
    fn place(&mut self, root: ContextRef) {
        match self.roots.get_mut(root.plugin) {
            Some(place) => *place = root,
            None => self.roots.push(root),
        }
    }

    fn start_plugin(&mut self, number: usize, plugin: &Plugin) -> PluginOutcome {
        let mut outcome = PluginOutcome::default();
        if let Err(fault) = self.try_start(number, plugin, &mut outcome) {
            outcome.fault = Some(fault);
        }
        let mut proxy_state = self.proxy_state.borrow_mut();
        outcome.calls = proxy_state.take_calls().into_iter().map(|call| call.cluster).collect();
        outcome.log = std::mem::take(&mut proxy_state.log);
        outcome.remarks = std::mem::take(&mut proxy_state.remarks).into_iter().map(|(_, remark)| remark).collect();
        drop(proxy_state);
        // A plugin without a VM keeps its place.
        if self.roots.len() <= number {
            self.place(ContextRef { plugin: number, vm: usize::MAX, id: 0 });
        }
        outcome
    }

    fn try_start(&mut self, number: usize, plugin: &Plugin, outcome: &mut PluginOutcome) -> Result<(), Fault> {
        let vm = match self.shared_vm(number, plugin) {
            Some(vm) => vm,
            None => self.new_vm(plugin).inspect_err(|fault| {
                // Envoy may load what this host cannot run.
                let tried = !matches!(fault.kind, FaultKind::Unsupported | FaultKind::Engine);
                let loaded = !matches!(fault.kind, FaultKind::Load);
                outcome.loads = tried.then_some(loaded);
                outcome.starts = (tried && loaded).then_some(false);
            })?,
        };
        outcome.loads = Some(true);
        self.place(ContextRef { plugin: number, vm, id: 0 });
        let started = self.start_root(number);
        outcome.starts = Some(started.is_ok());
        started?;
        let configured = self.configure(number, plugin);
        outcome.configures = Some(configured.is_ok());
        configured
    }

    /// The VM of an earlier plugin with the same key. The VM keeps that plugin's environment and capabilities.
    fn shared_vm(&self, number: usize, plugin: &Plugin) -> Option<usize> {
        let earlier = self.config.filters.iter().take(number).position(|it| it.plugin.vm_key() == plugin.vm_key())?;
        self.roots.get(earlier).map(|root| root.vm).filter(|vm| *vm < self.vms.len())
    }

    fn new_vm(&mut self, plugin: &Plugin) -> Result<usize, Fault> {
        let compiled = self.library.get(&plugin.module)?;
        let settings = VmSettings {
            abi: compiled.abi,
            vm_id: plugin.vm_id.clone(),
            configuration: plugin.vm_configuration.clone(),
            env: plugin.env.clone(),
            capabilities: plugin.capabilities.clone(),
        };
        let number = self.vms.len();
        let vm = Vm::new(self.library, compiled, number, settings, Rc::clone(&self.proxy_state))?;
        self.vms.push(vm);
        Ok(number)
    }

    /// Creates the plugin's root context in its VM and starts it (proxy-wasm-cpp-host, `ContextBase::onStart`).
    fn start_root(&mut self, number: usize) -> Result<(), Fault> {
        let vm = self.roots[number].vm;
        let id = self.vms[vm].state_mut().create(None, number, ContextKind::Root);
        let root = ContextRef { plugin: number, vm, id };
        self.roots[number] = root;
        let length = length(self.vms[vm].state().settings.configuration.len());
        self.call_now(root, Callback::ContextCreate, &[0]);
        self.with_context(root, |context| context.created = true);
        let had_failed = self.is_failed(vm);
        let started = self.call_now(root, Callback::VmStart, &[length]);
        match (started, self.vms[vm].fault.clone()) {
            (_, Some(fault)) => Err(instead_of_trap(fault, FaultKind::Start)),
            (Some(0), None) if !had_failed => Err(Fault { kind: FaultKind::Start, message: NOT_STARTED.into() }),
            _ => Ok(()),
        }
    }

    fn configure(&mut self, number: usize, plugin: &Plugin) -> Result<(), Fault> {
        let root = self.roots[number];
        self.with_context(root, |context| context.configuration = Some(plugin.configuration.clone()));
        let configured = self.call_now(root, Callback::Configure, &[length(plugin.configuration.len())]);
        self.with_context(root, |context| context.configuration = None);
        match (configured, self.vms[root.vm].fault.clone()) {
            (_, Some(fault)) => Err(instead_of_trap(fault, FaultKind::Configure)),
            (Some(0), None) => Err(Fault { kind: FaultKind::Configure, message: NOT_CONFIGURED.into() }),
            _ => Ok(()),
        }
    }

    /// Replaces a failed VM, and starts all its plugins again in the new one (`FAIL_RELOAD`).
    fn reload(&mut self, vm: usize) {
        let failed_at = self.failed_at.get(&vm).copied().unwrap_or_default();
        if self.proxy_state.borrow().now < failed_at.saturating_add(BACKOFF) {
            return;
        }
        let config = self.config;
        let of_vm: Vec<usize> = (0..self.roots.len()).filter(|number| self.roots[*number].vm == vm).collect();
        let Some(first) = of_vm.first() else { return };
        self.vms[vm].retire(self.library);
        let Ok(new) = self.new_vm(&config.filters[*first].plugin) else { return };
        for number in of_vm {
            self.roots[number].vm = new;
            if self.start_root(number).is_ok() {
                // The new VM keeps the fault.
                let _ = self.configure(number, &config.filters[number].plugin);
            }
        }
    }

    /// Creates the plugin's context for a new stream. `None`: the plugin's VM has failed, and its policy lets streams pass.
    pub(super) fn open_stream(&mut self, plugin: usize) -> Option<ContextRef> {
        let vm = self.roots[plugin].vm;
        let failed = self.is_failed(vm);
        match self.policy(plugin) {
            FailurePolicy::Open | FailurePolicy::LegacyFailOpen if failed => return None,
            FailurePolicy::Reload if failed => self.reload(vm),
            _ => {}
        }
        Some(self.create(plugin, ContextKind::Http))
    }

    /// Creates a context of the plugin.
    pub(super) fn create(&mut self, plugin: usize, kind: ContextKind) -> ContextRef {
        let root = self.roots[plugin];
        let id = self.vms[root.vm].state_mut().create(Some(root.id), plugin, kind);
        ContextRef { id, ..root }
    }

    pub(super) fn remove(&mut self, at: ContextRef) {
        self.vms[at.vm].state_mut().contexts.remove(&at.id);
    }

    /// Tells the guest about a context. `false`: the guest knows the context already.
    pub(super) fn notify_created(&mut self, at: ContextRef) -> bool {
        let root = self.roots[at.plugin].id;
        let new = self.context(at).is_some_and(|context| !std::mem::replace(&mut context.created, true));
        if new {
            self.call(at, Callback::ContextCreate, &[root]);
        }
        new
    }

    pub(super) fn context(&mut self, at: ContextRef) -> Option<&mut Context> {
        self.vms.get_mut(at.vm)?.state_mut().contexts.get_mut(&at.id)
    }

    pub(super) fn with_context(&mut self, at: ContextRef, change: impl FnOnce(&mut Context)) {
        if let Some(context) = self.context(at) {
            change(context);
        }
    }

    /// Whether a network filter has resumed its connection.
    pub(super) fn is_resumed(&self, filter: ContextRef) -> bool {
        self.vms[filter.vm].state().contexts.get(&filter.id).is_some_and(|context| context.resumed)
    }

    /// Takes back whether a network filter has resumed its connection.
    pub(super) fn take_resumed(&mut self, filter: ContextRef) -> bool {
        self.context(filter).is_some_and(|context| std::mem::take(&mut context.resumed))
    }

    /// The context with this number, which belongs to one of the VM's plugins.
    pub(super) fn find(&self, vm: usize, id: u32) -> ContextRef {
        let plugin = self.vms[vm].state().contexts.get(&id).and_then(|context| context.plugin);
        ContextRef { plugin: plugin.unwrap_or_default(), vm, id }
    }

    pub(super) fn kind(&self, vm: usize, id: u32) -> Option<ContextKind> {
        self.vms.get(vm)?.state().contexts.get(&id).map(|context| context.kind)
    }

    pub(super) fn vm(&self, vm: usize) -> &Vm {
        &self.vms[vm]
    }

    pub(super) fn has(&self, vm: usize, callback: Callback) -> bool {
        self.vms[vm].has(callback)
    }

    pub(super) fn is_failed(&self, vm: usize) -> bool {
        self.vms[vm].fault.is_some()
    }

    pub(super) fn is_alive(&self, vm: usize) -> bool {
        self.vms.get(vm).is_some_and(|vm| vm.fault.is_none())
    }

    pub(super) fn config(&self, plugin: usize) -> &Plugin {
        &self.config.filters[plugin].plugin
    }

    pub(super) fn policy(&self, plugin: usize) -> FailurePolicy {
        self.config(plugin).on_failure
    }

    /// The first plugin of the VM.
    pub(super) fn first_of(&self, vm: usize) -> usize {
        self.roots.iter().position(|root| root.vm == vm).unwrap_or_default()
    }

    /// Calls a callback of a context, and records a fault. The deferred actions of the callback remain to be taken.
    pub(super) fn call(&mut self, at: ContextRef, callback: Callback, arguments: &[u32]) -> Option<u32> {
        let had_failed = self.is_failed(at.vm);
        let returned = self.vms[at.vm].call(callback, at.id, arguments);
        if let (false, Some(fault)) = (had_failed, &self.vms[at.vm].fault) {
            self.trace.fault(at.plugin, fault.clone());
            let now = self.proxy_state.borrow().now;
            self.failed_at.insert(at.vm, now);
        }
        returned
    }

    /// Like [`Self::call`], while no stream exists that deferred actions could apply to.
    fn call_now(&mut self, at: ContextRef, callback: Callback, arguments: &[u32]) -> Option<u32> {
        let returned = self.call(at, callback, arguments);
        while self.next_action(at.vm).is_some() {}
        returned
    }

    /// Takes the next action that the VM's callbacks have deferred (`doAfterVmCallActions`).
    pub(super) fn next_action(&mut self, vm: usize) -> Option<DeferredAction> {
        let state = self.vms[vm].state_mut();
        state.stop_iteration = false;
        state.deferred.pop_front()
    }

    /// Fails the VM outside of a call.
    pub(super) fn fail(&mut self, vm: usize, plugin: usize, fault: Fault) {
        self.crash(vm, plugin, fault);
        let now = self.proxy_state.borrow().now;
        self.failed_at.insert(vm, now);
    }

    /// Like [`Self::fail`], for what ends Envoy's process.
    pub(super) fn crash(&mut self, vm: usize, plugin: usize, fault: Fault) {
        self.trace.fault(plugin, fault.clone());
        self.vms[vm].fault = Some(fault);
    }

    /// What the VM's last callback did, in words.
    pub(super) fn actions(&self, vm: usize) -> Vec<String> {
        self.vms.get(vm).map(|vm| vm.state().actions.clone()).unwrap_or_default()
    }

    /// Records what a callback without a stream did. A `quiet` callback that did nothing leaves no trace.
    pub(super) fn record_actions(&mut self, at: ContextRef, callback: Callback, quiet: bool) {
        let actions = self.actions(at.vm);
        let returned = if self.is_failed(at.vm) { Returned::Trap } else { Returned::Nothing };
        if !quiet || !actions.is_empty() || returned == Returned::Trap {
            self.trace.effect(Effect { plugin: at.plugin, callback, returned, fields: None, body: None, actions });
        }
    }
}

/// A trap while the plugin starts is a failure to start.
fn instead_of_trap(fault: Fault, kind: FaultKind) -> Fault {
    if fault.kind == FaultKind::Trap { Fault { kind, ..fault } } else { fault }
}

/// A length as an argument of a callback.
pub(super) fn length(count: usize) -> u32 {
    u32::try_from(count).unwrap_or(u32::MAX)
}
