//! Bytes that Envoy's own reader stumbles over, valid WebAssembly or not.

use super::{Finding, Report, Rule, Setting, Stage};
use crate::bytecode::{Corrupt, NAME_SECTION};

pub(super) fn check(report: &Report, _: &Setting, found: &mut Vec<Finding>) {
    let scans = [(Stage::AbiScan, report.abi.map(drop)), (Stage::NameScan, report.readable)];
    // One fault stops both; it is one finding.
    if let Some((stage, Corrupt { offset, what })) =
        scans.into_iter().find_map(|(stage, result)| result.err().map(|corrupt| (stage, corrupt)))
    {
        let finding = Finding::error(
            Rule::Corrupt,
            stage,
            format!("{what} cannot be read at byte {offset}"),
            "Failed to parse corrupted Wasm module",
        );
        found.push(match what {
            NAME_SECTION => finding
                .note("other hosts ignore a broken name section; Envoy reads it for its traces before anything else")
                .help("build the module again, or strip the section: `wasm-strip` or `slim = true`"),
            _ => finding.help("the file is cut off or damaged: build or fetch it again"),
        });
    }
}
