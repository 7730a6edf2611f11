//! The patch of a workload: the mount of its modules and the gate's labels on the pod template.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use super::plan::{Form, ModuleVolume, Patch};
use super::{ARGO_PRUNE_LAST, FLUX_NO_SUBSTITUTE, labels, strings};
use crate::domain::annotation::{GATEWAY_PARAMETERS, MODULES_DIGEST, STATS_PREFIXES};
use crate::domain::{MountBy, ObjectName};
use crate::objects::{
    Change, ConfigMapKind, ConfigMapSource, Container, CoreV1, Entry as _, GatewayParameters, ImageSource, Metadata,
    PROXY_CONTAINER, PodMetadata, PodSpec, PodTemplate, Projected, ProjectedSource, PullSecret, Strings, USER_VOLUME,
    USER_VOLUME_MOUNT, Volume, VolumeMount, WorkloadPatch,
};
use crate::resolve::mesh::{Mesh, Source, Workload};
use crate::yaml::{self, Block};

pub(super) fn object(patch: &Patch<'_>) -> WorkloadPatch {
    let workload = patch.workload;
    let mut metadata = Metadata {
        name: workload.name.to_string(),
        namespace: workload.patch_namespace.as_ref().map(ToString::to_string),
        ..Metadata::default()
    };
    let change = match &patch.parameters {
        None => Change::Template(pod_template(patch)),
        Some(parameters) => {
            // istiod makes the proxy's arguments from the Gateway's own annotations.
            metadata.annotations = log(workload).collect();
            Change::Parameters(parameters.to_string())
        }
    };
    WorkloadPatch { kind: workload.kind, metadata, change }
}

/// The ConfigMap with the parameters of a Gateway: those of the base, with the pod template of the patch. `None` for any other
/// workload.
pub(super) fn parameters(mesh: &Mesh, patch: &Patch<'_>) -> Option<GatewayParameters> {
    let (workload, name) = (patch.workload, patch.parameters.as_ref()?);
    let theirs = workload.gateway.as_ref().and_then(|gateway| gateway.parameters.as_ref());
    let ours = json!({ "spec": { "template": pod_template(patch) } });
    let deployment = match theirs {
        Some(theirs) => theirs.with(&ours).expect("the parameters were merged with a patch of the same fields"),
        None => ours,
    };
    let mut text = Vec::new();
    yaml::write(&deployment, &mut text).expect("JSON has string keys and no variants");
    let text = String::from_utf8(text).expect("YAML is text");
    let others = theirs.into_iter().flat_map(|theirs| theirs.others.clone());
    let data = others.chain([(GatewayParameters::DEPLOYMENT.to_owned(), text)]);
    let original = theirs.map_or("", |theirs| theirs.name.as_str());
    Some(GatewayParameters {
        api_version: CoreV1::default(),
        kind: ConfigMapKind::default(),
        metadata: Metadata {
            name: name.to_string(),
            namespace: Some(workload.namespace.to_string()),
            labels: labels(&mesh.labels),
            annotations: strings([(GATEWAY_PARAMETERS, original), ARGO_PRUNE_LAST, FLUX_NO_SUBSTITUTE]),
        },
        data: data.map(|(key, text)| (key, Block(text))).collect(),
    })
}

/// The annotation with the log levels of the proxy.
fn log(workload: &Workload) -> impl Iterator<Item = (String, String)> {
    workload.log.iter().map(|log| (log.annotation.to_owned(), log.value.clone()))
}

fn pod_template(patch: &Patch<'_>) -> PodTemplate {
    let workload = patch.workload;
    let mut annotations = Strings::new();
    if patch.parameters.is_none() {
        annotations.extend(log(workload));
    }
    let secret = |name: &&ObjectName| PullSecret { name: name.to_string() };
    let image_pull_secrets = patch.pull_secrets.iter().map(secret).collect();
    if let Some(stats) = &workload.stats {
        annotations.insert(STATS_PREFIXES.to_owned(), stats.clone());
    }
    if let Some(digest) = patch.modules {
        annotations.insert(MODULES_DIGEST.to_owned(), digest.short());
    }
    let mut spec = PodSpec { image_pull_secrets, ..PodSpec::default() };
    let (volumes, volume_mounts) = (volumes(patch), mounts(patch));
    match workload.mount.by {
        MountBy::Annotation => {
            annotations.insert(USER_VOLUME.to_owned(), injected(patch.annotations, volumes));
            annotations.insert(USER_VOLUME_MOUNT.to_owned(), injected(patch.annotations, volume_mounts));
        }
        MountBy::Container | MountBy::GatewayParameters => {
            // The injector completes a container of this name whose image is `auto`.
            let image = (!workload.mount.own_container).then(|| "auto".to_owned());
            spec.containers.push(Container { name: PROXY_CONTAINER.to_owned(), image, volume_mounts });
            spec.volumes = volumes;
        }
    }
    PodTemplate { metadata: PodMetadata { annotations, labels: labels(&patch.gate) }, spec }
}

