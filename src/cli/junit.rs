//! A report as JUnit XML, as CI servers read it: a suite for each workload; in it a case for each step of each filter's life, and
//! for each test.

use std::fmt::Write as _;

use mesh_compile::verify::{Engine, Report, Run, Test, Workload};

/// How a case ended.
enum End<'a> {
    Passed,
    /// With the one line, and all lines, of why.
    Failed(String, String),
    Skipped(&'a str),
}

struct Case<'a> {
    name: String,
    result: End<'a>,
}

/// The whole document.
pub(super) fn document(report: &Report) -> String {
    let suites: Vec<(String, Vec<Case<'_>>)> =
        report.workloads.iter().map(|it| (name(report, it), cases(it))).collect();
    let mut xml = String::from("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n");
    let all = || suites.iter().flat_map(|(_, cases)| cases);
    open(&mut xml, "testsuites", "mesh-compile verify", all());
    for (name, cases) in &suites {
        xml.push_str("  ");
        open(&mut xml, "testsuite", name, cases.iter());
        cases.iter().for_each(|one| case(&mut xml, name, one));
        xml.push_str("  </testsuite>\n");
    }
    xml.push_str("</testsuites>\n");
    xml
}

/// The workload's name, and with two engines the engine's.
fn name(report: &Report, workload: &Workload) -> String {
    match report.engine {
        Engine::Both => format!("{} in {}", workload.name, workload.engine.place()),
        Engine::Embedded | Engine::Envoy => workload.name.clone(),
    }
}

fn cases(workload: &Workload) -> Vec<Case<'_>> {
    let life = workload.runs.iter().flat_map(|run| {
        let steps = [("loads", run.loads), ("starts", run.starts), ("takes its configuration", run.configures)];
        let case = |(number, (step, result)): (usize, (&str, Option<bool>))| Case {
            name: format!("{} {step}", run.filter),
            result: of_step(run, number, result),
        };
        steps.into_iter().enumerate().map(case).collect::<Vec<_>>()
    });
    life.chain(workload.tests.iter().map(|test| Case { name: test.name.clone(), result: of_test(test) })).collect()
}

/// The place of the first step of which nothing is known, unless one before it has failed.
fn first_unknown(run: &Run) -> Option<usize> {
    let steps = [run.loads, run.starts, run.configures];
    steps.iter().position(|step| *step != Some(true)).filter(|first| steps[*first].is_none())
}

fn of_step(run: &Run, step: usize, result: Option<bool>) -> End<'_> {
    match result {
        Some(true) => End::Passed,
        Some(false) => {
            let message = run.message.clone().unwrap_or_else(|| "it does not".to_owned());
            End::Failed(message.clone(), message)
        }
        // Where an endless start was cut off it cannot be told which step it was: the first that is not known has failed.
        None if !run.passed() && first_unknown(run) == Some(step) => {
            let message = run.message.clone().unwrap_or_default();
            End::Failed(message.clone(), message)
        }
        None => End::Skipped(run.message.as_deref().unwrap_or("not tried")),
    }
}

fn of_test(test: &Test) -> End<'_> {
    match test.failures.split_first() {
        _ if test.passed => End::Passed,
        Some((first, _)) if !test.ran => End::Skipped(first),
        Some((first, _)) => End::Failed(first.clone(), test.failures.join("\n")),
        None => End::Failed("it failed".to_owned(), String::new()),
    }
}

fn open<'a>(xml: &mut String, element: &str, name: &str, cases: impl Iterator<Item = &'a Case<'a>> + Clone) {
    let count = |taken: fn(&End<'_>) -> bool| cases.clone().filter(|case| taken(&case.result)).count();
    let (tests, failures) = (count(|_| true), count(|result| matches!(result, End::Failed(..))));
    let skipped = count(|result| matches!(result, End::Skipped(_)));
    // Writing to a String cannot fail.
    let _ = writeln!(
        xml,
        "<{element} name=\"{}\" tests=\"{tests}\" failures=\"{failures}\" errors=\"0\" skipped=\"{skipped}\">",
        escaped(name)
    );
}

fn case(xml: &mut String, suite: &str, case: &Case<'_>) {
    let (suite, name) = (escaped(suite), escaped(&case.name));
    let head = format!("    <testcase classname=\"{suite}\" name=\"{name}\"");
    let _ = match &case.result {
        End::Passed => writeln!(xml, "{head}/>"),
        End::Failed(message, all) => writeln!(
            xml,
            "{head}>\n      <failure message=\"{}\">{}</failure>\n    </testcase>",
            escaped(message),
            escaped(all)
        ),
        End::Skipped(why) => {
            writeln!(xml, "{head}>\n      <skipped message=\"{}\"/>\n    </testcase>", escaped(why))
        }
    };
}

/// A text for an attribute or an element. What XML 1.0 has no place for is a replacement character.
fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            // A reader makes a blank of it in an attribute otherwise.
            '\n' | '\t' | '\r' => drop(write!(out, "&#{};", u32::from(c))),
            '\0'..='\u{1f}' | '\u{fffe}' | '\u{ffff}' => out.push(char::REPLACEMENT_CHARACTER),
            _ => out.push(c),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whatever_stands_in_a_text_is_well_formed() {
        assert_eq!(escaped("<a href=\"x\">&amp;</a>"), "&lt;a href=&quot;x&quot;&gt;&amp;amp;&lt;/a&gt;");
        assert_eq!(escaped("]]> 'a'"), "]]&gt; 'a'");
        assert_eq!(escaped("a\r\n\tb"), "a&#13;&#10;&#9;b");
        assert_eq!(escaped("\0\u{7}\u{1b}[31m\u{fffe}\u{10ffff}"), "\u{fffd}\u{fffd}\u{fffd}[31m\u{fffd}\u{10ffff}");
    }
}
