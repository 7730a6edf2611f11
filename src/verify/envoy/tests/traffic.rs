//! Traffic through a chain.

use mesh_compile_host::outcome::{End, FaultKind};
use mesh_compile_host::{Message, Property, Response};

use super::guest::{callback, headers, logs_bodies, module, notice};
use super::subjects::{exchange, get, lines, message, messages, ok, plugin, run, steps, subject, test, with_trailers};
use crate::domain::{Direction, FilterType};
use crate::resolve::traffic::suite::Test;

const REQUEST_ID: &str = "x-request-id: 00000000-0000-4000-8000-000000000000";

#[test]
fn headers_are_added_in_both_directions() {
    let adds =
        |map: u8, value: &str| format!("(drop (call $add (i32.const {map}) @\"x-by\" @\"{value}\")) (i32.const 0)");
    let adder = |name: &str| {
        let functions = headers(&adds(0, name)) + &callback("response_headers", 3, &adds(2, name));
        plugin(name, &module(&functions))
    };
    let step = exchange(message(&[("x-a", "1"), ("x-a", "2")], &[]), ok(&[("x-up", "1")], &["ok"]));
    let found = steps(vec![adder("one"), adder("two")], test(vec![step]));
    let (response, upstream) = (found[0].response.clone().expect("one"), found[0].upstream.clone().expect("one"));
    assert_eq!(lines(&response.headers), [":status: 200", "x-up: 1", "content-length: 2", "x-by: two", "x-by: one"]);
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
    assert_eq!(lines(&upstream.headers), expected);
    assert_eq!(found[0].end, End::Complete);
}

/// Each chunk of a test is one callback, even on a busy machine.
#[test]
fn chunks_arrive_one_by_one() {
    let step = || {
        let request = with_trailers(message(&[(":method", "POST")], &["a", "bc", "def", "g"]), &[("x-t", "1")]);
        let mut step = exchange(request, ok(&[], &["1", "23", "456"]));
        step.exchange.request.headers.0.remove(0);
        step
    };
    let found = steps(vec![plugin("logs", &module(&logs_bodies()))], test((0..20).map(|_| step()).collect()));
    assert_eq!(found.len(), 20);
    for step in found {
        let expected = ["a", "bc", "def", "g", "request trailers", "1", "23", "456", "response ends"];
        assert_eq!(messages(&step.log), expected);
        let upstream = step.upstream.expect("a request");
        assert_eq!(upstream.body(), b"abcdefg");
        assert_eq!(upstream.trailers.as_ref().map(lines), Some(vec!["x-t: 1".to_owned()]));
        assert_eq!(step.response.expect("a response").body(), b"123456");
    }
}

#[test]
fn trailers_and_single_chunk_bodies_reach_both_sides() {
    let step = exchange(message(&[("x-a", "1")], &["whole"]), with_trailers(ok(&[], &["ok"]), &[("x-end", "e")]));
    let found = steps(vec![plugin("logs", &module(&logs_bodies()))], test(vec![step]));
    assert_eq!(messages(&found[0].log), ["whole", "request ends", "ok", "response trailers"]);
    let response = found[0].response.clone().expect("a response");
    assert_eq!(lines(&response.trailers.expect("trailers")), ["x-end: e"]);
    assert_eq!(lines(&response.headers), [":status: 200"]);
}

#[test]
fn a_local_reply_differs_from_the_workloads_response() {
    let reply = "(drop (call $reply (i32.const 403) @\"not you\" @\"denied\" @[x-why=x] (i32.const -1))) (i32.const 1)";
    let plugins = vec![plugin("logs", &module(&logs_bodies())), plugin("replies", &module(&headers(reply)))];
    let found = steps(plugins, test(vec![get()]));
    assert_eq!(found[0].end, End::LocalReply("not_you".to_owned()));
    let response = found[0].response.clone().expect("a response");
    let expected = [":status: 403", "x-why: x", "content-length: 6", "content-type: text/plain"];
    assert_eq!(lines(&response.headers), expected);
    assert!(found[0].upstream.is_none());
    assert_eq!(messages(&found[0].log), ["denied", "response ends"]);
    assert_eq!(found[0].log[0].plugin, Some(0));
}

