//! mesh.toml and the files that it includes.

mod paths;

use std::sync::Arc;

use camino::{Utf8Path, Utf8PathBuf};
use toml::de::DeTable;

use super::read;
use super::syntax::Parsed;
use super::tree::{self, Node};
use super::types::{Include, IncludeSettings, IncludedTable};
use super::{Spanned, decode_as};
use crate::diag::{Code, Diagnostic, FileId, Location, Sink, Source};
use crate::domain::glob;
use crate::world::{FileKind, World};
use paths::Failure;

/// A file and why it is read.
#[derive(Debug)]
pub(super) struct File {
    pub(super) id: FileId,
    pub(super) source: Arc<Source>,
    /// The path without symbolic links, to recognize the file.
    canonical: Utf8PathBuf,
    /// `None` for mesh.toml itself.
    pub(super) included: Option<Inclusion>,
}

/// The element of `mesh.include` that includes a file.
#[derive(Debug, Clone)]
pub(super) struct Inclusion {
    /// The index of the file that has it.
    pub(super) by: usize,
    /// The path or pattern.
    pub(super) at: Location,
    /// The tables that the file may contain, and where that is set.
    pub(super) allow: Option<(Vec<IncludedTable>, Location)>,
    /// The namespaces that the file may change, as patterns.
    pub(super) namespaces: Option<Vec<Spanned<String>>>,
}

/// Reads mesh.toml and everything that it includes, each file after the one that includes it. `None` if mesh.toml itself has no
/// text, which is reported like every other failure.
pub(super) fn read(world: &dyn World, path: &Utf8Path, sink: &mut Sink) -> Option<Vec<File>> {
    let id = read::read(world, path, sink)?;
    let canonical = world.canonical(path).unwrap_or_else(|_| path.to_owned());
    let mut files = vec![File { id, source: world.sources().get(id), canonical, included: None }];
    include(world, 0, &mut files, sink);
    Some(files)
}

/// Reports a mesh.toml that another mesh.toml, in a directory above it, includes: it is only a part of the mesh.
pub(super) fn is_part(world: &dyn World, path: &Utf8Path, sink: &mut Sink) -> bool {
    let Ok(canonical) = world.canonical(path) else { return false };
    let dir = path.parent().unwrap_or_else(|| "".into());
    let above = canonical.ancestors().skip(2).enumerate().map(|(depth, _)| depth + 1);
    for depth in above {
        let root = paths::normal(world, &dir.join("../".repeat(depth)).join("mesh.toml"));
        if world.kind(&root) != Some(FileKind::File) {
            continue;
        }
        // What is wrong with the file is reported when it is the one to compile.
        let files = read(world, &root, &mut Sink::new()).unwrap_or_default();
        let found = files.iter().find(|file| file.canonical == canonical).and_then(|file| file.included.as_ref());
        if let Some(inclusion) = found {
            let message = format!("`{path}` is only a part of the mesh: `{root}` includes it");
            let diagnostic = Diagnostic::error(Code::MC0135, message).at_label(inclusion.at, "included here");
            sink.push(diagnostic.help(format!("run the command with `-f {root}`, or in the directory of that file")));
            return true;
        }
    }
    false
}

/// Reads what the file at an index includes.
fn include(world: &dyn World, by: usize, files: &mut Vec<File>, sink: &mut Sink) {
    let (id, source) = (files[by].id, Arc::clone(&files[by].source));
    for written in written(id, &source.text) {
        let (path, settings) = match &*written {
            Include::Path(path) => (written.with(path.clone()), None),
            Include::With(settings) => (settings.path.clone(), Some(&**settings)),
        };
        let inclusion = Inclusion::new(by, &path, settings);
        match paths::expand(world, files[by].dir(), &path) {
            Ok(found) => found.iter().for_each(|one| add(world, one, &inclusion, glob::is_pattern(&path), files, sink)),
            Err(failure) => sink.push(failure.diagnostic(&path)),
        }
    }
}

/// The elements of `mesh.include` that can be read. The others are reported with everything else that has a wrong shape.
fn written(id: FileId, text: &str) -> Vec<Spanned<Include>> {
    // Most files include nothing and are parsed only once.
    if !text.contains("include") {
        return Vec::new();
    }
    let (root, _) = DeTable::parse_recoverable(text);
    let mesh = tree::entries(id, root.get_ref()).find(|(key, _)| *key == "mesh").map(|(_, mesh)| mesh);
    let items = mesh.and_then(|mesh| mesh.get("include")).map(Node::into_items);
    items.into_iter().flatten().filter_map(|item| decode_as(&item).ok()).collect()
}

