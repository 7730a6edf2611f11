//! Whether plugins load, start and take their configuration: each has a listener of its own, so that a refusal tells which it is.

use std::collections::BTreeMap;

use mesh_compile_host::outcome::{Fault, FaultKind, LogLine, PluginOutcome};

use super::config;
use super::engine::{Engine, Lost};
use super::journal::Entry;
use super::log::Event;
use crate::diag::Diagnostic;
use crate::domain::FilterType;
use crate::verify::subject::{Placed, Subject};

/// What Envoy says last of a module that got so far.
const NOT_CONFIGURED: &str = "Failed to configure base Wasm plugin";
const NOT_STARTED: &str = "Failed to start base Wasm";
/// Functions that run before a plugin is started.
const INITIALISATION: [&str; 4] = ["_initialize", "_start", "main", "__main_void"];

impl Engine {
    /// One outcome a plugin, in the subject's order.
    pub(super) fn plugins(&mut self, subject: &Subject) -> Result<Vec<PluginOutcome>, Box<Diagnostic>> {
        let mut outcomes = Vec::new();
        while outcomes.len() < subject.plugins.len() {
            let key = self.key(subject, outcomes.len())?;
            if let Some(known) = self.known.get(&key) {
                outcomes.extend(known.iter().cloned());
                continue;
            }
            let more = self.some_plugins(subject, outcomes.len())?;
            // What came of an Envoy that hangs says little of the plugins behind.
            if outcomes.is_empty() && more.len() == subject.plugins.len() {
                self.known.insert(key, more.clone());
            }
            outcomes.extend(more);
        }
        Ok(outcomes)
    }

    /// Equal for subjects whose plugins Envoy cannot tell apart.
    fn key(&mut self, subject: &Subject, from: usize) -> Result<String, Box<Diagnostic>> {
        let clusters: Vec<&String> = subject.tests.iter().flat_map(|test| test.scenario.callouts.keys()).collect();
        let clusters = format!("{clusters:?}");
        let envoy = self.envoy()?;
        let paths = envoy.paths();
        let listeners = subject.plugins[from..].iter().map(|placed| listener(0, placed, &paths).to_string());
        Ok(listeners.chain([clusters]).collect())
    }

