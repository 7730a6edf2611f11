//! Makes `out/` what a render is.

use std::collections::BTreeSet;
use std::io::{self, Write as _};

use camino::{Utf8Path, Utf8PathBuf};
use rayon::prelude::*;

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
    steps
}

/// Does the steps: each file to a temporary one in the same folder, then renamed. First what is written, then what is deleted: should a
/// write fail, all that the old kustomization.yaml names is still there. Around them mesh.lock, so that whenever it ends, all that is ours
/// is listed. `false` after a report.
pub fn write(rendered: &Rendered, steps: &[Step], sink: &mut Sink) -> bool {
    // A lock that stays as it is lists them all already.
    let unlisted = steps.iter().any(|step| step.path == LOCK) && steps.iter().any(|step| step.action == Action::Create);
    if unlisted && !announce(rendered, sink) {
        return false;
    }
    let phase = |step: &Step| (step.path == LOCK, step.action == Action::Delete);
    let phases = [(false, false), (false, true), (true, false)];
    phases.iter().all(|wanted| {
        let steps: Vec<&Step> = steps.iter().filter(|step| phase(step) == *wanted).collect();
        together(rendered, &steps, sink)
    })
}

/// Writes a lock that lists what is there and what is to be there.
fn announce(rendered: &Rendered, sink: &mut Sink) -> bool {
    let mut lock = lock_or_report(&rendered.dir, sink);
    lock.announce(&rendered.files);
    let path = rendered.dir.join(LOCK);
    let text = lock.to_toml("Left by a render that did not come to its end: run `mesh-compile render` again.");
    let written = std::fs::create_dir_all(&rendered.dir).and_then(|()| replace(&path, text.as_bytes()));
    if let Err(error) = &written {
        sink.push(about("MC0707", &path, format!("cannot write `{path}`: {error}")));
    }
    written.is_ok()
}

/// Does steps that do not depend on each other.
fn together(rendered: &Rendered, steps: &[&Step], sink: &mut Sink) -> bool {
    let folders: BTreeSet<&Utf8Path> = steps.iter().filter_map(|step| step.path.parent()).collect();
    for folder in folders {
        // What is wrong with it shows at its files.
        let _ = std::fs::create_dir_all(rendered.dir.join(folder));
    }
    let step = |step: &&Step| {
        let path = rendered.dir.join(&step.path);
        let done = match step.rendered.and_then(|index| rendered.files.get(index)) {
            Some(file) => replace(&path, &file.bytes),
            None => remove(&rendered.dir, &path),
        };
        done.err().map(|error| about("MC0707", &path, format!("cannot {} `{path}`: {error}", step.action.as_str())))
    };
    let failures: Vec<_> = steps.par_iter().filter_map(step).collect();
    let done = failures.is_empty();
    sink.extend(failures);
    done
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
