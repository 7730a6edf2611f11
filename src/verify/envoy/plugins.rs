//! Whether plugins load, start and accept their configuration. Each has its own listener, so that a rejection names the plugin.

use std::collections::BTreeMap;

use mesh_compile_host::envoy_texts::{NOT_CONFIGURED, NOT_STARTED, RESTRICTED_CALLBACK};
use mesh_compile_host::outcome::{Fault, FaultKind, LogLine, PluginOutcome};

use super::config;
use super::engine::{Engine, EnvoyFailure};
use super::journal::Entry;
use super::log::{Event, initializers};
use crate::diag::Diagnostic;
use crate::domain::FilterType;
use crate::verify::subject::{ChainEntry, Subject};

impl Engine {
    /// One outcome per plugin, in the subject's order.
    pub(super) fn plugins(&mut self, subject: &Subject) -> Result<Vec<PluginOutcome>, Box<Diagnostic>> {
        let mut outcomes = Vec::new();
        while outcomes.len() < subject.plugins.len() {
            let key = self.key(subject, outcomes.len())?;
            if let Some(known) = self.known.get(&key) {
                outcomes.extend(known.iter().cloned());
                continue;
            }
            let more = self.some_plugins(subject, outcomes.len())?;
            // An Envoy that failed says nothing about the later plugins.
            if outcomes.is_empty() && more.len() == subject.plugins.len() {
                self.known.insert(key, more.clone());
            }
            outcomes.extend(more);
        }
        Ok(outcomes)
    }

    /// Equal for subjects whose plugins are the same to Envoy.
    fn key(&mut self, subject: &Subject, from: usize) -> Result<String, Box<Diagnostic>> {
        let clusters: Vec<&String> = subject.tests.iter().flat_map(|test| test.scenario.callouts.keys()).collect();
        let clusters = format!("{clusters:?}");
        let envoy = self.envoy()?;
        let paths = envoy.paths();
        let listeners = subject.plugins[from..].iter().map(|chain_entry| listener(0, chain_entry, &paths).to_string());
        Ok(listeners.chain([clusters]).collect())
    }

    /// The outcomes of the plugins from index `from` on, up to the first one that makes Envoy fail.
    fn some_plugins(&mut self, subject: &Subject, from: usize) -> Result<Vec<PluginOutcome>, Box<Diagnostic>> {
        // The clusters that plugins call while they start exist, but reset each call: no test is running yet.
        let callouts = subject.tests.iter().flat_map(|test| test.scenario.callouts.clone()).collect();
        self.upstream.start_test(&BTreeMap::new());
        let clusters = self.clusters(&callouts);
        let envoy = self.envoy()?;
        let plugins = &subject.plugins[from..];
        let loaded = clusters.map_err(EnvoyFailure::from).and_then(|clusters| {
            envoy.write_modules(plugins.iter())?;
            envoy.remove_listeners()?;
            envoy.set_clusters(clusters)?;
            let paths = envoy.paths();
            let listeners =
                plugins.iter().enumerate().map(|(at, chain_entry)| listener(at, chain_entry, &paths)).collect();
            envoy.set_listeners(listeners)
        });
        let running = envoy.journal().running(true);
        let entries = envoy.journal().take();
        let mut outcomes = outcomes(&entries, plugins.len(), from);
        if let Err(failure) = loaded {
            // The module crashed the process. V8 crashes on some types of exports.
            let crash = matches!(failure, EnvoyFailure::Exited(_));
            let mut fault = fault_of(&failure, running.as_deref());
            if crash {
                fault.kind = FaultKind::Load;
            }
            let loads = crash.then_some(false);
            outcomes.push(PluginOutcome { loads, fault: Some(fault), ..PluginOutcome::default() });
            outcomes.truncate(plugins.len());
            self.discard();
        }
        Ok(outcomes)
    }
}

fn listener(at: usize, chain_entry: &ChainEntry, paths: &config::Paths<'_>) -> serde_json::Value {
    let name = name(at);
    match chain_entry.chain {
        FilterType::Http => config::inline_listener(&name, chain_entry.direction, [&[], &[chain_entry]], paths),
        FilterType::Network => config::inline_listener(&name, chain_entry.direction, [&[chain_entry], &[]], paths),
    }
}

