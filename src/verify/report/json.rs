//! The report in JSON.

use serde_json::{Value, json};

use super::{Report, Run, Test, Workload};
use crate::diag::render::json;
use crate::diag::{Diagnostic, Sources};

impl Report {
    /// JSON, version 1: one line that ends with LF.
    #[must_use]
    pub fn to_json(&self, diagnostics: &[Diagnostic], sources: &Sources) -> String {
        let mut report = json::JsonDocument::new(diagnostics, sources);
        report.extra.insert("engine".into(), self.engine.as_str().into());
        report.extra.insert("assumed".into(), self.assumed.into());
        report.extra.insert("runs".into(), self.workloads.iter().flat_map(Workload::runs_json).collect());
        report.extra.insert("exchanges".into(), self.workloads.iter().flat_map(Workload::exchanges_json).collect());
        let memory = |it: &Workload| json!({ "workload": it.name, "engine": it.engine.as_str(), "vms": it.memory.vms, "bytes": it.memory.bytes });
        report.extra.insert("memory".into(), self.workloads.iter().map(memory).collect());
        report.to_line()
    }
}

impl Workload {
    /// One entry per filter, with the tests of the whole chain.
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
