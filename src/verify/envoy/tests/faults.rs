//! Faults during traffic.

use mesh_compile_host::Response;
use mesh_compile_host::outcome::{End, FaultKind};

use super::guest::{callback, headers, logs_bodies, module, notice};
use super::subjects::{MS, after, exchange, get, message, messages, ok, plugin, run, steps, subject, test};
use crate::objects::FailurePolicy;
use crate::verify::outcome::Outcome;

#[test]
fn a_trap_is_reported_for_its_plugin_and_gives_503() {
    let traps = module(&headers("(call $say @\"oh\") unreachable"));
    let plugins = vec![plugin("fine", &module(&headers("(i32.const 0)"))), plugin("traps", &traps)];
    let found = steps(plugins, test(vec![get(), get()]));
    let message = "Function: proxy_on_request_headers failed: Uncaught RuntimeError: unreachable";
    let faults: Vec<_> = found[0].faults.iter().map(|(at, fault)| (*at, fault.kind, fault.message.as_str())).collect();
    assert_eq!(faults, [(1, FaultKind::Trap, message)]);
    assert_eq!((&found[0].end, &found[1].end), (&End::LocalReply("wasm_fail_stream".to_owned()), &found[0].end));
    assert_eq!(found[0].response.clone().expect("a response").headers.first(":status"), Some(&b"503"[..]));
    assert_eq!(messages(&found[0].log), ["oh"]);
    assert!(found[1].faults.is_empty() && found[1].log.is_empty());
}

#[test]
fn a_reloaded_vm_starts_again_during_traffic() {
    let functions = headers("unreachable") + &callback("configure", 2, "(call $say @\"starts\") (i32.const 1)");
    let mut reloads = plugin("reloads", &module(&functions));
    reloads.config.failure_policy = Some(FailurePolicy::FailReload);
    let found = steps(vec![reloads], test(vec![get(), after(MS(1500), get())]));
    assert_eq!((messages(&found[0].log), messages(&found[1].log)), (vec![], vec!["starts"]));
    assert_eq!((found[0].faults.len(), found[1].faults.len()), (1, 1));
}

/// The request that traps, and the next one, under each policy.
#[test]
fn failure_policies_reach_envoy() {
    let subject = |(failure_policy, fail_open)| {
        let mut traps = plugin("traps", &module(&headers("unreachable")));
        traps.config.failure_policy = failure_policy;
        traps.config.fail_open = fail_open;
        subject(vec![traps], vec![test(vec![get(), get()])])
    };
    let policies = [
        (None, None),
        (Some(FailurePolicy::FailClosed), None),
        (Some(FailurePolicy::FailOpen), None),
        (None, Some(true)),
    ];
    let outcomes = run(&policies.map(subject));
    let ends =
        |outcome: &Outcome| outcome.tests[0].steps.iter().map(|step| step.end == End::Complete).collect::<Vec<_>>();
    let passes: Vec<_> = outcomes.iter().map(ends).collect();
    assert_eq!(passes, [[false, false], [false, false], [false, true], [true, true]]);
}

#[test]
fn a_truncated_response_is_a_reset() {
    let found = steps(vec![plugin("traps", &module(&callback("response_body", 3, "unreachable")))], test(vec![get()]));
    assert_eq!(found[0].end, End::Reset);
    assert_eq!(found[0].response.clone().expect("its head").headers.first(":status"), Some(&b"200"[..]));
}

#[test]
fn a_paused_request_stalls_only_its_own_test() {
    let holds = plugin("holds", &module(&callback("request_headers", 3, "(local.get 2)")));
    let mut post = exchange(message(&[], &["a"]), ok(&[], &[]));
    post.exchange.request.headers.0[0] = (b":method".to_vec(), b"POST".to_vec());
    let outcomes = run(&[subject(
        vec![plugin("first", &module(&headers("(i32.const 0)"))), holds],
        vec![test(vec![get()]), test(vec![post])],
    )]);
    let step = &outcomes[0].tests[0].steps[0];
    assert_eq!((&step.end, &step.response, &step.upstream), (&End::Stalled(Some(1)), &None, &None));
    assert_eq!(outcomes[0].tests[1].steps[0].end, End::Complete);
}

