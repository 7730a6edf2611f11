//! A proxy: its plugins, the stream through the filter chain, and the connection around it.
//!
//! [`plugins`] holds the VMs and calls into them, and [`trace`] records what they did. [`filter_manager`] moves one stream through the
//! HTTP filters, between [`downstream`] (the client) and [`router`] (the workload). [`connection`] holds the network filters.
//! [`exchange`] drives one exchange through all of them, and [`events`] advances the clock.

mod connection;
mod downstream;
mod events;
mod exchange;
mod filter_manager;
mod plugins;
mod router;
mod trace;

use std::cell::RefCell;
use std::rc::Rc;

use mesh_compile_module::FilterType;

use crate::clusters::Clusters;
use crate::config::{ProxyConfig, Unloaded};
use crate::library::Library;
use crate::message::Message;
use crate::outcome::PluginOutcome;
use crate::proxy_state::{PluginNames, ProxyState};
use crate::scenario::{Response, Scenario};
use connection::Connection;
use filter_manager::FilterManager;
use plugins::Plugins;
use router::Router;

/// A proxy with its plugins started.
pub struct Proxy<'a> {
    config: &'a ProxyConfig,
    proxy_state: Rc<RefCell<ProxyState>>,
    plugins: Plugins<'a>,
    outcomes: Vec<PluginOutcome>,
    connection: Connection,
    stream: FilterManager,
}

impl<'a> Proxy<'a> {
    /// Starts every plugin of the configuration. [`Self::plugins`] returns how each plugin started.
    #[must_use]
    pub fn start(library: &'a Library, config: &'a ProxyConfig, scenario: &Scenario) -> Self {
        let names = config
            .filters
            .iter()
            .map(|filter| PluginNames { name: filter.plugin.name.clone(), root_id: filter.plugin.root_id.clone() });
        let mut proxy_state = ProxyState::new(scenario.time, scenario.seed, names.collect());
        proxy_state.envoy = config.envoy;
        proxy_state.clusters = Clusters::new(scenario);
        proxy_state.properties.clone_from(&scenario.properties);
        proxy_state.port = config.listener.port;
        proxy_state.direction = config.listener.direction as i64;
        let proxy_state = Rc::new(RefCell::new(proxy_state));
        let (plugins, outcomes) = Plugins::start(library, config, Rc::clone(&proxy_state));
        // The callouts of the start belong to no exchange.
        proxy_state.borrow_mut().take_calls();
        // Before the first exchange, no stream moves.
        let none = Message::default();
        let mut stream = FilterManager::new(Rc::clone(&proxy_state), Router::new(&none, Response::Reset), &none);
        stream.finish();
        Self { config, proxy_state, plugins, outcomes, connection: Connection::default(), stream }
    }

    /// How each plugin started, in the order of the configuration.
    #[must_use]
    pub fn plugins(&self) -> &[PluginOutcome] {
        &self.outcomes
    }

    /// Loads a plugin whose configuration arrives late, by its index in the configuration, and returns how it started. A plugin that
    /// is loaded stays as it is.
    pub fn load(&mut self, plugin: usize) -> &PluginOutcome {
        if !self.plugins.is_loaded(plugin) {
            self.outcomes[plugin] = self.plugins.load(plugin);
            // The callouts of the start belong to no exchange.
            self.proxy_state.borrow_mut().take_calls();
        }
        &self.outcomes[plugin]
    }

    /// What serves in the place of a plugin that is not loaded.
    fn unloaded(&self, plugin: usize) -> Option<Unloaded> {
        self.config.filters[plugin].unloaded.filter(|_| !self.plugins.is_loaded(plugin))
    }

    /// The plugins of the listener's chain, by their index in the configuration.
    fn chain(&self, filter_type: FilterType) -> Vec<usize> {
        let filters = self.config.filters.iter().enumerate();
        let chain = filters.filter(|(_, filter)| filter.in_chain && filter.filter_type == filter_type);
        chain.map(|(index, _)| index).collect()
    }
}
