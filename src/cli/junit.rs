//! A report as JUnit XML for CI servers: a suite per workload; in it a case for each step of each filter's life, and for each test.

use mesh_compile::diag::visible_lines;
use mesh_compile::verify::{Engine, Report, Run, Test, Workload};
use quick_junit::{NonSuccessKind, TestCase, TestCaseStatus, TestSuite, XmlString};

/// The whole document.
pub(super) fn document(report: &Report) -> String {
    let mut junit = quick_junit::Report::new("mesh-compile verify");
    junit.add_test_suites(report.workloads.iter().map(|workload| suite(report, workload)));
    junit.to_string().expect("writing to a string does not fail")
}

fn suite(report: &Report, workload: &Workload) -> TestSuite {
    let name = text(&name(report, workload));
    let cases = workload.runs.iter().flat_map(steps).chain(workload.tests.iter().map(test));
    let mut suite = TestSuite::new(name.as_str());
    suite.add_test_cases(cases.map(|mut case| {
        case.set_classname(name.as_str());
        case
    }));
    suite
}

/// The workload's name; with two engines, also which of them ran it.
fn name(report: &Report, workload: &Workload) -> String {
    match report.engine {
        Engine::Both => format!("{} in {}", workload.full_name(), workload.engine.place()),
        Engine::Embedded | Engine::Envoy => workload.full_name(),
    }
}

/// A case for each step of a filter's life.
fn steps(run: &Run) -> [TestCase; 3] {
    let steps = [("loads", run.loads), ("starts", run.starts), ("accepts its configuration", run.configures)];
    let undecided = undecided_step(&steps.map(|(_, result)| result));
    let mut number = 0;
    steps.map(|(step, result)| {
        let message = run.message.as_deref();
        let status = match result {
            Some(true) => TestCaseStatus::success(),
            Some(false) => failure(message.unwrap_or("it does not"), message.unwrap_or("it does not")),
            // A start that was cut off does not show which step failed: report the first undecided one.
            None if !run.passed() && undecided == Some(number) => {
                failure(message.unwrap_or_default(), message.unwrap_or_default())
            }
            None => skipped(message.unwrap_or("not tried")),
        };
        number += 1;
        TestCase::new(text(&format!("{} {step}", run.filter)), status)
    })
}

/// The place of the first step without a result, unless a step before it has failed.
fn undecided_step(results: &[Option<bool>]) -> Option<usize> {
    results.iter().position(|result| *result != Some(true)).filter(|first| results[*first].is_none())
}

fn test(test: &Test) -> TestCase {
    let status = match test.failures.split_first() {
        _ if test.passed => TestCaseStatus::success(),
        Some((first, _)) if !test.ran => skipped(first),
        Some((first, _)) => failure(first, &test.failures.join("\n")),
        None => failure("it failed", ""),
    };
    TestCase::new(text(&test.name), status)
}

fn failure(message: &str, description: &str) -> TestCaseStatus {
    let mut status = TestCaseStatus::non_success(NonSuccessKind::Failure);
    status.set_message(text(message)).set_description(text(description));
    status
}

fn skipped(message: &str) -> TestCaseStatus {
    let mut status = TestCaseStatus::skipped();
    status.set_message(text(message));
    status
}

/// Text without hidden characters and without the noncharacters that XML 1.0 cannot hold.
fn text(text: &str) -> XmlString {
    XmlString::new(visible_lines(text).replace(['\u{fffe}', '\u{ffff}'], "\u{fffd}"))
}

#[cfg(test)]
mod tests {
    use mesh_compile::verify::{Engine, Memory, Report, Test, Workload};

    use super::document;

    fn named(name: &str) -> String {
        let test = Test { name: name.to_owned(), passed: true, ran: true, failures: Vec::new(), exchanges: Vec::new() };
        let (engine, tests) = (Engine::Embedded, vec![test]);
        let memory = Memory { vms: 0, bytes: 0 };
        let workload = Workload { environment: None, name: "w".to_owned(), engine, runs: Vec::new(), tests, memory };
        document(&Report { engine, workloads: vec![workload], passed: true, assumed: None })
    }

    #[test]
    fn any_text_gives_well_formed_xml_without_hidden_characters() {
        for (name, written) in [
            ("<a href=\"x\">&amp;</a>", "&lt;a href=&quot;x&quot;&gt;&amp;amp;&lt;/a&gt;"),
            ("\0\u{7}\u{1b}[31m\u{fffe}\u{10ffff}", "␀␇␛[31m\u{fffd}\u{10ffff}"),
            ("a\u{9b}\u{202e}\u{200b}\u{feff}\u{2028}##[group]", "a\u{fffd}\u{fffd}\u{fffd}\u{fffd}\u{fffd}## [group]"),
        ] {
            let xml = named(name);
            assert!(xml.contains(&format!("name=\"{written}\"")), "{xml}");
        }
    }
}
