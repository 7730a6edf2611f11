//! A directory of manifests. Its subdirectories belong to it, as for `kubectl apply -R` and Flux.
//!
//! A subdirectory with a kustomization is built like one, as Flux does, unless it is a component: nothing applies a component that
//! no kustomization lists. Names that begin with a dot are skipped.

use camino::{Utf8Path, Utf8PathBuf};

use super::entry::is_kustomization;
use crate::diag::{Code, Diagnostic, Location, Sink};
use crate::world::{FileKind, World};

/// A part of a directory, in the order of the paths.
#[derive(Debug)]
pub(super) enum Part {
    File(Utf8PathBuf),
    Kustomization(Utf8PathBuf),
}

/// The extensions of manifests, as for `kubectl apply -f`.
const EXTENSIONS: [&str; 3] = ["yaml", "yml", "json"];

/// The manifests in `dir`, without those in `skip`, which is canonical. `None` if a directory cannot be read, which is reported.
pub(super) fn parts(world: &dyn World, dir: &Utf8Path, skip: Option<&Utf8Path>, sink: &mut Sink) -> Option<Vec<Part>> {
    let mut walk = Walk { world, skip, above: Vec::new(), parts: Vec::new(), failed: false };
    walk.directory(dir, sink);
    (!walk.failed).then_some(walk.parts)
}

struct Walk<'a> {
    world: &'a dyn World,
    skip: Option<&'a Utf8Path>,
    /// The directory that is read and those above it, canonical.
    above: Vec<Utf8PathBuf>,
    parts: Vec<Part>,
    failed: bool,
}

impl Walk<'_> {
    fn directory(&mut self, dir: &Utf8Path, sink: &mut Sink) {
        let listed = self.world.canonical(dir).and_then(|real| Ok((real, self.world.list(dir)?)));
        let (real, mut entries) = match listed {
            Ok(listed) => listed,
            Err(error) => return self.fail(dir, &format!("cannot be read: {error}"), sink),
        };
        if self.skip == Some(&*real) {
            return;
        }
        if self.above.contains(&real) {
            return self.fail(dir, "is a symbolic link to a directory that contains it", sink);
        }
        self.above.push(real);
        entries.sort_by(|(a, _), (b, _)| a.cmp(b));
        for (name, _) in entries.iter().filter(|(name, _)| !name.starts_with('.')) {
            let path = dir.join(name);
            match self.world.kind(&path) {
                Some(FileKind::Directory) if is_kustomization(self.world, &path) => {
                    self.parts.push(Part::Kustomization(path));
                }
                Some(FileKind::Directory) => self.directory(&path, sink),
                // What is no regular file, or a broken link, is reported when it is read.
                _ if path.extension().is_some_and(|extension| EXTENSIONS.contains(&extension)) => {
                    self.parts.push(Part::File(path));
                }
                _ => {}
            }
        }
        self.above.pop();
    }

    fn fail(&mut self, path: &Utf8Path, what: &str, sink: &mut Sink) {
        self.failed = true;
        let location = Location::whole(self.world.sources().id(path));
        sink.push(Diagnostic::error(Code::MC0502, format!("`{path}` {what}")).at(location));
    }
}
