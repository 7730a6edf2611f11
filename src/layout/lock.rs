//! mesh.lock of a complete render.

use super::File;
use crate::objects::{Digests, Lock, LockedModule};
use crate::resolve::mesh::{Mesh, Module, Source};

/// Lists the files and the modules that they were made from.
pub(super) fn new(mesh: &Mesh, files: &[File]) -> Lock {
    let module = |module: &Module| LockedModule {
        sha256: module.original.digest.to_string(),
        size: module.original.bytes.len(),
        slim_size: module.slim.as_ref().map(|slim| slim.bytes.len()),
        abi: module.original.report.abi.ok().flatten().map(|abi| abi.to_string()),
    };
    let mut lock = Lock::new(
        files.iter().map(|file| (file.path.clone(), Digests::One(file.digest.to_string()))).collect(),
        mesh.modules.iter().map(|(path, it)| (path.clone(), module(it))).collect(),
    );
    let images = mesh.plugins.iter().filter_map(|plugin| match &plugin.source {
        Source::Image(image) => Some((plugin.name.to_string(), image.reference())),
        Source::ConfigMap | Source::Volume(_) => None,
    });
    lock.images = images.collect();
    lock.spec.clone_from(&mesh.spec_path);
    if mesh.base_is_given { lock.with_stream() } else { lock }
}
