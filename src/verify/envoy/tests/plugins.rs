//! Plugins that Envoy rejects, and Envoy's messages about them.

use mesh_compile_host::outcome::{FaultKind, Level, PluginOutcome};

use super::guest::{callback, module, notice};
use super::subjects::{get, messages, plugin, run, steps, subject, test};
use crate::objects::Any;

/// Whether the plugin loads, starts and accepts its configuration.
fn steps_of(outcome: &PluginOutcome) -> [Option<bool>; 3] {
    [outcome.loads, outcome.starts, outcome.configures]
}

fn fault(outcome: &PluginOutcome) -> Option<(FaultKind, &str)> {
    outcome.fault.as_ref().map(|fault| (fault.kind, fault.message.as_str()))
}

/// A rejected plugin does not hide the plugins before or after it.
#[test]
fn each_plugin_has_its_own_outcome() {
    let say = |text: &str| format!("(call $say @\"{text}\")");
    let rejects = callback("configure", 2, &format!("{} (i32.const 0)", say("no such key")));
    let good = callback("configure", 2, &format!("{} (i32.const 1)", say("fine")));
    let modules = [
        ("good", module(&good)),
        ("import", wat::parse_str(r#"(module (import "env" "strtol" (func)) (memory (export "memory") 1)
            (func (export "proxy_abi_version_0_2_1")) (func (export "malloc") (param i32) (result i32) (i32.const 0)))"#).expect("a module")),
        ("abi", wat::parse_str("(module)").expect("a module")),
        ("corrupt", b"\0asm\x01\0\0\0\x01\x05abc".to_vec()),
        ("initialize", module("(func (export \"_initialize\") unreachable)")),
        ("restricted", module("(func (export \"_initialize\") (drop (call $tick (i32.const 5))))")),
        ("start", module(&callback("vm_start", 2, "(i32.const 0)"))),
        ("start-trap", module(&callback("vm_start", 2, "unreachable"))),
        ("configure", module(&rejects)),
        ("configure-trap", module(&callback("configure", 2, "unreachable"))),
        ("context", module(&notice("context_create", 2, "unreachable"))),
        ("last", module(&good)),
    ];
    let plugins = modules.iter().map(|(name, module)| plugin(name, module)).collect();
    let outcomes = run(&[subject(plugins, vec![test(vec![get()])])]);
    let (yes, no) = (Some(true), Some(false));
    let trap = |function: &str| format!("Function: {function} failed: Uncaught RuntimeError: unreachable");
    let (initialize, start, configure, context) =
        (trap("_initialize"), trap("proxy_on_vm_start"), trap("proxy_on_configure"), trap("proxy_on_context_create"));
    let expected = [
        ([yes, yes, yes], None),
        ([no, None, None], Some((FaultKind::Load, "Failed to load Wasm module due to a missing import: env.strtol"))),
        ([no, None, None], Some((FaultKind::Load, "Missing or unknown Proxy-Wasm ABI version"))),
        ([no, None, None], Some((FaultKind::Load, "Failed to parse corrupted Wasm module"))),
        ([yes, no, None], Some((FaultKind::Start, &initialize))),
        (
            [yes, no, None],
            Some((FaultKind::Restricted, "Function: _initialize failed: Uncaught Error: restricted_callback")),
        ),
        ([yes, no, None], Some((FaultKind::Start, "Failed to start base Wasm"))),
        ([yes, no, None], Some((FaultKind::Start, &start))),
        ([yes, yes, no], Some((FaultKind::Configure, "Failed to configure base Wasm plugin"))),
        ([yes, yes, no], Some((FaultKind::Configure, &configure))),
        ([yes, no, None], Some((FaultKind::Start, &context))),
        ([yes, yes, yes], None),
    ];
    let outcome = &outcomes[0];
    for ((found, expected), (name, _)) in outcome.plugins.iter().zip(&expected).zip(&modules) {
        assert_eq!((steps_of(found), fault(found)), *expected, "{name}");
    }
    assert_eq!(outcome.plugins.len(), expected.len());
    let log: Vec<Vec<&str>> = outcome.plugins.iter().map(|plugin| messages(&plugin.log)).collect();
    assert_eq!((&log[0][..], &log[8][..], &log[11][..]), (&["fine"][..], &["no such key"][..], &["fine"][..]));
    assert_eq!(outcome.plugins[0].log[0].level, Level::Info);
    assert_eq!(outcome.plugins[11].log[0].plugin, Some(11));
    assert!(outcome.tests.is_empty(), "no test runs after a plugin failed: {:?}", outcome.tests);
}

/// Envoy hangs, and a new Envoy runs the remaining plugins.
#[test]
fn a_plugin_that_hangs_hides_no_other() {
    let endless = module(&callback("configure", 2, "(loop $again (br $again)) (i32.const 1)"));
    let plugins = vec![plugin("good", &module("")), plugin("endless", &endless), plugin("last", &module(""))];
    let outcomes = run(&[
        subject(plugins.clone(), Vec::new()),
        subject(vec![plugin("other", &module(""))], vec![test(vec![get()])]),
    ]);
    let faults: Vec<_> = outcomes[0].plugins.iter().map(|plugin| fault(plugin)).collect();
    assert_eq!(faults, [None, Some((FaultKind::Endless, "Function: proxy_on_configure does not return")), None]);
    assert_eq!(outcomes[1].tests[0].steps.len(), 1);
}

/// V8 crashes on the type of an export, and a new Envoy runs the remaining plugins.
#[test]
fn a_module_that_crashes_envoy_hides_no_other() {
    let crashes = module("(func (export \"vector\") (param v128))");
    let plugins = vec![plugin("good", &module("")), plugin("crashes", &crashes), plugin("last", &module(""))];
    let outcomes = run(&[subject(plugins, Vec::new())]);
    let loads: Vec<_> = outcomes[0].plugins.iter().map(|plugin| plugin.loads).collect();
    assert_eq!(loads, [Some(true), Some(false), Some(true)]);
    let Some((FaultKind::Load, message)) = fault(&outcomes[0].plugins[1]) else { panic!("{:?}", outcomes[0].plugins) };
    assert!(message.starts_with("Envoy's process exited: signal: "), "{message}");
}

#[test]
fn a_plugin_gets_its_configurations() {
    let reads = "(drop (call $buffer (i32.const 7) (i32.const 0) (i32.const 99) (i32.const 0) (i32.const 4))) (call $say-found)
        (drop (call $buffer (i32.const 6) (i32.const 0) (i32.const 99) (i32.const 0) (i32.const 4))) (call $say-found) (i32.const 1)";
    let mut given = plugin("given", &module(&callback("configure", 2, reads)));
    given.config.configuration = Some(Any::String { value: "line one\n\"two\" é \\".to_owned() });
    given.config.vm_config.configuration = Some(Any::Bytes { value: b"\xff\xfe".to_vec() });
    let outcomes = run(&[subject(vec![given.clone()], Vec::new())]);
    assert_eq!(messages(&outcomes[0].plugins[0].log), ["line one\n\"two\" é \\", "\u{fffd}\u{fffd}"]);
    // Traffic does not log it again.
    assert!(steps(vec![given], test(vec![get()]))[0].log.is_empty());
}
