//! The layer of an image.

use sha2::{Digest as _, Sha256};

use crate::descriptor::{Descriptor, LAYER, digest};
use crate::{gzip, tar};

/// The path of the module in an image. Istio takes the first file of the last layer whose base name is this one
/// (`extractWasmPluginBinary` in `pkg/wasm/imagefetcher.go`).
pub const FILE_NAME: &str = "plugin.wasm";

/// A gzipped tar archive with the module as [`FILE_NAME`].
#[derive(Debug, Clone, Copy)]
pub(crate) struct Layer<'m> {
    module: &'m [u8],
}

impl<'m> Layer<'m> {
    pub(crate) fn new(module: &'m [u8]) -> Self {
        Self { module }
    }

    /// Passes the pieces of the layer to `layer`, and those of the archive in it to `archive`.
    fn write(self, mut layer: impl FnMut(&[u8]), mut archive: impl FnMut(&[u8])) {
        let size = self.module.len();
        let header = tar::header(FILE_NAME, size);
        let trailer = tar::trailer(size);
        gzip::store([&header, self.module, &trailer], &mut layer, &mut archive);
    }

    /// The descriptor of the layer, and the digest of the archive that it contains. The module is read once.
    pub(crate) fn digests(self) -> (Descriptor, String) {
        let [mut layer, mut archive] = [Sha256::new(), Sha256::new()];
        let mut size = 0;
        self.write(
            |bytes| {
                layer.update(bytes);
                size += bytes.len();
            },
            |bytes| archive.update(bytes),
        );
        (Descriptor { media_type: LAYER, digest: digest(layer), size }, digest(archive))
    }

    /// A copy of the layer's bytes; `size` is their number.
    pub(crate) fn to_vec(self, size: usize) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(size);
        self.write(|part| bytes.extend_from_slice(part), |_| ());
        bytes
    }
}
