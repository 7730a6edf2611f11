//! An image: a manifest, a configuration and a layer.

use serde::Serialize;

use crate::descriptor::{CONFIG, Descriptor, MANIFEST, document};
use crate::layer::Layer;

/// An OCI image with one layer, which contains a module as [`FILE_NAME`](crate::FILE_NAME).
///
/// Neither the manifest nor the configuration contains a time or a name: two images of the same module are the same image.
#[derive(Debug, Clone)]
pub struct Image<'m> {
    layer: (Descriptor, Layer<'m>),
    config: (Descriptor, Vec<u8>),
    manifest: (Descriptor, Vec<u8>),
}

/// `manifest.md`, "Image Manifest".
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Manifest<'a> {
    schema_version: u32,
    media_type: &'static str,
    config: &'a Descriptor,
    layers: [&'a Descriptor; 1],
}

/// `config.md`, "Properties". Kubernetes never starts the image, but containerd mounts only images that have a configuration with
/// the digest of each layer: <https://github.com/containerd/containerd/issues/11907>
#[derive(Serialize)]
struct Config {
    architecture: &'static str,
    os: &'static str,
    config: Empty,
    rootfs: RootFs,
}

/// What a container runs: nothing.
#[derive(Serialize)]
struct Empty {}

#[derive(Serialize)]
struct RootFs {
    r#type: &'static str,
    diff_ids: [String; 1],
}

impl<'m> Image<'m> {
    /// Packs a module. Reads it once, without a copy.
    ///
    /// The specification requires an architecture, although a module has none. The image has a manifest and no index, so that
    /// nodes of all architectures use the same image:
    ///
    /// - containerd returns a manifest that is not part of an index "without considering the platform inside of the config"
    ///   (`Manifest` in `core/images/image.go`), and `mutateImageMount` in `internal/cri/server/container_image_mount.go` unpacks
    ///   that manifest.
    /// - CRI-O only logs that the architecture is another one (`prepareImageConfigForDest` in `copy/single.go` of
    ///   `go.podman.io/image`).
    ///
    /// # Panics
    /// If the module is 8 GiB or larger: it does not fit into a tar archive.
    #[must_use]
    pub fn of_module(module: &'m [u8]) -> Self {
        let layer = Layer::new(module);
        let (layer_descriptor, diff_id) = layer.digests();
        let rootfs = RootFs { r#type: "layers", diff_ids: [diff_id] };
        let config = document(&Config { architecture: "amd64", os: "linux", config: Empty {}, rootfs });
        let config_descriptor = Descriptor::of(CONFIG, &config);
        let manifest = document(&Manifest {
            schema_version: 2,
            media_type: MANIFEST,
            config: &config_descriptor,
            layers: [&layer_descriptor],
        });
        Self {
            layer: (layer_descriptor, layer),
            config: (config_descriptor, config),
            manifest: (Descriptor::of(MANIFEST, &manifest), manifest),
        }
    }

    /// The digest of the manifest, which a reference ends with: `sha256:` and 64 lowercase hexadecimal digits.
    #[must_use]
    pub fn digest(&self) -> &str {
        &self.manifest.0.digest
    }

    pub(crate) fn descriptor(&self) -> &Descriptor {
        &self.manifest.0
    }

    /// Passes the path in a layout and the bytes of each blob to `write`, the manifest last.
    pub(crate) fn write_to<E>(&self, mut write: impl FnMut(&str, &[u8]) -> Result<(), E>) -> Result<(), E> {
        let (descriptor, layer) = &self.layer;
        write(&descriptor.path(), &layer.to_vec(descriptor.size))?;
        for (descriptor, bytes) in [&self.config, &self.manifest] {
            write(&descriptor.path(), bytes)?;
        }
        Ok(())
    }
}
