//! From `mesh.base` and `--base` to the objects.

use camino::{Utf8Path, Utf8PathBuf};
use rayon::prelude::*;

use super::directory::{self, Part};
use super::entry::{self, Entry, EntryKind};
use super::layout::{Known, Layout, layout};
use super::manifest::{self, Manifest};
use super::unique::unique;
use super::yaml::Dialect;
use super::{Base, Object, gateways, kustomize, ours, renamed};
use crate::diag::{Code, Diagnostic, Location, Sink};
use crate::objects::Lock;
use crate::spec::Spec;
use crate::world::{Usage, World};

/// What the manifests are read for.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Request<'a> {
    pub(crate) spec: &'a Spec,
    /// `out/`, normalized, relative to mesh.toml's directory.
    pub(crate) out: &'a Utf8Path,
    /// What the command line names instead of `mesh.base`: a path, or `-` for standard input.
    pub(crate) given: Option<&'a Utf8Path>,
}

/// The workloads' own manifests.
#[derive(Debug)]
pub(crate) struct Loaded {
    /// `None` if neither mesh.toml nor the command line names a base.
    pub(crate) base: Option<Base>,
    /// Whether a part of the base is not evaluated. Not if another part is wrong, because that is reported first.
    pub(crate) unevaluated: bool,
    pub(crate) layout: Layout,
    /// Whether the command line names the base.
    pub(crate) given: bool,
}

impl Default for Loaded {
    /// No base.
    fn default() -> Self {
        Self { base: None, unevaluated: false, layout: Layout::Component, given: false }
    }
}

/// Reads the base. Errors go to `sink`, and the result contains everything that could be read.
pub(crate) fn load(world: &dyn World, request: Request<'_>, sink: &mut Sink) -> Loaded {
    let Request { spec, out, given } = request;
    let errors = sink.errors();
    let written: Vec<(&str, Location)> = spec.mesh.base.iter().flat_map(|base| base.entries()).collect();
    let entries = if spec.unread.output { None } else { entry::entries(world, spec, out, &written, sink) };
    let known = match &entries {
        _ if spec.unread.mesh => Known::Rejected,
        None => Known::Rejected,
        Some(entries) if entries.is_empty() && given.is_some() => Known::Given,
        Some(entries) if entries.is_empty() => Known::Nothing,
        Some(entries) => Known::Entries(entries),
    };
    let layout = layout(spec, out, known, sink);
    let out = spec.dir().join(out);
    let lock = lock(world, &out);
    let read = match (given, known) {
        (Some(given), _) => Some(self::given(world, given, &out, sink)),
        (None, Known::Entries(entries)) => Some(read_entries(world, entries, &out, sink)),
        (None, Known::Rejected) => Some(Base { objects: Vec::new(), incomplete: true }),
        (None, Known::Nothing | Known::Given) => None,
    };
    let recorded = lock.as_ref().is_some_and(Lock::used_stream);
    if given.is_none() && recorded && matches!(known, Known::Nothing) {
        sink.push(missing(&out));
    }
    if let (Some(base), Some(lock)) = (&read, &lock) {
        renamed::check(base, lock, sink);
    }
    let is_read = given.is_some() || matches!(known, Known::Entries(_));
    let unevaluated = is_read && sink.errors() == errors && read.as_ref().is_some_and(|base| base.incomplete);
    let base = read.map(|base| {
        let mut base = ours::without(base, lock.as_ref(), spec);
        gateways::add_pods(&mut base);
        base
    });
    let layout = beside(layout, base.as_ref(), spec, sink);
    Loaded { base, unevaluated, layout, given: given.is_some() }
}

