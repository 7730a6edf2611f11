//! A proxy with its plugins started, as one of Envoy's workers has them.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::rc::Rc;

mod callbacks;
mod chain;
mod events;
mod exchange;
mod network;
mod reply;
mod side;

use mesh_compile_module::FilterType;

use crate::config::{FailurePolicy, Plugin, ProxyConfig};
use crate::engine::Library;
use crate::outcome::{Effect, Fault, FaultKind, PluginOutcome};
use crate::scenario::{Response, Scenario};
use crate::script::Script;
use crate::state::{ContextKind, VmSettings};
use crate::vm::Vm;
use crate::world::{PluginNames, World};
use chain::Chain;
use network::NetworkFilter;

/// How long a VM that has failed stays so, in nanoseconds.
const BACKOFF: u64 = 1_000_000_000;

/// A proxy with its plugins started.
pub struct Proxy<'a> {
    library: &'a Library,
    config: &'a ProxyConfig,
    world: Rc<RefCell<World>>,
    vms: Vec<Vm>,
    /// By their places among the subject's.
    plugins: Vec<Started>,
    outcomes: Vec<PluginOutcome>,
    /// The stream under way.
    chain: Chain,
    /// What the workload answers to it.
    answer: Response,
    /// The connection's filters, and those that have let it go on after they had stopped it.
    network: Vec<NetworkFilter>,
    reading: Vec<(usize, u32)>,
    effects: Vec<Effect>,
    faults: Vec<(usize, Fault)>,
    /// Bytes of what the effects say was changed.
    changed: usize,
    /// How many times the stream goes on from within its going on.
    nested: usize,
    /// When VMs failed, in nanoseconds since 1970.
    failed_at: BTreeMap<usize, u64>,
}

/// A plugin in its VM.
#[derive(Debug, Clone, Copy)]
pub(super) struct Started {
    pub(super) vm: usize,
    /// Its root context.
    pub(super) root: u32,
}

impl<'a> Proxy<'a> {
    /// Starts every plugin of the configuration. [`Self::plugins`] says how that went.
    #[must_use]
    pub fn start(library: &'a Library, config: &'a ProxyConfig, scenario: &Scenario) -> Self {
        let names = config
            .filters
            .iter()
            .map(|filter| PluginNames { name: filter.plugin.name.clone(), root_id: filter.plugin.root_id.clone() });
        let mut world = World::new(scenario.time, scenario.seed, names.collect());
        world.envoy = config.envoy;
        world.script = Script::new(scenario);
        world.properties.clone_from(&scenario.properties);
        world.port = config.listener.port;
        world.direction = config.listener.direction as i64;
        let mut proxy = Self {
            library,
            config,
            world: Rc::new(RefCell::new(world)),
            vms: Vec::new(),
            plugins: Vec::new(),
            outcomes: Vec::new(),
            chain: Chain::default(),
            answer: Response::Reset,
            network: Vec::new(),
            reading: Vec::new(),
            effects: Vec::new(),
            faults: Vec::new(),
            changed: 0,
            nested: 0,
            failed_at: BTreeMap::new(),
        };
        for (number, filter) in config.filters.iter().enumerate() {
            let outcome = proxy.start_plugin(number, &filter.plugin);
            proxy.outcomes.push(outcome);
        }
        // They are none of an exchange's.
        proxy.world.borrow_mut().take_calls();
        proxy
    }

    /// How each plugin started, in the order of the configuration.
    #[must_use]
    pub fn plugins(&self) -> &[PluginOutcome] {
        &self.outcomes
    }

    /// The filters of the listener's chain, by their places in the configuration.
    fn chain_of(&self, filter_type: FilterType) -> Vec<usize> {
        let filters = self.config.filters.iter().enumerate();
        let chained = filters.filter(|(_, filter)| filter.in_chain && filter.filter_type == filter_type);
        chained.map(|(place, _)| place).collect()
    }

    fn start_plugin(&mut self, number: usize, plugin: &Plugin) -> PluginOutcome {
        let mut outcome = PluginOutcome::default();
        if let Err(fault) = self.try_start(number, plugin, &mut outcome) {
            outcome.fault = Some(fault);
        }
        let mut world = self.world.borrow_mut();
        outcome.log = std::mem::take(&mut world.log);
        outcome.remarks = std::mem::take(&mut world.remarks).into_iter().map(|(_, remark)| remark).collect();
        // Where it did not start there is no traffic to come.
        while self.plugins.len() <= number {
            self.plugins.push(Started { vm: usize::MAX, root: 0 });
        }
        outcome
    }

