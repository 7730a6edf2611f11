//! Where output directories are: whose they are, and what a change of the environments leaves behind.

use std::collections::BTreeSet;

use camino::{Utf8Component, Utf8Path, Utf8PathBuf};

use super::{Disk, Real, Step, about, parse_lock, plan};
use crate::diag::{Code, Diagnostic, Location, Sink, enumerate_quoted};
use crate::domain::path::normal;
use crate::layout::{GENERATED, LOCK, Tree};
use crate::world::{FileKind, Usage, World};

/// The directories of a render that no render of the same mesh.toml writes anymore.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Left {
    /// That of an environment that is gone.
    Environment {
        /// The directory.
        dir: Utf8PathBuf,
    },
    /// Where the manifests were before mesh.toml declared environments, or while it did.
    Moved {
        /// The directory.
        dir: Utf8PathBuf,
    },
}

/// What is in the output directories' places.
#[derive(Debug)]
pub struct Survey {
    /// What earlier renders left, in the order of the directories.
    pub left: Vec<Left>,
    /// Where the manifests are from now on.
    to: Vec<Utf8PathBuf>,
}

impl Left {
    /// The directory.
    #[must_use]
    pub fn dir(&self) -> &Utf8Path {
        match self {
            Self::Environment { dir } | Self::Moved { dir } => dir,
        }
    }
}

impl Survey {
    /// The directories that move, as the error of a `render` without `--move` and as a finding of `check`. `None` if none does.
    #[must_use]
    pub fn moved(&self, world: &dyn World, spec: &Utf8Path) -> Option<Diagnostic> {
        let from: Vec<&Utf8Path> =
            self.left.iter().filter(|left| matches!(left, Left::Moved { .. })).map(Left::dir).collect();
        let (first, to) = (from.first()?, &self.to);
        let is_declared = to.iter().any(|to| to.starts_with(first));
        let message = if is_declared {
            format!("`{first}` moves to {}, because {spec} now declares environments", enumerate_quoted(to))
        } else {
            let moves = if from.len() == 1 { "moves" } else { "move" };
            format!(
                "{} {moves} to {}, because {spec} no longer declares environments",
                enumerate_quoted(&from),
                enumerate_quoted(to)
            )
        };
        let old = Utf8Path::new(first);
        let new = to.first().map_or(old, Utf8PathBuf::as_path);
        Some(
            about(world, Code::MC0710, &old.join(LOCK), message)
                .note(format!(
                    "a GitOps tool that prunes would find nothing in `{old}` and delete the filters from the cluster"
                ))
                .help(format!(
                    "point the GitOps tool to the new directory in the same commit: in Argo CD `spec.source.path` \
                     of the Application, in Flux `spec.path` of the Kustomization, for example from `{old}` to `{new}`"
                ))
                .help("then run `mesh-compile render --move`"),
        )
    }

    /// The findings of `check` about environments that are gone.
    pub fn gone<'s>(&'s self, world: &'s dyn World, spec: &'s Utf8Path) -> impl Iterator<Item = Diagnostic> + 's {
        let gone = self.left.iter().filter(|left| matches!(left, Left::Environment { .. }));
        gone.map(move |left| {
            let dir = left.dir();
            let name = dir.file_name().unwrap_or_default();
            let message = format!("{spec} does not declare the environment `{name}`, but `{dir}` is rendered");
            about(world, Code::MC0709, &dir.join(LOCK), message)
                .help(format!("declare `[env.{name}]`, or run `mesh-compile render` to delete the directory"))
        })
    }
}

/// Where an environment is rendered to.
#[derive(Debug, Clone, Copy)]
pub struct Place<'a> {
    /// The name of the environment. `None` if mesh.toml declares no environments.
    pub environment: Option<&'a str>,
    /// The names of all environments that mesh.toml declares.
    pub declared: &'a [String],
    /// `output.dir`, from the current directory.
    pub root: &'a Utf8Path,
    /// The directory of the environment: `root` or a directory in it.
    pub dir: &'a Utf8Path,
}

/// Looks around the output directories. Directories of another mesh.toml are reported to `sink`, and nothing may be written then.
pub fn survey(world: &dyn World, places: &[Place<'_>], spec: &Utf8Path, sink: &mut Sink) -> Survey {
    let mut survey = Surveyor { world, spec, ours: world.canonical(spec).ok(), left: Vec::new(), sink };
    let dirs: BTreeSet<&Utf8Path> = places.iter().map(|one| one.dir).collect();
    for dir in &dirs {
        survey.own(dir, &dirs);
    }
    let roots: BTreeSet<&Utf8Path> = places.iter().map(|one| one.root).collect();
    if let Some(one) = places.first() {
        for root in roots {
            survey.inside(root, one, &dirs);
        }
    }
    let mut left = survey.left;
    left.sort_by(|a, b| a.dir().cmp(b.dir()));
    left.dedup();
    Survey { left, to: dirs.into_iter().map(Utf8Path::to_owned).collect() }
}

struct Surveyor<'a> {
    world: &'a dyn World,
    spec: &'a Utf8Path,
    /// The path of mesh.toml without symbolic links.
    ours: Option<Utf8PathBuf>,
    left: Vec<Left>,
    sink: &'a mut Sink,
}

/// The mesh.toml that a directory was rendered from.
enum Owner {
    Ours,
    Other(Utf8PathBuf),
}

