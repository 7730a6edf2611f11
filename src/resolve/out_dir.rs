//! The output directory, and what is relative to it.

use camino::{Utf8Component, Utf8Path, Utf8PathBuf};

use crate::diag::{Code, Diagnostic, Sink};
use crate::domain::path::{normal, relative};
use crate::spec::{Spanned, Spec};
use crate::world::World;

/// The output directory, normalized: `output.dir`, or that of the environment in it. It must hold nothing else: files that were not
/// rendered are drift.
pub(crate) fn out_dir(spec: &Spec, sink: &mut Sink) -> Utf8PathBuf {
    let root = root(spec, sink);
    spec.environment.as_ref().map_or(root.clone(), |name| root.join(name))
}

fn root(spec: &Spec, sink: &mut Sink) -> Utf8PathBuf {
    let default = Utf8PathBuf::from("out");
    let Some(written) = &spec.output.dir else { return default };
    let reason = match normal(Utf8Path::new(written.as_str())) {
        None => "it must be relative to mesh.toml's directory",
        Some(path) if path.components().all(|part| part == Utf8Component::ParentDir) => "it must not contain mesh.toml",
        Some(path) => return path,
    };
    sink.push(
        Diagnostic::error(Code::MC0117, format!("`{}` cannot be the output directory: {reason}", written.as_str()))
            .at(written.location())
            .help("name a directory next to mesh.toml, such as `dir = \"out\"`"),
    );
    default
}

/// The path of mesh.toml from the output directory. `None` in the directory above it, which most locks need not record.
pub(super) fn spec_from_out(world: &dyn World, spec: &Spec, out: &Utf8Path) -> Option<String> {
    let name = Utf8Path::new(spec.file_name());
    let path = relative(out, name).or_else(|| {
        // The output directory is above mesh.toml, so the path contains names of directories that lead to mesh.toml.
        let dir = if spec.dir() == "" { Utf8Path::new(".") } else { spec.dir() };
        let dir = world.canonical(dir).ok()?;
        let dir = below_root(&dir);
        relative(&normal(&dir.join(out))?, &dir.join(name))
    })?;
    (path != Utf8Path::new("..").join(name)).then(|| path.into_string())
}

/// A path of the spec, relative to the directory of mesh.toml.
pub(super) fn from_root(spec: &Spec, written: &Spanned<String>) -> Utf8PathBuf {
    let path = Utf8Path::new(written.as_str());
    let dir = spec.dir_of(written.location());
    if dir == spec.dir() {
        return path.to_owned();
    }
    let (root, file) = (normal(below_root(spec.dir())), normal(below_root(&dir.join(path))));
    root.zip(file).and_then(|(root, file)| relative(&root, &file)).unwrap_or_else(|| dir.join(path))
}

/// An absolute path as one that is relative to the root of the file system.
fn below_root(path: &Utf8Path) -> &Utf8Path {
    path.strip_prefix("/").unwrap_or(path)
}
