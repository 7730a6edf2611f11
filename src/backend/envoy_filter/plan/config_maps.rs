//! One ConfigMap per filter in each namespace that uses it.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::names::{Template, UsedNames};
use super::{ConfigMap, Context};
use crate::diag::Sink;
use crate::domain::{Digest, Namespace, ObjectName};
use crate::resolve::mesh::{Attachment, Mesh, Plugin, Source, Workload};
use crate::resolve::modules::DeliveredModule;
use crate::resolve::template::{FilterVars, Scope};

/// By namespace and the index of the plugin. A ConfigMap whose name is not valid is reported and left out.
pub(super) type ConfigMaps = BTreeMap<(Namespace, usize), ConfigMap>;

pub(super) fn plan(context: &Context<'_>, used: &mut UsedNames, sink: &mut Sink) -> ConfigMaps {
    let mesh = context.mesh;
    let mut config_maps = ConfigMaps::new();
    let mut names: BTreeMap<usize, Option<ObjectName>> = BTreeMap::new();
    for attachment in &mesh.attachments {
        let namespace = &mesh.workloads[attachment.workload].namespace;
        let of_plugin = &mesh.plugins[attachment.plugin];
        let (Source::ConfigMap, Some(delivered)) = (&of_plugin.source, of_plugin.module.file()) else { continue };
        let key = (namespace.clone(), attachment.plugin);
        if config_maps.contains_key(&key) {
            continue;
        }
        let name = names.entry(attachment.plugin).or_insert_with(|| name(context, of_plugin, delivered, sink));
        let Some(name) = name.clone() else { continue };
        let config_map = ConfigMap {
            namespace: namespace.clone(),
            name,
            key: of_plugin.file_name(),
            module: Arc::clone(&delivered.module),
            original: Arc::clone(&delivered.original),
            immutable: context.options.hashed_names,
        };
        config_maps.insert(key, config_map);
    }
    for ((namespace, index), config_map) in &config_maps {
        let Plugin { name, location, .. } = &mesh.plugins[*index];
        used.add(namespace, &config_map.name, (format!("filter `{name}`"), *location), sink);
    }
    config_maps
}

/// The ConfigMaps that a workload mounts. Sorted by the name of the filter: a new order of its list must not restart the pods.
pub(super) fn mounted(config_maps: &ConfigMaps, workload: &Workload, attachments: &[Attachment]) -> Vec<ObjectName> {
    let plugins: BTreeSet<usize> = attachments.iter().map(|one| one.plugin).collect();
    let mounted = plugins.into_iter().filter_map(|plugin| config_maps.get(&(workload.namespace.clone(), plugin)));
    mounted.map(|config_map| config_map.name.clone()).collect()
}

/// The digest of the modules that a workload mounts from ConfigMaps: with it, a new module restarts the pods. `None`: there are none.
pub(super) fn digest(mesh: &Mesh, attachments: &[Attachment]) -> Option<Digest> {
    let plugins: BTreeSet<usize> = attachments.iter().map(|one| one.plugin).collect();
    let plugins = plugins.into_iter().map(|index| &mesh.plugins[index]);
    let in_config_maps = plugins.filter(|plugin| matches!(plugin.source, Source::ConfigMap));
    let lines =
        in_config_maps.map(|plugin| format!("{} {}\n", plugin.name, plugin.module.digest())).collect::<String>();
    (!lines.is_empty()).then(|| Digest::of(lines.as_bytes()))
}

/// The name from the template, followed by a hash of key and module if names depend on the content.
fn name(context: &Context<'_>, of_plugin: &Plugin, delivered: &DeliveredModule, sink: &mut Sink) -> Option<ObjectName> {
    let written = context.names.config_map.as_ref();
    let template = Template { kind: "ConfigMap", key: "config-map", written, default: "wasm-{{ filter.name }}" };
    let vars = FilterVars::of(of_plugin);
    let scope = Scope { filter: Some(&vars), workload: None };
    let hash = if context.options.hashed_names {
        let digest = Digest::of_parts([of_plugin.file_name().as_bytes(), &delivered.module.bytes]);
        format!("-{}", digest.short())
    } else {
        String::new()
    };
    template.render(context.templates, &scope, &hash, of_plugin.location, sink)
}
