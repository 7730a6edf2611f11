//! What a dry run found out, as the command line and programs get it.

use std::collections::BTreeSet;

use mesh_compile_host::outcome::FaultKind;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::bare::Bare;
use super::exchange;
use super::judge::Failure;
use super::subject::Subject;
use crate::diag::render::json;
use crate::diag::{Diagnostic, Sources};
use crate::verify::outcome::{Outcome, TestOutcome};

/// What runs the filters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Engine {
    /// The host in this program.
    Embedded,
    /// A real Envoy.
    Envoy,
    /// First the one, then the other, and how they differ.
    Both,
}

impl Engine {
    /// The word for it on the command line and in JSON.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Embedded => "embedded",
            Self::Envoy => "envoy",
            Self::Both => "both",
        }
    }

    /// The name of one of the two in a sentence.
    #[must_use]
    pub const fn place(self) -> &'static str {
        match self {
            Self::Embedded => "the embedded host",
            Self::Envoy => "Envoy",
            Self::Both => "the embedded host and Envoy",
        }
    }
}

/// What came of all workloads.
#[derive(Debug)]
pub struct Report {
    /// What was asked for.
    pub engine: Engine,
    /// By engine, then in the order of the mesh.
    pub workloads: Vec<Workload>,
    /// Whether there was no error.
    pub passed: bool,
}

/// What one engine found out of one workload.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Workload {
    /// `Deployment/default/productpage-v1`, or a module's file.
    pub name: String,
    /// Never both.
    pub engine: Engine,
    /// One for each filter, in the order of the request path.
    pub runs: Vec<Run>,
    /// In the order of mesh.toml.
    pub tests: Vec<Test>,
}

/// How far a filter got.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Run {
    /// Its name.
    pub filter: String,
    /// The module's path in the proxy.
    pub module: String,
    /// Whether Envoy takes the module. Each of the three is `None` where it was not tried, or cannot be told.
    pub loads: Option<bool>,
    /// Whether its VM starts.
    pub starts: Option<bool>,
    /// Whether it takes its configuration.
    pub configures: Option<bool>,
    /// Why it got no further.
    pub message: Option<String>,
    /// Whether that says nothing against it: it needs what the engine has not.
    pub unsupported: bool,
}

/// What came of a test.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Test {
    /// Its name.
    pub name: String,
    /// Whether all came as it was expected, and nothing failed.
    pub passed: bool,
    /// Whether it was run: it is not where a filter does not get as far as traffic.
    pub ran: bool,
    /// What did not, a sentence each.
    pub failures: Vec<String>,
    /// Each step's exchange as JSON has it.
    pub exchanges: Vec<Value>,
}

/// What an engine found out of a workload; `failures` are those of each test.
pub(super) fn workload(subject: &Subject, engine: Engine, outcome: &Outcome, failures: &[Vec<Failure>]) -> Workload {
    let run = |(placed, outcome): (&super::subject::Placed, Option<&mesh_compile_host::outcome::PluginOutcome>)| Run {
        filter: placed.plugin.name().to_owned(),
        module: placed.plugin.filename().to_owned(),
        loads: outcome.and_then(|it| it.loads),
        starts: outcome.and_then(|it| it.starts),
        configures: outcome.and_then(|it| it.configures),
        message: outcome.and_then(|it| it.fault.as_ref()).map(|fault| fault.message.clone()),
        unsupported: outcome.and_then(|it| it.fault.as_ref()).is_some_and(|it| it.kind == FaultKind::Unsupported),
    };
    let outcomes = outcome.plugins.iter().map(Some).chain(std::iter::repeat(None));
    let test = |(number, test): (usize, &crate::traffic::Test)| {
        let outcome = outcome.tests.get(number);
        let exchanges = outcome.map_or(&[][..], |outcome| &outcome.steps);
        let failures = said(subject, outcome, failures.get(number).map_or(&[], Vec::as_slice));
        Test {
            name: test.name.clone(),
            passed: failures.is_empty(),
            ran: outcome.is_some_and(|outcome| outcome.fault.is_none()),
            failures,
            exchanges: exchanges.iter().map(|step| exchange::json(subject, step)).collect(),
        }
    };
    Workload {
        name: subject.name.clone(),
        engine,
        runs: subject.plugins.iter().zip(outcomes).map(run).collect(),
        tests: subject.tests.iter().enumerate().map(test).collect(),
    }
}

/// All that went wrong in a test.
fn said(subject: &Subject, outcome: Option<&TestOutcome>, failures: &[Failure]) -> Vec<String> {
    let Some(outcome) = outcome else { return vec!["not run: a filter did not get as far as traffic".to_owned()] };
    let mut said = Vec::new();
    for (plugin, fault) in outcome.steps.iter().flat_map(|step| &step.faults) {
        let filter = subject.plugins.get(*plugin).map_or("a filter", |placed| placed.plugin.name());
        let fault = format!("{filter}: {}", fault.message);
        // A VM that has failed is told of in every exchange that follows.
        if !said.contains(&fault) {
            said.push(fault);
        }
    }
    said.extend(failures.iter().map(|failure| failure.message.clone()));
    said
}

impl Workload {
    /// Whether a filter got no further, or a test failed.
    #[must_use]
    pub fn passed(&self) -> bool {
        self.runs.iter().all(Run::passed) && self.tests.iter().all(|test| test.passed)
    }
}

impl Run {
    /// Whether nothing is known against it.
    #[must_use]
    pub fn passed(&self) -> bool {
        let went_well = [self.loads, self.starts, self.configures].iter().all(|step| *step != Some(false));
        self.unsupported || went_well && self.message.is_none()
    }
}

