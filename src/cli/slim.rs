//! `mesh-compile slim`

use camino::Utf8PathBuf;
use clap::Args;
use mesh_compile::diag::{Code, Diagnostic, Location, Sink};
use mesh_compile::inspect::grouped;
use mesh_compile::world::write::write;
use mesh_compile::world::{Usage, World};
use mesh_compile::{NotSlim, Slim as Which};

use super::Outcome;
use super::report::{Reporter, cannot_write};

/// Remove the debug sections from a module
///
/// Removes `name`, `.debug_*`, `reloc.*`, `linking`, `sourceMappingURL` and `external_debug_info`. Keeps `producers` and the
/// dependency list of cargo-auditable. Rejects a signed module. `slim = true` in mesh.toml does the same at render time.
#[derive(Debug, Args)]
pub(super) struct Slim {
    /// Module to read
    file: Utf8PathBuf,
    /// File to write, which can be the module itself
    #[arg(short, long, value_name = "FILE")]
    output: Utf8PathBuf,
    /// Remove all other custom sections too
    #[arg(long)]
    all: bool,
}

impl Slim {
    pub(super) fn run(&self, world: &dyn World, reporter: &Reporter<'_>) -> Outcome {
        let mut sink = Sink::new();
        match self.slim(world) {
            Ok((before, after)) => {
                let removed = match before.saturating_sub(after) {
                    0 => "nothing to remove".to_owned(),
                    removed => format!("{} B removed", grouped(removed)),
                };
                reporter.info(&format!("{}: {} B, {removed}", self.output, grouped(after)));
            }
            Err(diagnostic) => sink.push(*diagnostic),
        }
        reporter.diagnostics(sink)
    }

    /// Writes the result and returns the sizes before and after.
    fn slim(&self, world: &dyn World) -> Result<(usize, usize), Box<Diagnostic>> {
        let file = &self.file;
        let at = |diagnostic: Diagnostic| Box::new(diagnostic.at(Location::whole(world.sources().id(file))));
        let bytes = world.read_argument(file, Usage::Module).map_err(|error| {
            at(Diagnostic::error(Code::MC0115, format!("cannot read the module `{file}`: {error}")))
        })?;
        mesh_compile::inspect::check_header(file, &bytes).map_err(|diagnostic| at(*diagnostic))?;
        let which = if self.all { Which::All } else { Which::Debug };
        let slim = mesh_compile::slim(&bytes, which).map_err(|error| {
            at(match error {
                NotSlim::Signed => Diagnostic::error(Code::MC0118, format!("`{file}` cannot be slimmed: it is signed"))
                    .note("the signature covers every section")
                    .help("slim the module before signing it"),
                NotSlim::Corrupt => Diagnostic::error(
                    Code::MC0303,
                    format!("`{file}` cannot be slimmed: its sections cannot be parsed"),
                )
                .help("the file is truncated or damaged: build or download it again"),
            })
        })?;
        mesh_compile::inspect::validate(&slim).map_err(|reason| {
            at(Diagnostic::error(Code::MC0305, format!("`{file}` is not valid WebAssembly: {reason}")))
        })?;
        write(&self.output, &slim).map_err(|error| cannot_write(world, &self.output, &error))?;
        Ok((bytes.len(), slim.len()))
    }
}