#[test]
fn a_filter_that_never_returns_ends_only_its_test() {
    let spins = plugin("spins", &module(&headers("(loop $again (br $again)) (i32.const 0)")));
    let fine = subject(vec![plugin("fine", &module(""))], vec![test(vec![get()])]);
    let outcomes = run(&[subject(vec![plugin("first", &module("")), spins], vec![test(vec![get(), get()])]), fine]);
    let step = &outcomes[0].tests[0].steps[..];
    let [step] = step else { panic!("one step: {step:?}") };
    assert_eq!(step.end, End::Stalled(Some(1)));
    let [(1, fault)] = &step.faults[..] else { panic!("{:?}", step.faults) };
    assert_eq!(
        (fault.kind, fault.message.as_str()),
        (FaultKind::Endless, "Function: proxy_on_request_headers does not return")
    );
    assert_eq!(outcomes[1].tests[0].steps[0].end, End::Complete);
}

#[test]
fn a_workload_reset_gives_a_local_reply() {
    let mut reset = get();
    reset.exchange.upstream = Response::Reset;
    let found = steps(vec![plugin("logs", &module(&logs_bodies()))], test(vec![reset]));
    let End::LocalReply(details) = &found[0].end else { panic!("{:?}", found[0].end) };
    assert_eq!(details, "upstream_reset_before_response_started{connection_termination}");
    let message = "upstream connect error or disconnect/reset before headers. reset reason: connection termination";
    assert_eq!(messages(&found[0].log), [message, "response ends"]);
    assert!(found[0].upstream.is_some());
}

/// The filter logs more than is kept.
#[test]
fn a_filter_that_floods_the_log_is_reported() {
    let floods = "(local $i i32) (loop $again (call $say (i32.const 0) (i32.const 65536))
        (local.set $i (i32.add (local.get $i) (i32.const 1))) (br_if $again (i32.lt_u (local.get $i) (i32.const 1200)))) (i32.const 0)";
    let found = steps(vec![plugin("floods", &module(&headers(floods)))], test(vec![get()]));
    let kinds: Vec<FaultKind> = found[0].faults.iter().map(|(_, fault)| fault.kind).collect();
    assert_eq!(kinds, [FaultKind::Limits]);
}

/// Envoy 1.40 crashes on a local reply in `proxy_on_log`.
#[test]
fn a_filter_that_crashes_envoy_ends_only_its_test() {
    let late = "(drop (call $reply (i32.const 403) @\"\" @\"late\" (i32.const 0) (i32.const 0) (i32.const -1)))";
    let fine = subject(vec![plugin("fine", &module(""))], vec![test(vec![get()])]);
    let late = plugin("late", &module(&notice("log", 1, late)));
    let outcomes = run(&[subject(vec![late], vec![test(vec![get(), get()])]), fine]);
    let [step] = &outcomes[0].tests[0].steps[..] else { panic!("one step: {:?}", outcomes[0].tests[0]) };
    let Some((0, fault)) = step.faults.last() else { panic!("{:?}", step.faults) };
    assert_eq!(fault.kind, FaultKind::Crash);
    assert!(fault.message.starts_with("Envoy's process exited: signal: "), "{}", fault.message);
    assert_eq!(outcomes[1].tests[0].steps[0].end, End::Complete);
}

#[test]
fn a_response_without_a_status_gives_a_local_reply() {
    let removes = callback("response_headers", 3, "(drop (call $remove (i32.const 2) @\":status\")) (i32.const 0)");
    let found = steps(vec![plugin("removes", &module(&removes))], test(vec![get()]));
    let details = "filter_removed_required_response_headers{missing_required_header:_:status}";
    assert_eq!(found[0].end, End::LocalReply(details.to_owned()));
}
