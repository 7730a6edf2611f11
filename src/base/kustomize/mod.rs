//! Builds kustomizations as kustomize does.
//!
//! Order, from api/internal/target/kusttarget.go: resources, components, then the transformers of the kustomization itself: patches,
//! namespace, prefix, suffix, labels, annotations, JSON patches, replicas and images. References to names are corrected at the end.
//! What is not evaluated is reported, and what it may change is dropped.

mod fields;
mod file;
mod gaps;
mod images;
mod json_patch;
mod labels;
mod merge;
mod merge_keys;
mod name_references;
mod names;
mod patch_file;
mod patches;
mod paths;
mod resource;
mod select;

use camino::{Utf8Path, Utf8PathBuf};

use super::entry::KUSTOMIZATION;
use super::load::read_all;
use super::yaml::Dialect;
use super::{Base, Entry, Node, Value, manifest, yaml};
use crate::diag::{Code, Diagnostic, FileId, Location, Sink};
use crate::world::{FileKind, World};
use file::{Kustomization, Reader, Text};
use gaps::Gap;
use patch_file::{PatchEntry, PatchSource};
use patches::{Patch, Unread};
pub(super) use paths::planned;
use paths::{is_remote, join};
use resource::Resource;

/// Applies a strategic merge patch to a Deployment, or to another patch of one.
///
/// # Errors
/// If the patch has another type of value than the Deployment.
pub(super) fn merge_deployment(deployment: Node, patch: Node) -> Result<Node, String> {
    let location = deployment.location;
    let merged = merge::merge(deployment, patch, merge_keys::Schema::of("apps/v1", "Deployment"));
    let merged = merged.map_err(|mismatch| mismatch.message)?;
    Ok(merged.unwrap_or(Node { value: Value::Map(Vec::new()), location }))
}

/// A kustomization directory, built.
#[derive(Debug)]
pub(super) struct Built {
    pub(super) base: Base,
    /// The kustomization's file.
    pub(super) file: Utf8PathBuf,
    pub(super) is_component: bool,
}

/// Builds the kustomization in `dir`. The directory `skip`, which is canonical, counts as empty.
pub(super) fn build(world: &dyn World, dir: &Utf8Path, skip: Option<&Utf8Path>, sink: &mut Sink) -> Built {
    let mut builder = Builder { world, skip, above: Vec::new(), generated: Vec::new(), incomplete: false };
    let Some(target) = builder.open(dir, sink) else {
        return Built { base: Base { incomplete: true, ..Base::default() }, file: dir.to_owned(), is_component: false };
    };
    let (file, is_component) = (target.path.clone(), target.kustomization.is_component);
    if is_component {
        return Built { base: Base::default(), file, is_component };
    }
    let mut resources = builder.accumulate(target, Vec::new(), sink);
    name_references::correct(&mut resources);
    let is_local = |resource: &Resource| {
        let annotation = resource.object.at(&["metadata", "annotations", "config.kubernetes.io/local-config"]);
        annotation.and_then(Node::as_str).is_some_and(|value| value != "false")
    };
    let mut base = Base { objects: Vec::new(), incomplete: builder.incomplete };
    for resource in resources {
        base.incomplete |= resource.unfinished;
        if !resource.unfinished && !is_local(&resource) {
            base.objects.push(resource.object);
        }
    }
    Built { base, file, is_component }
}

struct Builder<'a> {
    world: &'a dyn World,
    skip: Option<&'a Utf8Path>,
    /// The directory that is built and those that list it, canonical.
    above: Vec<Utf8PathBuf>,
    generated: Vec<(&'static str, String)>,
    incomplete: bool,
}

/// A kustomization that is read.
struct Target {
    kustomization: Kustomization,
    dir: Utf8PathBuf,
    /// The directory, canonical.
    real: Utf8PathBuf,
    path: Utf8PathBuf,
}

