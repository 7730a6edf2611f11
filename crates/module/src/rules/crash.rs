//! Imports and exports must not crash Envoy.

use super::{Finding, LoadContext, ModuleReport, Rule, Stage, abi};

pub(super) fn check(report: &ModuleReport, _: &LoadContext, found: &mut Vec<Finding>) {
    types(report, found);
    doubles(report, found);
}

/// Envoy keeps one memory and one table: it frees the first when it creates the second, and gives the module both.
fn doubles(report: &ModuleReport, found: &mut Vec<Finding>) {
    for (what, word) in [("memories", "memory"), ("tables", "table")] {
        if abi(report).is_some() && report.imports.iter().filter(|import| import.kind.as_str() == word).count() > 1 {
            let message = format!("the module imports several {what}; Envoy crashes, or continues with freed memory");
            let mut finding = Finding::error(Rule::Crash, Stage::Instantiate, message, "");
            finding.envoy = None;
            found.push(finding.help("import at most one, and define the others in the module"));
        }
    }
}

fn types(report: &ModuleReport, found: &mut Vec<Finding>) {
    let Some(crash) = report.crash.as_ref().filter(|_| abi(report).is_some()) else { return };
    let (verb, stage) = if crash.imported { ("imports", Stage::Link) } else { ("exports", Stage::Exports) };
    let message = format!("the module {verb} `{}` with {}, which crashes Envoy", crash.name, crash.what);
    let mut finding = Finding::error(Rule::Crash, stage, message, "");
    finding.envoy = crash.says.map(str::to_owned);
    found.push(
        finding
            .note("the whole proxy crashes, and crashes again after each restart")
            .help(format!("change its type, or do not {} it; within the module, any type is allowed", &verb[..6])),
    );
}
