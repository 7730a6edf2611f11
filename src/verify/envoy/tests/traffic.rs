//! What goes through a chain.

use std::time::Duration;

use super::guest::{callback, module, notice};
use super::subjects::{
    after, answer, answers, calls, exchange, get, message, plugin, run, said, steps, subject, test, with_trailers,
    written,
};
use crate::verify::case::{Answer, Step};
use crate::verify::message::Message;
use crate::verify::outcome::{End, FaultKind, Level};
use crate::verify::subject::{Chain, FailurePolicy};

const REQUEST_ID: &str = "x-request-id: 00000000-0000-4000-8000-000000000000";
const MS: fn(u64) -> Duration = Duration::from_millis;

fn headers(body: &str) -> String {
    callback("request_headers", 3, body)
}

/// Logs a body's chunks and whether each is the last.
fn logs_bodies() -> String {
    let body = |kind: &str, buffer: u8| {
        let read = format!(
            "(drop (call $buffer (i32.const {buffer}) (i32.const 0) (local.get 1) (i32.const 0) (i32.const 4)))"
        );
        let says = format!("(if (local.get 1) (then {read} (call $say-found)))");
        let last = format!("(if (local.get 2) (then (call $say @\"{kind} ends\")))");
        callback(&format!("{kind}_body"), 3, &format!("{says} {last} (i32.const 0)"))
    };
    let trailers = |kind: &str| {
        callback(&format!("{kind}_trailers"), 2, &format!("(call $say @\"{kind} trailers\") (i32.const 0)"))
    };
    [body("request", 0), body("response", 1), trailers("request"), trailers("response")].concat()
}

#[test]
fn headers_are_added_in_both_directions() {
    let adds =
        |map: u8, value: &str| format!("(drop (call $add (i32.const {map}) @\"x-by\" @\"{value}\")) (i32.const 0)");
    let adder = |name: &str| {
        let functions = headers(&adds(0, name)) + &callback("response_headers", 3, &adds(2, name));
        plugin(name, &module(&functions))
    };
    let step = exchange(message(&[("x-a", "1"), ("x-a", "2")], &[]), answer(&[("x-up", "1")], &["ok"]));
    let found = steps(vec![adder("one"), adder("two")], test(vec![step]));
    let (response, upstream) = (found[0].response.clone().expect("one"), found[0].upstream.clone().expect("one"));
    assert_eq!(written(&response.headers), [":status: 200", "x-up: 1", "content-length: 2", "x-by: two", "x-by: one"]);
    assert_eq!(response.body(), b"ok");
    let expected = [
        ":authority: mesh.test",
        ":path: /",
        ":method: GET",
        ":scheme: http",
        "x-a: 1",
        "x-a: 2",
        REQUEST_ID,
        "x-forwarded-proto: http",
        "x-by: one",
        "x-by: two",
    ];
    assert_eq!(written(&upstream.headers), expected);
    assert_eq!(found[0].end, End::Complete);
}

/// One chunk of a test is one callback, whatever the machine is busy with.
#[test]
fn chunks_are_seen_one_by_one() {
    let step = || {
        let request = with_trailers(message(&[(":method", "POST")], &["a", "bc", "def", "g"]), &[("x-t", "1")]);
        let mut step = exchange(request, answer(&[], &["1", "23", "456"]));
        step.request.headers.0.remove(0);
        step
    };
    let found = steps(vec![plugin("logs", &module(&logs_bodies()))], test((0..20).map(|_| step()).collect()));
    assert_eq!(found.len(), 20);
    for step in found {
        let expected = ["a", "bc", "def", "g", "request trailers", "1", "23", "456", "response ends"];
        assert_eq!(said(&step.log), expected);
        let upstream = step.upstream.expect("a request");
        assert_eq!(upstream.body(), b"abcdefg");
        assert_eq!(upstream.trailers.as_ref().map(written), Some(vec!["x-t: 1".to_owned()]));
        assert_eq!(step.response.expect("an answer").body(), b"123456");
    }
}

#[test]
fn trailers_and_whole_bodies_reach_both_sides() {
    let step = exchange(message(&[("x-a", "1")], &["whole"]), with_trailers(answer(&[], &["ok"]), &[("x-end", "e")]));
    let found = steps(vec![plugin("logs", &module(&logs_bodies()))], test(vec![step]));
    assert_eq!(said(&found[0].log), ["whole", "request ends", "ok", "response trailers"]);
    let response = found[0].response.clone().expect("an answer");
    assert_eq!(written(&response.trailers.expect("trailers")), ["x-end: e"]);
    assert_eq!(written(&response.headers), [":status: 200"]);
}

