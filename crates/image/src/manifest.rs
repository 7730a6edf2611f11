//! The documents of an image (opencontainers/image-spec 1.1: manifest.md, config.md, descriptor.md, image-index.md). Their fields
//! stand in this order in every version.

use std::collections::BTreeMap;

use serde::Serialize;

pub(crate) const MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";
pub(crate) const CONFIG: &str = "application/vnd.oci.image.config.v1+json";
pub(crate) const LAYER: &str = "application/vnd.oci.image.layer.v1.tar+gzip";
pub(crate) const INDEX: &str = "application/vnd.oci.image.index.v1+json";
/// The name of an image in a layout (image-spec, annotations.md).
pub(crate) const REF_NAME: &str = "org.opencontainers.image.ref.name";

/// The type, digest and size of a document.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Descriptor {
    media_type: &'static str,
    pub(crate) digest: String,
    pub(crate) size: usize,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    annotations: BTreeMap<&'static str, String>,
}

impl Descriptor {
    pub(crate) const fn new(media_type: &'static str, digest: String, size: usize) -> Self {
        Self { media_type, digest, size, annotations: BTreeMap::new() }
    }

    pub(crate) fn named(&self, name: &str) -> Self {
        Self { annotations: [(REF_NAME, name.to_owned())].into(), ..self.clone() }
    }
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Manifest {
    schema_version: u32,
    media_type: &'static str,
    config: Descriptor,
    layers: [Descriptor; 1],
}

impl Manifest {
    pub(crate) const fn new(config: Descriptor, layer: Descriptor) -> Self {
        Self { schema_version: 2, media_type: MANIFEST, config, layers: [layer] }
    }

    pub(crate) fn to_json(&self) -> Vec<u8> {
        json(self)
    }
}

/// The configuration. An image must name a platform. Runtimes compare it only where an index offers several
/// (containerd/containerd, core/images/image.go, `Manifest`), so nodes of other architectures mount the image too.
#[derive(Debug, Serialize)]
pub(crate) struct Config {
    architecture: &'static str,
    os: &'static str,
    config: Empty,
    rootfs: RootFs,
}

#[derive(Debug, Serialize)]
struct Empty {}

#[derive(Debug, Serialize)]
struct RootFs {
    #[serde(rename = "type")]
    kind: &'static str,
    diff_ids: [String; 1],
}

impl Config {
    /// `diff_id`: the digest of the archive before it is compressed.
    pub(crate) const fn new(diff_id: String) -> Self {
        Self {
            architecture: "amd64",
            os: "linux",
            config: Empty {},
            rootfs: RootFs { kind: "layers", diff_ids: [diff_id] },
        }
    }

    pub(crate) fn to_json(&self) -> Vec<u8> {
        json(self)
    }
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Index {
    schema_version: u32,
    media_type: &'static str,
    manifests: Vec<Descriptor>,
}

impl Index {
    pub(crate) const fn new(manifests: Vec<Descriptor>) -> Self {
        Self { schema_version: 2, media_type: INDEX, manifests }
    }

    pub(crate) fn to_json(&self) -> Vec<u8> {
        json(self)
    }
}

fn json(document: &impl Serialize) -> Vec<u8> {
    serde_json::to_vec(document).expect("strings and numbers become JSON")
}
