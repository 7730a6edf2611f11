//! `mesh-compile init`

use std::io;

use camino::{Utf8Path, Utf8PathBuf};
use clap::Args;
use mesh_compile::diag::{Code, Diagnostic, Location, Severity, Sink};
use mesh_compile::world::World;
use mesh_compile::world::write::create;

use super::Outcome;
use super::report::Reporter;

/// Create a project with a filter, CI and a pre-commit hook
///
/// Never overwrites a file. Fails if the directory already contains a mesh.toml, and keeps other existing files.
#[derive(Debug, Args)]
pub(super) struct Init {
    /// Directory of the project, created if it does not exist
    #[arg(default_value = ".")]
    dir: Utf8PathBuf,
}

/// A file of a new project.
struct Template {
    path: &'static str,
    bytes: &'static [u8],
    executable: bool,
}

macro_rules! templates {
    ($($path:literal from $source:literal $($executable:ident)?;)*) => {
        &[$(Template { path: $path, bytes: include_bytes!($source), executable: templates!(@ $($executable)?) }),*]
    };
    (@ executable) => { true };
    (@) => { false };
}

const TEMPLATES: &[Template] = templates! {
    "mesh.toml" from "init/mesh.toml";
    "mesh.schema.json" from "../../schema/mesh.schema.json";
    ".gitattributes" from "init/gitattributes";
    ".gitignore" from "init/gitignore";
    ".githooks/pre-commit" from "init/pre-commit" executable;
    ".github/workflows/mesh-compile.yaml" from "init/workflow.yaml";
    "filter/Cargo.toml" from "init/filter/Cargo.toml.in";
    "filter/Cargo.lock" from "init/filter/Cargo.lock";
    "filter/README.md" from "init/filter/README.md";
    "filter/src/lib.rs" from "init/filter/src/lib.rs";
    "filter/src/config.rs" from "init/filter/src/config.rs";
    "filter/src/edit.rs" from "init/filter/src/edit.rs";
    "filter/src/json.rs" from "init/filter/src/json.rs";
    "filter/src/name.rs" from "init/filter/src/name.rs";
    "filter/src/plugin.rs" from "init/filter/src/plugin.rs";
    "filter/example-filter.wasm" from "init/filter/example-filter.wasm";
};

impl Init {
    pub(super) fn run(&self, world: &dyn World, reporter: &Reporter<'_>) -> Outcome {
        let mut sink = Sink::new();
        let spec = self.dir.join("mesh.toml");
        if world.link_kind(&spec).is_some() {
            let message = format!("`{spec}` already exists");
            sink.push(
                diagnostic(world, Severity::Error, &spec, message).help("delete it, or choose another directory"),
            );
            return reporter.diagnostics(sink);
        }
        for template in TEMPLATES {
            let path = self.dir.join(template.path);
            match create(&path, template.bytes, template.executable) {
                Ok(()) => reporter.verbose(&format!("create {path}")),
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
                    sink.push(diagnostic(
                        world,
                        Severity::Warning,
                        &path,
                        format!("`{path}` already exists and was kept"),
                    ));
                }
                Err(error) => {
                    sink.push(diagnostic(world, Severity::Error, &path, format!("cannot create `{path}`: {error}")));
                    break;
                }
            }
        }
        let outcome = reporter.diagnostics(sink);
        if outcome == Outcome::Success {
            if world.kind(&self.dir.join(".git")).is_none() && self.inside_repository(world) {
                reporter.info("this directory is not the root of the git repository: move .github and .githooks to the root, and pass `-f DIR/mesh.toml` to the commands in them");
            }
            let spec = spec.strip_prefix(".").unwrap_or(&spec);
            let cd = if self.dir == "." { String::new() } else { format!("cd '{}' && ", self.dir) };
            reporter.info(&format!("created {spec}: run `{cd}mesh-compile render`, then commit out/"));
            reporter.info("run `git config core.hooksPath .githooks` to check out/ before each commit");
        }
        outcome
    }
}

impl Init {
    /// Whether a parent directory is the root of a git repository.
    fn inside_repository(&self, world: &dyn World) -> bool {
        let dir = world.canonical(&self.dir).unwrap_or_default();
        dir.ancestors().skip(1).any(|parent| world.kind(&parent.join(".git")).is_some())
    }
}

fn diagnostic(world: &dyn World, severity: Severity, path: &Utf8Path, message: String) -> Diagnostic {
    let location = Location::whole(world.sources().id(path));
    let diagnostic = match severity {
        Severity::Error => Diagnostic::error(Code::MC0708, message),
        Severity::Warning => Diagnostic::warning(Code::MC0708, message),
    };
    diagnostic.at(location)
}