impl Builder<'_> {
    /// Reads the kustomization of a directory.
    fn open(&mut self, dir: &Utf8Path, sink: &mut Sink) -> Option<Target> {
        let files: Vec<Utf8PathBuf> = KUSTOMIZATION.iter().map(|name| dir.join(name)).collect();
        let mut found = files.into_iter().filter(|file| self.world.kind(file) == Some(FileKind::File));
        let path = found.next()?;
        if let Some(other) = found.next() {
            let message = format!("the directory also contains `{other}`: kustomize accepts one kustomization only");
            let file = self.world.sources().id(&path);
            sink.push(Diagnostic::error(Code::MC0509, message).at(Location::whole(file)));
        }
        let (file, source) = manifest::source(self.world, &path, sink)?;
        let errors = sink.errors();
        let documents = yaml::parse(file, &source.text, Dialect::Kubectl, sink).documents;
        let says = |entry: &Entry| !matches!(entry.key.as_str(), "apiVersion" | "kind") && !entry.value.is_null();
        let Some(root) = documents.first().filter(|root| root.entries().iter().any(says)) else {
            if sink.errors() == errors {
                sink.push(Diagnostic::error(Code::MC0509, "the kustomization is empty").at(Location::whole(file)));
            }
            return None;
        };
        let kustomization = file::read(root, sink);
        let real = self.world.canonical(dir).ok()?;
        Some(Target { kustomization, dir: dir.to_owned(), real, path })
    }

    /// The objects of a kustomization. Those of a component change `resources`, which are those of the kustomization that lists it.
    fn accumulate(&mut self, target: Target, mut resources: Vec<Resource>, sink: &mut Sink) -> Vec<Resource> {
        let Target { kustomization, dir, real, .. } = target;
        self.above.push(real);
        self.resources(&kustomization.resources, &dir, &mut resources, sink);
        self.generated.extend(kustomization.generated.iter().cloned());
        for (path, location) in &kustomization.components {
            if self.is_ours(path, &dir) {
                resources.iter_mut().for_each(|resource| resource.meet_patches(*location));
                continue;
            }
            let Some(component) = self.directory(path, *location, &dir, true, sink) else { continue };
            resources = self.accumulate(component, resources, sink);
        }
        self.transform(kustomization, &dir, &mut resources, sink);
        self.above.pop();
        resources
    }

    /// Adds the objects of the files and directories under `resources`.
    fn resources(&mut self, entries: &[Text], dir: &Utf8Path, resources: &mut Vec<Resource>, sink: &mut Sink) {
        let places: Vec<Place> = entries.iter().map(|(path, at)| self.place(path, *at, dir, sink)).collect();
        let files: Vec<Utf8PathBuf> = places
            .iter()
            .filter_map(|place| match place {
                Place::File(path) => Some(path.clone()),
                Place::Directory | Place::Nothing => None,
            })
            .collect();
        let mut manifests = read_all(self.world, &files, Dialect::Kustomize, sink).into_iter();
        for (place, (path, location)) in places.iter().zip(entries) {
            match place {
                Place::Nothing => {}
                Place::File(_) => {
                    let manifest = manifests.next().unwrap_or_default();
                    self.incomplete |= manifest.broken;
                    resources.extend(manifest.objects.into_iter().map(Resource::new));
                }
                Place::Directory => {
                    if let Some(target) = self.directory(path, *location, dir, false, sink) {
                        resources.extend(self.accumulate(target, Vec::new(), sink));
                    }
                }
            }
        }
    }

    /// What an entry of `resources` names.
    fn place(&mut self, path: &str, location: Location, dir: &Utf8Path, sink: &mut Sink) -> Place {
        let target = join(self.world, dir, path);
        match self.world.kind(&target) {
            Some(FileKind::Directory) => Place::Directory,
            Some(_) => self.file(path, location, dir, sink).map_or(Place::Nothing, Place::File),
            None if is_remote(path) => {
                self.incomplete = true;
                sink.extend(Gap::remote(path, location).mark(&mut [], dir.as_str()));
                Place::Nothing
            }
            None => {
                self.missing(path, location, sink);
                Place::Nothing
            }
        }
    }

    /// The path of a file of the kustomization, which must be within its directory.
    fn file(&mut self, path: &str, location: Location, dir: &Utf8Path, sink: &mut Sink) -> Option<Utf8PathBuf> {
        let target = join(self.world, dir, path);
        let Ok(real) = self.world.canonical(&target) else {
            self.missing(path, location, sink);
            return None;
        };
        if self.world.canonical(dir).is_ok_and(|dir| real.starts_with(dir)) {
            return Some(target);
        }
        self.incomplete = true;
        let message = format!("`{path}` is outside of the kustomization's directory");
        let help = "list the directory of the file: kustomize reads files only in or below its own directory";
        sink.push(Diagnostic::error(Code::MC0509, message).at(location).help(help));
        None
    }

    fn missing(&mut self, path: &str, location: Location, sink: &mut Sink) {
        self.incomplete = true;
        let diagnostic = Diagnostic::error(Code::MC0509, format!("`{path}` does not exist")).at(location);
        sink.push(diagnostic.help("the path is relative to the kustomization's directory"));
    }

    /// Whether an entry names out/, which may not exist yet.
    fn is_ours(&self, path: &str, dir: &Utf8Path) -> bool {
        let real = planned(self.world, &join(self.world, dir, path));
        real.is_some() && real.as_deref() == self.skip
    }

    /// Opens a directory that a kustomization lists. `None` for our own output and for what is reported.
    fn directory(
        &mut self,
        path: &str,
        location: Location,
        dir: &Utf8Path,
        as_component: bool,
        sink: &mut Sink,
    ) -> Option<Target> {
        let target = join(self.world, dir, path);
        let Ok(real) = self.world.canonical(&target) else {
            if is_remote(path) {
                self.incomplete = true;
                let mut gap = Gap::remote(path, location);
                gap.what = format!("the remote component `{path}`");
                sink.extend(gap.mark(&mut [], dir.as_str()));
            } else {
                self.missing(path, location, sink);
            }
            return None;
        };
        if self.skip == Some(&*real) {
            return None;
        }
        let reject = |code, message: String, sink: &mut Sink| sink.push(Diagnostic::error(code, message).at(location));
        if self.above.iter().any(|above| above.starts_with(&real)) {
            self.incomplete = true;
            reject(Code::MC0514, format!("`{path}` leads back to this kustomization"), sink);
            return None;
        }
        let errors = sink.errors();
        let Some(target) = self.open(&target, sink) else {
            self.incomplete = true;
            if sink.errors() == errors {
                reject(Code::MC0509, format!("`{path}` has no kustomization.yaml"), sink);
            }
            return None;
        };
        if target.kustomization.is_component != as_component {
            self.incomplete = true;
            let message = if as_component {
                format!("`{path}` is not a Component: list it under `resources:`")
            } else {
                format!("`{path}` is a Component: list it under `components:`")
            };
            reject(Code::MC0509, message, sink);
            return None;
        }
        Some(target)
    }

    /// The kustomization's own changes.
    fn transform(
        &mut self,
        kustomization: Kustomization,
        dir: &Utf8Path,
        resources: &mut Vec<Resource>,
        sink: &mut Sink,
    ) {
        self.patches(kustomization.patches, dir, resources, sink);
        for resource in resources.iter_mut() {
            if let Some((namespace, location)) = &kustomization.namespace {
                names::set_namespace(resource, namespace, *location);
            }
            if !names::keeps_its_name(resource) {
                if let Some((prefix, _)) = &kustomization.prefix {
                    names::rename(resource, &format!("{prefix}{}", resource.object.name));
                }
                if let Some((suffix, _)) = &kustomization.suffix {
                    names::rename(resource, &format!("{}{suffix}", resource.object.name));
                }
            }
            kustomization.labels.iter().for_each(|labels| labels.apply(resource));
            if !kustomization.annotations.is_empty() {
                labels::annotate(resource, &kustomization.annotations);
            }
        }
        self.patches(kustomization.json_patches, dir, resources, sink);
        for resource in resources.iter_mut() {
            for ((name, location), count) in &kustomization.replicas {
                images::scale(resource, name, *count, *location);
            }
            kustomization.images.iter().for_each(|image| image.apply(resource));
        }
        for gap in &kustomization.gaps {
            self.incomplete |= matches!(gap.effect, gaps::Effect::Missing);
            sink.extend(gap.mark(resources, dir.as_str()));
        }
    }

    fn patches(&mut self, entries: Vec<PatchEntry>, dir: &Utf8Path, resources: &mut Vec<Resource>, sink: &mut Sink) {
        for entry in entries {
            let Some(documents) = self.documents(&entry.source, dir, sink) else {
                self.incomplete = true;
                continue;
            };
            let Some(change) = patch_file::change(&mut Reader { sink }, documents, entry.location) else { continue };
            let PatchEntry { target, legacy, allow_name_change, allow_kind_change, location, .. } = entry;
            let patch = Patch { change, target, legacy, allow_name_change, allow_kind_change, location };
            let unread = Unread { generated: &self.generated, any: self.incomplete };
            patches::apply(patch, resources, unread, sink);
        }
    }

    /// The documents of a patch.
    fn documents(&mut self, source: &PatchSource, dir: &Utf8Path, sink: &mut Sink) -> Option<Vec<Node>> {
        let (path, location) = match source {
            PatchSource::Path(path) => path,
            PatchSource::Inline((text, location)) => return inline(text, *location, sink),
        };
        if self.world.kind(&join(self.world, dir, path)).is_none() && is_remote(path) {
            sink.extend(Gap::remote(path, *location).mark(&mut [], dir.as_str()));
            return None;
        }
        let path = self.file(path, *location, dir, sink)?;
        let (file, source) = manifest::source(self.world, &path, sink)?;
        let errors = sink.errors();
        let documents = patch(file, &source.text, sink);
        (sink.errors() == errors).then_some(documents)
    }
}

