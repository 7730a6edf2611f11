//! The output directory.

use camino::{Utf8Component, Utf8Path, Utf8PathBuf};

use crate::diag::{Code, Diagnostic, Sink};
use crate::domain::path::normal;
use crate::spec::Spec;

/// `output.dir`, normalized. The directory must hold nothing else: files that were not rendered are drift.
pub(crate) fn out_dir(spec: &Spec, sink: &mut Sink) -> Utf8PathBuf {
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
