//! The proxies of the workloads, from the rendered files as Kubernetes, Istio's injector and istiod read them. mesh.toml is not
//! consulted.

mod config_map;
mod envoy_filter;
mod objects;
mod plugin;
mod pod;
#[cfg(test)]
pub(super) mod tests;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::subject::{ChainEntry, Module, Plugin, Subject};
use crate::diag::{Code, Diagnostic, Sink};
use crate::domain::{Digest, FilterType};
use crate::layout::File;
use crate::resolve::traffic::suite::{Proxies, Suite};
use envoy_filter::{EnvoyFilter, Patch, Selected};
use objects::Objects;
use pod::Pod;

/// The proxy of each suite, in the order of the suites. A workload whose proxy cannot be determined is reported and left out.
pub(crate) fn subjects(files: &[File], suites: &[Suite], proxies: &Proxies, sink: &mut Sink) -> Vec<Subject> {
    // If an object is missing, the chains differ from those that ship.
    let kinds = suites.iter().map(|suite| &suite.kind).collect();
    let Some(objects) = Objects::read(files, &kinds, proxies, sink) else { return Vec::new() };
    let mut known = Known::new();
    let subjects = suites.iter().filter_map(|suite| match subject(suite, &objects, proxies, &mut known) {
        Ok((subject, unseen)) => {
            report_unseen(suite, &subject, &unseen, sink);
            report_unreached(suite, &subject, &unseen, sink);
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

/// An error that mesh.toml does not cause.
fn unreadable(message: String) -> Diagnostic {
    Diagnostic::error(Code::MC0615, message)
        .note("`verify` checks the rendered objects, not mesh.toml")
        .help("check the workload's own `volumes` and `volume-mounts`; if they are not the cause, this is a bug in mesh-compile")
}

fn name(suite: &Suite) -> String {
    format!("{}/{}/{}", suite.kind.qualified(), suite.namespace, suite.name)
}

/// Reports the filters of the workload's list that no patch inserts into its proxy: nothing else would show that they do nothing.
fn report_unreached(suite: &Suite, subject: &Subject, unseen: &BTreeSet<String>, sink: &mut Sink) {
    for (filter, location) in suite.filters.iter().filter(|(filter, _)| !unseen.contains(*filter)) {
        if !subject.plugins.iter().any(|entry| entry.plugin.name() == filter) {
            let message = format!("the filter `{filter}` does not reach the proxy of `{}`", subject.name);
            sink.push(
                Diagnostic::warning(Code::MC0616, message)
                    .at(*location)
                    .note("no rendered EnvoyFilter with this filter matches the labels of the pods and the declared Istio version"),
            );
        }
    }
}

/// Reports the filters whose modules only the user's volumes have, and the tests that would need them.
fn report_unseen(suite: &Suite, subject: &Subject, unseen: &BTreeSet<String>, sink: &mut Sink) {
    for filter in unseen {
        let message =
            format!("the filter `{filter}` of `{}` is not verified: mesh.toml has only its digest", subject.name);
        let location = suite.filters.get(filter).copied().unwrap_or(suite.location);
        let diagnostic = Diagnostic::warning(Code::MC0620, message).at(location);
        let diagnostic = match suite.tests.len() {
            0 => diagnostic,
            1 => diagnostic.note("the test of the workload is not run: its requests would pass the filter"),
            count => diagnostic
                .note(format!("the {count} tests of the workload are not run: their requests would pass the filter")),
        };
        sink.push(diagnostic.help("add its `module`, the file that the volume contains"));
    }
}

/// Plugins by the patch that defines them and their module: a thousand workloads may share one.
type Known<'a> = BTreeMap<(&'a str, &'a str, usize, Digest), Arc<Plugin>>;

fn subject<'a>(
    suite: &Suite,
    objects: &'a Objects,
    proxies: &Proxies,
    known: &mut Known<'a>,
) -> Result<(Subject, BTreeSet<String>), String> {
    let pod = objects.pod(&suite.kind, &suite.namespace, &suite.name)?;
    let mut labels = suite.labels.clone();
    labels.extend(pod.labels.clone());
    let files = pod.files(&suite.namespace, objects)?;
    let mut unseen = BTreeSet::new();
    let mut clusters = proxies.clusters.clone();
    // By place, in the order of the chain.
    let mut network: BTreeMap<usize, Vec<ChainEntry>> = BTreeMap::new();
    let mut http = network.clone();
    let gateway = suite.kind.is_gateway().then_some(suite.name.as_str());
    let selected = Selected { namespace: &suite.namespace, labels: &labels, gateway };
    for filter in objects.envoy_filters(&proxies.root_namespace, &selected) {
        if let Some(twice) = filter.clusters.iter().find(|name| clusters.contains(*name)) {
            return Err(format!("two objects add the cluster `{twice}` to its proxy"));
        }
        clusters.extend(filter.clusters.iter().cloned());
        for (number, patch) in filter.patches.iter().enumerate() {
            if !patch.applies_to(&proxies.istio)? {
                continue;
            }
            let name = &patch.config.name;
            let of_volume = || proxies.elsewhere.volumes.get(name).filter(|_| pod.may_have(patch.path()));
            let module = match (files.get(patch.path()), of_volume()) {
                (Some(module), _) => Module::clone(module),
                (None, Some(Some(module))) => Module { bytes: Arc::clone(&module.bytes), digest: module.digest },
                (None, Some(None)) => {
                    unseen.insert(name.clone());
                    continue;
                }
                (None, None) => return Err(not_mounted(filter, patch, &files)),
            };
            let plugin = plugin(filter, (number, patch), module, known);
            let entry = chain_entry(suite, patch, plugin);
            let chain = match patch.chain {
                FilterType::Network => &mut network,
                FilterType::Http => &mut http,
            };
            let place = chain.entry(patch.insert.rank()).or_default();
            // A network filter has two patches, one per filter that may end a chain. Each chain contains it once.
            if place.iter().any(|other| is_same_network_filter(other, &entry)) {
                continue;
            }
            // What is inserted first or after an anchor comes before all that was inserted there.
            let at = if patch.insert.is_reversed() { 0 } else { place.len() };
            place.insert(at, entry);
        }
    }
    let plugins = network.into_values().chain(http.into_values()).flatten().collect();
    let tests = if unseen.is_empty() { suite.tests.clone() } else { Vec::new() };
    Ok((Subject { name: name(suite), envoy: proxies.envoy, plugins, clusters: Some(clusters), tests }, unseen))
}

fn is_same_network_filter(one: &ChainEntry, other: &ChainEntry) -> bool {
    let place = |it: &ChainEntry| (it.chain, it.direction, it.port);
    one.chain == FilterType::Network && place(one) == place(other) && one.plugin == other.plugin
}

fn chain_entry(suite: &Suite, patch: &Patch, plugin: Arc<Plugin>) -> ChainEntry {
    ChainEntry {
        chain: patch.chain,
        direction: patch.direction,
        port: patch.port,
        location: suite.filters.get(plugin.name()).copied().unwrap_or(suite.location),
        plugin,
    }
}

/// The error about a path at which nothing is mounted.
fn not_mounted(filter: &EnvoyFilter, patch: &Patch, files: &BTreeMap<String, &Module>) -> String {
    let paths: Vec<&str> = files.keys().map(String::as_str).collect();
    let mounted = if paths.is_empty() { "nothing".to_owned() } else { format!("`{}`", paths.join("`, `")) };
    let EnvoyFilter { namespace, name, .. } = filter;
    format!("the EnvoyFilter {namespace}/{name} needs `{}`, but {mounted} is mounted", patch.path())
}

/// The plugin of a patch, with the module at its path.
fn plugin<'a>(
    filter: &'a EnvoyFilter,
    (number, patch): (usize, &Patch),
    module: Module,
    known: &mut Known<'a>,
) -> Arc<Plugin> {
    let key = (filter.namespace.as_str(), filter.name.as_str(), number, module.digest);
    let plugin = || {
        let (chain_name, config) = (patch.chain_name.clone(), patch.config.clone());
        Arc::new(Plugin { chain_name, config, load_failure: patch.load_failure, module })
    };
    Arc::clone(known.entry(key).or_insert_with(plugin))
}
