//! What stops V8 from making an instance, as far as the bytes show it.

use super::{Finding, Report, Setting, Stage};

pub(super) fn check(report: &Report, _: &Setting, found: &mut Vec<Finding>) {
    let Some(overflow) = &report.overflow else { return };
    let (what, index) = (overflow.what, overflow.index);
    let room = if what == "data" { "bytes of memory" } else { "elements in the table" };
    found.push(
        Finding::error(
            "MC0311",
            Stage::Instantiate,
            format!("{what} segment {index} ends at {}, and there are {} {room}", overflow.end, overflow.available),
            "Failed to create new Wasm instance",
        )
        .help("the module was linked or edited wrongly: build it again"),
    );
}
