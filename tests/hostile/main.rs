//! Modules that mean harm, or are merely wrong: whatever they do, `mesh-compile verify` ends within its time and its memory with a
//! finding, or with nothing where Envoy shrugs too. The built program is run, as a user would.
//!
//! Each case is a module that does one thing. It is run by itself and in a chain with a test of traffic, under a limit on memory
//! and with a clock beside it: a process that crashes, panics or hangs fails the case.

#![allow(clippy::disallowed_methods, reason = "tests read and write files of their own")]

mod arguments;
mod guest;
mod host_calls;
mod modules;
mod nontermination;
mod resources;
mod run;

use libtest_mimic::{Arguments, Failed, Trial};

/// A module, and what is to come of it.
pub(crate) struct Case {
    pub(crate) name: String,
    pub(crate) module: Module,
    /// The codes of which one has to be among the findings. None: there is to be no error at all.
    pub(crate) codes: &'static [&'static str],
    /// Filters in the chain, all of this module.
    pub(crate) filters: usize,
    /// It is too large for a ConfigMap.
    pub(crate) alone: bool,
    /// More of the test, as TOML.
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
