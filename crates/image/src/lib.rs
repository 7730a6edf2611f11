//! Writes a WebAssembly module as an OCI image: one layer with one file, [`FILE_NAME`].
//!
//! The image is what every consumer of Wasm filters accepts: a manifest that is no artifact, with a real configuration and one
//! layer of type `tar+gzip`. containerd mounts it as an image volume, which it does only with images that it could run
//! (containerd/containerd#11907), and Istio's fetcher finds `plugin.wasm` in the last layer (istio/istio,
//! pkg/wasm/imagefetcher.go).
//!
//! The same module makes the same bytes on every machine and with every version of this crate: the file has no time and no owner,
//! and the gzip stream consists of stored blocks. Another layout of the bytes would be another format: it would change the digest
//! in every manifest that names an image.
//!
//! ```
//! use mesh_compile_image::{Image, Layout};
//!
//! let image = Image::of_module(b"\0asm\x01\0\0\0");
//! assert!(image.digest().starts_with("sha256:"));
//! let mut layout = Layout::new();
//! layout.add("example", image);
//! let mut files = Vec::new();
//! layout.write_to(|path, _bytes| Ok::<(), ()>(files.push(path.to_owned()))).unwrap();
//! assert_eq!(files.last().map(String::as_str), Some("index.json"));
//! ```

mod gzip;
mod layout;
mod manifest;
mod tar;

pub use layout::Layout;

use sha2::{Digest as _, Sha256};

use gzip::Stored;
use manifest::{Config, Descriptor, Manifest};
use tar::Tar;

/// The path of the module in the image.
pub const FILE_NAME: &str = "plugin.wasm";

/// The image of a module.
#[derive(Debug, Clone)]
pub struct Image<'a> {
    tar: Tar<'a>,
    layer: Descriptor,
    config: Blob,
    manifest: Blob,
}

/// A small document and its descriptor.
#[derive(Debug, Clone)]
struct Blob {
    bytes: Vec<u8>,
    descriptor: Descriptor,
}

impl Blob {
    fn new(media_type: &'static str, bytes: Vec<u8>) -> Self {
        let descriptor = Descriptor::new(media_type, digest(&Sha256::digest(&bytes)), bytes.len());
        Self { bytes, descriptor }
    }
}

impl<'a> Image<'a> {
    /// The image of a module. Hashes the module three times and copies nothing: 10 MB take about 30 ms.
    #[must_use]
    pub fn of_module(wasm: &'a [u8]) -> Self {
        let tar = Tar::new(FILE_NAME, wasm);
        let mut diff = Sha256::new();
        tar.parts().for_each(|part| diff.update(part));
        let mut layer = Sha256::new();
        let mut size = 0;
        Stored::new(&tar.parts().collect::<Vec<_>>()).for_each(|bytes| {
            layer.update(bytes);
            size += bytes.len();
        });
        let layer = Descriptor::new(manifest::LAYER, digest(&layer.finalize()), size);
        let config = Blob::new(manifest::CONFIG, Config::new(digest(&diff.finalize())).to_json());
        let manifest = Manifest::new(config.descriptor.clone(), layer.clone());
        let manifest = Blob::new(manifest::MANIFEST, manifest.to_json());
        Self { tar, layer, config, manifest }
    }

    /// The digest of the manifest, by which a registry knows the image: `sha256:` and 64 hexadecimal digits.
    #[must_use]
    pub fn digest(&self) -> &str {
        &self.manifest.descriptor.digest
    }

    /// The bytes of the layer.
    fn layer(&self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(self.layer.size);
        Stored::new(&self.tar.parts().collect::<Vec<_>>()).for_each(|piece| bytes.extend_from_slice(piece));
        bytes
    }
}

/// `sha256:…` (image-spec, descriptor.md, Digests).
fn digest(hash: &[u8]) -> String {
    let digits = hash.iter().map(|byte| format!("{byte:02x}"));
    format!("sha256:{}", digits.collect::<String>())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Other bytes would be another format: the digest of every image would change, and with it every manifest that names one.
    #[test]
    fn the_digest_of_a_module_never_changes() {
        assert_eq!(
            Image::of_module(b"\0asm\x01\0\0\0").digest(),
            "sha256:6cba1a6db4270f1a85da86d4783ea267a2c786044438e2ad859e414b9cf3e801"
        );
        let large: Vec<u8> = (0..200_000_u32).flat_map(u32::to_le_bytes).collect();
        assert_eq!(Image::of_module(&large).digest(), "");
    }
}
