//! The text of mesh.toml.

use std::str::Utf8Error;

use camino::Utf8Path;

use crate::diag::{Code, Diagnostic, FileId, Location, Sink};
use crate::world::{Usage, World};

const BOM: char = '\u{feff}';

/// Reads the file and adds its text to the world's sources. `None` if an error was reported.
pub(super) fn read(world: &dyn World, path: &Utf8Path, sink: &mut Sink) -> Option<FileId> {
    let sources = world.sources();
    let bytes = match world.read_argument(path, Usage::Spec) {
        Ok(bytes) => bytes,
        Err(error) => {
            sink.push(
                Diagnostic::error(Code::MC0107, format!("cannot read `{path}`: {error}"))
                    .at(Location::whole(sources.id(path)))
                    .help("name the file with `-f`, or create one with `mesh-compile init`"),
            );
            return None;
        }
    };
    match std::str::from_utf8(&bytes) {
        Ok(text) if text.trim_start_matches(BOM).trim().is_empty() => {
            sink.push(
                Diagnostic::error(Code::MC0109, format!("`{path}` is empty"))
                    .at(Location::whole(sources.id(path)))
                    .help("`mesh-compile init` writes a complete mesh.toml"),
            );
            None
        }
        Ok(text) => Some(add(world, path, text)),
        Err(error) => {
            sink.push(not_utf8(world, path, &bytes, &error));
            None
        }
    }
}

/// Reads a file that the path at a location includes. `None` if an error was reported.
pub(super) fn included(world: &dyn World, path: &Utf8Path, at: Location, sink: &mut Sink) -> Option<FileId> {
    let bytes = match world.read(path, Usage::Spec) {
        Ok(bytes) => bytes,
        Err(error) => {
            let message = format!("cannot read the included file `{path}`: {error}");
            sink.push(Diagnostic::error(Code::MC0123, message).at(at));
            return None;
        }
    };
    match std::str::from_utf8(&bytes) {
        Ok(text) => Some(add(world, path, text)),
        Err(error) => {
            sink.push(not_utf8(world, path, &bytes, &error).related(at, "included here"));
            None
        }
    }
}

/// Adds a text to the sources. Editors do not count the byte order mark as a column. A checkout can change line ends, which TOML
/// keeps in strings of several lines.
fn add(world: &dyn World, path: &Utf8Path, text: &str) -> FileId {
    world.sources().add(path, text.strip_prefix(BOM).unwrap_or(text).replace("\r\n", "\n"))
}

fn not_utf8(world: &dyn World, path: &Utf8Path, bytes: &[u8], error: &Utf8Error) -> Diagnostic {
    let valid = error.valid_up_to();
    let text = String::from_utf8_lossy(bytes);
    let end = text[valid..].chars().next().map_or(valid, |c| valid + c.len_utf8());
    let location = Location::new(world.sources().add(path, text), valid..end);
    Diagnostic::error(Code::MC0108, format!("`{path}` is not valid UTF-8"))
        .at_label(location, format!("byte {valid} of the file"))
        .help("save the file as UTF-8")
}
