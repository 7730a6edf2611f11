//! The report of a dry run, for the command line and for other programs.

pub(super) mod exchange;
mod json;
mod summary;

use mesh_compile_host::outcome::{FaultKind, PluginOutcome};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::judge::Failure;
use super::single_module::SingleModule;
use super::subject::{ChainEntry, Subject};
use crate::domain;
use crate::verify::outcome::{Outcome, TestOutcome};

/// The engine that runs the filters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Engine {
    /// The proxy-wasm host in this program.
    Embedded,
    /// A real Envoy.
    Envoy,
    /// Both engines, and a comparison of their outcomes.
    Both,
}

impl Engine {
    /// The name on the command line and in JSON.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Embedded => "embedded",
            Self::Envoy => "envoy",
            Self::Both => "both",
        }
    }

    /// The name in a sentence.
    #[must_use]
    pub const fn place(self) -> &'static str {
        match self {
            Self::Embedded => "the embedded host",
            Self::Envoy => "Envoy",
            Self::Both => "the embedded host and Envoy",
        }
    }
}

/// The report of all workloads.
#[derive(Debug)]
pub struct Report {
    /// The requested engine.
    pub engine: Engine,
    /// Sorted by engine, then in the order of the mesh.
    pub workloads: Vec<Workload>,
    /// Whether there is no error.
    pub passed: bool,
    /// Why it is assumed that every port speaks HTTP. `None` if the base says which requests the filters see.
    pub assumed: Option<&'static str>,
}

/// The report of one workload in one engine.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Workload {
    /// The environment that it is in. `None` if mesh.toml declares no environments.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub environment: Option<String>,
    /// `Deployment/default/productpage-v1`, or a module's file.
    pub name: String,
    /// Never [`Engine::Both`].
    pub engine: Engine,
    /// One per filter, in the order of the request path.
    pub runs: Vec<Run>,
    /// In the order of mesh.toml.
    pub tests: Vec<Test>,
    /// What the VMs of the filters take in a proxy with two workers, estimated.
    pub memory: Memory,
}

/// The memory of the VMs in a proxy, estimated.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Memory {
    /// The VMs of all threads.
    pub vms: usize,
    /// In bytes.
    pub bytes: usize,
}

/// Whether a filter loads, starts and accepts its configuration.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Run {
    /// The filter's name.
    pub filter: String,
    /// The module's path in the proxy.
    pub module: String,
    /// Whether the module loads. Each of the three is `None` if it was not tried, or if the result is unknown.
    pub loads: Option<bool>,
    /// Whether the VM starts.
    pub starts: Option<bool>,
    /// Whether the filter accepts its configuration.
    pub configures: Option<bool>,
    /// Why it failed.
    pub message: Option<String>,
    /// Whether it failed because the engine lacks a feature. The filter may be fine.
    pub unsupported: bool,
}

/// The result of a test.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Test {
    /// The test's name.
    pub name: String,
    /// Whether all expectations were met and no filter failed.
    pub passed: bool,
    /// Whether it was run. It is not if a filter fails before traffic.
    pub ran: bool,
    /// A sentence per failure.
    pub failures: Vec<String>,
    /// The exchange of each step, in JSON.
    pub exchanges: Vec<Value>,
}

/// The report of a workload's outcome. `failures`: per test.
pub(super) fn workload(subject: &Subject, engine: Engine, outcome: &Outcome, failures: &[Vec<Failure>]) -> Workload {
    let run = |(entry, outcome): (&ChainEntry, Option<&PluginOutcome>)| Run {
        filter: entry.plugin.name().to_owned(),
        module: entry.plugin.filename().to_owned(),
        loads: outcome.and_then(|it| it.loads),
        starts: outcome.and_then(|it| it.starts),
        configures: outcome.and_then(|it| it.configures),
        message: outcome.and_then(|it| it.fault.as_ref()).map(|fault| fault.message.clone()),
        unsupported: outcome.and_then(|it| it.fault.as_ref()).is_some_and(|it| it.kind == FaultKind::Unsupported),
    };
    let outcomes = outcome.plugins.iter().map(Some).chain(std::iter::repeat(None));
    let test = |(number, test): (usize, &crate::resolve::traffic::suite::Test)| {
        let outcome = outcome.tests.get(number);
        let exchanges = outcome.map_or(&[][..], |outcome| &outcome.steps);
        let failures = failures_of(subject, outcome, failures.get(number).map_or(&[], Vec::as_slice));
        Test {
            name: test.name.clone(),
            passed: failures.is_empty(),
            ran: outcome.is_some_and(|outcome| outcome.fault.is_none()),
            failures,
            exchanges: exchanges.iter().map(|step| exchange::json(subject, step)).collect(),
        }
    };
    Workload {
        environment: None,
        name: subject.name.clone(),
        engine,
        runs: subject.plugins.iter().zip(outcomes).map(run).collect(),
        tests: subject.tests.iter().enumerate().map(test).collect(),
        memory: memory(subject),
    }
}

fn memory(subject: &Subject) -> Memory {
    let plugins = subject.plugins.iter().map(|entry| &entry.plugin);
    let vms = plugins.map(|it| (it.vm_key(), it.module.digest, it.module.bytes.len()));
    let domain::memory::Memory { vms, bytes } = domain::memory::estimate(vms);
    Memory { vms, bytes }
}

/// A sentence for everything that went wrong in a test.
fn failures_of(subject: &Subject, outcome: Option<&TestOutcome>, failures: &[Failure]) -> Vec<String> {
    let Some(outcome) = outcome else { return vec!["not run: a filter failed before traffic".to_owned()] };
    let mut sentences = Vec::new();
    for (plugin, fault) in outcome.steps.iter().flat_map(|step| &step.faults) {
        let filter = subject.plugins.get(*plugin).map_or("a filter", |entry| entry.plugin.name());
        let fault = format!("{filter}: {}", fault.message);
        // The fault of a VM is repeated in every later exchange.
        if !sentences.contains(&fault) {
            sentences.push(fault);
        }
    }
    sentences.extend(failures.iter().map(|failure| failure.message.clone()));
    sentences
}

impl Workload {
    /// The name, after that of the environment.
    #[must_use]
    pub fn full_name(&self) -> String {
        match &self.environment {
            Some(environment) => format!("{environment}: {}", self.name),
            None => self.name.clone(),
        }
    }

    /// Whether no filter and no test failed.
    #[must_use]
    pub fn passed(&self) -> bool {
        self.runs.iter().all(Run::passed) && self.tests.iter().all(|test| test.passed)
    }
}

impl Run {
    /// Whether the filter did not fail.
    #[must_use]
    pub fn passed(&self) -> bool {
        let no_step_failed = [self.loads, self.starts, self.configures].iter().all(|step| *step != Some(false));
        self.unsupported || no_step_failed && self.message.is_none()
    }
}

impl Report {
    /// The report of a module that a rule rejects. It was not run.
    pub(super) fn rejected(engine: Engine, single: &SingleModule) -> Self {
        let run = Run {
            filter: single.name(),
            module: single.file.to_string(),
            loads: Some(false),
            starts: None,
            configures: None,
            message: Some("Envoy would reject the module".to_owned()),
            unsupported: false,
        };
        let name = single.file.to_string();
        let workload = Workload {
            environment: None,
            name,
            engine,
            runs: vec![run],
            tests: Vec::new(),
            memory: Memory { vms: 0, bytes: 0 },
        };
        Self { engine, workloads: vec![workload], passed: false, assumed: None }
    }
}
