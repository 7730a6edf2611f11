//! Makes `out/` what a render is.

use std::io::{self, Write as _};

use camino::{Utf8Path, Utf8PathBuf};

use super::{Difference, State, about, compare, lock_or_report};
use crate::Rendered;
use crate::diag::Sink;
use crate::emit::LOCK;

/// What is to be done to one file.
#[derive(Debug)]
pub struct Step {
    /// From `out/`.
    pub path: Utf8PathBuf,
    /// What.
    pub action: Action,
    rendered: Option<usize>,
}

/// What is done to a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Action {
    /// Written where nothing was.
    Create,
    /// Written over what was there.
    Update,
    /// Removed.
    Delete,
}

impl Action {
    /// `create`, `update`, `delete`.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Create => "create",
            Self::Update => "update",
            Self::Delete => "delete",
        }
    }
}

/// What a write would do, in the order it would do it. Where it would touch what is not ours, `sink` gets an error, and nothing may be
/// written.
pub fn plan(rendered: &Rendered, spec: &Utf8Path, sink: &mut Sink) -> Vec<Step> {
    lock_or_report(&rendered.dir, sink);
    let mut steps = Vec::new();
    for difference in compare(rendered, sink) {
        let action = match difference.state {
            State::Missing => Action::Create,
            State::Outdated | State::Tampered => Action::Update,
            State::Stale => Action::Delete,
            State::Extra => continue,
            State::StaleTampered | State::InTheWay => {
                sink.push(difference.finding(rendered, spec));
                continue;
            }
        };
        let Difference { path, rendered, .. } = difference;
        steps.push(Step { path, action, rendered });
    }
    no_folders(rendered, &steps, sink);
    // The lock last: until it is there, the old one tells what is ours. Before it what goes: should a write fail, all that the old
    // kustomization.yaml names is still there.
    steps.sort_by_key(|step| (step.path == LOCK, step.action == Action::Delete));
    steps
}

/// Does the steps: each file to a temporary one in the same folder, then renamed. `false` after a report.
pub fn write(rendered: &Rendered, steps: &[Step], sink: &mut Sink) -> bool {
    for step in steps {
        let path = rendered.dir.join(&step.path);
        let done = match step.rendered.and_then(|index| rendered.files.get(index)) {
            Some(file) => replace(&path, &file.bytes),
            None => remove(&rendered.dir, &path),
        };
        if let Err(error) = done {
            sink.push(about("MC0707", &path, format!("cannot {} `{path}`: {error}", step.action.as_str())));
            return false;
        }
    }
    true
}

/// What should be a folder and is none: a link leads out of `out/`, in a file nothing can be written.
fn no_folders(rendered: &Rendered, steps: &[Step], sink: &mut Sink) {
    let mut folders: Vec<&Utf8Path> = steps.iter().flat_map(|step| step.path.ancestors().skip(1)).collect();
    folders.sort_unstable();
    folders.dedup();
    for folder in folders.into_iter().filter(|folder| *folder != "") {
        let path = rendered.dir.join(folder);
        if path.symlink_metadata().is_ok_and(|found| !found.is_dir()) {
            let finding = about("MC0705", &path, format!("`{path}` stands where a folder is to be"));
            sink.push(finding.help("move or delete it, then render again"));
        }
    }
}

fn replace(path: &Utf8Path, bytes: &[u8]) -> io::Result<()> {
    let folder = path.parent().unwrap_or(Utf8Path::new("."));
    std::fs::create_dir_all(folder)?;
    let mut builder = tempfile::Builder::new();
    builder.prefix(".mesh-compile-");
    #[cfg(unix)]
    let permissions = <std::fs::Permissions as std::os::unix::fs::PermissionsExt>::from_mode(0o666);
    #[cfg(unix)]
    builder.permissions(permissions); // less the umask, as for any new file
    let mut file = builder.tempfile_in(folder)?;
    file.write_all(bytes)?;
    file.persist(path).map(drop).map_err(|error| error.error)
}

/// Removes the file and the folders that it leaves empty, up to `dir`.
#[expect(clippy::disallowed_methods, reason = "this is the store")]
fn remove(dir: &Utf8Path, path: &Utf8Path) -> io::Result<()> {
    match std::fs::remove_file(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => {} // another render was faster
        done => done?,
    }
    let folders = path.ancestors().skip(1).take_while(|folder| *folder != dir);
    for folder in folders {
        if std::fs::remove_dir(folder).is_err() {
            break; // not empty
        }
    }
    Ok(())
}
