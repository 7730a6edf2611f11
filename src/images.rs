//! The images of modules, as an OCI image layout (opencontainers/image-spec, image-layout.md).

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::sync::Arc;

use camino::{Utf8Path, Utf8PathBuf};
use mesh_compile_image::{Image, Layout};

use crate::diag::{Code, Diagnostic, Sink, suggest};
use crate::domain::Digest;
use crate::resolve::mesh::{Mesh, Source};
use crate::store;
use crate::world::{FileKind, World, write};

/// The image of a filter's module.
#[derive(Debug, Clone)]
pub struct ModuleImage {
    /// The environments whose manifests name it. Empty without environments.
    pub environments: Vec<String>,
    /// The filter.
    pub filter: String,
    /// The image's name, without a tag and a digest.
    pub name: String,
    /// The digest of its manifest: `sha256:…`.
    pub digest: String,
    /// The SHA-256 of the module.
    pub sha256: Digest,
    /// The size of the module, in bytes.
    pub size: usize,
    /// The name of the image in the layout.
    pub ref_name: String,
    bytes: Arc<[u8]>,
}

impl ModuleImage {
    /// A tag that no other version of the image has. Registries delete manifests without a tag.
    #[must_use]
    pub fn tag(&self) -> &str {
        let digits = self.digest.strip_prefix("sha256:").unwrap_or(&self.digest);
        digits.get(..12).unwrap_or(digits)
    }
}

/// Why a layout cannot be written.
#[derive(Debug)]
pub enum NotWritten {
    /// The directory has a file that is not part of a layout.
    Foreign(String),
    /// A file cannot be written.
    Io(Utf8PathBuf, io::Error),
}

/// The images of a mesh, by filter.
pub(crate) fn of(mesh: &Mesh, environment: Option<&str>) -> Vec<ModuleImage> {
    let image = |plugin: &crate::resolve::mesh::Plugin| match (&plugin.source, plugin.module.file()) {
        (Source::Image(image), Some(delivered)) => Some(ModuleImage {
            environments: environment.map(str::to_owned).into_iter().collect(),
            filter: plugin.name.to_string(),
            ref_name: plugin.name.to_string(),
            name: image.name.to_string(),
            digest: image.digest.clone(),
            sha256: delivered.module.digest,
            size: delivered.module.bytes.len(),
            bytes: Arc::clone(&delivered.module.bytes),
        }),
        _ => None,
    };
    mesh.plugins.iter().filter_map(image).collect()
}

/// The images of the filters, those of all filters if none is named. `None` if an error was reported.
pub fn select<'a>(
    all: impl Iterator<Item = &'a ModuleImage>,
    filters: &[String],
    sink: &mut Sink,
) -> Option<Vec<ModuleImage>> {
    let mut images: BTreeMap<(String, String, String), ModuleImage> = BTreeMap::new();
    for image in all {
        let key = (image.filter.clone(), image.name.clone(), image.digest.clone());
        let known = images.entry(key).or_insert_with(|| ModuleImage { environments: Vec::new(), ..image.clone() });
        known.environments.extend(image.environments.iter().cloned());
    }
    let known: BTreeSet<&str> = images.values().map(|image| image.filter.as_str()).collect();
    let before = sink.errors();
    for name in filters.iter().filter(|name| !known.contains(name.as_str())) {
        let diagnostic = Diagnostic::error(Code::MC0110, format!("no filter `{name}` has its module in an image"));
        sink.push(match suggest(name, known.iter().copied()) {
            Some(near) => diagnostic.help(format!("did you mean `{near}`?")),
            None => diagnostic.help("set `source = \"image\"` and `image` of the filter"),
        });
    }
    if known.is_empty() && filters.is_empty() {
        let diagnostic = Diagnostic::error(Code::MC0110, "no filter has its module in an image");
        sink.push(diagnostic.help("set `source = \"image\"` and `image` of a filter"));
    }
    let is_selected = |image: &ModuleImage| filters.is_empty() || filters.contains(&image.filter);
    let mut selected: Vec<ModuleImage> = images.into_values().filter(is_selected).collect();
    // Environments may have different modules under one name.
    let mut digests: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for image in &selected {
        digests.entry(image.filter.clone()).or_default().insert(image.digest.clone());
    }
    for image in selected.iter_mut().filter(|image| digests[&image.filter].len() > 1) {
        image.ref_name = format!("{}-{}", image.filter, image.tag());
    }
    (sink.errors() == before).then_some(selected)
}

/// Writes the layout. One that is there is replaced.
///
/// # Errors
/// The directory has other files, or cannot be written.
pub fn write(world: &dyn World, dir: &Utf8Path, images: &[ModuleImage]) -> Result<(), NotWritten> {
    let old = existing(world, dir)?;
    let mut layout = Layout::new();
    for image in images {
        layout.add(&image.ref_name, Image::of_module(&image.bytes));
    }
    let mut written = BTreeSet::new();
    layout.write_to(|path, bytes| {
        let file = dir.join(path);
        written.insert(file.clone());
        let parent = file.parent().unwrap_or(dir);
        write::create_dirs(parent)
            .and_then(|()| write::write(&file, bytes))
            .map_err(|error| NotWritten::Io(file, error))
    })?;
    for file in old.difference(&written) {
        write::remove(dir, file).map_err(|error| NotWritten::Io(file.clone(), error))?;
    }
    Ok(())
}

/// The files of the layout in a directory.
fn existing(world: &dyn World, dir: &Utf8Path) -> Result<BTreeSet<Utf8PathBuf>, NotWritten> {
    let list = |dir: &Utf8Path| world.list(dir).unwrap_or_default();
    let mut files = BTreeSet::new();
    for (name, kind) in list(dir) {
        match (name.as_str(), kind) {
            ("oci-layout" | "index.json", FileKind::File) => drop(files.insert(dir.join(name))),
            ("blobs", FileKind::Directory) => {
                let blobs = dir.join("blobs");
                for (algorithm, kind) in list(&blobs) {
                    let is_algorithm = algorithm == "sha256" && kind == FileKind::Directory;
                    if !is_algorithm {
                        return Err(NotWritten::Foreign(format!("blobs/{algorithm}")));
                    }
                    for (blob, kind) in list(&blobs.join(&algorithm)) {
                        if kind != FileKind::File || blob.parse::<Digest>().is_err() {
                            return Err(NotWritten::Foreign(format!("blobs/{algorithm}/{blob}")));
                        }
                        files.insert(blobs.join(&algorithm).join(blob));
                    }
                }
            }
            _ => return Err(NotWritten::Foreign(name)),
        }
    }
    Ok(files)
}

/// Warns of an `out/` that names other images than these: it was rendered from other modules.
pub fn stale(world: &dyn World, out: &Utf8Path, images: &[ModuleImage], sink: &mut Sink) {
    let Some(locked) = store::locked_images(world, out) else { return };
    for image in images {
        let reference = format!("{}@{}", image.name, image.digest);
        let Some(other) = locked.get(&image.filter).filter(|other| **other != reference) else { continue };
        let message = format!("`{out}` names another image of `{}` than the one that is written", image.filter);
        sink.push(
            Diagnostic::warning(Code::MC0712, message)
                .note(format!("in {out}: {other}"))
                .note(format!("written: {reference}"))
                .help("run `mesh-compile render`, and commit the result"),
        );
    }
}
