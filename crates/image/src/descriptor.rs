//! The JSON documents of an image. The order of their fields is part of the format: it changes their digests.
//!
//! Every name is defined by the OCI image specification 1.1: <https://github.com/opencontainers/image-spec/tree/v1.1.1>

use std::fmt::Write as _;

use serde::Serialize;
use sha2::{Digest as _, Sha256};

/// `config.md`, "Media Type".
pub(crate) const CONFIG: &str = "application/vnd.oci.image.config.v1+json";
/// `image-index.md`, "Image Index".
pub(crate) const INDEX: &str = "application/vnd.oci.image.index.v1+json";
/// `layer.md`, "Gzip Media Types".
pub(crate) const LAYER: &str = "application/vnd.oci.image.layer.v1.tar+gzip";
/// `manifest.md`, "Image Manifest".
pub(crate) const MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";

/// What a document says about a blob (`descriptor.md`).
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Descriptor {
    pub(crate) media_type: &'static str,
    /// `sha256:` and 64 lowercase hexadecimal digits.
    pub(crate) digest: String,
    /// In bytes.
    pub(crate) size: usize,
}

impl Descriptor {
    pub(crate) fn of(media_type: &'static str, bytes: &[u8]) -> Self {
        Self { media_type, digest: digest(Sha256::new_with_prefix(bytes)), size: bytes.len() }
    }

    /// The path of the blob in an image layout (`image-layout.md`, "Blobs").
    pub(crate) fn path(&self) -> String {
        format!("blobs/{}", self.digest.replacen(':', "/", 1))
    }
}

/// The digest of what the hasher has read (`descriptor.md`, "SHA-256").
pub(crate) fn digest(hasher: Sha256) -> String {
    let mut text = String::from("sha256:");
    for byte in hasher.finalize() {
        write!(text, "{byte:02x}").expect("writing to a String cannot fail");
    }
    text
}

/// The bytes of a document: compact, fields in the order of their declaration.
pub(crate) fn document(value: &impl Serialize) -> Vec<u8> {
    serde_json::to_vec(value).expect("a document contains only strings, numbers and lists")
}