/// Our volumes, then the user's.
fn volumes(patch: &Patch<'_>) -> Vec<Map<String, Value>> {
    let with_modules = patch.volumes.iter().filter_map(module_volume);
    let mut ours: Vec<Map<String, Value>> = Vec::new();
    for volume in config_maps(patch).into_iter().chain(with_modules) {
        // Several modules may be in one volume.
        if !ours.contains(&volume) {
            ours.push(volume);
        }
    }
    ours.into_iter().chain(patch.workload.volumes.iter().cloned()).collect()
}

/// The volume of the ConfigMaps. A single one is a plain configMap volume. Several share one projected volume, which puts all
/// modules under the one mount path.
fn config_maps(patch: &Patch<'_>) -> Option<Map<String, Value>> {
    let source = |name: &dyn ToString| Some(ConfigMapSource { name: name.to_string(), items: None });
    let (config_map, projected) = match patch.config_maps.as_slice() {
        [] => return None,
        [only] => (source(only), None),
        several => {
            let sources = several.iter().map(|name| ProjectedSource { config_map: source(name) });
            (None, Some(Projected { sources: sources.collect() }))
        }
    };
    Some(Volume { name: patch.workload.mount.volume.clone(), config_map, projected, image: None }.to_entry())
}

/// `None`: the pods have the volume already.
fn module_volume(volume: &ModuleVolume<'_>) -> Option<Map<String, Value>> {
    let name = volume.name.clone();
    match volume.source {
        Source::ConfigMap => None,
        Source::Image(image) => {
            let pull_policy = image.pull_policy.map(|policy| policy.as_str().to_owned());
            let image = Some(ImageSource { reference: image.reference(), pull_policy });
            Some(Volume { name, config_map: None, projected: None, image }.to_entry())
        }
        Source::Volume(user) if user.source.is_empty() => None,
        Source::Volume(user) => {
            let mut entry = user.source.clone();
            entry.insert("name".to_owned(), name.into());
            Some(entry)
        }
    }
}

fn mounts(patch: &Patch<'_>) -> Vec<Map<String, Value>> {
    let mount = &patch.workload.mount;
    let read_only = matches!(patch.annotations, Form::Map).then_some(true);
    let of_config_maps = (!patch.config_maps.is_empty()).then_some((&mount.volume, &mount.path));
    let of_modules = patch.volumes.iter().map(|volume| (&volume.name, &volume.mount_path));
    let ours = of_config_maps.into_iter().chain(of_modules).map(|(name, path)| {
        let (name, mount_path) = (name.clone(), path.clone());
        VolumeMount { name, mount_path, sub_path: None, sub_path_expr: None, read_only }.to_entry()
    });
    ours.chain(patch.workload.volume_mounts.iter().cloned()).collect()
}

/// Compact JSON with sorted keys. The injector's template writes the index or the key of each entry as its name, and then the
/// fields of the entry (istio/istio, manifests/charts/istio-control/istio-discovery/files/injection-template.yaml): in a list, the
/// name stands twice and the last one counts. A map has no room for two mounts of one volume.
fn injected(form: Form, entries: Vec<Map<String, Value>>) -> String {
    let name = |entry: &Map<String, Value>| entry.get("name").and_then(Value::as_str).map(str::to_owned);
    let named: Option<BTreeMap<String, &Map<String, Value>>> =
        entries.iter().map(|entry| Some((name(entry)?, entry))).collect();
    match named.filter(|named| form == Form::Map && named.len() == entries.len()) {
        Some(named) => {
            let fields = |entry: &Map<String, Value>| {
                entry
                    .iter()
                    .filter(|(key, _)| *key != "name")
                    .map(|(key, value)| (key.clone(), value.clone()))
                    .collect()
            };
            Value::Object(named.into_iter().map(|(name, entry)| (name, Value::Object(fields(entry)))).collect())
                .to_string()
        }
        None => Value::from_iter(entries).to_string(),
    }
}