/// Adds a file, and then what it includes itself.
fn add(
    world: &dyn World,
    path: &Utf8Path,
    inclusion: &Inclusion,
    is_pattern: bool,
    files: &mut Vec<File>,
    sink: &mut Sink,
) {
    let canonical = world.canonical(path).unwrap_or_else(|_| path.to_owned());
    if let Some(known) = files.iter().position(|file| file.canonical == canonical) {
        // `*.toml` also matches the file that contains the pattern.
        if !(is_pattern && known == inclusion.by) {
            sink.push(again(files, known, path, inclusion));
        }
        return;
    }
    let Some(id) = read::included(world, path, inclusion.at, sink) else { return };
    files.push(File { id, source: world.sources().get(id), canonical, included: Some(inclusion.clone()) });
    include(world, files.len() - 1, files, sink);
}

/// A file that is included again: by itself, or by another file.
fn again(files: &[File], known: usize, path: &Utf8Path, inclusion: &Inclusion) -> Diagnostic {
    let mut above = std::iter::successors(Some(inclusion.by), |&file| files[file].included.as_ref().map(|it| it.by));
    let is_cycle = above.any(|file| file == known);
    if is_cycle {
        let message = format!("`{path}` includes itself");
        let diagnostic = Diagnostic::error(Code::MC0124, message).at_label(inclusion.at, "includes it again");
        let mut chain: Vec<Location> =
            std::iter::successors(files[inclusion.by].included.as_ref(), |it| files[it.by].included.as_ref())
                .map(|it| it.at)
                .collect();
        chain.reverse();
        let chain = chain.into_iter().filter(|at| *at != inclusion.at);
        return chain.fold(diagnostic, |it, at| it.related(at, "included here")).help("remove one of these paths");
    }
    let diagnostic = Diagnostic::error(Code::MC0124, format!("`{path}` is included twice"))
        .at_label(inclusion.at, "included again here")
        .help("remove one of the two, or narrow its pattern");
    match &files[known].included {
        Some(first) => diagnostic.related(first.at, "first included here"),
        None => diagnostic,
    }
}

impl Inclusion {
    fn new(by: usize, path: &Spanned<String>, settings: Option<&IncludeSettings>) -> Self {
        let allow = settings.and_then(|it| it.allow.as_ref());
        let namespaces = settings.and_then(|it| it.namespaces.as_ref());
        Self {
            by,
            at: path.location(),
            allow: allow.map(|it| (it.to_vec(), it.key_location())),
            namespaces: namespaces.map(|it| it.to_vec()),
        }
    }
}

impl File {
    /// The directory that the paths in the file are relative to.
    pub(super) fn dir(&self) -> &Utf8Path {
        self.source.path.parent().unwrap_or_else(|| "".into())
    }
}

/// The inclusions that lead to a file, from the innermost.
pub(super) fn inclusions(files: &[File], file: usize) -> impl Iterator<Item = &Inclusion> {
    std::iter::successors(files[file].included.as_ref(), |it| files[it.by].included.as_ref())
}

/// Reports a failure at the path of an include.
impl Failure {
    fn diagnostic(self, path: &Spanned<String>) -> Diagnostic {
        let written = path.as_str();
        let diagnostic = match self {
            Self::Absolute => return super::absolute(written).at(path.location()),
            Self::NoMatch => Diagnostic::error(Code::MC0123, format!("no file matches `{written}`"))
                .note("`*`, `?`, `[…]` and `{…}` match within a name, and `**` matches any number of directories"),
            Self::Missing => Diagnostic::error(Code::MC0123, format!("the included file `{written}` does not exist")),
            Self::Near(near) => {
                let message = format!("the included file `{written}` does not exist");
                return Diagnostic::error(Code::MC0123, message)
                    .at(path.location())
                    .help(format!("did you mean `{near}`?"));
            }
            Self::Directory => Diagnostic::error(Code::MC0123, format!("`{written}` is a directory"))
                .help(format!("to include its files, write `{}/*.toml`", written.trim_end_matches('/'))),
            Self::Invalid(reason) => {
                Diagnostic::error(Code::MC0123, format!("`{written}` is not a valid pattern: {reason}"))
            }
            Self::Unreadable(dir, error) => {
                Diagnostic::error(Code::MC0123, format!("cannot list `{dir}` to find `{written}`: {error}"))
            }
        };
        diagnostic.at(path.location()).note("the path is relative to the file that holds it")
    }
}

/// Parses the text of a file.
pub(super) fn parse<'a>(file: &'a File, root: &'a DeTable<'a>) -> Parsed<'a> {
    Parsed { file: file.id, text: &file.source.text, root }
}