#[test]
fn a_local_reply_is_told_from_the_workloads_answer() {
    let reply = "(drop (call $reply (i32.const 403) @\"not you\" @\"denied\" @[x-why=x] (i32.const -1))) (i32.const 1)";
    let plugins = vec![plugin("logs", &module(&logs_bodies())), plugin("replies", &module(&headers(reply)))];
    let found = steps(plugins, test(vec![get()]));
    assert_eq!(found[0].end, End::LocalReply("not_you".to_owned()));
    let response = found[0].response.clone().expect("an answer");
    let expected = [":status: 403", "x-why: x", "content-length: 6", "content-type: text/plain"];
    assert_eq!(written(&response.headers), expected);
    assert!(found[0].upstream.is_none());
    assert_eq!(said(&found[0].log), ["denied", "response ends"]);
    assert_eq!(found[0].log[0].plugin, Some(0));
}

/// Calls `auth` on each request, logs the answer's status and goes on.
fn calling() -> Vec<u8> {
    let call = "(global.set $stream (local.get 0))
        (if (i32.eqz (call $call @\"auth\" @[:method=POST;:path=/check;:authority=auth.test;x-mine=1] @\"who\" (i32.const 0) (i32.const 0)
          (i32.const 300) (i32.const 16))) (then (return (i32.const 1))))
        (call $say @\"unknown\") (i32.const 0)";
    let answer = "(if (local.get 2) (then (drop (call $header (i32.const 6) @\":status\" (i32.const 0) (i32.const 4))) (call $say-found))
          (else (call $say @\"failed\")))
        (drop (call $context (global.get $stream))) (drop (call $continue (i32.const 0)))";
    module(&(headers(call) + &notice("http_call_response", 5, answer)))
}

#[test]
fn calls_are_answered_from_the_script() {
    let script = vec![
        answers(Answer::Message(answer(&[(":status", "")], &["yes"])), MS(0)),
        answers(Answer::Reset, MS(0)),
        answers(Answer::Message(answer(&[], &[])), MS(800)),
    ];
    let mut script = script;
    if let Answer::Message(message) = &mut script[0].answer {
        message.headers = [(":status", "201")].into_iter().collect();
    }
    let found = steps(vec![plugin("calls", &calling())], calls(vec![get(), get(), get(), get()], "auth", script));
    let logs: Vec<Vec<&str>> = found.iter().map(|step| said(&step.log)).collect();
    assert_eq!(logs, [["201"], ["503"], ["504"], ["504"]]);
    for step in &found {
        assert_eq!(step.end, End::Complete);
        let [call] = &step.calls[..] else { panic!("one call: {:?}", step.calls) };
        let expected = [
            ":authority: auth.test",
            ":path: /check",
            ":method: POST",
            ":scheme: http",
            "x-mine: 1",
            "content-length: 3",
        ];
        assert_eq!(
            (call.cluster.as_str(), written(&call.request.headers)),
            ("auth", expected.map(str::to_owned).to_vec())
        );
        assert_eq!(call.request.body(), b"who");
    }
}

/// Envoy wants HTTP/2 for it.
#[test]
fn grpc_calls_are_answered_from_the_script() {
    let ended = "(drop (call $context (global.get $stream))) (drop (call $continue (i32.const 0)))";
    let functions = headers(
        "(global.set $stream (local.get 0))
        (if (call $grpc @\"auth\" @\"svc.Auth\" @\"Check\" @[x-meta=m] @\"who\" (i32.const 500) (i32.const 16))
          (then (call $say @\"refused\"))) (i32.const 1)",
    ) + &notice(
        "grpc_receive",
        3,
        &format!(
            "(call $say @\"received\")
            (drop (call $buffer (i32.const 5) (i32.const 0) (local.get 2) (i32.const 0) (i32.const 4))) (call $say-found) {ended}"
        ),
    ) + &notice(
        "grpc_close",
        3,
        &format!(
            "(i32.store8 (i32.const 64) (i32.add (i32.const 48) (local.get 2))) (call $say (i32.const 64) (i32.const 1))
            (drop (call $status (i32.const 16) (i32.const 0) (i32.const 4))) (call $say-found) {ended}"
        ),
    );
    let grpc =
        |message: Message, status: &[(&str, &str)]| answers(Answer::Message(with_trailers(message, status)), MS(0));
    let mut bare = answer(&[("grpc-status", "7"), ("grpc-message", "not you")], &[]);
    bare.trailers = None;
    let script = vec![
        grpc(answer(&[("x-initial", "1")], &["yes"]), &[("grpc-status", "0")]),
        answers(Answer::Message(bare), MS(0)),
        answers(Answer::Reset, MS(0)),
        answers(Answer::Message(answer(&[("grpc-status", "0")], &[])), MS(900)),
    ];
    let test = calls(vec![get(), get(), get(), get()], "auth", script);
    let found = steps(vec![plugin("calls", &module(&functions))], test);
    let logs: Vec<Vec<&str>> = found.iter().map(|step| said(&step.log)).collect();
    let reset = "upstream connect error or disconnect/reset before headers. reset reason: connection termination\
        {upstream_reset_before_response_started{connection_termination}}";
    let late = "upstream request timeout{response_timeout}";
    // 7, and 14 twice, as characters.
    assert_eq!(logs, [["received", "yes"], ["7", "not you{via_upstream}"], [">", reset], [">", late]]);
    let call = &found[0].calls[0];
    let expected = [
        ":authority: auth",
        ":path: /svc.Auth/Check",
        ":method: POST",
        ":scheme: http",
        "te: trailers",
        "grpc-timeout: 500m",
        "content-type: application/grpc",
        "x-meta: m",
    ];
    assert_eq!(written(&call.request.headers), expected);
    assert_eq!(call.request.body, [b"who".to_vec()]);
}

/// Another test's clusters are not there, though one Envoy runs both.
#[test]
fn a_cluster_that_is_not_scripted_is_unknown() {
    let known = calls(vec![get()], "auth", vec![answers(Answer::Message(answer(&[], &[])), MS(0))]);
    let outcomes = run(&[subject(vec![plugin("calls", &calling())], vec![known.clone(), test(vec![get()]), known])]);
    let logs: Vec<Vec<&str>> = outcomes[0].tests.iter().map(|test| said(&test.steps[0].log)).collect();
    assert_eq!(logs, [["200"], ["unknown"], ["200"]]);
    assert!(outcomes[0].tests[1].steps[0].calls.is_empty());
}

/// The tick of the main thread's VM is not seen.
#[test]
fn ticks_come_while_the_clock_goes_on() {
    let functions = callback("configure", 2, "(drop (call $tick (i32.const 400))) (i32.const 1)")
        + &notice("tick", 1, "(call $say @\"tick\")");
    let found = steps(vec![plugin("ticks", &module(&functions))], test(vec![get(), after(MS(600), get())]));
    assert_eq!((said(&found[0].log), said(&found[1].log)), (vec![], vec!["tick"]));
}

#[test]
fn a_trap_is_its_plugins_fault_and_answered_503() {
    let traps = module(&headers("(call $say @\"oh\") unreachable"));
    let plugins = vec![plugin("fine", &module(&headers("(i32.const 0)"))), plugin("traps", &traps)];
    let found = steps(plugins, test(vec![get(), get()]));
    let message = "Function: proxy_on_request_headers failed: Uncaught RuntimeError: unreachable";
    let faults: Vec<_> = found[0].faults.iter().map(|(at, fault)| (*at, fault.kind, fault.message.as_str())).collect();
    assert_eq!(faults, [(1, FaultKind::Trap, message)]);
    assert_eq!((&found[0].end, &found[1].end), (&End::LocalReply("wasm_fail_stream".to_owned()), &found[0].end));
    assert_eq!(found[0].response.clone().expect("an answer").headers.first(":status"), Some(&b"503"[..]));
    assert_eq!(said(&found[0].log), ["oh"]);
    assert!(found[1].faults.is_empty() && found[1].log.is_empty());
}

#[test]
fn a_vm_that_is_reloaded_starts_again_among_the_traffic() {
    let functions = headers("unreachable") + &callback("configure", 2, "(call $say @\"starts\") (i32.const 1)");
    let mut reloads = plugin("reloads", &module(&functions));
    reloads.on_failure = FailurePolicy::Reload;
    let found = steps(vec![reloads], test(vec![get(), after(MS(1500), get())]));
    assert_eq!((said(&found[0].log), said(&found[1].log)), (vec![], vec!["starts"]));
    assert_eq!((found[0].faults.len(), found[1].faults.len()), (1, 1));
}

#[test]
fn a_response_that_breaks_off_is_a_reset() {
    let found = steps(vec![plugin("traps", &module(&callback("response_body", 3, "unreachable")))], test(vec![get()]));
    assert_eq!(found[0].end, End::Reset);
    assert_eq!(found[0].response.clone().expect("its head").headers.first(":status"), Some(&b"200"[..]));
}

#[test]
fn a_request_that_is_held_stalls_and_the_next_test_does_not() {
    let holds = plugin("holds", &module(&callback("request_headers", 3, "(local.get 2)")));
    let mut post = exchange(message(&[], &["a"]), answer(&[], &[]));
    post.request.headers.0[0] = (b":method".to_vec(), b"POST".to_vec());
    let outcomes = run(&[subject(vec![holds], vec![test(vec![get()]), test(vec![post])])]);
    let step = &outcomes[0].tests[0].steps[0];
    assert_eq!((&step.end, &step.response, &step.upstream), (&End::Stalled(None), &None, &None));
    assert_eq!(outcomes[0].tests[1].steps[0].end, End::Complete);
}

#[test]
fn a_filter_that_never_returns_ends_its_test_only() {
    let spins = plugin("spins", &module(&headers("(loop $again (br $again)) (i32.const 0)")));
    let fine = subject(vec![plugin("fine", &module(""))], vec![test(vec![get()])]);
    let outcomes = run(&[subject(vec![plugin("first", &module("")), spins], vec![test(vec![get(), get()])]), fine]);
    let step = &outcomes[0].tests[0].steps[..];
    let [step] = step else { panic!("one step: {step:?}") };
    assert_eq!(step.end, End::Stalled(None));
    let [(1, fault)] = &step.faults[..] else { panic!("{:?}", step.faults) };
    assert_eq!(
        (fault.kind, fault.message.as_str()),
        (FaultKind::Endless, "Function: proxy_on_request_headers does not come back")
    );
    assert_eq!(outcomes[1].tests[0].steps[0].end, End::Complete);
}

/// Logs what another has shared, and shares its own.
fn sharing(value: &str) -> Vec<u8> {
    module(&headers(&format!(
        "(if (call $shared @\"key\" (i32.const 0) (i32.const 4) (i32.const 8)) (then (call $say @\"nothing\")) (else (call $say-found)))
        (drop (call $share @\"key\" @\"{value}\" (i32.const 0))) (i32.const 0)"
    )))
}

#[test]
fn shared_data_is_shared_within_a_test_and_not_with_the_next() {
    let mut plugins = vec![
        plugin("one", &sharing("from one")),
        plugin("two", &sharing("from two")),
        plugin("apart", &sharing("apart")),
    ];
    for plugin in &mut plugins[..2] {
        plugin.vm_id = "common".to_owned();
    }
    let outcomes = run(&[subject(plugins, vec![test(vec![get(), get()]), test(vec![get()])])]);
    let logs: Vec<Vec<&str>> =
        outcomes[0].tests.iter().flat_map(|test| &test.steps).map(|step| said(&step.log)).collect();
    let first = vec!["nothing", "from one", "nothing"];
    assert_eq!(logs, [first.clone(), vec!["from two", "from one", "apart"], first]);
    let whose: Vec<Option<usize>> = outcomes[0].tests[0].steps[0].log.iter().map(|line| line.plugin).collect();
    assert_eq!(whose, [Some(0), Some(1), Some(2)]);
}

#[test]
fn metrics_are_each_tests_own() {
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
fn metrics_of_another_test_are_not_this_ones() {
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

/// Envoy tries a plugin out before its main thread and its worker get it.
#[test]
fn a_metric_counts_in_every_copy_of_a_vm() {
    let counts = "(drop (call $metric (i32.const 0) @\"configured\" (i32.const 16)))
        (drop (call $increment (i32.load (i32.const 16)) (i64.const 1))) (i32.const 1)";
    let found = steps(vec![plugin("counts", &module(&callback("configure", 2, counts)))], test(vec![get()]));
    assert_eq!(found[0].metrics, [("configured".to_owned(), 3)].into());
}

#[test]
fn network_filters_stand_before_the_connection_manager() {
    let functions = callback("downstream_data", 3, "(call $say @\"data\") (i32.const 0)")
        + &callback("new_connection", 1, "(call $say @\"connection\") (i32.const 0)")
        + &notice("downstream_connection_close", 2, "(call $say @\"closed\")");
    let mut subject = subject(
        vec![
            plugin("http", &module(&headers("(call $say @\"request\") (i32.const 0)"))),
            plugin("network", &module(&functions)),
        ],
        vec![test(vec![get()])],
    );
    subject.plugins[1].chain = Chain::Network;
    let outcomes = run(&[subject]);
    let step = &outcomes[0].tests[0].steps[0];
    let whose: Vec<Option<usize>> = step.log.iter().map(|line| line.plugin).collect();
    assert_eq!(
        (said(&step.log), whose),
        (vec!["connection", "data", "request", "closed"], vec![Some(1), Some(1), Some(0), Some(1)])
    );
}

#[test]
fn a_workload_that_breaks_off_is_answered_for() {
    let reset = Step { upstream: Answer::Reset, ..get() };
    let found = steps(vec![plugin("logs", &module(&logs_bodies()))], test(vec![reset]));
    let End::LocalReply(details) = &found[0].end else { panic!("{:?}", found[0].end) };
    assert_eq!(details, "upstream_reset_before_response_started{connection_termination}");
    let says = "upstream connect error or disconnect/reset before headers. reset reason: connection termination";
    assert_eq!(said(&found[0].log), [says, "response ends"]);
    assert!(found[0].upstream.is_some());
}

#[test]
fn answers_without_a_body_have_none() {
    let mut head = get();
    head.request.headers.0[0] = (b":method".to_vec(), b"HEAD".to_vec());
    let mut empty = get();
    empty.upstream =
        Answer::Message(Message { headers: [(":status", "204")].into_iter().collect(), ..Message::default() });
    let found = steps(vec![plugin("logs", &module(&logs_bodies()))], test(vec![head, empty]));
    let heads: Vec<_> = found.iter().map(|step| written(&step.response.clone().expect("an answer").headers)).collect();
    assert_eq!(heads, [vec![":status: 200", "content-length: 2"], vec![":status: 204"]]);
    assert!(found.iter().all(|step| step.log.is_empty() && step.end == End::Complete));
}

#[test]
fn another_scheme_is_asked_for_by_its_whole_address() {
    let mut step = get();
    step.request.headers.0[1] = (b":scheme".to_vec(), b"https".to_vec());
    let logs = "(drop (call $header (i32.const 0) @\":scheme\" (i32.const 0) (i32.const 4))) (call $say-found)
        (drop (call $header (i32.const 0) @\":path\" (i32.const 0) (i32.const 4))) (call $say-found)
        (drop (call $header (i32.const 0) @\"x-forwarded-proto\" (i32.const 0) (i32.const 4))) (call $say-found) (i32.const 0)";
    let found = steps(vec![plugin("logs", &module(&headers(logs)))], test(vec![step]));
    assert_eq!(said(&found[0].log), ["https", "/", "http"]);
    assert_eq!(found[0].upstream.clone().expect("a request").headers.first(":scheme"), Some(&b"https"[..]));
}

/// More than is kept of a log.
#[test]
fn a_filter_that_floods_the_log_is_told() {
    let floods = "(local $i i32) (loop $again (call $say (i32.const 0) (i32.const 65536))
        (local.set $i (i32.add (local.get $i) (i32.const 1))) (br_if $again (i32.lt_u (local.get $i) (i32.const 1200)))) (i32.const 0)";
    let found = steps(vec![plugin("floods", &module(&headers(floods)))], test(vec![get()]));
    let kinds: Vec<FaultKind> = found[0].faults.iter().map(|(_, fault)| fault.kind).collect();
    assert_eq!(kinds, [FaultKind::Limits]);
}

#[test]
fn lines_keep_their_levels_and_their_line_ends() {
    let logs =
        "(drop (call $log (i32.const 4) @\"one\ntwo: [3]\")) (drop (call $log (i32.const 0) @\"\\\")) (i32.const 0)";
    let found = steps(vec![plugin("logs", &module(&headers(logs)))], test(vec![get()]));
    let lines: Vec<(Level, &str)> = found[0].log.iter().map(|line| (line.level, line.message.as_str())).collect();
    assert_eq!(lines, [(Level::Error, "one\ntwo: [3]"), (Level::Trace, "\\")]);
}
