//! From the resolved mesh and the plan of its objects to the report.

use std::collections::BTreeMap;

use serde::Serialize;
use serde_json::Value;

use super::objects::Objects;
use super::places::Places;
use super::{Binding, Filter, Gate, Setting, Workload, configuration};
use crate::backend::envoy_filter::{Patch, Plan};
use crate::diag::{Location, Sources};
use crate::domain::{Direction, FilterType};
use crate::layout::{config_map_path, patch_path};
use crate::resolve::Resolved;
use crate::resolve::mesh::{self, Attachment, Source};
use crate::resolve::roster::{BoundUse, Entry, Origin};
use crate::spec::types::UseSettings;
use crate::spec::{Spanned, Spec, types};

/// The workloads of one environment, by namespace, name and kind. The spec must have been resolved without errors.
pub(crate) fn workloads(sources: &Sources, spec: &Spec, resolved: &Resolved<'_>, plan: &Plan<'_>) -> Vec<Workload> {
    let mut builder = Builder { spec, resolved, objects: Objects::new(plan), places: Places::new(sources) };
    let attachments = resolved.mesh.attachments_by_workload();
    let mut rendered = resolved.mesh.workloads.iter().zip(attachments).zip(&plan.patches);
    let mut workloads = Vec::new();
    for entry in &resolved.roster.entries {
        let rendered = if entry.uses.is_empty() { None } else { rendered.next() };
        workloads.push(builder.workload(entry, rendered.map(|((workload, of), patch)| (workload, of, patch))));
    }
    for (entry, left_out) in &resolved.roster.unbound {
        let reason = match left_out {
            Some(reason) => format!("wildcards and labels leave it out: {reason}"),
            None => "no binding matches it".to_owned(),
        };
        workloads.push(Workload { reason: Some(reason), ..builder.workload(entry, None) });
    }
    workloads.sort_by(|a, b| (&a.namespace, &a.name, &a.kind).cmp(&(&b.namespace, &b.name, &b.kind)));
    workloads
}

struct Builder<'a> {
    spec: &'a Spec,
    resolved: &'a Resolved<'a>,
    objects: Objects<'a>,
    places: Places,
}

/// A workload, its filters and its patch.
type Rendered<'a> = (&'a mesh::Workload, &'a [Attachment], &'a Patch<'a>);

impl<'a> Builder<'a> {
    fn workload(&mut self, entry: &Entry<'_>, rendered: Option<Rendered<'a>>) -> Workload {
        let namespace = entry.namespace.as_ref().map(ToString::to_string).unwrap_or_default();
        let filters = match rendered {
            Some((workload, attachments, patch)) => {
                // `insert` may have moved them.
                let plugins = &self.resolved.mesh.plugins;
                let of = |attachment: &Attachment| {
                    let name = plugins[attachment.plugin].name.as_str();
                    entry.uses.iter().find(|one| one.written.filter() == name)
                };
                let uses: Vec<_> = attachments.iter().filter_map(|it| Some((of(it)?, it))).collect();
                uses.into_iter().map(|(one, it)| self.filter(entry, one, (workload, it), patch)).collect()
            }
            None => Vec::new(),
        };
        let patch = rendered.map(|(workload, ..)| {
            let path = patch_path(&namespace, workload.kind, workload.name.as_str());
            self.resolved.out.join(path).to_string()
        });
        let parameters = rendered.and_then(|(_, _, patch)| {
            let path = config_map_path(&namespace, patch.parameters.as_ref()?.as_str());
            Some(self.resolved.out.join(path).to_string())
        });
        let reason = rendered.is_none().then(|| "it opts out of bindings".to_owned());
        Workload {
            environment: self.spec.environment.clone(),
            key: entry.key.clone(),
            kind: entry.kind.map(|kind| kind.qualified().into_owned()).unwrap_or_default(),
            name: entry.name.to_owned(),
            table: entry.table.map(|table| self.places.place(table.key_location())),
            manifest: entry.object().map(|object| self.places.place(object.location)),
            labels: entry.labels().into_iter().map(|(key, value)| (key.to_owned(), value.to_owned())).collect(),
            settings: self.settings(entry, rendered.map(|(workload, ..)| workload)),
            namespace,
            filters,
            reason,
            patch,
            parameters,
        }
    }

