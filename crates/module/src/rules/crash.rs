//! Imports and exports that end Envoy's process.

use super::{Finding, Report, Rule, Setting, Stage, abi};

pub(super) fn check(report: &Report, _: &Setting, found: &mut Vec<Finding>) {
    types(report, found);
    doubles(report, found);
}

/// Envoy keeps one memory and one table: it frees the first when it makes the second, and gives the module both.
fn doubles(report: &Report, found: &mut Vec<Finding>) {
    for (what, word) in [("memories", "memory"), ("tables", "table")] {
        if abi(report).is_some() && report.imports.iter().filter(|import| import.kind.as_str() == word).count() > 1 {
            let message =
                format!("the module imports several {what}, and Envoy crashes on that or goes on with freed memory");
            let mut finding = Finding::error(Rule::Crash, Stage::Instantiate, message, "");
            finding.envoy = None;
            found.push(finding.help("import one at most, and define the others in the module"));
        }
    }
}

fn types(report: &Report, found: &mut Vec<Finding>) {
    let Some(crash) = report.crash.as_ref().filter(|_| abi(report).is_some()) else { return };
    let (verb, stage) = if crash.imported { ("imports", Stage::Link) } else { ("exports", Stage::Exports) };
    let message = format!("the module {verb} `{}` with {}, and Envoy crashes on that", crash.name, crash.what);
    let mut finding = Finding::error(Rule::Crash, stage, message, "");
    finding.envoy = crash.says.map(str::to_owned);
    found.push(
        finding
            .note("not only the filter is lost: the process ends, and the proxy restarts only to crash again")
            .help(format!("change it, or {} it no longer: what stays within the module is no problem", &verb[..6])),
    );
}
