//! Precompiled sections: native code that nothing verifies.

use super::{Finding, Report, Rule, Setting};

pub(super) fn check(report: &Report, setting: &Setting, found: &mut Vec<Finding>) {
    let there = report.has_custom_section(|name| name.contains("precompiled_"));
    if there && setting.allow_precompiled {
        found.push(
            Finding::warning(Rule::Precompiled, "`allow-precompiled` lets Envoy run the module's native code")
                .note("it runs outside the sandbox's checks, and only in the V8 version and on the processor it was made for")
                .help("remove `allow-precompiled` unless you made the section yourself"),
        );
    } else if there {
        found.push(
            Finding::warning(Rule::Precompiled, "the module carries a precompiled section that Envoy does not use")
                .note("it has an effect only with `allow-precompiled = true`")
                .help("strip it: it counts towards the ConfigMap's 1 MiB"),
        );
    }
}
