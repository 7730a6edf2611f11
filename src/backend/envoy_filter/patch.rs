//! The patch of a workload: the mount of its modules and the gate's labels on the pod template.

use serde_json::{Map, Value};

use super::labels;
use super::plan::Patch;
use crate::domain::MountBy;
use crate::objects::{
    ConfigMapSource, Container, Entry as _, Metadata, PROXY_CONTAINER, PodMetadata, PodSpec, PodTemplate, Projected,
    ProjectedSource, Strings, USER_VOLUME, USER_VOLUME_MOUNT, Volume, VolumeMount, WorkloadPatch,
};
use crate::resolve::mesh::Workload;

pub(super) fn object(patch: &Patch<'_>) -> WorkloadPatch {
    let workload = patch.workload;
    WorkloadPatch {
        kind: workload.kind,
        metadata: Metadata {
            name: workload.name.to_string(),
            namespace: workload.patch_namespace.as_ref().map(ToString::to_string),
            ..Metadata::default()
        },
        template: pod_template(patch),
    }
}

fn pod_template(patch: &Patch<'_>) -> PodTemplate {
    let workload = patch.workload;
    let mut annotations = Strings::new();
    annotations.extend(workload.log.iter().map(|log| (log.annotation.to_owned(), log.value.clone())));
    let mut spec = PodSpec::default();
    let (volumes, volume_mounts) = (volumes(patch), mounts(workload));
    match workload.mount.by {
        MountBy::Annotation => {
            annotations.insert(USER_VOLUME.to_owned(), json(volumes));
            annotations.insert(USER_VOLUME_MOUNT.to_owned(), json(volume_mounts));
        }
        MountBy::Container => {
            // The injector completes a container of this name whose image is `auto`.
            let image = (!workload.mount.own_container).then(|| "auto".to_owned());
            spec.containers.push(Container { name: PROXY_CONTAINER.to_owned(), image, volume_mounts });
            spec.volumes = volumes;
        }
    }
    PodTemplate { metadata: PodMetadata { annotations, labels: labels(&patch.gate) }, spec }
}

/// Our volume, then the user's. A single module is a plain configMap volume. Several modules share one projected volume, which
/// puts all of them under the one mount path.
fn volumes(patch: &Patch<'_>) -> Vec<Map<String, Value>> {
    let workload = patch.workload;
    let mount = &workload.mount;
    let source = |name: &dyn ToString| Some(ConfigMapSource { name: name.to_string(), items: None });
    let (config_map, projected) = match patch.config_maps.as_slice() {
        [only] => (source(only), None),
        several => {
            let sources = several.iter().map(|name| ProjectedSource { config_map: source(name) });
            (None, Some(Projected { sources: sources.collect() }))
        }
    };
    let ours = Volume { name: mount.volume.clone(), config_map, projected };
    [ours.to_entry()].into_iter().chain(workload.volumes.iter().cloned()).collect()
}

fn mounts(workload: &Workload) -> Vec<Map<String, Value>> {
    let mount = &workload.mount;
    let ours =
        VolumeMount { name: mount.volume.clone(), mount_path: mount.path.clone(), sub_path: None, sub_path_expr: None };
    [ours.to_entry()].into_iter().chain(workload.volume_mounts.iter().cloned()).collect()
}

/// Compact JSON with sorted keys.
fn json(entries: Vec<Map<String, Value>>) -> String {
    Value::from_iter(entries).to_string()
}
