//! The output directory, and what its kustomization.yaml builds on.

use camino::{Utf8Component, Utf8Path, Utf8PathBuf};

use super::mesh::Layout;
use crate::diag::{Code, Diagnostic, Sink};
use crate::spec::Spec;
use crate::spec::types::Layout as WrittenLayout;
use crate::world::{FileKind, World};

/// `output.dir`, normalized. The directory must hold nothing else: files that were not rendered are drift.
pub(super) fn out_dir(spec: &Spec, sink: &mut Sink) -> Utf8PathBuf {
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

pub(super) fn layout(world: &dyn World, spec: &Spec, out: &Utf8Path, sink: &mut Sink) -> Layout {
    let base = base(world, spec, out, sink);
    let written = spec.output.layout.as_ref();
    match (written.map(|layout| **layout), base) {
        (Some(WrittenLayout::Component), _) => Layout::Component,
        (_, Base::At(path)) => Layout::Overlay { base: path },
        (Some(WrittenLayout::Overlay), Base::None) => {
            let diagnostic = Diagnostic::error(Code::MC0214, "the overlay layout requires a base")
                .help("set `mesh.base` to the directory of the workloads' manifests, or use `layout = \"component\"`");
            sink.push(written.into_iter().fold(diagnostic, |it, layout| it.at(layout.location())));
            Layout::Component
        }
        (_, Base::None | Base::Rejected) => Layout::Component,
    }
}

enum Base {
    None,
    /// Reported, or not readable.
    Rejected,
    /// Relative to `out/`.
    At(Utf8PathBuf),
}

/// The file names by which kustomize recognizes a directory.
const KUSTOMIZATION: [&str; 3] = ["kustomization.yaml", "kustomization.yml", "Kustomization"];

fn base(world: &dyn World, spec: &Spec, out: &Utf8Path, sink: &mut Sink) -> Base {
    let Some(written) = &spec.mesh.base else {
        return if spec.unread.mesh { Base::Rejected } else { Base::None };
    };
    if spec.unread.output {
        return Base::Rejected;
    }
    let mut reject = |code, reason: &str, help: &str| {
        let message = format!("`{}` cannot be the base: {reason}", written.as_str());
        sink.push(Diagnostic::error(code, message).at(written.location()).help(help));
        Base::Rejected
    };
    let Some(base) = normal(Utf8Path::new(written.as_str())) else {
        return reject(
            Code::MC0117,
            "it must be relative to mesh.toml's directory",
            "an absolute path does not exist on other machines",
        );
    };
    if base.starts_with(out) {
        return reject(
            Code::MC0117,
            "it is inside the output directory",
            "move it out: rendering removes or overwrites the files in the output directory",
        );
    }
    if out.starts_with(&base) {
        return reject(
            Code::MC0117,
            "the output directory is inside it",
            "move one of the two: kustomize rejects a base that contains the kustomization built on it",
        );
    }
    let Some(relative) = relative(out, &base) else {
        return reject(
            Code::MC0117,
            "no relative path leads to it from the output directory",
            "move `output.dir` below mesh.toml's directory, or use `layout = \"component\"`",
        );
    };
    let dir = spec.dir().join(&base);
    if world.kind(&dir) != Some(FileKind::Directory) {
        return reject(Code::MC0501, "the directory does not exist", "the path is relative to mesh.toml's directory");
    }
    if !KUSTOMIZATION.iter().any(|name| world.kind(&dir.join(name)) == Some(FileKind::File)) {
        let help = "run `kustomize create --autodetect` in that directory to create one";
        return reject(Code::MC0501, "it has no kustomization.yaml", help);
    }
    Base::At(relative)
}

/// The path without `.` and inner `..`. `None` for a path that is not relative.
fn normal(path: &Utf8Path) -> Option<Utf8PathBuf> {
    let mut normal = Utf8PathBuf::new();
    for part in path.components() {
        match part {
            Utf8Component::CurDir => {}
            Utf8Component::ParentDir if normal.file_name().is_some() => {
                normal.pop();
            }
            Utf8Component::ParentDir | Utf8Component::Normal(_) => normal.push(part),
            Utf8Component::RootDir | Utf8Component::Prefix(_) => return None,
        }
    }
    Some(normal)
}

/// The relative path between two normal paths, with `/` between its parts.
fn relative(from: &Utf8Path, to: &Utf8Path) -> Option<Utf8PathBuf> {
    let (from, to): (Vec<_>, Vec<_>) = (from.components().collect(), to.components().collect());
    let shared = from.iter().zip(&to).take_while(|(a, b)| a == b).count();
    if from[shared..].contains(&Utf8Component::ParentDir) {
        return None;
    }
    let up = std::iter::repeat_n("..", from.len() - shared);
    let parts: Vec<&str> = up.chain(to[shared..].iter().map(Utf8Component::as_str)).collect();
    Some(parts.join("/").into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_base_is_relative_to_the_output_directory() {
        let path = |from: &str, to: &str| {
            let (from, to) = (normal(from.into())?, normal(to.into())?);
            relative(&from, &to).map(Utf8PathBuf::into_string)
        };
        assert_eq!(path("out", "examples/bookinfo").as_deref(), Some("../examples/bookinfo"));
        assert_eq!(path("deploy/out", "./deploy/base/").as_deref(), Some("../base"));
        assert_eq!(path("out", "../base").as_deref(), Some("../../base"));
        assert_eq!(path("../out", "base"), None);
        assert_eq!(path("../out", "../base").as_deref(), Some("../base"));
        assert_eq!(path("out", "/base"), None);
    }
}