    /// The keys of a workload's table.
    fn settings(&mut self, entry: &Entry<'_>, resolved: Option<&mesh::Workload>) -> BTreeMap<&'static str, Setting> {
        let written = entry.written;
        let object = |path: &[&str]| entry.object().and_then(|object| object.at(path)).map(|node| node.location);
        let of_mesh = self.spec.mesh.namespace.as_ref().map(Spanned::location);
        let namespace = written.namespace.as_ref().map(Spanned::location);
        let namespace = namespace.or_else(|| object(&["metadata", "namespace"])).or(of_mesh);
        let kind = written.kind.as_ref().map(Spanned::location).or_else(|| object(&["kind"]));
        let of_base = written.direction.is_none() && entry.direction() == Direction::Gateway;
        let direction = written.direction.as_ref().map(Spanned::location);
        let direction = direction.or_else(|| entry.object().filter(|_| of_base).map(|object| object.location));
        let mut settings = BTreeMap::new();
        let mut add = |key, value: Value, from: Option<Location>| {
            let from = from.map(|from| self.places.place(from));
            settings.insert(key, Setting { value, from });
        };
        add("kind", entry.kind.map(|kind| kind.as_str()).into(), kind);
        add("namespace", entry.namespace.as_ref().map(ToString::to_string).into(), namespace);
        add("direction", json(&entry.direction()), direction);
        let Some(resolved) = resolved else { return settings };
        let mount_path = written.mount_path.as_ref().map(Spanned::location);
        add("mount", json(&resolved.mount.by), written.mount.as_ref().map(Spanned::location));
        add("mount-path", resolved.mount.path.as_str().into(), mount_path);
        if let Some(log) = &resolved.log {
            let from = written.wasm_log_level.as_ref().map(Spanned::location);
            add("wasm-log-level", log.value.as_str().into(), from);
        }
        if !resolved.selector.is_empty() {
            let labels = resolved.selector.iter().map(|(key, value)| (key.to_string(), Value::from(value.as_str())));
            let from = written.selector.as_ref().map(Spanned::key_location);
            let from = from.or_else(|| object(&["spec", "selector", "matchLabels"]));
            add("selector", Value::Object(labels.collect()), from);
        }
        let lists = [
            ("volumes", &resolved.volumes, written.volumes.as_ref().map(Spanned::key_location)),
            ("volume-mounts", &resolved.volume_mounts, written.volume_mounts.as_ref().map(Spanned::key_location)),
        ];
        for (key, list, from) in lists.into_iter().filter(|(_, list, _)| !list.is_empty()) {
            add(key, list.iter().cloned().map(Value::Object).collect(), from);
        }
        settings
    }

    fn filter(
        &mut self,
        entry: &Entry<'_>,
        one: &BoundUse<'_>,
        (workload, attachment): (&mesh::Workload, &Attachment),
        patch: &Patch<'_>,
    ) -> Filter {
        let plugin = &self.resolved.mesh.plugins[attachment.plugin];
        let (found, gate) = self.objects.envoy_filter(workload, &plugin.name, &patch.gate);
        let written = &self.spec.filters[plugin.name.as_str()];
        let binding = match one.origin {
            Origin::Own => None,
            Origin::Binding(index) => {
                let binding = &self.spec.bindings[index];
                Some(Binding { place: self.places.place(binding.location()), order: binding.order() })
            }
        };
        Filter {
            name: plugin.name.to_string(),
            declared: self.places.place(plugin.location),
            used: self.places.place(one.written.filter_at()),
            binding,
            settings: self.filter_settings(entry, written, one.written.settings(), attachment),
            configuration: configuration::of(&mut self.places, written, one.written, attachment),
            sha256: plugin.module.digest().to_string(),
            config_map: self.objects.config_map(&workload.namespace, &plugin.name).map(str::to_owned),
            image: match &plugin.source {
                Source::Image(image) => Some(image.reference()),
                Source::ConfigMap | Source::Volume(_) => None,
            },
            path: workload.mount.file_of(plugin),
            envoy_filter: found.map_or_else(String::new, |found| found.name.to_string()),
            shared: found.is_some_and(|found| found.is_shared),
            priority: found.map_or(0, |found| found.priority),
            gate: gate.map(|(label, value)| Gate { label, value }),
        }
    }

    /// The keys of a filter and of its entry in a list.
    fn filter_settings(
        &mut self,
        entry: &Entry<'_>,
        written: &types::Filter,
        with: Option<&UseSettings>,
        attachment: &Attachment,
    ) -> BTreeMap<String, Setting> {
        let mut settings = BTreeMap::new();
        let mut add = |key: &str, value: Value, from: Option<Location>| {
            let from = from.map(|from| self.places.place(from));
            settings.insert(key.to_owned(), Setting { value, from });
        };
        let filter_type = match written.filter_type() {
            FilterType::Http => "http",
            FilterType::Network => "network",
        };
        add("type", filter_type.into(), at(written.filter_type.as_ref()));
        if let Some(module) = &written.module {
            add("module", module.as_str().into(), at(Some(module)));
        }
        let direction = with.and_then(|with| at(with.direction.as_ref()));
        add("direction", json(&attachment.scope.direction), direction.or_else(|| at(entry.written.direction.as_ref())));
        add("insert", attachment.scope.insert.to_string().into(), with.and_then(|with| at(with.insert.as_ref())));
        let plugin = &self.resolved.mesh.plugins[attachment.plugin];
        add("load-failure", plugin.load_failure.as_str().into(), at(written.load_failure.as_ref()));
        if let Some(source) = &written.source {
            add("source", source.as_str().into(), at(Some(source)));
        }
        if let Some(port) = with.and_then(|with| with.port.as_ref()) {
            add("port", (**port).into(), Some(port.location()));
        }
        for (key, text) in [("root-id", &written.root_id), ("vm-id", &written.vm_id), ("sha256", &written.sha256)] {
            if let Some(text) = text {
                add(key, text.as_str().into(), Some(text.location()));
            }
        }
        let vm = written.vm_config_text.as_ref();
        vm.into_iter().for_each(|text| add("vm-config-text", text.as_str().into(), Some(text.location())));
        let flags = [
            ("slim", &written.slim),
            ("allow-precompiled", &written.allow_precompiled),
            ("stop-iteration", &written.stop_iteration),
        ];
        for (key, flag) in flags {
            flag.iter().for_each(|flag| add(key, (**flag).into(), Some(flag.location())));
        }
        written.runtime.iter().for_each(|it| add("runtime", json(&**it), Some(it.location())));
        written.on_failure.iter().for_each(|it| add("on-failure", json(&**it), Some(it.location())));
        let plugin = &self.resolved.mesh.plugins[attachment.plugin];
        if let (Some(list), Some(from)) = (&plugin.capabilities, &written.capabilities) {
            add("capabilities", list.iter().map(String::as_str).collect(), Some(from.location()));
        }
        for (name, value) in &attachment.settings.env {
            let from = written.env.get(name).map(Spanned::key_location);
            add(&format!("env.{name}"), value.as_str().into(), from);
        }
        if let Some(first) = written.env_from_host.first() {
            let names = written.env_from_host.iter().map(|name| name.as_str());
            add("env-from-host", names.collect(), Some(first.location()));
        }
        settings
    }
}

fn at<T>(written: Option<&Spanned<T>>) -> Option<Location> {
    written.map(Spanned::location)
}

/// A word of mesh.toml.
fn json(value: &impl Serialize) -> Value {
    serde_json::to_value(value).unwrap_or_default()
}
