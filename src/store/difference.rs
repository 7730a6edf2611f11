//! A difference as a finding: the file, and the first line that is not as rendered.

use camino::Utf8Path;

use super::{Difference, State, about, damaged, parse};
use crate::diag::{Code, Diagnostic, Location};
use crate::domain::Digest;
use crate::layout::LOCK;
use crate::layout::Tree;
use crate::world::World;

/// Longer files and lines are not shown: of a ConfigMap, size and digest say more than its base64.
const SHOWN_FILE: usize = 65_536;
const SHOWN_LINE: usize = 200;

impl Difference {
    /// The finding that `check` reports. `spec` is the mesh.toml, as it is shown to the user.
    #[must_use]
    pub fn finding(&self, world: &dyn World, tree: &Tree, spec: &Utf8Path) -> Diagnostic {
        let path = tree.dir.join(&self.path);
        let render = "run `mesh-compile render` and commit the result";
        let finding = match self.state {
            State::Missing => about(world, Code::MC0702, &path, format!("`{path}` is missing")).help(render),
            State::Outdated => about(
                world,
                Code::MC0701,
                &path,
                format!("`{path}` is out of date: {spec} or what it names has changed since"),
            )
            .help(render),
            State::Tampered if self.path == LOCK => {
                let reason = parse(self.on_disk.as_deref().unwrap_or_default()).err();
                match reason {
                    Some(reason) => damaged(world, &path, &reason),
                    None => about(world, Code::MC0706, &path, format!("git could not merge `{path}`"))
                        .help("settle the conflicts in mesh.toml, then run `mesh-compile render`: it takes the files of both sides"),
                }
            }
            State::Tampered => {
                about(world, Code::MC0704, &path, format!("`{path}` was changed by hand since it was rendered"))
                    .help(format!("make the change in {spec}, then render again: a render overwrites it"))
            }
            State::Stale => about(world, Code::MC0703, &path, format!("`{path}` is no longer rendered")).help(render),
            State::StaleTampered => about(
                world,
                Code::MC0704,
                &path,
                format!("`{path}` is no longer rendered, and was changed by hand since it was"),
            )
            .help("a render does not delete it: move or delete it yourself"),
            State::Leftover => {
                about(world, Code::MC0703, &path, format!("`{path}` was left behind by a render that was stopped"))
                    .help("run `mesh-compile render`: it removes it")
            }
            State::Extra => about(world, Code::MC0703, &path, format!("`{path}` was not rendered by mesh-compile"))
                .help("move it out of the folder, where only what mesh.toml renders to should be"),
            State::InTheWay => about(
                world,
                Code::MC0705,
                &path,
                format!("`{path}` stands where a file is to be rendered, and is not one that mesh-compile wrote"),
            )
            .help("a render does not overwrite it: move or delete it, then render again"),
        };
        self.compared(world, finding, tree, &path)
    }

    /// Adds what is there and what is to be there.
    fn compared(&self, world: &dyn World, finding: Diagnostic, tree: &Tree, path: &Utf8Path) -> Diagnostic {
        let (Some(on_disk), Some(file)) = (&self.on_disk, self.rendered.and_then(|index| tree.files.get(index))) else {
            return finding;
        };
        let sizes = [("on disk ", on_disk.as_slice()), ("rendered", &file.bytes)];
        let finding = sizes.into_iter().fold(finding, |finding, (what, bytes)| {
            finding.note(format!("{what}: {} B, SHA-256 {}", bytes.len(), Digest::of(bytes)))
        });
        let texts = (std::str::from_utf8(on_disk), std::str::from_utf8(&file.bytes));
        let (Ok(old), Ok(new)) = texts else { return finding };
        if old.replace("\r\n", "\n") == new {
            return finding
                .note("they differ in their line ends alone: git wrote CRLF on checking out")
                .help("put `out/** text eol=lf` into .gitattributes");
        }
        if old.len().max(new.len()) > SHOWN_FILE {
            return finding;
        }
        let mut start = 0;
        let (mut old_lines, mut new_lines) = (old.split_inclusive('\n'), new.split_inclusive('\n'));
        loop {
            let (is, should) = (old_lines.next(), new_lines.next());
            match (is, should) {
                (Some(is), Some(should)) if is == should => start += is.len(),
                _ => {
                    let (is, should) = (is.unwrap_or_default().trim_end(), should.map(str::trim));
                    if is.len() > SHOWN_LINE || should.is_some_and(|should| should.len() > SHOWN_LINE) {
                        return finding;
                    }
                    let indent = is.len() - is.trim_start().len();
                    let location = Location::new(world.sources().add(path, old), start + indent..start + is.len());
                    let label =
                        should.map_or("nothing more is rendered".to_owned(), |line| format!("rendered: `{line}`"));
                    return finding.at_label(location, label);
                }
            }
        }
    }
}
