//! Guesses what a module was built with.

use super::report::ModuleReport;

/// The SDK or toolchain that most likely built the module.
pub fn guess(report: &ModuleReport) -> Option<&'static str> {
    let produced = |needle: &str| {
        report.producers.iter().any(|(_, tool, _)| tool.to_ascii_lowercase().contains(&needle.to_ascii_lowercase()))
    };
    let exports = |name: &str| report.exports.iter().any(|export| export.name == name);
    let imports = |module: &str, name: &str| report.imports.iter().any(|it| it.module == module && it.name == name);
    let names = |needle: &str| report.has_custom_section(|name| name.contains(needle));
    if produced("tinygo") {
        Some("TinyGo")
    } else if produced("rustc") || produced("rust") {
        Some("Rust")
    } else if names("go.buildid") || names("go:buildid") || produced("Go cmd/compile") || exports("go_scheduler") {
        Some("Go")
    } else if ["__new", "__pin", "__retain", "__rtti_base"].iter().any(|name| exports(name)) {
        Some("AssemblyScript")
    } else if imports("env", "emscripten_notify_memory_growth")
        || exports("emscripten_stack_get_current")
        || produced("emscripten")
    {
        Some("C++ (Emscripten)")
    } else if produced("clang") {
        Some("C or C++ (Clang)")
    } else if exports("proxy_on_memory_allocate")
        && exports("proxy_on_http_call_response")
        && exports("proxy_on_grpc_receive")
    {
        // The Rust SDK exports every callback, which is visible even without the producers section.
        Some("Rust, probably")
    } else {
        None
    }
}