fn name(at: usize) -> String {
    format!("plugin-{at}")
}

/// The outcomes of the listeners that Envoy accepted or rejected. `from` is the index of the first plugin.
fn outcomes(entries: &[Entry], count: usize, from: usize) -> Vec<PluginOutcome> {
    let mut entries: Vec<&Entry> = entries.iter().filter(|entry| entry.main).collect();
    let mut outcomes = Vec::new();
    for at in 0..count {
        let name = name(at);
        let verdict = |entry: &&Entry| entry.accepted(&name) || entry.rejected(&name).is_some();
        let Some(end) = entries.iter().position(verdict) else { break };
        let rest = entries.split_off(end + 1);
        let rejection = entries.last().and_then(|entry| entry.rejected(&name));
        outcomes.push(outcome(&entries, rejection, from + at));
        entries = rest;
    }
    outcomes
}

fn outcome(entries: &[&Entry], rejection: Option<&str>, at: usize) -> PluginOutcome {
    let log = first_copy(entries, at);
    let is_error = |entry: &&&Entry| matches!(entry.line.event(), Event::Trapped(_) | Event::ErrorLogged(_));
    let events: Vec<Event<'_>> = entries.iter().filter(is_error).map(|entry| entry.line.event()).collect();
    let trap = events.iter().find_map(|event| if let Event::Trapped(text) = event { Some(*text) } else { None });
    let has = |text: &str| events.contains(&Event::ErrorLogged(text));
    let error = events.iter().find_map(|event| if let Event::ErrorLogged(text) = event { Some(*text) } else { None });
    let message = trap.or(error).or(rejection);
    let Some(message) = message.filter(|_| rejection.is_some() || trap.is_some()) else {
        let done = Some(true);
        return PluginOutcome { loads: done, starts: done, configures: done, log, ..PluginOutcome::default() };
    };
    let in_initializer =
        trap.is_some_and(|text| initializers().any(|name| text.starts_with(&format!("Function: {name} "))));
    let (loads, starts, configures, kind) = if has(NOT_CONFIGURED) {
        (true, Some(true), Some(false), FaultKind::Configure)
    } else if message.contains(RESTRICTED_CALLBACK) {
        (true, Some(false), None, FaultKind::Restricted)
    } else if has(NOT_STARTED) || in_initializer || rejection.is_none() {
        // After a trap in the root context's proxy_on_context_create, Envoy accepts the listener and fails every request.
        (true, Some(false), None, FaultKind::Start)
    } else {
        (false, None, None, FaultKind::Load)
    };
    let fault = Some(Fault { kind, message: message.to_owned() });
    PluginOutcome { loads: Some(loads), starts, configures, fault, log, ..PluginOutcome::default() }
}

/// What the plugin logged in its first VM, Envoy's trial. Its other VMs log the same again.
fn first_copy(entries: &[&Entry], at: usize) -> Vec<LogLine> {
    let vm = |entry: &&Entry| matches!(entry.line.event(), Event::VmCreated | Event::VmDestroyed);
    let begin = entries.iter().position(|entry| entry.line.event() == Event::VmCreated).map_or(0, |begin| begin + 1);
    let copy = entries[begin..].iter().copied().take_while(|entry| !vm(entry));
    let line = |entry: &Entry| {
        let Event::Logged(rest) = entry.line.event() else { return None };
        let message = rest.split_once(": ").map_or(rest, |(_, message)| message).to_owned();
        Some(LogLine { level: entry.line.level, plugin: Some(at), message })
    };
    copy.filter_map(line).collect()
}

/// The fault of a plugin that made Envoy fail in the callback `running`.
pub(super) fn fault_of(failure: &EnvoyFailure, running: Option<&str>) -> Fault {
    match (failure, running) {
        (EnvoyFailure::Hangs, Some(callback)) => {
            let message = format!("Function: {callback} does not return");
            Fault { kind: FaultKind::Endless, message }
        }
        _ => Fault { kind: FaultKind::Engine, message: failure.to_string() },
    }
}
