//! `mesh-compile explain`

use clap::Args;
use mesh_compile::diag::{Code, Diagnostic, Sink};

use super::Outcome;
use super::report::{Reporter, stdout};

/// Shows the page of a finding's code: cause, consequence, fix
#[derive(Debug, Args)]
pub(super) struct Explain {
    /// The code, as MC0102 [default: list them all]
    code: Option<String>,
}

impl Explain {
    pub(super) fn run(&self, reporter: &Reporter<'_>) -> Outcome {
        let Some(id) = &self.code else {
            let list: String = Code::ALL.iter().map(|code| format!("{code}  {}\n", code.title())).collect();
            return stdout(list.as_bytes());
        };
        if let Some(code) = Code::find(id) {
            return stdout(code.page().as_bytes());
        }
        let mut sink = Sink::new();
        let finding = Diagnostic::error(Code::MC0708, format!("there is no code `{id}`"));
        sink.push(finding.help("`mesh-compile explain` lists them all"));
        reporter.findings(sink)
    }
}
