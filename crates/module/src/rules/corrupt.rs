//! Envoy's own parser must accept the sections. It rejects some valid modules.

use super::{Finding, LoadContext, ModuleReport, Rule, Stage};
use crate::bytecode::{Corrupt, NAME_SECTION};

pub(super) fn check(report: &ModuleReport, _: &LoadContext, found: &mut Vec<Finding>) {
    let scans = [(Stage::AbiScan, report.abi.map(drop)), (Stage::NameScan, report.readable)];
    // Both scans stop at the same fault, which is one finding.
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
                .note("other hosts ignore a broken name section, but Envoy parses it first, for its stack traces")
                .help("rebuild the module, or remove the section with `wasm-strip` or `slim = true`"),
            _ => finding.help("the file is truncated or damaged: build or download it again"),
        });
    }
}
