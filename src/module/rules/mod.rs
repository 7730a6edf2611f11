//! What Envoy would refuse a module for, and what would misbehave. One rule a file; [`RULES`] lists them.

mod abi_marker;
mod bytecode;
mod callbacks;
mod corrupt;
mod crash;
mod export_type;
pub(crate) mod host_age;
mod import_type;
mod instance;
mod malloc;
mod memory;
mod missing_import;
mod precompiled;

use super::abi::{Abi, EnvoyMinor};
use super::report::Report;
use crate::diag::{Code, Diagnostic, Severity};
use crate::domain::FilterType;

/// What a module is held against.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Setting {
    /// The oldest Envoy that is to load it.
    pub(crate) envoy: EnvoyMinor,
    /// What it is used as, where that is known.
    pub(crate) filter_type: Option<FilterType>,
    /// Whether Envoy may run its precompiled section.
    pub(crate) allow_precompiled: bool,
}

/// What is wrong with a module.
#[derive(Debug, Clone)]
pub(crate) struct Finding {
    pub(crate) code: Code,
    /// An error is what Envoy refuses; a warning is what misbehaves.
    pub(crate) severity: Severity,
    pub(crate) message: String,
    /// What Envoy says.
    pub(crate) envoy: Option<String>,
    pub(crate) notes: Vec<String>,
    pub(crate) help: Option<String>,
    /// Where in loading Envoy comes upon it: the stage, and the number of the import or callback.
    order: (Stage, usize),
}

/// The steps in which Envoy loads a module (proxy-wasm-cpp-host, src/wasm.cc and src/v8/v8.cc).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Stage {
    AbiScan,
    NameScan,
    Compile,
    Link,
    Instantiate,
    Exports,
    /// Once it runs.
    Run,
}

impl Finding {
    fn error(code: Code, stage: Stage, message: impl Into<String>, envoy: impl Into<String>) -> Self {
        let envoy = Some(envoy.into());
        let message = message.into();
        Self { code, severity: Severity::Error, message, envoy, notes: Vec::new(), help: None, order: (stage, 0) }
    }

    /// What is wrong with the header; the message goes on from the file's name.
    pub(super) fn header(code: Code, message: &str, envoy: &str) -> Self {
        Self::error(code, Stage::AbiScan, message, envoy)
    }

    fn warning(code: Code, message: impl Into<String>) -> Self {
        let (message, order) = (message.into(), (Stage::Run, 0));
        Self { code, severity: Severity::Warning, message, envoy: None, notes: Vec::new(), help: None, order }
    }

    fn number(mut self, number: usize) -> Self {
        self.order.1 = number;
        self
    }

    fn note(mut self, note: impl Into<String>) -> Self {
        self.notes.push(note.into());
        self
    }

    pub(super) fn help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }
}

impl Finding {
    /// The finding about the module at `path`, not yet at a place.
    pub(crate) fn diagnostic(&self, path: &str) -> Diagnostic {
        let message = match self.code {
            Code::MC0301 | Code::MC0302 => format!("`{path}` {}", self.message),
            _ => format!("`{path}`: {}", self.message),
        };
        let finding = match self.severity {
            Severity::Error => Diagnostic::error(self.code, message),
            Severity::Warning => Diagnostic::warning(self.code, message),
        };
        let finding = self.envoy.iter().fold(finding, |finding, says| finding.note(format!("Envoy says: {says}")));
        let finding = self.notes.iter().fold(finding, Diagnostic::note);
        self.help.iter().fold(finding, Diagnostic::help)
    }
}

type Rule = fn(&Report, &Setting, &mut Vec<Finding>);

/// What Envoy itself reads, before V8 does. Whatever the others found in a torn module would follow from that.
const READING: &[Rule] = &[corrupt::check, abi_marker::check];

/// All other rules, in the order in which Envoy would come upon what they look for.
const RULES: &[Rule] = &[
    bytecode::check,
    crash::check,
    missing_import::check,
    import_type::check,
    instance::check,
    memory::check,
    export_type::check,
    malloc::check,
    host_age::check,
    callbacks::check,
    precompiled::check,
];

/// All findings, in the order in which Envoy would come upon them.
pub(crate) fn check(report: &Report, setting: &Setting) -> Vec<Finding> {
    let mut found = Vec::new();
    let rules = if report.torn() { &[] } else { RULES };
    for rule in READING.iter().chain(rules) {
        rule(report, setting, &mut found);
    }
    found.sort_by_key(|finding| finding.order);
    found
}

/// The ABI that the host takes the module for, where it gets as far as that.
fn abi(report: &Report) -> Option<Abi> {
    report.abi.ok().flatten()
}
