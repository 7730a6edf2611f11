//! The report as one line of text.

use std::collections::BTreeSet;

use super::{Report, Run, Test};

impl Report {
    /// The result of one module that was verified by itself.
    #[must_use]
    pub fn module_summary(&self) -> String {
        let runs: Vec<&Run> = self.workloads.iter().flat_map(|it| &it.runs).collect();
        let name = runs.first().map_or("", |run| run.module.as_str());
        let any = |step: fn(&Run) -> Option<bool>, wanted| runs.iter().any(|run| step(run) == Some(wanted));
        let result = if any(|run| run.loads, false) {
            "does not load"
        } else if any(|run| run.starts, false) {
            "loads but does not start"
        } else if any(|run| run.configures, false) {
            "loads and starts but does not accept its configuration"
        } else if any(|run| run.configures, true) {
            "loads, starts and accepts its configuration"
        } else {
            "could not be run"
        };
        format!("{name}: {result} in {}", self.engine.place())
    }

    /// `3 workloads, 2 filters, 7 tests: all passed in the embedded host`, and the number of workloads without tests.
    #[must_use]
    pub fn summary(&self) -> String {
        let workloads: BTreeSet<_> = self.workloads.iter().map(|it| (&it.environment, &it.name)).collect();
        let environments: BTreeSet<_> = self.workloads.iter().filter_map(|it| it.environment.as_deref()).collect();
        let runs = || self.workloads.iter().flat_map(|it| &it.runs);
        let filters: BTreeSet<&str> = runs().map(|run| run.filter.as_str()).collect();
        let failing: BTreeSet<&str> = runs().filter(|run| !run.passed()).map(|run| run.filter.as_str()).collect();
        let count_tests = |selected: fn(&Test) -> bool| {
            let tests = self
                .workloads
                .iter()
                .flat_map(|it| it.tests.iter().map(move |test| ((&it.environment, &it.name), test)));
            let names = tests.filter(|(_, test)| selected(test)).map(|(workload, test)| (workload, &test.name));
            names.collect::<BTreeSet<_>>().len()
        };
        let (tests, failed) = (count_tests(|_| true), count_tests(|test| test.ran && !test.passed));
        let not_run = count_tests(|test| !test.ran);
        let mut counted = vec![plural(workloads.len(), "workload"), plural(filters.len(), "filter")];
        counted.push(plural(tests, "test"));
        let is_unsupported = |run: &&Run| run.unsupported && !failing.contains(run.filter.as_str());
        let unsupported: BTreeSet<&str> = runs().filter(is_unsupported).map(|run| run.filter.as_str()).collect();
        let mut problems = Vec::new();
        if !unsupported.is_empty() {
            problems.push(format!("{} cannot run", plural(unsupported.len(), "filter")));
        }
        if !failing.is_empty() {
            problems.push(format!("{} failed", plural(failing.len(), "filter")));
        }
        if failed > 0 {
            problems.push(format!("{} failed", plural(failed, "test")));
        }
        if not_run > 0 {
            problems.push(format!("{} not run", plural(not_run, "test")));
        }
        if problems.is_empty() && !self.passed {
            problems.push("errors were found".to_owned());
        }
        let result = if problems.is_empty() { "all passed".to_owned() } else { problems.join(", ") };
        let untested = self.workloads.iter().filter(|it| it.tests.is_empty());
        let untested: BTreeSet<_> = untested.map(|it| (&it.environment, &it.name)).collect();
        let untested = match (untested.len(), tests) {
            (0, _) => String::new(),
            (_, 0) => "; there are no tests".to_owned(),
            (1, _) => "; 1 workload has no tests".to_owned(),
            (n, _) => format!("; {n} workloads have no tests"),
        };
        let assumed = self.assumed.filter(|_| tests > 0);
        let assumed = assumed.map_or_else(String::new, |why| format!("; assumes that all requests are HTTP: {why}"));
        let environments = match environments.len() {
            0 => String::new(),
            n => format!(" in {}", plural(n, "environment")),
        };
        format!("{}{environments}: {result} in {}{untested}{assumed}", counted.join(", "), self.engine.place())
    }
}

fn plural(count: usize, word: &str) -> String {
    format!("{count} {word}{}", if count == 1 { "" } else { "s" })
}
