//! The entries of `mesh.base`: which directories and files they name.

use camino::{Utf8Path, Utf8PathBuf};

use crate::diag::{Code, Diagnostic, Location, Sink};
use crate::domain::path::{normal, relative};
use crate::spec::Spec;
use crate::world::{FileKind, World};

/// One directory or file of the base.
#[derive(Debug)]
pub(super) struct Entry {
    pub(super) kind: EntryKind,
    /// As in mesh.toml.
    pub(super) written: String,
    /// Normalized, relative to mesh.toml's directory.
    pub(super) path: Utf8PathBuf,
    /// From the current directory.
    pub(super) target: Utf8PathBuf,
    pub(super) location: Location,
}

/// What is at the path of an entry.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum EntryKind {
    /// A directory with a kustomization.
    Kustomization,
    /// Any other directory.
    Directory,
    File,
}

/// The file names by which kustomize recognizes a directory.
pub(super) const KUSTOMIZATION: [&str; 3] = ["kustomization.yaml", "kustomization.yml", "Kustomization"];

/// What is at a path, `None` for nothing.
pub(super) fn kind(world: &dyn World, path: &Utf8Path) -> Option<EntryKind> {
    Some(match world.kind(path)? {
        FileKind::Directory if is_kustomization(world, path) => EntryKind::Kustomization,
        FileKind::Directory => EntryKind::Directory,
        FileKind::File | FileKind::Other => EntryKind::File,
    })
}

/// Whether kustomize can build the directory.
pub(crate) fn is_kustomization(world: &dyn World, dir: &Utf8Path) -> bool {
    KUSTOMIZATION.iter().any(|name| world.kind(&dir.join(name)) == Some(FileKind::File))
}

/// The entries of `mesh.base`. Errors go to `sink`; then the result is `None`.
pub(super) fn entries(
    world: &dyn World,
    spec: &Spec,
    out: &Utf8Path,
    written: &[(&str, Location)],
    sink: &mut Sink,
) -> Option<Vec<Entry>> {
    let root = repository(world, spec.dir());
    let entries: Vec<_> = written.iter().map(|one| entry(world, spec, out, root.as_deref(), *one)).collect();
    let mut valid = Vec::new();
    for entry in entries {
        match entry {
            Ok(entry) => valid.push(entry),
            Err(diagnostic) => sink.push(*diagnostic),
        }
    }
    (valid.len() == written.len()).then_some(valid)
}

fn entry(
    world: &dyn World,
    spec: &Spec,
    out: &Utf8Path,
    root: Option<&Utf8Path>,
    (written, location): (&str, Location),
) -> Result<Entry, Box<Diagnostic>> {
    let reject = |code, reason: &str, help: &str| {
        let message = format!("`{}` cannot be the base: {reason}", written);
        Err(Box::new(Diagnostic::error(code, message).at(location).help(help)))
    };
    let dir = spec.dir_of(location);
    let path = normal(Utf8Path::new(written)).and_then(|path| {
        let from = normal(spec.dir())?;
        relative(&from, &normal(&dir.join(path))?)
    });
    // An absolute directory of mesh.toml has no normal form, but its own paths do.
    let path = path.or_else(|| (dir == spec.dir()).then(|| normal(Utf8Path::new(written))).flatten());
    let Some(path) = path else {
        let help = "an absolute path does not exist on other machines";
        return reject(Code::MC0117, "it must be relative to mesh.toml's directory", help);
    };
    if path.starts_with(out) {
        let help = "move it out: rendering removes or overwrites the files in the output directory";
        return reject(Code::MC0117, "it is inside the output directory", help);
    }
    let target = spec.dir().join(&path);
    let target = if target == "" { Utf8PathBuf::from(".") } else { target };
    let Some(kind) = kind(world, &target) else {
        if world.link_kind(&target).is_some() {
            let help = "correct the symbolic link: it leads to nothing or to itself";
            return reject(Code::MC0501, "it is a broken symbolic link", help);
        }
        return reject(Code::MC0501, "it does not exist", "the path is relative to mesh.toml's directory");
    };
    if let (Some(root), Ok(real)) = (root, world.canonical(&target))
        && !real.starts_with(root)
    {
        let help = "move the manifests into the repository, or pipe them to `mesh-compile render --base -`";
        return reject(Code::MC0515, "it is outside of the Git repository", help);
    }
    Ok(Entry { kind, written: written.to_owned(), path, target, location })
}

/// The root of the Git repository that contains a directory.
fn repository(world: &dyn World, dir: &Utf8Path) -> Option<Utf8PathBuf> {
    let dir = world.canonical(if dir == "" { ".".into() } else { dir }).ok()?;
    dir.ancestors().find(|dir| world.kind(&dir.join(".git")).is_some()).map(Utf8Path::to_owned)
}
