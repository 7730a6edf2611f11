//! Imports and exports that end Envoy's process.

use super::{Finding, Report, Setting, Stage, abi};

pub(super) fn check(report: &Report, _: &Setting, found: &mut Vec<Finding>) {
    let Some(crash) = report.crash.as_ref().filter(|_| abi(report).is_some()) else { return };
    let (verb, stage) = if crash.imported { ("imports", Stage::Link) } else { ("exports", Stage::Exports) };
    let message = format!("the module {verb} `{}` with {}, and Envoy crashes on that", crash.name, crash.what);
    let mut finding = Finding::error("MC0318", stage, message, "");
    finding.envoy = crash.says.map(str::to_owned);
    found.push(
        finding
            .note("not only the filter is lost: the process ends, and the proxy restarts only to crash again")
            .help(format!("change it, or {} it no longer: what stays within the module is no problem", &verb[..6])),
    );
}
