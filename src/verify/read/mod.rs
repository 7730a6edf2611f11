//! The rendered files, read back as Kubernetes, Istio's injector and istiod would: never mesh.toml's idea of them.

mod config_map;
mod envoy_filter;
mod objects;
mod plugin;
mod pod;
#[cfg(test)]
pub(super) mod tests;

use std::collections::BTreeMap;
use std::sync::Arc;

use super::subject::{Module, Placed, Plugin, Subject};
use crate::diag::{Code, Diagnostic, Sink};
use crate::domain::{Digest, FilterType};
use crate::layout::File;
use crate::traffic::{Proxies, Suite};
use envoy_filter::{EnvoyFilter, Patch};
use objects::Objects;
use pod::Pod;

/// Each suite's proxy, in the order of the suites. A workload whose proxy could not be made out has none, after a report.
pub(crate) fn subjects(files: &[File], suites: &[Suite], proxies: &Proxies, sink: &mut Sink) -> Vec<Subject> {
    // Without one of the objects a chain would be another than the one that ships.
    let Some(objects) = Objects::read(files, proxies, sink) else { return Vec::new() };
    let mut known = Known::new();
    let subjects = suites.iter().filter_map(|suite| match subject(suite, &objects, proxies, &mut known) {
        Ok(subject) => {
            unreached(suite, &subject, sink);
            Some(subject)
        }
        Err(reason) => {
            let message = format!("the proxy of `{}` cannot be read back: {reason}", name(suite));
            sink.push(unreadable(message).at(suite.location));
            None
        }
    });
    subjects.collect()
}

/// A finding that is no mistake in mesh.toml.
fn unreadable(message: String) -> Diagnostic {
    Diagnostic::error(Code::MC0615, message)
        .note("what is verified is the rendered objects, not mesh.toml")
        .help("unless it is an entry of the workload's own `volumes` or `volume-mounts`, it is a bug of mesh-compile")
}

fn name(suite: &Suite) -> String {
    format!("{}/{}/{}", suite.kind, suite.namespace, suite.name)
}

/// A filter of the workload's list that no patch brings into its proxy does nothing, and nothing says so.
fn unreached(suite: &Suite, subject: &Subject, sink: &mut Sink) {
    for (filter, location) in &suite.filters {
        if !subject.plugins.iter().any(|placed| placed.plugin.name() == filter) {
            let message = format!("the filter `{filter}` does not reach the proxy of `{}`", subject.name);
            sink.push(
                Diagnostic::warning(Code::MC0616, message)
                    .at(*location)
                    .note("no rendered EnvoyFilter that has it fits the pods' labels and the declared Istio"),
            );
        }
    }
}

/// Plugins by the patch that they stem from and their module: a thousand workloads share one.
type Known<'a> = BTreeMap<(&'a str, &'a str, usize, Digest), Arc<Plugin>>;

fn subject<'a>(
    suite: &Suite,
    objects: &'a Objects,
    proxies: &Proxies,
    known: &mut Known<'a>,
) -> Result<Subject, String> {
    let pod = objects.pod(suite.kind, &suite.namespace, &suite.name)?;
    let mut labels = suite.labels.clone();
    labels.extend(pod.labels.clone());
    let files = pod.files(&suite.namespace, objects)?;
    // What is inserted at the head of a chain turns the order around; what stands before its last filter keeps it.
    let mut chains = [(FilterType::Network, Vec::new(), Vec::new()), (FilterType::Http, Vec::new(), Vec::new())];
    for filter in objects.envoy_filters(&suite.namespace, &proxies.root_namespace, &labels) {
        for (number, patch) in filter.patches.iter().enumerate() {
            if !patch.applies_to(&proxies.istio)? {
                continue;
            }
            let plugin = plugin(filter, (number, patch), &files, known)?;
            let placed = placed(suite, patch, plugin);
            let Some((_, head, rest)) = chains.iter_mut().find(|(chain, ..)| *chain == patch.chain) else { continue };
            let side = if patch.first { head } else { rest };
            // The two patches of a network filter, one for each end that a chain may have: it stands in each chain once.
            if !side.iter().any(|other| twice(other, &placed)) {
                side.push(placed);
            }
        }
    }
    let plugins = chains.into_iter().flat_map(|(_, head, rest)| head.into_iter().rev().chain(rest)).collect();
    Ok(Subject { name: name(suite), envoy: proxies.envoy, plugins, tests: suite.tests.clone() })
}

fn twice(one: &Placed, other: &Placed) -> bool {
    let place = |it: &Placed| (it.chain, it.direction, it.port);
    one.chain == FilterType::Network && place(one) == place(other) && one.plugin == other.plugin
}

fn placed(suite: &Suite, patch: &Patch, plugin: Arc<Plugin>) -> Placed {
    Placed {
        chain: patch.chain,
        direction: patch.direction,
        port: patch.port,
        location: suite.filters.get(plugin.name()).copied().unwrap_or(suite.location),
        plugin,
    }
}

/// The plugin of a patch, with the module that is mounted at its path.
fn plugin<'a>(
    filter: &'a EnvoyFilter,
    (number, patch): (usize, &Patch),
    files: &BTreeMap<String, &Module>,
    known: &mut Known<'a>,
) -> Result<Arc<Plugin>, String> {
    let path = patch.config.vm_config.code.local.filename.as_str();
    let module = files.get(path).ok_or_else(|| {
        let near: Vec<&str> = files.keys().map(String::as_str).collect();
        let there = if near.is_empty() { "nothing".to_owned() } else { format!("`{}`", near.join("`, `")) };
        format!("the EnvoyFilter {}/{} needs `{path}`, but {there} is mounted", filter.namespace, filter.name)
    })?;
    let key = (filter.namespace.as_str(), filter.name.as_str(), number, module.digest);
    let plugin = || {
        let (chain_name, config) = (patch.chain_name.clone(), patch.config.clone());
        Arc::new(Plugin { chain_name, config, module: Module::clone(module) })
    };
    Ok(Arc::clone(known.entry(key).or_insert_with(plugin)))
}
