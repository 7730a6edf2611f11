//! A directory with images (opencontainers/image-spec, image-layout.md).

use std::collections::BTreeMap;

use crate::Image;
use crate::manifest::Index;

/// Images by their names.
#[derive(Debug, Default)]
pub struct Layout<'a> {
    images: BTreeMap<String, Image<'a>>,
}

impl<'a> Layout<'a> {
    /// A layout without images.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds an image. `name` is its `org.opencontainers.image.ref.name`, by which skopeo and ORAS find it in the layout.
    pub fn add(&mut self, name: &str, image: Image<'a>) {
        self.images.insert(name.to_owned(), image);
    }

    /// Calls `write` with each file of the layout: its path, with `/` between the parts, and its bytes. The index comes last: until
    /// it is written, the layout has its old images.
    ///
    /// # Errors
    /// The first error of `write`.
    pub fn write_to<E>(&self, mut write: impl FnMut(&str, &[u8]) -> Result<(), E>) -> Result<(), E> {
        for image in self.images.values() {
            write(&path(&image.layer.digest), &image.layer())?;
            for blob in [&image.config, &image.manifest] {
                write(&path(&blob.descriptor.digest), &blob.bytes)?;
            }
        }
        write("oci-layout", br#"{"imageLayoutVersion":"1.0.0"}"#)?;
        let named = self.images.iter().map(|(name, image)| image.manifest.descriptor.named(name));
        write("index.json", &Index::new(named.collect()).to_json())
    }
}

/// `blobs/sha256/…`
fn path(digest: &str) -> String {
    format!("blobs/{}", digest.replacen(':', "/", 1))
}