#[test]
fn the_listener_has_the_direction_of_the_test() {
    let says = "(drop (call $property @\"xds.listener_direction\" (i32.const 0) (i32.const 4)))
        (i32.store8 (i32.const 64) (i32.add (i32.const 48) (i32.load8_u (i32.load (i32.const 0))))) (call $say (i32.const 64) (i32.const 1))
        (i32.const 0)";
    let towards = |direction| Test { direction, ..test(vec![get()]) };
    let tests = [Direction::Inbound, Direction::Outbound, Direction::Gateway].map(towards).to_vec();
    let outcomes = run(&[subject(vec![plugin("says", &module(&headers(says)))], tests)]);
    let logs: Vec<_> = outcomes[0].tests.iter().map(|test| messages(&test.steps[0].log)).collect();
    assert_eq!(logs, [["1"], ["2"], ["2"]]);
}

#[test]
fn a_test_that_sets_properties_is_not_run() {
    let mut sets = test(vec![get()]);
    sets.scenario
        .properties
        .insert(vec!["source".to_owned(), "address".to_owned()], Property::Text("10.0.0.7:1".to_owned()));
    let outcomes = run(&[subject(vec![plugin("it", &module(""))], vec![sets])]);
    let fault = outcomes[0].tests[0].fault.clone().expect("it is unsupported");
    assert_eq!(
        (fault.kind, fault.message.as_str()),
        (FaultKind::Unsupported, "a real Envoy sets the property source.address itself")
    );
}

#[test]
fn network_filters_run_before_the_connection_manager() {
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
    subject.plugins[1].chain = FilterType::Network;
    let outcomes = run(&[subject]);
    let step = &outcomes[0].tests[0].steps[0];
    let whose: Vec<Option<usize>> = step.log.iter().map(|line| line.plugin).collect();
    assert_eq!(
        (messages(&step.log), whose),
        (vec!["connection", "data", "request", "closed"], vec![Some(1), Some(1), Some(0), Some(1)])
    );
}

#[test]
fn responses_to_head_and_204_have_no_body() {
    let mut head = get();
    head.exchange.request.headers.0[0] = (b":method".to_vec(), b"HEAD".to_vec());
    let mut empty = get();
    empty.exchange.upstream =
        Response::Message(Message { headers: [(":status", "204")].into_iter().collect(), ..Message::default() });
    let found = steps(vec![plugin("logs", &module(&logs_bodies()))], test(vec![head, empty]));
    let heads: Vec<_> = found.iter().map(|step| lines(&step.response.clone().expect("a response").headers)).collect();
    assert_eq!(heads, [vec![":status: 200", "content-length: 2"], vec![":status: 204"]]);
    assert!(found.iter().all(|step| step.log.is_empty() && step.end == End::Complete));
}

#[test]
fn another_scheme_is_sent_in_the_request_line() {
    let mut step = get();
    step.exchange.request.headers.0[1] = (b":scheme".to_vec(), b"https".to_vec());
    let logs = "(drop (call $header (i32.const 0) @\":scheme\" (i32.const 0) (i32.const 4))) (call $say-found)
        (drop (call $header (i32.const 0) @\":path\" (i32.const 0) (i32.const 4))) (call $say-found)
        (drop (call $header (i32.const 0) @\"x-forwarded-proto\" (i32.const 0) (i32.const 4))) (call $say-found) (i32.const 0)";
    let found = steps(vec![plugin("logs", &module(&headers(logs)))], test(vec![step]));
    assert_eq!(messages(&found[0].log), ["https", "/", "http"]);
    assert_eq!(found[0].upstream.clone().expect("a request").headers.first(":scheme"), Some(&b"https"[..]));
}

/// The excess bytes are not parsed as the next request.
#[test]
fn a_body_longer_than_its_content_length_is_cut() {
    let grows = "(if (local.get 1) (then (drop (call $set-buffer (i32.const 0) (i32.const 0) (i32.const 99) @\"longer\")))) (i32.const 0)";
    let post = || exchange(message(&[], &["abc"]), ok(&[], &["ok"]));
    let found =
        steps(vec![plugin("grows", &module(&callback("request_body", 3, grows)))], test(vec![post(), post(), get()]));
    let bodies: Vec<_> = found.iter().map(|step| step.upstream.clone().expect("a request").body()).collect();
    assert_eq!(bodies, [&b"lon"[..], b"lon", b""]);
    assert!(found.iter().all(|step| step.end == End::Complete));
}
