//! The command line: one file per subcommand, and what the subcommands share.

mod check;
mod completions;
mod explain;
mod image;
mod init;
mod inspect;
mod junit;
mod progress;
mod render;
mod report;
mod schema;
mod show;
mod slim;
mod verify;

use std::process::ExitCode;

use camino::{Utf8Path, Utf8PathBuf};
use clap::{Args, Parser, Subcommand, ValueEnum};
use mesh_compile::Input;
use mesh_compile::diag::render::{Color, Format};
use mesh_compile::diag::visible;
use mesh_compile::world::{Disk, FileKind, World};
use report::{Reporter, width};

/// Compile mesh.toml into Kubernetes manifests that ship WebAssembly filters to Envoy sidecars
///
/// `render` writes the manifests to out/, which you commit for Argo CD or Flux to apply. `check` proves in CI that out/ is up to
/// date. `verify` proves that the filters load, accept their configuration and pass their tests.
///
/// Diagnostics go to standard error. Results, such as a YAML stream or a report, go to standard output.
///
/// Exit status: 0 on success; 1 if out/ is not up to date, Envoy would reject a module, or a test fails; 2 on an error.
#[derive(Debug, Parser)]
#[command(name = "mesh-compile", version, term_width = width())]
struct Cli {
    #[command(subcommand)]
    command: Command,
    #[command(flatten)]
    global: Global,
}

#[derive(Debug, Args)]
#[command(next_help_heading = "Global options")]
struct Global {
    /// Path to mesh.toml [default: the nearest one, from the current directory upward]
    #[arg(short, long, global = true, value_name = "FILE")]
    file: Option<Utf8PathBuf>,
    /// The workloads' own manifests: a directory, a file, or `-` for standard input [default: `mesh.base` in mesh.toml]
    #[arg(long, global = true, value_name = "PATH|-")]
    base: Option<Utf8PathBuf>,
    /// Environment of mesh.toml to work on; repeat the option for several [default: all that mesh.toml declares]
    #[arg(long = "env", global = true, value_name = "NAME")]
    environments: Vec<String>,
    /// Format of the diagnostics
    #[arg(long, global = true, value_enum, default_value_t = FormatArg::Text, value_name = "FORMAT")]
    format: FormatArg,
    /// When to color the diagnostics
    #[arg(long, global = true, value_enum, default_value_t = ColorArg::Auto, value_name = "WHEN")]
    color: ColorArg,
    /// Print errors only
    #[arg(short, long, global = true, conflicts_with = "verbose")]
    quiet: bool,
    /// Print every file that is written and every test that runs
    #[arg(short, long, global = true)]
    verbose: bool,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum FormatArg {
    /// Text with excerpts of the source
    Text,
    /// One JSON document
    Json,
    /// Workflow commands of GitHub Actions, shown as annotations of a pull request
    Github,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum ColorArg {
    /// Color if standard error is a terminal
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
    Show(show::Show),
    Inspect(inspect::Inspect),
    Slim(slim::Slim),
    Image(image::Image),
    Init(init::Init),
    Explain(explain::Explain),
    Schema(schema::Schema),
    Completions(completions::Completions),
}

/// The exit status of a command.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Outcome {
    /// Status 0.
    Success,
    /// Status 1: `out/` is not up to date, Envoy would reject a module, or a test fails.
    Failure,
    /// Status 2: the command could not do its work.
    Error,
}

impl From<Outcome> for ExitCode {
    fn from(outcome: Outcome) -> Self {
        match outcome {
            Outcome::Success => Self::SUCCESS,
            Outcome::Failure => Self::from(1),
            Outcome::Error => Self::from(2),
        }
    }
}

/// Parses the command line and runs the command.
pub(crate) fn main() -> ExitCode {
    match parse() {
        Ok(cli) => cli.run().into(),
        Err(outcome) => outcome.into(),
    }
}

/// The command line, or the outcome once the help or an error is printed.
fn parse() -> Result<Cli, Outcome> {
    let error = match Cli::try_parse() {
        Ok(cli) => return Ok(cli),
        Err(error) => error,
    };
    let (error, outcome) = if error.use_stderr() {
        // Clap repeats the arguments in its message, so it gets them again without hidden characters.
        let arguments = std::env::args_os().map(|argument| visible(&argument.to_string_lossy()).into_owned());
        (Cli::try_parse_from(arguments).err().unwrap_or(error), Outcome::Error)
    } else {
        (error, Outcome::Success)
    };
    // If the stream is closed, nobody can be told.
    let _ = error.print();
    Err(outcome)
}

impl Cli {
    fn run(self) -> Outcome {
        let world = &Disk::new();
        let Self { command, global } = self;
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
        let reporter = &Reporter::new(world.sources(), format, color, global.quiet, global.verbose);
        let project = &Project { file: global.file, base: global.base, environments: global.environments };
        match command {
            Command::Render(command) => command.run(world, project, reporter),
            Command::Check(command) => command.run(world, project, reporter),
            Command::Verify(command) => command.run(world, project, reporter),
            Command::Show(command) => command.run(world, project, reporter),
            Command::Inspect(command) => command.run(world, reporter),
            Command::Slim(command) => command.run(world, reporter),
            Command::Image(command) => command.run(world, project, reporter),
            Command::Init(command) => command.run(world, reporter),
            Command::Explain(command) => command.run(reporter),
            Command::Schema(command) => command.run(),
            Command::Completions(command) => command.run(),
        }
    }
}

/// What the options of the command line select.
#[derive(Debug)]
struct Project {
    file: Option<Utf8PathBuf>,
    base: Option<Utf8PathBuf>,
    environments: Vec<String>,
}

impl Project {
    /// What to compile, with the mesh.toml at `file`.
    fn input<'a>(&'a self, file: &'a Utf8Path) -> Input<'a> {
        Input { file, environments: &self.environments, base: self.base.as_deref() }
    }

    /// The mesh.toml to work on: the named one, or the nearest one from the current directory upward.
    fn file(&self, world: &dyn World) -> Utf8PathBuf {
        const NAME: &str = "mesh.toml";
        if let Some(named) = &self.file {
            // A directory stands for the mesh.toml in it.
            return if world.kind(named) == Some(FileKind::Directory) { named.join(NAME) } else { named.clone() };
        }
        let depth = world.canonical(".".into()).map_or(1, |dir| dir.ancestors().count());
        let upward = std::iter::successors(Some(Utf8PathBuf::new()), |dir| Some(dir.join("..")));
        let mut candidates = upward.map(|dir| dir.join(NAME)).take(depth);
        candidates.find(|file| world.kind(file) == Some(FileKind::File)).unwrap_or_else(|| NAME.into())
    }
}
