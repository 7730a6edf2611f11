//! One ConfigMap for each filter in each namespace that uses it.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::envoy_filters::{object_name, unique};
use super::filters::Filter;
use super::mesh::ConfigMap;
use super::template::{Scope, Templates};
use super::workloads::Workload;
use crate::diag::Sink;
use crate::domain::{Digest, Namespace, ObjectName};
use crate::spec::types::ConfigMapName;
use crate::spec::{Place, Spec};

/// By namespace and filter. A name that is none has been reported and its ConfigMap left out.
pub(super) type ConfigMaps<'a> = BTreeMap<(Namespace, &'a str), ConfigMap>;

pub(super) fn resolve<'a>(
    spec: &Spec,
    workloads: &[Workload<'a>],
    templates: &Templates<'_>,
    sink: &mut Sink,
) -> ConfigMaps<'a> {
    let mut config_maps = ConfigMaps::new();
    let mut names = BTreeMap::new();
    let mut rendered: BTreeMap<&str, Option<ObjectName>> = BTreeMap::new();
    for workload in workloads {
        for one in &workload.uses {
            let filter = one.filter;
            let key = (workload.namespace.clone(), filter.name);
            if config_maps.contains_key(&key) {
                continue;
            }
            let name = rendered.entry(filter.name).or_insert_with(|| name(spec, filter, templates, sink));
            let Some(name) = name.clone() else { continue };
            let user = (format!("filter `{}`", filter.name), spec.document.key(&filter.place));
            names.entry((workload.namespace.clone(), name.clone(), filter.name)).or_insert(user);
            let config_map = ConfigMap {
                namespace: workload.namespace.clone(),
                name,
                key: filter.key(),
                module: Arc::clone(&filter.module.module),
                original: Arc::clone(&filter.module.original),
                immutable: spec.rollout.config_map_name == ConfigMapName::ContentHash,
            };
            config_maps.insert(key, config_map);
        }
    }
    let mut taken = BTreeMap::new();
    for ((namespace, name, _), user) in names {
        unique(&mut taken, "ConfigMap", (&namespace, &name), user, sink);
    }
    config_maps
}

/// The name from the template, with the hash of key and bytes behind it where names follow the content.
fn name(spec: &Spec, filter: &Filter<'_>, templates: &Templates<'_>, sink: &mut Sink) -> Option<ObjectName> {
    let template = spec.names.config_map.as_deref().unwrap_or("wasm-{{ filter.name }}");
    let place = Place::default().key("names").key("config-map");
    let scope = Scope { filter: Some(&filter.vars), workload: None };
    let mut text = templates.render(template, &place, &scope, sink)?;
    if spec.rollout.config_map_name == ConfigMapName::ContentHash {
        let digest = Digest::of_parts([filter.key().as_bytes(), &filter.module.module.bytes]);
        text = format!("{text}-{}", digest.short());
    }
    object_name(spec, "ConfigMap", &text, (&place, &spec.document.key(&filter.place)), sink)
}