impl Surveyor<'_> {
    /// The directory itself, and those above it.
    fn own(&mut self, dir: &Utf8Path, dirs: &BTreeSet<&Utf8Path>) {
        for above in dir.ancestors().take_while(|above| *above != "" && !above.ends_with("..")) {
            match self.owner(above) {
                Some(Owner::Other(other)) => self.foreign(dir, above, &other),
                Some(Owner::Ours) if above != dir && !dirs.contains(above) => {
                    self.left.push(Left::Moved { dir: above.to_owned() });
                }
                Some(Owner::Ours) | None => {}
            }
        }
    }

    /// The directories inside `root`, which is `output.dir`.
    fn inside(&mut self, root: &Utf8Path, one: &Place<'_>, dirs: &BTreeSet<&Utf8Path>) {
        /// What a render writes there itself.
        const RENDERED: [&str; 4] = ["configmaps", "envoyfilters", "patches", "gitops"];
        let Ok(entries) = self.world.list(root) else { return };
        let is_candidate =
            |(name, kind): &(String, FileKind)| *kind == FileKind::Directory && !RENDERED.contains(&name.as_str());
        for (name, _) in entries.into_iter().filter(is_candidate) {
            let dir = root.join(&name);
            if dirs.contains(dir.as_path()) {
                continue;
            }
            match self.owner(&dir) {
                Some(Owner::Ours) if one.environment.is_none() => self.left.push(Left::Moved { dir }),
                Some(Owner::Ours) if !one.declared.contains(&name) => self.left.push(Left::Environment { dir }),
                // Beside the directories of our environments, another mesh.toml does no harm.
                Some(Owner::Other(other)) if one.environment.is_none() => self.foreign(root, &dir, &other),
                Some(_) | None => {}
            }
        }
    }

    /// The mesh.toml that a directory was rendered from, if it still exists.
    fn owner(&self, dir: &Utf8Path) -> Option<Owner> {
        let bytes = self.world.read_current(&dir.join(LOCK), Usage::Output).ok()?;
        let lock = parse_lock(&bytes).ok()?;
        let path = match &lock.spec {
            Some(path) => dir.join(path),
            None => dir.join("..").join(named(&bytes)?),
        };
        let canonical = self.world.canonical(&path).ok()?;
        if self.ours.as_ref() == Some(&canonical) {
            return Some(Owner::Ours);
        }
        (self.world.kind(&path) == Some(FileKind::File)).then(|| Owner::Other(tidy(&path)))
    }

    /// Reports that `dir`, which we would write, is also of another mesh.toml, or that the one contains the other.
    fn foreign(&mut self, dir: &Utf8Path, theirs: &Utf8Path, other: &Utf8Path) {
        let spec = self.spec;
        let message = if dir == theirs {
            format!("`{dir}` was rendered from `{other}`, and `{spec}` would render to it too")
        } else {
            format!("`{spec}` renders to `{dir}`, and `{other}` to `{theirs}`: one contains the other")
        };
        let lock = self.world.sources().id(&theirs.join(LOCK));
        self.sink.push(
            Diagnostic::error(Code::MC0711, message)
                .at(Location::whole(lock))
                .note("each render would delete or report the files of the other")
                .help(format!(
                    "set a different `output.dir` in one of them; if `{other}` no longer renders to `{theirs}`, delete \
                     that directory and render again"
                )),
        );
    }
}

/// The file name in the first comment of a lock.
fn named(lock: &[u8]) -> Option<&str> {
    let line = std::str::from_utf8(lock).ok()?.lines().next()?;
    line.strip_prefix("# ")?.strip_prefix(GENERATED)?.strip_suffix(". Do not edit.")
}

/// The path without inner `..`.
fn tidy(path: &Utf8Path) -> Utf8PathBuf {
    normal(path).unwrap_or_else(|| path.to_owned())
}

/// The changes that delete everything that renders wrote to a directory. Files that were changed by hand are reported.
pub fn plan_removal(world: &dyn World, left: &Left, spec: &Utf8Path, sink: &mut Sink) -> Vec<Step> {
    plan(world, &empty(left.dir()), spec, sink)
}

/// Makes the changes, and then deletes the lock and the directory. Returns `false` if an error was reported.
pub fn remove(world: &dyn World, left: &Left, steps: &[Step], sink: &mut Sink) -> bool {
    let dir = left.dir();
    if !super::write(world, &empty(dir), steps, sink) {
        return false;
    }
    // The lock goes last: until then, the next render knows what to delete.
    let above = dir.parent().unwrap_or_else(|| "".into());
    let path = dir.join(LOCK);
    let removed = Real.remove(above, &path);
    if let Err(error) = &removed {
        sink.push(about(world, Code::MC0707, &path, format!("cannot delete `{path}`: {error}")));
    }
    removed.is_ok()
}

fn empty(dir: &Utf8Path) -> Tree {
    Tree { dir: dir.to_owned(), files: Vec::new() }
}

/// Reports environments whose directories are the same or inside each other.
pub(crate) fn apart(places: &[Place<'_>], locations: &[Option<Location>], sink: &mut Sink) {
    let mut dirs: Vec<_> = places.iter().zip(locations).collect();
    dirs.sort_by(|(a, _), (b, _)| parts(a.dir).cmp(&parts(b.dir)));
    for pair in dirs.windows(2) {
        let [(outer, outer_at), (inner, inner_at)] = pair else { continue };
        if !inner.dir.starts_with(outer.dir) {
            continue;
        }
        let name = |one: &Place<'_>| one.environment.unwrap_or_default().to_owned();
        let (a, b) = (name(outer), name(inner));
        let message = format!("the environments `{a}` and `{b}` are rendered to `{}` and `{}`", outer.dir, inner.dir);
        let at = inner_at.or(**outer_at);
        let diagnostic = Diagnostic::error(Code::MC0134, message).help("set a different `output.dir` for one of them");
        sink.push(at.into_iter().fold(diagnostic, Diagnostic::at));
    }
}

fn parts(dir: &Utf8Path) -> Vec<Utf8Component<'_>> {
    dir.components().collect()
}
