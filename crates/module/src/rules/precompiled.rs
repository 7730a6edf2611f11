//! Precompiled sections are native code that nothing verifies.

use super::{Finding, LoadContext, ModuleReport, Rule};

pub(super) fn check(report: &ModuleReport, context: &LoadContext, found: &mut Vec<Finding>) {
    let there = report.has_custom_section(|name| name.contains("precompiled_"));
    if there && context.allow_precompiled {
        found.push(
            Finding::warning(Rule::Precompiled, "`allow-precompiled` lets Envoy run the module's native code")
                .note("native code bypasses the checks of the sandbox, and runs only in the V8 version and on the processor it was built for")
                .help("remove `allow-precompiled` unless you built the section yourself"),
        );
    } else if there {
        found.push(
            Finding::warning(Rule::Precompiled, "the module carries a precompiled section that Envoy does not use")
                .note("Envoy uses the section only with `allow-precompiled = true`")
                .help("remove the section: it counts toward the 1 MiB of the ConfigMap"),
        );
    }
}