    /// The outcomes of the plugins from this one on, up to one that Envoy does not survive.
    fn some_plugins(&mut self, subject: &Subject, from: usize) -> Result<Vec<PluginOutcome>, Box<Diagnostic>> {
        // What they call while they start is there, though no test is on yet: each call breaks off.
        let callouts = subject.tests.iter().flat_map(|test| test.scenario.callouts.clone()).collect();
        self.upstream.begin(&BTreeMap::new());
        let clusters = self.clusters(&callouts);
        let envoy = self.envoy()?;
        let plugins = &subject.plugins[from..];
        let loaded = clusters.map_err(Lost::from).and_then(|clusters| {
            envoy.lay_out(plugins.iter())?;
            envoy.clear()?;
            envoy.set_clusters(clusters)?;
            let paths = envoy.paths();
            let listeners = plugins.iter().enumerate().map(|(at, placed)| listener(at, placed, &paths)).collect();
            envoy.set_listeners(listeners)
        });
        let running = envoy.journal().running(true);
        let entries = envoy.journal().take();
        let mut outcomes = outcomes(&entries, plugins.len(), from);
        if let Err(lost) = loaded {
            // What ends the process while it loads a module is the module: V8 has no words for all that it may export.
            let crash = matches!(lost, Lost::Ended(_));
            let mut fault = without_envoy(&lost, running.as_deref());
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

fn listener(at: usize, placed: &Placed, paths: &config::Paths<'_>) -> serde_json::Value {
    let name = name(at);
    match placed.chain {
        FilterType::Http => config::listener(&name, placed.direction, [&[], &[placed]], paths),
        FilterType::Network => config::listener(&name, placed.direction, [&[placed], &[]], paths),
    }
}

fn name(at: usize) -> String {
    format!("plugin-{at}")
}

/// The outcomes of the listeners that Envoy has come through; `from` is the first one's place among the subject's plugins.
fn outcomes(entries: &[Entry], count: usize, from: usize) -> Vec<PluginOutcome> {
    let mut entries: Vec<&Entry> = entries.iter().filter(|entry| entry.main).collect();
    let mut outcomes = Vec::new();
    for at in 0..count {
        let name = name(at);
        let verdict = |entry: &&Entry| entry.accepted(&name) || entry.rejected(&name).is_some();
        let Some(end) = entries.iter().position(verdict) else { break };
        let rest = entries.split_off(end + 1);
        let refusal = entries.last().and_then(|entry| entry.rejected(&name));
        outcomes.push(outcome(&entries, refusal, from + at));
        entries = rest;
    }
    outcomes
}

fn outcome(entries: &[&Entry], refusal: Option<&str>, at: usize) -> PluginOutcome {
    let log = first_copy(entries, at);
    let says = |entry: &&&Entry| matches!(entry.line.event(), Event::Failed(_) | Event::Complained(_));
    let events: Vec<Event<'_>> = entries.iter().filter(says).map(|entry| entry.line.event()).collect();
    let trap = events.iter().find_map(|event| if let Event::Failed(text) = event { Some(*text) } else { None });
    let has = |text: &str| events.contains(&Event::Complained(text));
    let complaint =
        events.iter().find_map(|event| if let Event::Complained(text) = event { Some(*text) } else { None });
    let message = trap.or(complaint).or(refusal);
    let Some(message) = message.filter(|_| refusal.is_some() || trap.is_some()) else {
        let done = Some(true);
        return PluginOutcome { loads: done, starts: done, configures: done, log, ..PluginOutcome::default() };
    };
    let initialises =
        trap.is_some_and(|text| INITIALISATION.iter().any(|name| text.starts_with(&format!("Function: {name} "))));
    let (loads, starts, configures, kind) = if has(NOT_CONFIGURED) {
        (true, Some(true), Some(false), FaultKind::Configure)
    } else if message.contains("restricted_callback") {
        (true, Some(false), None, FaultKind::Restricted)
    } else if has(NOT_STARTED) || initialises || refusal.is_none() {
        // A trap in the root context's proxy_on_context_create refuses no listener, and fails every request.
        (true, Some(false), None, FaultKind::Start)
    } else {
        (false, None, None, FaultKind::Load)
    };
    let fault = Some(Fault { kind, message: message.to_owned() });
    PluginOutcome { loads: Some(loads), starts, configures, fault, log, remarks: Vec::new() }
}

/// What the plugin logged where Envoy first tried it out; other VMs of it say the same again.
fn first_copy(entries: &[&Entry], at: usize) -> Vec<LogLine> {
    let vm = |entry: &&Entry| matches!(entry.line.event(), Event::Cloned | Event::Ended);
    let begin = entries.iter().position(|entry| entry.line.event() == Event::Cloned).map_or(0, |begin| begin + 1);
    let copy = entries[begin..].iter().copied().take_while(|entry| !vm(entry));
    let line = |entry: &Entry| {
        let Event::Said(rest) = entry.line.event() else { return None };
        let message = rest.split_once(": ").map_or(rest, |(_, message)| message).to_owned();
        Some(LogLine { level: entry.line.level, plugin: Some(at), message })
    };
    copy.filter_map(line).collect()
}

/// Why a plugin has come to nothing when Envoy has not survived it.
pub(super) fn without_envoy(lost: &Lost, running: Option<&str>) -> Fault {
    match (lost, running) {
        (Lost::Hangs, Some(callback)) => {
            let message = format!("Function: {callback} does not come back");
            Fault { kind: FaultKind::Endless, message }
        }
        _ => Fault { kind: FaultKind::Engine, message: lost.to_string() },
    }
}