/// The layout beside what the base itself does with out/. A base that lists out/ as a component cannot be built on by out/.
fn beside(layout: Layout, base: Option<&Base>, spec: &Spec, sink: &mut Sink) -> Layout {
    let listed = base.and_then(|base| base.objects.iter().find_map(|object| object.patched.as_ref()));
    let (Layout::Overlay { .. }, Some(listed)) = (&layout, listed) else { return layout };
    if let Some(written) = &spec.output.layout {
        sink.push(
            Diagnostic::error(Code::MC0539, "the overlay layout builds on a base that lists out/ itself")
                .at(written.location())
                .related(listed.location, "lists out/ as a component")
                .note("kustomize rejects kustomizations that list each other")
                .help("remove `layout`, or remove out/ from the base's `components`"),
        );
    }
    Layout::Component
}

/// The last render had a base that this command lacks.
fn missing(out: &Utf8Path) -> Diagnostic {
    let message = format!("the last render of `{out}` read the workloads' manifests with `--base`");
    Diagnostic::error(Code::MC0513, message)
        .help("give them to this command as well: `kubectl kustomize DIRECTORY | mesh-compile … --base -`")
        .help("to stop using `--base`, set `mesh.base` or delete the line `base = \"stream\"` in mesh.lock")
}

/// The lock of the present `out/`, if there is one that can be read.
fn lock(world: &dyn World, out: &Utf8Path) -> Option<Lock> {
    let bytes = world.read_current(&out.join(Lock::NAME), Usage::Output).ok()?;
    Lock::parse(std::str::from_utf8(&bytes).ok()?).ok()
}

/// The objects of the entries of `mesh.base`.
fn read_entries(world: &dyn World, entries: &[Entry], out: &Utf8Path, sink: &mut Sink) -> Base {
    let mut groups = Vec::new();
    let mut incomplete = false;
    for entry in entries {
        let before = sink.errors();
        let Base { objects, incomplete: partial } = read(world, entry.kind, &entry.target, out, sink);
        incomplete |= partial;
        if objects.is_empty() && !partial && sink.errors() == before {
            let message = format!("the base `{}` contains no manifests", entry.written);
            sink.push(Diagnostic::error(Code::MC0501, message).at(entry.location));
            incomplete = true;
        }
        groups.push(objects);
    }
    let objects = unique(groups, sink);
    Base { objects, incomplete }
}

/// The objects at paths that the user typed, before a mesh.toml names them. `out` is where its `out/` will be.
pub(crate) fn preview(world: &dyn World, paths: &[Utf8PathBuf], out: &Utf8Path, sink: &mut Sink) -> Base {
    let read: Vec<Base> = paths.iter().map(|path| given(world, path, out, sink)).collect();
    let incomplete = read.iter().any(|base| base.incomplete);
    Base { objects: unique(read.into_iter().map(|base| base.objects).collect(), sink), incomplete }
}

/// The objects of what the command line names.
fn given(world: &dyn World, given: &Utf8Path, out: &Utf8Path, sink: &mut Sink) -> Base {
    const STREAM: &str = "<stdin>";
    let fail = |message: String, help: &str, sink: &mut Sink| {
        sink.push(Diagnostic::error(Code::MC0501, message).help(help));
        Base { objects: Vec::new(), incomplete: true }
    };
    if given == "-" {
        let bytes = match world.standard_input(Usage::Stream) {
            Ok(bytes) => bytes,
            Err(error) => return fail(format!("standard input cannot be read: {error}"), "pipe manifests to it", sink),
        };
        let Some((file, source)) = manifest::text(world.sources(), STREAM.into(), &bytes, sink) else {
            return Base { objects: Vec::new(), incomplete: true };
        };
        let Manifest { objects, broken } = manifest::parse(file, &source.text, Dialect::Kubectl, sink);
        if objects.is_empty() && !broken {
            let help = "check that the command before the pipe succeeds";
            return fail("standard input contains no manifests".to_owned(), help, sink);
        }
        return Base { objects: unique(vec![objects], sink), incomplete: broken };
    }
    let Some(kind) = entry::kind(world, given) else {
        return fail(format!("`{given}`, which `--base` names, does not exist"), "correct the path", sink);
    };
    if kind == EntryKind::File {
        let Manifest { objects, broken } = manifest::read_argument(world, given, sink);
        if objects.is_empty() && !broken {
            return fail(format!("`{given}` contains no manifests"), "name a file of Kubernetes objects", sink);
        }
        return Base { objects: unique(vec![objects], sink), incomplete: broken };
    }
    let base = read(world, kind, given, out, sink);
    if base.objects.is_empty() && !base.incomplete {
        return fail(format!("`{given}` contains no manifests"), "name a directory of Kubernetes objects", sink);
    }
    Base { objects: unique(vec![base.objects], sink), incomplete: base.incomplete }
}

