//! `mesh-compile completions`

use clap::{Args, CommandFactory as _};
use clap_complete::Shell;

use super::report::stdout;
use super::{Cli, Outcome};

/// Writes a shell's completion script to standard output
#[derive(Debug, Args)]
pub(super) struct Completions {
    /// The shell
    shell: Shell,
}

impl Completions {
    pub(super) fn run(&self) -> Outcome {
        let mut script = Vec::new();
        clap_complete::generate(self.shell, &mut Cli::command(), "mesh-compile", &mut script);
        stdout(&script)
    }
}
