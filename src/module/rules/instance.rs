//! What stops V8 from making an instance, as far as the bytes show it.

use super::{Finding, Report, Setting, Stage};

pub(super) fn check(report: &Report, _: &Setting, found: &mut Vec<Finding>) {
    // In an invalid module the memory or table may be what is missing.
    let (Some(overflow), None) = (&report.overflow, &report.invalid) else { return };
    let (what, index) = (overflow.what, overflow.index);
    let room = if what == "data" { "the memory" } else { "the table" };
    found.push(
        Finding::error(
            "MC0311",
            Stage::Instantiate,
            format!("{what} segment {index} ends at {}, and {room} at {}", overflow.end, overflow.available),
            "Failed to create new Wasm instance",
        )
        .help("the module was linked or edited wrongly: build it again"),
    );
}