/// What an entry of `resources` names.
enum Place {
    File(Utf8PathBuf),
    Directory,
    /// Nothing that is read.
    Nothing,
}

/// The documents of a patch. kustomize reads operations as kubectl does, but strategic-merge patches as it reads manifests.
fn patch(file: FileId, text: &str, sink: &mut Sink) -> Vec<Node> {
    let documents = yaml::parse(file, text, Dialect::Kustomize, sink).documents;
    match documents.first().map(|first| &first.value) {
        Some(Value::List(_)) => yaml::parse(file, text, Dialect::Kubectl, sink).documents,
        _ => documents,
    }
}

/// The documents of a patch within a kustomization. Every value gets the place of the whole text: YAML may have folded it.
fn inline(text: &str, location: Location, sink: &mut Sink) -> Option<Vec<Node>> {
    let mut found = Sink::new();
    let mut documents = patch(location.file, text, &mut found);
    if let Some(first) = found.diagnostics().first() {
        sink.push(Diagnostic::error(Code::MC0509, format!("the patch is not valid: {}", first.message)).at(location));
        return None;
    }
    documents.iter_mut().for_each(|document| relocate(document, location));
    Some(documents)
}

fn relocate(node: &mut Node, location: Location) {
    node.location = location;
    match &mut node.value {
        Value::List(items) => items.iter_mut().for_each(|item| relocate(item, location)),
        Value::Map(entries) => {
            for entry in entries {
                entry.key_location = location;
                relocate(&mut entry.value, location);
            }
        }
        _ => {}
    }
}
