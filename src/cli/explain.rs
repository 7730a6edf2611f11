//! `mesh-compile explain`

use clap::Args;
use mesh_compile::diag::{Code, Diagnostic, Sink};

use super::Outcome;
use super::report::{Reporter, stdout};

/// Explain a diagnostic: its cause, its consequence and the fix
#[derive(Debug, Args)]
pub(super) struct Explain {
    /// Code of the diagnostic, such as MC0102 [default: list all codes]
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
        let unknown = Diagnostic::error(Code::MC0708, format!("there is no code `{id}`"));
        sink.push(unknown.help("to list all codes, run `mesh-compile explain`"));
        reporter.diagnostics(sink)
    }
}
