//! The command line: one file a subcommand, and what they share.

mod check;
mod completions;
mod explain;
mod init;
mod inspect;
mod junit;
mod progress;
mod render;
mod report;
mod schema;
mod slim;
mod verify;

use std::process::ExitCode;

use camino::Utf8PathBuf;
use clap::{Args, Parser, Subcommand, ValueEnum};
use mesh_compile::diag::render::{Color, Format};
use mesh_compile::world::{Disk, FileKind, World};
use report::Reporter;

/// Compiles mesh.toml into the manifests that ship WebAssembly filters to Envoy sidecars with GitOps.
///
/// `render` writes them to out/, which is committed for Argo CD or Flux to apply; `check` proves in CI that out/ is what
/// mesh.toml says; `verify` proves that the filters load, take their configuration and do what their tests say. Findings go to
/// standard error, products to standard output.
///
/// Exit codes: 0 fine, 1 drift, a module that Envoy would refuse or a failed test, 2 error.
#[derive(Debug, Parser)]
#[command(name = "mesh-compile", version, max_term_width = 100)]
pub(crate) struct Cli {
    #[command(subcommand)]
    command: Command,
    #[command(flatten)]
    global: Global,
}

#[derive(Debug, Args)]
struct Global {
    /// The mesh.toml [default: the nearest one from this folder upward]
    #[arg(short, long, global = true, value_name = "FILE")]
    file: Option<Utf8PathBuf>,
    /// How findings are written
    #[arg(long, global = true, value_enum, default_value_t = FormatArg::Text, value_name = "FORMAT")]
    format: FormatArg,
    /// When findings have colours
    #[arg(long, global = true, value_enum, default_value_t = ColorArg::Auto, value_name = "WHEN")]
    color: ColorArg,
    /// Say nothing but errors
    #[arg(short, long, global = true, conflicts_with = "verbose")]
    quiet: bool,
    /// Say what is done to each file
    #[arg(short, long, global = true)]
    verbose: bool,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum FormatArg {
    /// As a compiler writes them
    Text,
    /// One JSON document
    Json,
    /// GitHub's workflow commands, which annotate a pull request
    Github,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum ColorArg {
    /// On a terminal
    Auto,
    /// Always
    Always,
    /// Never
    Never,
}

#[derive(Debug, Subcommand)]
enum Command {
    Render(render::Render),
    Check(check::Check),
    Verify(verify::Verify),
    Inspect(inspect::Inspect),
    Slim(slim::Slim),
    Init(init::Init),
    Explain(explain::Explain),
    Schema(schema::Schema),
    Completions(completions::Completions),
}

/// How a command ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Outcome {
    /// All is well.
    Fine,
    /// `out/` is not what mesh.toml says, or a filter is not what it should be.
    Drift,
    /// It could not be done.
    Failed,
}

impl From<Outcome> for ExitCode {
    fn from(outcome: Outcome) -> Self {
        match outcome {
            Outcome::Fine => Self::SUCCESS,
            Outcome::Drift => Self::from(1),
            Outcome::Failed => Self::from(2),
        }
    }
}

/// Parses the command line and runs the command. A wrong command line ends in 2, as clap has it.
pub(crate) fn main() -> ExitCode {
    let Cli { command, global } = Cli::parse();
    let format = match global.format {
        FormatArg::Text => Format::Text,
        FormatArg::Json => Format::Json,
        FormatArg::Github => Format::Github,
    };
    let choice = match global.color {
        ColorArg::Auto => anstream::AutoStream::choice(&std::io::stderr()),
        ColorArg::Always => anstream::ColorChoice::Always,
        ColorArg::Never => anstream::ColorChoice::Never,
    };
    let color = if choice == anstream::ColorChoice::Never { Color::Plain } else { Color::Styled };
    let world = Disk::new();
    let reporter = Reporter::new(world.sources(), format, color, global.quiet, global.verbose);
    let file = global.file;
    match command {
        Command::Render(command) => command.run(&world, file, &reporter),
        Command::Check(command) => command.run(&world, file, &reporter),
        Command::Verify(command) => command.run(&world, file, &reporter),
        Command::Inspect(command) => command.run(&world, &reporter),
        Command::Slim(command) => command.run(&world, &reporter),
        Command::Init(command) => command.run(&world, &reporter),
        Command::Explain(command) => command.run(&reporter),
        Command::Schema(command) => command.run(),
        Command::Completions(command) => command.run(),
    }
    .into()
}

/// The mesh.toml to work on: the one that was named, else the nearest from this folder upward.
fn spec_file(world: &dyn World, named: Option<Utf8PathBuf>) -> Utf8PathBuf {
    const NAME: &str = "mesh.toml";
    if let Some(named) = named {
        // A folder stands for the mesh.toml in it.
        return if world.kind(&named) == Some(FileKind::Directory) { named.join(NAME) } else { named };
    }
    let depth = world.canonical(".".into()).map_or(1, |folder| folder.ancestors().count());
    let upward = std::iter::successors(Some(Utf8PathBuf::new()), |folder| Some(folder.join("..")));
    let mut candidates = upward.map(|folder| folder.join(NAME)).take(depth);
    candidates.find(|file| world.kind(file) == Some(FileKind::File)).unwrap_or_else(|| NAME.into())
}
