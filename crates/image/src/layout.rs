//! A directory of images.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;

use crate::descriptor::{Descriptor, INDEX, document};
use crate::image::Image;

/// The content of `oci-layout` (`image-layout.md`, "oci-layout file").
const MARKER: &[u8] = br#"{"imageLayoutVersion":"1.0.0"}"#;

/// Images by name, and the files of the directory that contains them: an OCI image layout.
///
/// Tools find an image by its name, which the specification calls `ref.name`. `skopeo` and `oras` read it from `DIR:NAME`, and
/// `oras` reads only names that are also valid tags: a letter, a digit or `_`, then up to 127 of these, `.` and `-`. `crane`
/// pushes only directories with one image.
#[derive(Debug, Clone, Default)]
pub struct Layout<'m> {
    images: BTreeMap<String, Image<'m>>,
}

/// `image-index.md`, "Image Index".
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Index<'a> {
    schema_version: u32,
    media_type: &'static str,
    manifests: Vec<Entry<'a>>,
}

#[derive(Serialize)]
struct Entry<'a> {
    #[serde(flatten)]
    descriptor: &'a Descriptor,
    annotations: Annotations<'a>,
}

/// `annotations.md`, "Pre-Defined Annotation Keys".
#[derive(Serialize)]
struct Annotations<'a> {
    #[serde(rename = "org.opencontainers.image.ref.name")]
    name: &'a str,
}

impl<'m> Layout<'m> {
    /// A layout without images.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds an image. It replaces an image with the same name.
    pub fn add(&mut self, name: impl Into<String>, image: Image<'m>) {
        self.images.insert(name.into(), image);
    }

    /// Passes the path and the bytes of each file to `write`, in the same order every time. Paths are relative to the directory
    /// and separated by `/`; no path occurs twice.
    ///
    /// The last file is `index.json`, which refers to the others: a directory without it is incomplete.
    ///
    /// # Errors
    /// Returns the first error of `write`, without writing more.
    pub fn write_to<E>(&self, mut write: impl FnMut(&str, &[u8]) -> Result<(), E>) -> Result<(), E> {
        let mut written = BTreeSet::new();
        for image in self.images.values().filter(|image| written.insert(image.digest())) {
            image.write_to(&mut write)?;
        }
        write("oci-layout", MARKER)?;
        write("index.json", &self.index())
    }

    fn index(&self) -> Vec<u8> {
        let entries = self.images.iter();
        let entries =
            entries.map(|(name, image)| Entry { descriptor: image.descriptor(), annotations: Annotations { name } });
        document(&Index { schema_version: 2, media_type: INDEX, manifests: entries.collect() })
    }
}
