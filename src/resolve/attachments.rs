//! Which workload runs which plugin: every use of a filter with its values rendered.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::clusters::Cluster;
use super::configuration::check_kustomize;
use super::filters::Filter;
use super::mesh::{self, Attachment, Plugin, Settings};
use super::template::{FilterVars, Scope, Templates, WorkloadVars};
use super::uses::Use;
use super::workloads::Workload;
use crate::diag::{Code, Diagnostic, Sink, enumerate_quoted};

/// The attachments by workload. If a value cannot be rendered, it is reported and the attachment has empty settings, so that a
/// backend reports its own errors in the same run.
pub(super) fn resolve(
    filters: &BTreeMap<&str, Filter<'_>>,
    workloads: &[Workload<'_>],
    templates: &Templates<'_>,
    sink: &mut Sink,
) -> Vec<Attachment> {
    let plugins: Vec<&Plugin> = filters.values().map(|filter| &filter.plugin).collect();
    let indices: BTreeMap<&str, usize> = filters.keys().enumerate().map(|(index, name)| (*name, index)).collect();
    // The settings of a filter as declared, rendered once however many workloads use it.
    let mut declared: BTreeMap<&str, Option<Arc<Settings>>> = BTreeMap::new();
    let mut attachments = Vec::new();
    for (index, workload) in workloads.iter().enumerate() {
        let mut rendered = Vec::with_capacity(workload.uses.len());
        for one in &workload.uses {
            let name = one.filter.plugin.name.as_str();
            let Some(&plugin) = indices.get(name) else { continue };
            let as_declared = !one.has_settings && !one.filter.depends_on_workload;
            let settings = if as_declared {
                declared.entry(name).or_insert_with(|| settings(one, None, templates, sink)).clone()
            } else {
                settings(one, Some(&workload.mesh), templates, sink)
            };
            rendered.extend(settings.clone().map(|settings| (plugins[plugin], settings)));
            attachments.push(Attachment {
                workload: index,
                plugin,
                scope: one.scope,
                settings: settings.unwrap_or_default(),
                as_declared,
                location: one.location,
            });
        }
        shared_vms(&rendered, sink);
    }
    attachments
}

/// Renders the values of a use. `None` if an error was reported.
fn settings(
    one: &Use<'_>,
    workload: Option<&mesh::Workload>,
    templates: &Templates<'_>,
    sink: &mut Sink,
) -> Option<Arc<Settings>> {
    let Filter { written, plugin, configuration, .. } = one.filter;
    let (filter, workload) = (FilterVars::of(plugin), workload.map(WorkloadVars::of));
    let scope = Scope { filter: Some(&filter), workload: workload.as_ref() };
    let configuration = one.configuration.as_ref().or(configuration.as_ref());
    let configuration = configuration.map(|it| it.render(templates, &scope, sink));
    // Everything is rendered before the first failure is returned, so that all failures are reported.
    let env: Vec<Option<_>> = written
        .env
        .iter()
        .map(|(key, value)| Some((key, value.with(templates.render(value, &scope, sink)?))))
        .collect();
    let env: BTreeMap<_, _> = env.into_iter().collect::<Option<_>>()?;
    let configuration = match configuration {
        Some(rendered) => Some(rendered?),
        None => None,
    };
    let texts = [configuration.as_ref(), written.vm_config_text.as_ref(), written.root_id.as_ref()];
    for text in texts.into_iter().flatten().chain(env.values()) {
        check_kustomize(text, text.location(), sink);
    }
    let vm_configuration = plugin.vm_configuration.as_deref();
    let texts = || {
        let values = env.values().map(|value| value.as_str());
        configuration.as_ref().map(|text| text.as_str()).into_iter().chain(vm_configuration).chain(values)
    };
    // Whoever writes the name by hand calls the cluster too.
    let host = |(key, cluster): (&String, &Cluster)| match cluster {
        Cluster::Host(host) => {
            let name = cluster.name(key, plugin.name.as_str());
            texts().any(|text| text.contains(&name)).then(|| (name, host.clone()))
        }
        Cluster::Existing(_) => None,
    };
    let hosts = templates.clusters.iter().filter_map(host).collect();
    let services = templates.clusters.values().filter_map(Cluster::service);
    let services = services.filter(|(name, _)| texts().any(|text| text.contains(name)));
    let services = services.map(|(_, host)| host.to_owned()).collect();
    let env = env.iter().map(|(key, value)| ((*key).clone(), value.to_string())).collect();
    Some(Arc::new(Settings { configuration, env, hosts, services }))
}

/// Reports plugins of one proxy that share a VM but need different ones. Envoy identifies a VM by vm-id, module and VM
/// configuration, but not by environment and capabilities (envoyproxy/envoy, source/extensions/common/wasm): the first one wins.
fn shared_vms(plugins: &[(&Plugin, Arc<Settings>)], sink: &mut Sink) {
    let mut first: BTreeMap<_, &(&Plugin, Arc<Settings>)> = BTreeMap::new();
    for entry in plugins {
        let (plugin, settings) = entry;
        let key = (plugin.vm_id(settings), plugin.module.digest(), &plugin.vm_configuration);
        let Some((loaded, others)) = first.get(&key) else {
            first.insert(key, entry);
            continue;
        };
        different_policies(loaded, plugin, sink);
        let is_equal = others.env == settings.env
            && loaded.env_from_host == plugin.env_from_host
            && loaded.capabilities == plugin.capabilities;
        if !is_equal {
            let message = format!(
                "`{}` and `{}` share one VM but set different environments or capabilities",
                loaded.name, plugin.name
            );
            sink.push(
                Diagnostic::error(Code::MC0209, message)
                    .at_label(plugin.location, "these settings are ignored")
                    .related(loaded.location, "loaded first")
                    .note("filters with the same vm-id, module and VM configuration share one VM, whatever their environment and capabilities")
                    .help("set a different `vm-id` for one of them"),
            );
        }
    }
}

/// Reports plugins of one VM that handle its failure in different ways.
fn different_policies(one: &Plugin, other: &Plugin, sink: &mut Sink) {
    let differs =
        [(one.on_failure != other.on_failure, "on-failure"), (one.load_failure != other.load_failure, "load-failure")];
    let keys: Vec<&str> = differs.into_iter().filter(|(differs, _)| *differs).map(|(_, key)| key).collect();
    if keys.is_empty() {
        return;
    }
    let message =
        format!("`{}` and `{}` share one VM, but differ in {}", one.name, other.name, enumerate_quoted(&keys));
    sink.push(
        Diagnostic::warning(Code::MC0230, message)
            .at_label(other.location, "one of its filters")
            .related(one.location, "another one")
            .note("a trap of either takes the VM, and both filters then do what their own key says")
            .help("set the same value in both, or `vm = \"own\"` in one"),
    );
}