/// The objects at a path. They may contain duplicates.
fn read(world: &dyn World, kind: EntryKind, path: &Utf8Path, out: &Utf8Path, sink: &mut Sink) -> Base {
    let out = kustomize::planned(world, out);
    let built = match kind {
        EntryKind::Kustomization => kustomize::build(world, path, out.as_deref(), sink),
        EntryKind::File => {
            let Manifest { objects, broken } = manifest::read(world, path, Dialect::Kubectl, sink);
            return Base { objects, incomplete: broken };
        }
        EntryKind::Directory => return directory(world, path, out.as_deref(), sink),
    };
    if built.is_component {
        let file = world.sources().id(&built.file);
        let message = format!("`{path}` is a Component, which cannot be built on its own");
        let diagnostic = Diagnostic::error(Code::MC0509, message).at(Location::whole(file));
        sink.push(diagnostic.help("name the kustomization that lists it under `components:`"));
        return Base { objects: Vec::new(), incomplete: true };
    }
    built.base
}

/// The objects of a directory without a kustomization.
fn directory(world: &dyn World, dir: &Utf8Path, out: Option<&Utf8Path>, sink: &mut Sink) -> Base {
    let Some(parts) = directory::parts(world, dir, out, sink) else {
        return Base { objects: Vec::new(), incomplete: true };
    };
    let files: Vec<Utf8PathBuf> = parts
        .iter()
        .filter_map(|part| match part {
            Part::File(path) => Some(path.clone()),
            Part::Kustomization(_) => None,
        })
        .collect();
    let mut manifests = read_all(world, &files, Dialect::Kubectl, sink).into_iter();
    let mut base = Base::default();
    for part in &parts {
        let more = match part {
            Part::File(_) => {
                let Manifest { objects, broken } = manifests.next().unwrap_or_default();
                Base { objects, incomplete: broken }
            }
            Part::Kustomization(dir) => {
                let built = kustomize::build(world, dir, out, sink);
                if built.is_component { Base::default() } else { built.base }
            }
        };
        base.objects.extend(more.objects);
        base.incomplete |= more.incomplete;
    }
    base
}

/// Reads manifests in parallel. The results are in the order of the paths.
pub(super) fn read_all(world: &dyn World, paths: &[Utf8PathBuf], dialect: Dialect, sink: &mut Sink) -> Vec<Manifest> {
    // The order of the files' ids must not depend on the threads.
    for path in paths {
        world.sources().id(path);
    }
    let read: Vec<(Manifest, Sink)> = paths
        .par_iter()
        .map(|path| {
            let mut sink = Sink::new();
            (manifest::read(world, path, dialect, &mut sink), sink)
        })
        .collect();
    read.into_iter()
        .map(|(manifest, found)| {
            sink.absorb(found);
            manifest
        })
        .collect()
}

/// The namespace that two objects of one name need to differ in. No namespace and `default` are the same for kustomize.
pub(super) fn effective(namespace: Option<&str>) -> &str {
    namespace.unwrap_or("default")
}

impl Object {
    /// The group of the API version.
    pub(crate) fn group(&self) -> &str {
        self.api_version.split_once('/').map_or("", |(group, _)| group)
    }
}
