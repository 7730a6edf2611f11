//! The state, the metrics and the log of VMs.

use mesh_compile_host::outcome::Level;

use super::guest::{callback, headers, module, notice};
use super::subjects::{MS, after, get, messages, plugin, run, steps, subject, test};

/// The ticks of the main thread's VM are not reported, but its metrics count.
#[test]
fn ticks_fire_while_time_passes() {
    let ticks = "(call $say @\"tick\") (drop (call $metric (i32.const 0) @\"ticks\" (i32.const 16)))
        (drop (call $increment (i32.load (i32.const 16)) (i64.const 1)))";
    let functions =
        callback("configure", 2, "(drop (call $tick (i32.const 1000))) (i32.const 1)") + &notice("tick", 1, ticks);
    let found = steps(vec![plugin("ticks", &module(&functions))], test(vec![get(), after(MS(1300), get())]));
    assert_eq!((messages(&found[0].log), messages(&found[1].log)), (vec![], vec!["tick"]));
    assert_eq!(found[1].metrics, [("ticks".to_owned(), 2)].into());
}

/// Logs the shared value, then replaces it with its own.
fn sharing(value: &str) -> Vec<u8> {
    module(&headers(&format!(
        "(if (call $shared @\"key\" (i32.const 0) (i32.const 4) (i32.const 8)) (then (call $say @\"nothing\")) (else (call $say-found)))
        (drop (call $share @\"key\" @\"{value}\" (i32.const 0))) (i32.const 0)"
    )))
}

#[test]
fn shared_data_lives_as_long_as_a_test() {
    let mut plugins = vec![
        plugin("one", &sharing("from one")),
        plugin("two", &sharing("from two")),
        plugin("apart", &sharing("apart")),
    ];
    for plugin in &mut plugins[..2] {
        plugin.config.vm_config.vm_id = "common".to_owned();
    }
    let outcomes = run(&[subject(plugins, vec![test(vec![get(), get()]), test(vec![get()])])]);
    let logs: Vec<Vec<&str>> =
        outcomes[0].tests.iter().flat_map(|test| &test.steps).map(|step| messages(&step.log)).collect();
    let first = vec!["nothing", "from one", "nothing"];
    assert_eq!(logs, [first.clone(), vec!["from two", "from one", "apart"], first]);
    let whose: Vec<Option<usize>> = outcomes[0].tests[0].steps[0].log.iter().map(|line| line.plugin).collect();
    assert_eq!(whose, [Some(0), Some(1), Some(2)]);
}

#[test]
fn metrics_live_as_long_as_a_test() {
    let counts = "(drop (call $metric (i32.const 0) @\"requests\" (i32.const 16))) (drop (call $increment (i32.load (i32.const 16)) (i64.const 2)))
        (drop (call $metric (i32.const 1) @\"level\" (i32.const 16))) (drop (call $record (i32.load (i32.const 16)) (i64.const 7))) (i32.const 0)";
    let plugins = vec![plugin("counts", &module(&headers(counts)))];
    let outcomes = run(&[subject(plugins, vec![test(vec![get(), get()]), test(vec![get()])])]);
    let metrics: Vec<_> =
        outcomes[0].tests.iter().flat_map(|test| &test.steps).map(|step| step.metrics.clone()).collect();
    let expected = |requests| [("level".to_owned(), 7), ("requests".to_owned(), requests)].into();
    assert_eq!(metrics, [expected(2), expected(4), expected(2)]);
}

/// Envoy drops a metric with the VMs that defined it.
#[test]
fn metrics_of_another_test_are_not_reported() {
    let counts = |kind: u8, name: &str| {
        let functions = headers(&format!(
            "(drop (call $metric (i32.const {kind}) @\"{name}\" (i32.const 16)))
            (drop (call $record (i32.load (i32.const 16)) (i64.const 3))) (i32.const 0)"
        ));
        subject(vec![plugin(name, &module(&functions))], vec![test(vec![get()])])
    };
    let outcomes =
        run(&[counts(0, "first.requests"), counts(1, "second.level"), counts(0, "third"), counts(0, "first.requests")]);
    let metrics: Vec<_> = outcomes.iter().map(|outcome| outcome.tests[0].steps[0].metrics.clone()).collect();
    let only = |name: &str| [(name.to_owned(), 3)].into();
    assert_eq!(metrics, [only("first.requests"), only("second.level"), only("third"), only("first.requests")]);
}

/// Envoy creates a VM for a trial, for its main thread and for its worker.
#[test]
fn a_metric_counts_in_every_copy_of_a_vm() {
    let counts = "(drop (call $metric (i32.const 0) @\"configured\" (i32.const 16)))
        (drop (call $increment (i32.load (i32.const 16)) (i64.const 1))) (i32.const 1)";
    let found = steps(vec![plugin("counts", &module(&callback("configure", 2, counts)))], test(vec![get()]));
    assert_eq!(found[0].metrics, [("configured".to_owned(), 3)].into());
}

#[test]
fn log_messages_keep_their_levels_and_line_breaks() {
    let logs =
        "(drop (call $log (i32.const 4) @\"one\ntwo: [3]\")) (drop (call $log (i32.const 0) @\"\\\")) (i32.const 0)";
    let found = steps(vec![plugin("logs", &module(&headers(logs)))], test(vec![get()]));
    let lines: Vec<(Level, &str)> = found[0].log.iter().map(|line| (line.level, line.message.as_str())).collect();
    assert_eq!(lines, [(Level::Error, "one\ntwo: [3]"), (Level::Trace, "\\")]);
}