    fn try_start(&mut self, number: usize, plugin: &Plugin, outcome: &mut PluginOutcome) -> Result<(), Fault> {
        let vm = match self.shared_vm(number, plugin) {
            Some(vm) => vm,
            None => self.new_vm(plugin).inspect_err(|fault| {
                // What cannot be tried here may load all the same.
                let tried = !matches!(fault.kind, FaultKind::Unsupported | FaultKind::Engine);
                let loaded = !matches!(fault.kind, FaultKind::Load);
                outcome.loads = tried.then_some(loaded);
                outcome.starts = (tried && loaded).then_some(false);
            })?,
        };
        outcome.loads = Some(true);
        self.plugins.push(Started { vm, root: 0 });
        let started = self.begin(number, vm);
        outcome.starts = Some(started.is_ok());
        started?;
        let configured = self.configure(number, plugin);
        outcome.configures = Some(configured.is_ok());
        configured
    }

    /// The VM of an earlier plugin with the same key, whose environment and capabilities it then has.
    fn shared_vm(&self, number: usize, plugin: &Plugin) -> Option<usize> {
        let earlier = self.config.filters.iter().take(number).position(|it| it.plugin.vm_key() == plugin.vm_key())?;
        self.plugins.get(earlier).map(|started| started.vm).filter(|vm| *vm < self.vms.len())
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
        let vm = Vm::new(self.library, compiled, number, settings, Rc::clone(&self.world))?;
        self.vms.push(vm);
        Ok(number)
    }

    /// Makes the plugin's root context and starts it (proxy-wasm-cpp-host, `ContextBase::onStart`).
    fn begin(&mut self, number: usize, vm: usize) -> Result<(), Fault> {
        let root = self.vms[vm].state_mut().create(None, number, ContextKind::Root);
        self.plugins[number].root = root;
        let length = self.vms[vm].state().settings.configuration.len();
        self.call(vm, number, "proxy_on_context_create", root, &[root, 0]);
        if let Some(context) = self.vms[vm].state_mut().contexts.get_mut(&root) {
            context.created = true;
        }
        let had = self.vms[vm].fault.is_some();
        let started =
            self.call(vm, number, "proxy_on_vm_start", root, &[root, u32::try_from(length).unwrap_or(u32::MAX)]);
        let fault = self.vms[vm].fault.clone();
        match (started, fault) {
            (_, Some(fault)) => Err(Fault { kind: as_start(fault.kind), message: fault.message }),
            (Some(0), None) if !had => {
                Err(Fault { kind: FaultKind::Start, message: "Failed to start base Wasm".into() })
            }
            _ => Ok(()),
        }
    }

    fn configure(&mut self, number: usize, plugin: &Plugin) -> Result<(), Fault> {
        let Started { vm, root } = self.plugins[number];
        let length = u32::try_from(plugin.configuration.len()).unwrap_or(u32::MAX);
        if let Some(context) = self.vms[vm].state_mut().contexts.get_mut(&root) {
            context.configuration = Some(plugin.configuration.to_vec());
        }
        let configured = self.call(vm, number, "proxy_on_configure", root, &[root, length]);
        if let Some(context) = self.vms[vm].state_mut().contexts.get_mut(&root) {
            context.configuration = None;
        }
        match (configured, self.vms[vm].fault.clone()) {
            (_, Some(fault)) => Err(Fault { kind: as_configure(fault.kind), message: fault.message }),
            (Some(0), None) => {
                Err(Fault { kind: FaultKind::Configure, message: "Failed to configure base Wasm plugin".into() })
            }
            _ => Ok(()),
        }
    }

    /// Puts a new VM in the place of one that has failed, with all plugins that it had (`FAIL_RELOAD`).
    /// Not sooner than a second after it failed (Envoy's `reload_config.backoff`).
    pub(super) fn reload(&mut self, vm: usize) {
        let failed_at = self.failed_at.get(&vm).copied().unwrap_or_default();
        if self.world.borrow().now < failed_at.saturating_add(BACKOFF) {
            return;
        }
        let of_vm: Vec<usize> = (0..self.plugins.len()).filter(|number| self.plugins[*number].vm == vm).collect();
        let config = self.config;
        let Some(first) = of_vm.first() else { return };
        self.vms[vm].retire(self.library);
        let Ok(new) = self.new_vm(&config.filters[*first].plugin) else { return };
        for number in of_vm {
            self.plugins[number].vm = new;
            if self.begin(number, new).is_ok() {
                // What is wrong then is in the VM's own fault.
                let _ = self.configure(number, &config.filters[number].plugin);
            }
        }
    }

    pub(super) fn policy(&self, plugin: usize) -> FailurePolicy {
        self.config.filters[plugin].plugin.on_failure
    }
}

const fn as_start(kind: FaultKind) -> FaultKind {
    if matches!(kind, FaultKind::Trap) { FaultKind::Start } else { kind }
}

const fn as_configure(kind: FaultKind) -> FaultKind {
    if matches!(kind, FaultKind::Trap) { FaultKind::Configure } else { kind }
}