impl Report {
    /// Of a module whose bytes are refused: nothing was run.
    pub(super) fn refused(engine: Engine, bare: &Bare) -> Self {
        let run = Run {
            filter: bare.name(),
            module: bare.file.to_string(),
            loads: Some(false),
            starts: None,
            configures: None,
            message: Some("Envoy would refuse the module".to_owned()),
            unsupported: false,
        };
        let workload = Workload { name: bare.file.to_string(), engine, runs: vec![run], tests: Vec::new() };
        Self { engine, workloads: vec![workload], passed: false }
    }

    /// Of one module, verified by itself.
    #[must_use]
    pub fn module_summary(&self) -> String {
        let runs: Vec<&Run> = self.workloads.iter().flat_map(|it| &it.runs).collect();
        let name = runs.first().map_or("", |run| run.module.as_str());
        let says = |step: fn(&Run) -> Option<bool>, wanted| runs.iter().any(|run| step(run) == Some(wanted));
        let result = if says(|run| run.loads, false) {
            "does not load"
        } else if says(|run| run.starts, false) {
            "loads, and does not start"
        } else if says(|run| run.configures, false) {
            "loads and starts, and does not take its configuration"
        } else if says(|run| run.configures, true) {
            "loads, starts and takes its configuration"
        } else {
            "could not be tried"
        };
        format!("{name}: {result} in {}", self.engine.place())
    }

    /// `3 workloads, 2 filters, 7 tests: all passed in the embedded host`, and how many workloads have no tests.
    #[must_use]
    pub fn summary(&self) -> String {
        let workloads: BTreeSet<&str> = self.workloads.iter().map(|it| it.name.as_str()).collect();
        let runs = || self.workloads.iter().flat_map(|it| &it.runs);
        let filters: BTreeSet<&str> = runs().map(|run| run.filter.as_str()).collect();
        let refused: BTreeSet<&str> = runs().filter(|run| !run.passed()).map(|run| run.filter.as_str()).collect();
        let of_tests = |taken: fn(&Test) -> bool| {
            let tests = self.workloads.iter().flat_map(|it| it.tests.iter().map(move |test| (&it.name, test)));
            let names = tests.filter(|(_, test)| taken(test)).map(|(workload, test)| (workload, &test.name));
            names.collect::<BTreeSet<_>>().len()
        };
        let (tests, failed) = (of_tests(|_| true), of_tests(|test| test.ran && !test.passed));
        let not_run = of_tests(|test| !test.ran);
        let mut counted = vec![plural(workloads.len(), "workload"), plural(filters.len(), "filter")];
        counted.push(plural(tests, "test"));
        let unknown = |run: &&Run| run.unsupported && !refused.contains(run.filter.as_str());
        let unknown: BTreeSet<&str> = runs().filter(unknown).map(|run| run.filter.as_str()).collect();
        let mut bad = Vec::new();
        if !unknown.is_empty() {
            bad.push(format!("{} cannot be dry-run", plural(unknown.len(), "filter")));
        }
        if !refused.is_empty() {
            bad.push(format!("{} refused", plural(refused.len(), "filter")));
        }
        if failed > 0 {
            bad.push(format!("{} failed", plural(failed, "test")));
        }
        if not_run > 0 {
            bad.push(format!("{} not run", plural(not_run, "test")));
        }
        let result = if bad.is_empty() { "all passed".to_owned() } else { bad.join(", ") };
        let untested: BTreeSet<&str> =
            self.workloads.iter().filter(|it| it.tests.is_empty()).map(|it| it.name.as_str()).collect();
        let untested = match (untested.len(), tests) {
            (0, _) => String::new(),
            (_, 0) => "; there are no tests of traffic".to_owned(),
            (1, _) => "; 1 workload has no tests".to_owned(),
            (n, _) => format!("; {n} workloads have no tests"),
        };
        format!("{}: {result} in {}{untested}", counted.join(", "), self.engine.place())
    }

    /// JSON version 1, one line with its LF.
    #[must_use]
    pub fn to_json(&self, diagnostics: &[Diagnostic], sources: &Sources) -> String {
        let mut report = json::Report::new(diagnostics, sources);
        report.extra.insert("engine".into(), self.engine.as_str().into());
        report.extra.insert("runs".into(), self.workloads.iter().flat_map(Workload::runs_json).collect());
        report.extra.insert("exchanges".into(), self.workloads.iter().flat_map(Workload::exchanges_json).collect());
        report.to_line()
    }
}

impl Workload {
    /// One for each filter, with the tests of the whole chain.
    fn runs_json(&self) -> Vec<Value> {
        let test = |test: &Test| json!({ "name": test.name, "passed": test.passed, "failures": test.failures });
        let tests: Value = self.tests.iter().map(test).collect();
        let run = |run: &Run| {
            json!({
                "workload": self.name,
                "engine": self.engine.as_str(),
                "filter": run.filter,
                "module": run.module,
                "loads": run.loads,
                "starts": run.starts,
                "configures": run.configures,
                "message": run.message,
                "tests": tests,
            })
        };
        self.runs.iter().map(run).collect()
    }

    fn exchanges_json(&self) -> Vec<Value> {
        let exchange = |test: &Test, step: usize, exchange: &Value| {
            let mut exchange = exchange.clone();
            exchange["workload"] = self.name.as_str().into();
            exchange["engine"] = self.engine.as_str().into();
            exchange["test"] = test.name.as_str().into();
            exchange["step"] = step.into();
            exchange
        };
        let of_test =
            |test: &Test| test.exchanges.iter().enumerate().map(|(n, it)| exchange(test, n, it)).collect::<Vec<_>>();
        self.tests.iter().flat_map(of_test).collect()
    }
}

fn plural(count: usize, word: &str) -> String {
    format!("{count} {word}{}", if count == 1 { "" } else { "s" })
}
