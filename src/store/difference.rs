//! A difference as a diagnostic: the file, and the first line that differs.

use camino::Utf8Path;

use super::{Difference, State, about, damaged, parse_lock};
use crate::diag::{Code, Diagnostic, Location};
use crate::domain::Digest;
use crate::layout::{LOCK, Tree};
use crate::world::World;

/// Longer files and lines are not shown: size and digest tell more about a ConfigMap than its base64.
const LONGEST_FILE: usize = 65_536;
const LONGEST_LINE: usize = 200;

const RENDER: &str = "run `mesh-compile render` and commit the result";

impl Difference {
    /// The error that `check` reports. `spec` is the mesh.toml, as it is shown to the user.
    #[must_use]
    pub fn finding(&self, world: &dyn World, tree: &Tree, spec: &Utf8Path) -> Diagnostic {
        let path = tree.dir.join(&self.path);
        let (code, message, help) = match self.state {
            State::Missing => (Code::MC0702, format!("`{path}` is missing"), RENDER.to_owned()),
            State::Outdated => {
                let message = format!("`{path}` is out of date: {spec} or a file that it refers to has changed");
                (Code::MC0701, message, RENDER.to_owned())
            }
            State::Edited if self.path == LOCK => {
                let error = self.damaged_lock(world, &path);
                return self.compared(world, error, tree, &path);
            }
            State::Edited => {
                let help = format!("make the change in {spec} and render again: a render overwrites the file");
                (Code::MC0704, format!("`{path}` was changed by hand after the last render"), help)
            }
            State::Stale => (Code::MC0703, format!("`{path}` is no longer rendered"), RENDER.to_owned()),
            State::StaleEdited => {
                let message = format!("`{path}` is no longer rendered, and was changed by hand after the last render");
                (Code::MC0704, message, "move or delete the file: a render does not delete it".to_owned())
            }
            State::Leftover => {
                let message = format!("`{path}` is a temporary file of an interrupted render");
                (Code::MC0703, message, "run `mesh-compile render` to delete it".to_owned())
            }
            State::Extra => {
                let help = "move the file out of this directory, which is for rendered files only".to_owned();
                (Code::MC0703, format!("`{path}` was not rendered by mesh-compile"), help)
            }
            State::Blocked => {
                let message = format!("`{path}` is in the way of a rendered file, and mesh-compile did not write it");
                let help = "move or delete it, then render again: a render does not overwrite it".to_owned();
                (Code::MC0705, message, help)
            }
        };
        self.compared(world, about(world, code, &path, message).help(help), tree, &path)
    }

    fn damaged_lock(&self, world: &dyn World, path: &Utf8Path) -> Diagnostic {
        match parse_lock(self.on_disk.as_deref().unwrap_or_default()) {
            Err(reason) => damaged(world, path, &reason),
            Ok(_) => about(world, Code::MC0706, path, format!("`{path}` contains git's conflict markers")).help(
                "resolve the conflicts in mesh.toml, then run `mesh-compile render`: it uses the entries of both sides",
            ),
        }
    }

    /// Adds the sizes and digests of both versions, and the first line that differs.
    fn compared(&self, world: &dyn World, error: Diagnostic, tree: &Tree, path: &Utf8Path) -> Diagnostic {
        let (Some(on_disk), Some(file)) = (&self.on_disk, self.rendered.and_then(|index| tree.files.get(index))) else {
            return error;
        };
        let versions = [("on disk ", on_disk.as_slice()), ("rendered", &file.bytes)];
        let error = versions.into_iter().fold(error, |error, (version, bytes)| {
            error.note(format!("{version}: {} B, SHA-256 {}", bytes.len(), Digest::of(bytes)))
        });
        let texts = (std::str::from_utf8(on_disk), std::str::from_utf8(&file.bytes));
        let (Ok(old), Ok(new)) = texts else { return error };
        if old.replace("\r\n", "\n") == new {
            return error
                .note("only the line endings differ: git converted them to CRLF on checkout")
                .help("add `out/** text eol=lf` to .gitattributes");
        }
        let Some((line, rendered)) = first_difference(old, new) else { return error };
        let location = Location::new(world.sources().add(path, old), line);
        let label =
            rendered.map_or("the rendered file ends before this line".to_owned(), |line| format!("rendered: `{line}`"));
        error.at_label(location, label)
    }
}

/// The range of the first line of `old` that differs, and the line in `new`, if there is one. `None` if a line or a file is too
/// long to show.
fn first_difference<'a>(old: &str, new: &'a str) -> Option<(std::ops::Range<usize>, Option<&'a str>)> {
    if old.len().max(new.len()) > LONGEST_FILE {
        return None;
    }
    let mut start = 0;
    let (mut old_lines, mut new_lines) = (old.split_inclusive('\n'), new.split_inclusive('\n'));
    loop {
        let (old_line, new_line) = (old_lines.next(), new_lines.next());
        if let (Some(old_line), Some(new_line)) = (old_line, new_line)
            && old_line == new_line
        {
            start += old_line.len();
            continue;
        }
        let (old_line, new_line) = (old_line.unwrap_or_default().trim_end(), new_line.map(str::trim));
        if old_line.len() > LONGEST_LINE || new_line.is_some_and(|line| line.len() > LONGEST_LINE) {
            return None;
        }
        let indent = old_line.len() - old_line.trim_start().len();
        return Some((start + indent..start + old_line.len(), new_line));
    }
}
