//! The embedded engine: a workload's plugins and traffic in [`mesh_compile_host`].

use std::sync::Arc;

use mesh_compile_host::outcome::{Fault, PluginOutcome, Remark};
use mesh_compile_host::{Filter, Library, Listener, Plugin, Proxy, ProxyConfig, Scenario, TrafficDirection};
use rayon::prelude::*;

use super::outcome::{Outcome, TestOutcome};
use super::subject::{ChainEntry, Subject};
use crate::domain::Direction;
use crate::resolve::traffic::suite::{Loading, Test};

/// Verifies the subjects in parallel, and translates each distinct module once. Calls `progress` after each subject.
pub(crate) fn run(subjects: &[Subject], progress: &(dyn Fn() + Sync)) -> Vec<Outcome> {
    let modules = subjects.iter().flat_map(|subject| &subject.plugins).map(|entry| &entry.plugin.module);
    let library = Library::new(modules.map(|module| (module.digest, module.bytes.clone())));
    let verified = subjects.par_iter().map(|subject| {
        let outcome = verify(&library, subject);
        progress();
        outcome
    });
    verified.collect()
}

fn verify(library: &Library, subject: &Subject) -> Outcome {
    let config = config(subject, None);
    // The mesh may have any cluster: only a test says which clusters there are.
    let scenario = Scenario { any_cluster: true, ..Scenario::default() };
    let plugins = Proxy::start(library, &config, &scenario).plugins().to_vec();
    let runs = plugins.iter().all(|plugin| plugin.fault.is_none());
    let tests =
        if runs { subject.tests.iter().map(|test| traffic(library, subject, test)).collect() } else { Vec::new() };
    Outcome { plugins, tests }
}

fn traffic(library: &Library, subject: &Subject, test: &Test) -> TestOutcome {
    let config = config(subject, Some(test));
    let mut proxy = Proxy::start(library, &config, &test.scenario);
    // A plugin that started before may fail with the clock, the random numbers and the clusters of this test.
    if let Some(fault) = proxy.plugins().iter().find_map(not_started) {
        return TestOutcome { steps: Vec::new(), fault: Some(fault) };
    }
    let mut steps = Vec::new();
    for step in &test.steps {
        // Envoy refuses what does not load, and keeps what it has.
        let good = step.loading.iter().filter(|(_, loading)| **loading == Loading::Good).map(|(name, _)| name);
        for name in good {
            let plugins = subject.plugins.iter().enumerate().filter(|(_, entry)| entry.plugin.name() == name);
            for (number, _) in plugins {
                if let Some(fault) = not_started(proxy.load(number)) {
                    return TestOutcome { steps, fault: Some(fault) };
                }
            }
        }
        steps.push(proxy.exchange(&step.exchange));
    }
    TestOutcome { steps, fault: None }
}

/// The subject's proxy. Without a test, no filter sees traffic.
fn config(subject: &Subject, test: Option<&Test>) -> ProxyConfig {
    let filter = |entry: &ChainEntry| Filter {
        plugin: Arc::new(plugin(entry)),
        filter_type: entry.chain,
        in_chain: test.is_some_and(|test| entry.sees(test)),
        unloaded: test.filter(|test| test.is_late(entry.plugin.name())).and_then(|_| entry.plugin.unloaded()),
    };
    let direction = match test.map_or(Direction::Inbound, |test| test.direction) {
        Direction::Inbound => TrafficDirection::Inbound,
        Direction::Outbound | Direction::Gateway => TrafficDirection::Outbound,
        Direction::Any => TrafficDirection::Unspecified,
    };
    let listener = Listener { direction, port: test.and_then(|test| test.port) };
    ProxyConfig { envoy: subject.envoy, listener, filters: subject.plugins.iter().map(filter).collect() }
}

fn plugin(entry: &ChainEntry) -> Plugin {
    let plugin = &entry.plugin;
    Plugin {
        name: plugin.name().to_owned(),
        root_id: plugin.root_id().to_owned(),
        configuration: plugin.configuration().to_vec(),
        vm_id: plugin.vm_id().to_owned(),
        vm_configuration: plugin.vm_configuration().to_vec(),
        env: plugin.env().clone(),
        capabilities: plugin.capabilities().map(|names| names.into_iter().map(str::to_owned).collect()),
        on_failure: plugin.on_failure(),
        stop_iteration: plugin.stop_iteration(),
        module: plugin.module.digest,
    }
}

/// Why a plugin did not start, and the unknown clusters that it called.
fn not_started(plugin: &PluginOutcome) -> Option<Fault> {
    let fault = plugin.fault.as_ref()?;
    let unknown = plugin.remarks.iter().filter_map(|remark| match remark {
        Remark::UnknownCluster(cluster) => {
            Some(format!("; it calls `{cluster}`, which the test has no `callouts` for"))
        }
        _ => None,
    });
    let message = std::iter::once(fault.message.clone()).chain(unknown).collect();
    Some(Fault { kind: fault.kind, message })
}
