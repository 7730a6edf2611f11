//! `mesh-compile slim`

use camino::Utf8PathBuf;
use clap::Args;
use mesh_compile::diag::{Code, Diagnostic, Location, Sink};
use mesh_compile::inspect::grouped;
use mesh_compile::world::write::write;
use mesh_compile::world::{Usage, World};
use mesh_compile::{NotSlim, Slim as Which};

use super::Outcome;
use super::report::Reporter;

/// Writes a module without its debug sections
///
/// Drops `name`, `.debug_*`, `reloc.*`, `linking`, `sourceMappingURL` and `external_debug_info`; what it was built with stays, and so
/// does cargo-auditable's list. A signed module is refused. `slim = true` for a filter does the same when it is rendered.
#[derive(Debug, Args)]
pub(super) struct Slim {
    /// The module
    file: Utf8PathBuf,
    /// Where the result goes
    #[arg(short, long, value_name = "FILE")]
    output: Utf8PathBuf,
    /// Drop all other custom sections too
    #[arg(long)]
    all: bool,
}

impl Slim {
    pub(super) fn run(&self, world: &dyn World, reporter: &Reporter<'_>) -> Outcome {
        let mut sink = Sink::new();
        match self.slimmed(world) {
            Ok((before, after)) => {
                let saved = grouped(before.saturating_sub(after));
                reporter.note(&format!("{}: {} B, {saved} B less", self.output, grouped(after)));
            }
            Err(finding) => sink.push(*finding),
        }
        reporter.findings(sink)
    }

    /// The sizes before and after.
    fn slimmed(&self, world: &dyn World) -> Result<(usize, usize), Box<Diagnostic>> {
        let file = &self.file;
        let at = |finding: Diagnostic| Box::new(finding.at(Location::whole(world.sources().id(file))));
        let bytes = world.read_argument(file, Usage::Module).map_err(|error| {
            at(Diagnostic::error(Code::MC0115, format!("cannot read the module `{file}`: {error}")))
        })?;
        mesh_compile::inspect::check_header(file, &bytes).map_err(|finding| at(*finding))?;
        let which = if self.all { Which::All } else { Which::Debug };
        let slim = mesh_compile::slim(&bytes, which).map_err(|error| {
            at(match error {
                NotSlim::Signed => Diagnostic::error(Code::MC0118, format!("`{file}` cannot be slimmed: it is signed"))
                    .note("the signature covers every section")
                    .help("slim it before it is signed"),
                NotSlim::Corrupt => Diagnostic::error(
                    Code::MC0303,
                    format!("`{file}` cannot be slimmed: its sections cannot be told apart"),
                )
                .help("the file is cut off or damaged: build or fetch it again"),
            })
        })?;
        mesh_compile::inspect::validate(&slim).map_err(|reason| {
            at(Diagnostic::error(Code::MC0305, format!("`{file}` is not valid WebAssembly: {reason}")))
        })?;
        // The output may be the input.
        write(&self.output, &slim)
            .map_err(|error| at(Diagnostic::error(Code::MC0708, format!("cannot write `{}`: {error}", self.output))))?;
        Ok((bytes.len(), slim.len()))
    }
}
