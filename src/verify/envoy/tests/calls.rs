//! Calls to other clusters.

use mesh_compile_host::outcome::End;
use mesh_compile_host::{Message, Response};

use super::guest::{callback, headers, module, notice};
use super::subjects::{
    MS, after, callout, calls, get, lines, messages, ok, plugin, run, steps, subject, test, with_trailers,
};

/// Calls `auth` on each request, logs the response's status and resumes the request.
fn calling() -> Vec<u8> {
    let call = "(global.set $stream (local.get 0))
        (if (i32.eqz (call $call @\"auth\" @[:method=POST;:path=/check;:authority=auth.test;x-mine=1] @\"who\" (i32.const 0) (i32.const 0)
          (i32.const 700) (i32.const 16))) (then (return (i32.const 1))))
        (call $say @\"unknown\") (i32.const 0)";
    let response = "(if (local.get 2) (then (drop (call $header (i32.const 6) @\":status\" (i32.const 0) (i32.const 4))) (call $say-found))
          (else (call $say @\"failed\")))
        (drop (call $context (global.get $stream))) (drop (call $continue (i32.const 0)))";
    module(&(headers(call) + &notice("http_call_response", 5, response)))
}

fn created() -> Message {
    Message { headers: [(":status", "201")].into_iter().collect(), ..ok(&[], &["yes"]) }
}

#[test]
fn callouts_get_scripted_responses() {
    let script = vec![
        callout(Response::Message(created()), MS(0)),
        callout(Response::Reset, MS(0)),
        callout(Response::Message(ok(&[], &[])), MS(1500)),
    ];
    let found = steps(vec![plugin("calls", &calling())], calls(vec![get(), get(), get(), get()], "auth", script));
    let logs: Vec<Vec<&str>> = found.iter().map(|step| messages(&step.log)).collect();
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
            (call.cluster.as_str(), lines(&call.request.headers)),
            ("auth", expected.map(str::to_owned).to_vec())
        );
        assert_eq!(call.request.body(), b"who");
    }
}

/// Envoy sends gRPC calls over HTTP/2.
#[test]
fn grpc_calls_get_scripted_responses() {
    let ended = "(drop (call $context (global.get $stream))) (drop (call $continue (i32.const 0)))";
    let functions = headers(
        "(global.set $stream (local.get 0))
        (if (call $grpc @\"auth\" @\"svc.Auth\" @\"Check\" @[x-meta=m] @\"who\" (i32.const 700) (i32.const 16))
          (then (call $say @\"rejected\"))) (i32.const 1)",
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
        |message: Message, status: &[(&str, &str)]| callout(Response::Message(with_trailers(message, status)), MS(0));
    let mut bare = ok(&[("grpc-status", "7"), ("grpc-message", "not you")], &[]);
    bare.trailers = None;
    let script = vec![
        grpc(ok(&[("x-initial", "1")], &["yes"]), &[("grpc-status", "0")]),
        callout(Response::Message(bare), MS(0)),
        callout(Response::Reset, MS(0)),
        callout(Response::Message(ok(&[("grpc-status", "0")], &[])), MS(1500)),
    ];
    let test = calls(vec![get(), get(), get(), get()], "auth", script);
    let found = steps(vec![plugin("calls", &module(&functions))], test);
    let logs: Vec<Vec<&str>> = found.iter().map(|step| messages(&step.log)).collect();
    let reset = "upstream connect error or disconnect/reset before headers. reset reason: connection termination\
        {upstream_reset_before_response_started{connection_termination}}";
    let late = "upstream request timeout{response_timeout}";
    // The statuses 7 and 14, added to the character `0`.
    assert_eq!(logs, [["received", "yes"], ["7", "not you{via_upstream}"], [">", reset], [">", late]]);
    let call = &found[0].calls[0];
    let expected = [
        ":authority: auth",
        ":path: /svc.Auth/Check",
        ":method: POST",
        ":scheme: http",
        "te: trailers",
        "grpc-timeout: 700m",
        "content-type: application/grpc",
        "x-meta: m",
    ];
    assert_eq!(lines(&call.request.headers), expected);
    assert_eq!(call.request.body, [b"who".to_vec()]);
}

/// One Envoy runs all tests, but each test has only its own clusters.
#[test]
fn a_cluster_without_a_script_is_unknown() {
    let known = calls(vec![get()], "auth", vec![callout(Response::Message(ok(&[], &[])), MS(0))]);
    let outcomes = run(&[subject(vec![plugin("calls", &calling())], vec![known.clone(), test(vec![get()]), known])]);
    let logs: Vec<Vec<&str>> = outcomes[0].tests.iter().map(|test| messages(&test.steps[0].log)).collect();
    assert_eq!(logs, [["200"], ["unknown"], ["200"]]);
    assert!(outcomes[0].tests[1].steps[0].calls.is_empty());
}

/// The main thread's VM ticks and sends callouts too. They get responses but are not reported.
#[test]
fn only_the_workers_callouts_are_reported() {
    let functions = callback("configure", 2, "(drop (call $tick (i32.const 400))) (i32.const 1)")
        + &notice(
            "tick",
            1,
            "(drop (call $call @\"auth\" @[:method=GET;:path=/;:authority=auth] (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 0)
              (i32.const 700) (i32.const 16)))",
        )
        + &notice(
            "http_call_response",
            5,
            "(drop (call $header (i32.const 6) @\":status\" (i32.const 0) (i32.const 4))) (call $say-found)",
        );
    let script = vec![callout(Response::Message(created()), MS(0)), callout(Response::Message(ok(&[], &[])), MS(0))];
    let test = calls(vec![after(MS(1000), get()), after(MS(600), get())], "auth", script);
    let found = steps(vec![plugin("ticks", &module(&functions))], test);
    let all: Vec<&str> = found.iter().flat_map(|step| messages(&step.log)).collect();
    assert!(all.starts_with(&["201", "200", "200"]), "{all:?}");
    let calls: usize = found.iter().map(|step| step.calls.len()).sum();
    // The last response may still be in flight.
    assert!(calls == all.len() || calls == all.len() + 1, "{calls} calls: {all:?}");
}
