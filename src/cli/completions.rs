//! `mesh-compile completions`

use clap::{Args, CommandFactory as _};
use clap_complete::Shell;

use super::report::stdout;
use super::{Cli, Outcome};

/// Print a shell completion script
#[derive(Debug, Args)]
pub(super) struct Completions {
    /// Shell to complete for
    shell: Shell,
}

impl Completions {
    pub(super) fn run(&self) -> Outcome {
        let mut script = Vec::new();
        clap_complete::generate(self.shell, &mut Cli::command(), "mesh-compile", &mut script);
        stdout(&script)
    }
}
