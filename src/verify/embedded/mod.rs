//! The embedded engine: a workload's plugins on [`crate::host`], its traffic through a model of Envoy's filter manager.
//!
//! [`proxy`] starts the plugins, [`chain`] is the filter manager, [`exchange`] drives one request through it, [`events`] lets time pass,
//! [`network`] is the connection around it.

mod callbacks;
mod chain;
mod events;
mod exchange;
mod network;
mod proxy;
mod reply;
mod side;

use rayon::prelude::*;

use super::subject::Subject;
use crate::host::Library;
use crate::traffic::case::Test;
use crate::traffic::outcome::{Fault, Outcome, PluginOutcome, Remark, TestOutcome};
use proxy::Proxy;

/// Verifies the subjects, in parallel; each distinct module is translated once. `progress` is called when a subject is done.
pub(crate) fn run(subjects: &[Subject], progress: &(dyn Fn() + Sync)) -> Vec<Outcome> {
    let modules = subjects.iter().flat_map(|subject| &subject.plugins).map(|placed| &placed.plugin.module);
    let library = Library::new(modules.map(|module| (module.digest, module.bytes.clone())));
    let verified = subjects.par_iter().map(|subject| {
        let outcome = verify(&library, subject);
        progress();
        outcome
    });
    verified.collect()
}

fn verify(library: &Library, subject: &Subject) -> Outcome {
    let plugins = Proxy::start(library, subject, None).outcomes;
    let runs = plugins.iter().all(|plugin| plugin.fault.is_none());
    let tests =
        if runs { subject.tests.iter().map(|test| traffic(library, subject, test)).collect() } else { Vec::new() };
    Outcome { plugins, tests }
}

fn traffic(library: &Library, subject: &Subject, test: &Test) -> TestOutcome {
    let mut proxy = Proxy::start(library, subject, Some(test));
    // With this test's clock, random numbers and clusters a plugin may not start that did.
    if let Some(fault) = proxy.outcomes.iter().find_map(not_started) {
        return TestOutcome { steps: Vec::new(), fault: Some(fault) };
    }
    let steps = test.steps.iter().map(|step| proxy.exchange(step)).collect();
    TestOutcome { steps, fault: None }
}

/// Why a plugin has not started, and the clusters that it may have wanted.
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
