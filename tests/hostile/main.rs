//! Malicious and broken modules. `mesh-compile verify` must terminate within its limits of time and memory, and report a
//! diagnostic, or none if Envoy tolerates what the module does.
//!
//! Each case is one module. The built program runs it alone and in a chain with a test of traffic, with limited memory and
//! limited time. A process that crashes, panics or does not terminate fails the case.

#![allow(clippy::disallowed_methods, reason = "tests read and write files of their own")]

mod arguments;
mod guest;
mod host_calls;
mod modules;
mod nontermination;
mod resources;
mod run;

use libtest_mimic::{Arguments, Failed, Trial};

/// A module and its expected diagnostics.
pub(crate) struct Case {
    pub(crate) name: String,
    pub(crate) module: Module,
    /// At least one of these codes is reported. If empty, verify succeeds.
    pub(crate) codes: &'static [&'static str],
    /// The number of filters in the chain. All use this module.
    pub(crate) filters: usize,
    /// Runs the module alone, because it is too large for a ConfigMap.
    pub(crate) alone: bool,
    /// More keys of the test, as TOML.
    pub(crate) test: &'static str,
}

pub(crate) enum Module {
    Text(String),
    Bytes(Vec<u8>),
}

impl Case {
    pub(crate) fn new(name: impl Into<String>, text: String, codes: &'static [&'static str]) -> Self {
        Self { name: name.into(), module: Module::Text(text), codes, filters: 1, alone: false, test: "" }
    }

    pub(crate) fn of_bytes(name: &str, bytes: Vec<u8>, codes: &'static [&'static str]) -> Self {
        Self { name: name.into(), module: Module::Bytes(bytes), codes, filters: 1, alone: false, test: "" }
    }

    pub(crate) fn with_test(mut self, test: &'static str) -> Self {
        self.test = test;
        self
    }

    pub(crate) fn alone(mut self) -> Self {
        self.alone = true;
        self
    }

    pub(crate) fn in_chain_of(mut self, filters: usize) -> Self {
        self.filters = filters;
        self
    }
}

fn main() -> Result<(), Failed> {
    let cases =
        [nontermination::cases(), host_calls::cases(), resources::cases(), arguments::cases(), modules::cases()];
    let trials = cases.into_iter().flatten().map(|case| Trial::test(case.name.clone(), move || run::run(&case)));
    libtest_mimic::run(&Arguments::from_args(), trials.collect()).exit()
}
