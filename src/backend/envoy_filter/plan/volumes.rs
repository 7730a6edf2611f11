//! The volumes of modules that are in no ConfigMap: images, and the user's own.

use std::collections::{BTreeMap, BTreeSet};

use super::ModuleVolume;
use crate::domain::ObjectName;
use crate::resolve::mesh::{Attachment, Mesh, Plugin, Source, Workload};

/// The volumes that a workload mounts. Sorted by the name of the filter: a new order of its list must not restart the pods.
pub(super) fn mounted<'a>(mesh: &'a Mesh, workload: &Workload, attachments: &[Attachment]) -> Vec<ModuleVolume<'a>> {
    let mount = &workload.mount;
    let volume = |plugin: &'a Plugin| match &plugin.source {
        Source::ConfigMap => None,
        source @ (Source::Image(_) | Source::Volume(_)) => {
            Some(ModuleVolume { name: mount.volume_of(plugin), mount_path: mount.dir_of(plugin), source })
        }
    };
    plugins(mesh, attachments).into_values().filter_map(volume).collect()
}

/// The Secrets of the images that a workload mounts.
pub(super) fn pull_secrets<'a>(mesh: &'a Mesh, attachments: &[Attachment]) -> Vec<&'a ObjectName> {
    let secrets = plugins(mesh, attachments).into_values().flat_map(|plugin| match &plugin.source {
        Source::Image(image) => image.pull_secrets.as_slice(),
        Source::ConfigMap | Source::Volume(_) => &[],
    });
    secrets.collect::<BTreeSet<_>>().into_iter().collect()
}

/// By index, in which plugins are sorted by name.
fn plugins<'a>(mesh: &'a Mesh, attachments: &[Attachment]) -> BTreeMap<usize, &'a Plugin> {
    attachments.iter().map(|one| (one.plugin, &mesh.plugins[one.plugin])).collect()
}
