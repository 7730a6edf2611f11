//! Handmade outcomes, and the failures they give.

use std::sync::Arc;
use std::time::Duration;

use mesh_compile_host::outcome::{Fault, FaultKind, Level, LogLine};
use mesh_compile_host::{Exchange, Fields, Response, Scenario};
use regex::bytes::Regex;

use super::*;
use crate::diag::Sources;
use crate::domain::{Digest, Direction, FilterType, LoadFailure};
use crate::objects::PluginConfig;
use crate::resolve::traffic::suite::{Expect, ExpectedField};
use crate::verify::subject::{ChainEntry, Module, Plugin};

/// A location that identifies a failure by its byte in mesh.toml.
fn at(byte: usize) -> Location {
    Location::new(Sources::new().id("mesh.toml".into()), byte..byte + 1)
}

fn expected<T>(value: T) -> Expected<T> {
    Expected { value, location: at(7) }
}

fn is(text: &str) -> Matcher {
    Matcher::Is(text.into())
}

fn like(expression: &str) -> Matcher {
    Matcher::Matches(Regex::new(expression).unwrap())
}

fn field(name: &str, values: Vec<Matcher>) -> ExpectedField {
    ExpectedField { name: name.into(), values, location: at(7) }
}

fn fields(all: &[(&str, &str)]) -> Fields {
    all.iter().copied().collect()
}

fn message(headers: &[(&str, &str)], body: &str) -> Message {
    let body = if body.is_empty() { Vec::new() } else { vec![body.as_bytes().to_vec()] };
    Message { headers: fields(headers), body, trailers: None }
}

/// A successful exchange: `GET /` and `200`, with a header, a body and a trailer.
fn good() -> ExchangeOutcome {
    let mut response = message(&[(":status", "200"), ("x-color", "red"), ("x-many", "1"), ("x-many", "2")], "hello");
    response.trailers = Some(fields(&[("t", "1")]));
    let upstream = message(&[(":authority", "mesh.test"), (":path", "/"), (":method", "GET"), ("a", "1")], "asked");
    ExchangeOutcome { response: Some(response), upstream: Some(upstream), ..ExchangeOutcome::default() }
}

fn subject() -> Subject {
    let plugin = Plugin {
        chain_name: "wasm.demo".into(),
        config: PluginConfig { name: "demo".into(), ..PluginConfig::default() },
        load_failure: LoadFailure::StopRollout,
        module: Module { bytes: Arc::from([]), digest: Digest::of(b"") },
    };
    let (direction, location) = (Direction::Inbound, at(0));
    let entry = ChainEntry { plugin: Arc::new(plugin), chain: FilterType::Http, direction, port: None, location };
    Subject {
        name: "Deployment/default/web".into(),
        envoy: 40,
        plugins: vec![entry],
        clusters: None,
        tests: Vec::new(),
    }
}

fn test(steps: Vec<Expect>) -> Test {
    let step = |expect| Step {
        location: at(3),
        loading: Default::default(),
        exchange: Exchange { after: Duration::ZERO, request: Message::default(), upstream: Response::Reset },
        expect,
    };
    Test {
        name: "it".into(),
        location: at(1),
        direction: Direction::Inbound,
        port: None,
        chain: Default::default(),
        loading: Default::default(),
        scenario: Scenario::default(),
        steps: steps.into_iter().map(step).collect(),
    }
}

fn failures(expect: Expect, found: ExchangeOutcome) -> Vec<Failure> {
    judge(&subject(), &test(vec![expect]), &TestOutcome { steps: vec![found], fault: None })
}

/// The failure where only the expectation at byte 7 is not met.
#[track_caller]
fn only(expect: Expect, found: ExchangeOutcome) -> Failure {
    let failures = failures(expect, found);
    let [only] = failures.as_slice() else { panic!("{failures:#?}") };
    assert_eq!((only.step, &only.location), (0, &at(7)));
    only.clone()
}

#[track_caller]
fn fails_with(expect: Expect, found: ExchangeOutcome, message: &str) {
    assert_eq!(only(expect, found).message, message);
}

fn headers(headers: Vec<ExpectedField>) -> Expect {
    Expect { headers, ..Expect::default() }
}

fn body(matcher: Matcher) -> Expect {
    Expect { body: Some(expected(matcher)), ..Expect::default() }
}

/// A successful exchange with this response body.
fn with_body(body: &[u8]) -> ExchangeOutcome {
    let mut found = good();
    if let Some(response) = &mut found.response {
        response.body = vec![body.to_vec()];
    }
    found
}

fn local_reply(details: &str) -> ExchangeOutcome {
    let response = Some(message(&[(":status", "403")], "no"));
    ExchangeOutcome { response, end: End::LocalReply(details.into()), ..ExchangeOutcome::default() }
}

#[test]
fn met_expectations_give_no_failure() {
    let expect = Expect {
        reset: None,
        status: Some(expected(200)),
        headers: vec![
            field(":status", vec![like("^2")]),
            field("x-color", vec![is("red")]),
            field("x-many", vec![is("1"), like(".")]),
        ],
        no_headers: vec![expected("x-other".into())],
        body: Some(expected(like("^hel"))),
        trailers: vec![field("t", vec![is("1")])],
        upstream: Some(ExpectedUpstream::Request {
            headers: vec![field(":path", vec![is("/")])],
            no_headers: vec![expected("x-color".into())],
            body: Some(expected(is("asked"))),
            trailers: Vec::new(),
            location: at(7),
        }),
        local_reply: Some(expected(LocalReply::No)),
        log: vec![expected(Regex::new("^seen").unwrap())],
        no_log: vec![expected(Regex::new("panic").unwrap())],
        metrics: vec![("requests".into(), expected(1))],
        calls: Some(expected(Vec::new())),
    };
    let mut found = good();
    found.log.push(LogLine { level: Level::Info, plugin: Some(0), message: "seen it".into() });
    found.metrics.insert("requests".into(), 1);
    assert_eq!(failures(expect, found), []);
    assert_eq!(failures(Expect::default(), good()), []);
    let reply = LocalReply::Details(is("via_demo"));
    let expect = Expect { local_reply: Some(expected(reply)), ..Expect::default() };
    assert_eq!(failures(expect, local_reply("via_demo")), []);
    let expect = Expect { upstream: Some(ExpectedUpstream::Nothing(at(7))), ..Expect::default() };
    assert_eq!(failures(expect, local_reply("")), []);
}

#[test]
fn each_expectation_fails_by_itself() {
    let expect = Expect { status: Some(expected(404)), ..headers(vec![field("x-color", vec![is("blue")])]) };
    assert_eq!(failures(expect, good()).len(), 2);
}

#[test]
fn status() {
    let expect = |status| Expect { status: Some(expected(status)), ..Expect::default() };
    fails_with(expect(404), good(), "the status is 200, not 404");
    fails_with(expect(200), local_reply("auth_denied"), "the status is 403 (a local reply: `auth_denied`), not 200");
    fails_with(expect(200), local_reply(""), "the status is 403 (a local reply), not 200");
}

#[test]
fn header_values() {
    let fails_with =
        |name: &str, values, message: &str| fails_with(headers(vec![field(name, values)]), good(), message);
    fails_with("x-color", vec![is("blue")], "header `x-color` of the response is `red`, not `blue`");
    fails_with("x-color", vec![like("^b")], "header `x-color` of the response is `red`, which `^b` does not match");
    fails_with(":status", vec![is("404")], "header `:status` of the response is `200`, not `404`");
    fails_with(
        "x-many",
        vec![is("2"), like("^1")],
        "header `x-many` of the response has 2 values, `1`, `2`; expected `2`, matching `^1`",
    );
    fails_with("x-many", vec![is("1")], "header `x-many` of the response has 2 values, `1`, `2`; expected `1`");
    fails_with(
        "x-color",
        vec![is("red"), is("red")],
        "header `x-color` of the response has 1 value, `red`; expected `red`, `red`",
    );
}

#[test]
fn missing_headers() {
    let fails_with =
        |name: &str, found, message: &str| fails_with(headers(vec![field(name, vec![is("1")])]), found, message);
    fails_with("x-colour", good(), "the response has no header `x-colour`; did you mean `x-color`?");
    fails_with("trace", good(), "the response has no header `trace`; its headers are `x-color`, `x-many`");
    fails_with("trace", local_reply(""), "the response has no header `trace`; it has no headers");
    let trailers = |name: &str| Expect { trailers: vec![field(name, vec![is("1")])], ..Expect::default() };
    super::tests::fails_with(trailers("u"), good(), "the response has no trailer `u`; its trailers are `t`");
    super::tests::fails_with(trailers("t"), local_reply(""), "the response has no trailer `t`; it has no trailers");
    let many: Vec<_> = (0..20).map(|i| (format!("h{i:02}"), "1".to_owned())).collect();
    let mut found = good();
    found.response = Some(Message { headers: many.into_iter().collect(), ..Message::default() });
    let named = "`h00`, `h01`, `h02`, `h03`, `h04`, `h05`, `h06`, `h07` and 12 more";
    fails_with("x-trace", found, &format!("the response has no header `x-trace`; its headers are {named}"));
}

#[test]
fn unwanted_headers() {
    let expect = Expect { no_headers: vec![expected("x-many".into())], ..Expect::default() };
    fails_with(expect, good(), "the response has the header `x-many`, with `1`, `2`");
}

#[test]
fn values_that_are_not_utf8() {
    let mut found = good();
    if let Some(response) = &mut found.response {
        response.headers.add("x-raw", b"a\xff\tb\x01");
    }
    let expect = headers(vec![field("x-raw", vec![is("a")])]);
    fails_with(expect, found, r"header `x-raw` of the response is `a\xff\tb\u{1}`, not `a`");
}

#[test]
fn short_bodies_are_shown_whole() {
    fails_with(body(is("hallo")), good(), "the body of the response is `hello`, not `hallo`");
    fails_with(body(is("")), good(), "the body of the response is `hello`, not empty");
    fails_with(body(is("hello")), with_body(b""), "the body of the response is empty, not `hello`");
    let failure = only(body(like("^H")), good());
    assert_eq!(failure.message, "`^H` does not match the body of the response");
    assert_eq!((failure.expected.as_deref(), failure.found.as_deref()), (None, Some("hello")));
    fails_with(body(is("é")), with_body(b"\xc3"), r"the body of the response is `\xc3`, not `é`");
}

#[test]
fn long_bodies_are_shown_where_they_differ() {
    let long = format!("{{\n  \"é\": \"{}\",\n  \"b\": 1\n}}", "x".repeat(200));
    let failure = only(body(is(&long)), with_body(long.replace("\"b\": 1", "\"b\": 2").as_bytes()));
    assert_eq!(
        failure.message,
        "the body of the response is not the expected body: the first difference is at byte 221 (line 3, column 8)"
    );
    let around = |n: u8| format!("…{}\",\\n  \"b\": {n}\\n}}", "x".repeat(30));
    assert_eq!((failure.expected, failure.found), (Some(around(1)), Some(around(2))));

    let how = |found: &[u8]| only(body(is(&long)), with_body(found)).message;
    assert!(how(&long.as_bytes()[..100]).ends_with(": it ends after 100 of 224 bytes"));
    assert!(how(format!("{long}!").as_bytes()).ends_with(": it continues after the expected 224 bytes"));
    assert!(how(b"").ends_with(": it is empty"));
    let failure = only(body(is("")), with_body(&[b'x'; 1000]));
    assert_eq!(failure.found.map(|found| found.chars().count()), Some(121));
}

#[test]
fn excerpts_begin_and_end_between_characters() {
    for shift in 0..4 {
        let text = format!("{}{}", "a".repeat(shift), "é漢".repeat(100));
        let failure = only(body(is(&text)), with_body(format!("{}!", &text[..shift + 250]).as_bytes()));
        let (expected, found) = (failure.expected.unwrap(), failure.found.unwrap());
        assert!(!expected.contains('\\') && !found.contains('\\'), "{expected} {found}");
    }
}

#[test]
fn upstream() {
    let nothing = || Expect { upstream: Some(ExpectedUpstream::Nothing(at(7))), ..Expect::default() };
    fails_with(nothing(), good(), "the request reached the workload: `GET /`");
    let request = |headers: Vec<ExpectedField>, matcher| {
        let upstream = ExpectedUpstream::Request {
            headers,
            no_headers: vec![expected("b".into())],
            body: Some(expected(matcher)),
            trailers: Vec::new(),
            location: at(7),
        };
        Expect { upstream: Some(upstream), ..Expect::default() }
    };
    let path = |path| vec![field(":path", vec![is(path)])];
    let message = "header `:path` of the request to the workload is `/`, not `/other`";
    fails_with(request(path("/other"), is("asked")), good(), message);
    fails_with(request(path("/"), is("")), good(), "the body of the request to the workload is `asked`, not empty");
    let message =
        "the request to the workload has no header `:scheme`; its headers are `:authority`, `:method`, `:path`";
    fails_with(request(vec![field(":scheme", vec![is("http")])], is("asked")), good(), message);
    // One failure, whatever was expected of the request.
    let message = "no request reached the workload (a local reply: `denied`)";
    fails_with(request(path("/other"), is("")), local_reply("denied"), message);
}

#[test]
fn local_replies() {
    let expect = |value| Expect { local_reply: Some(expected(value)), ..Expect::default() };
    let message = "the response is a local reply with the details `denied`, not the workload's response";
    fails_with(expect(LocalReply::No), local_reply("denied"), message);
    fails_with(expect(LocalReply::Yes), good(), "the response is the workload's, not a local reply");
    fails_with(expect(LocalReply::Details(is("a"))), good(), "the response is the workload's, not a local reply");
    let message = "the details of the local reply are `denied`, not `a`";
    fails_with(expect(LocalReply::Details(is("a"))), local_reply("denied"), message);
    let message = "the details of the local reply are `denied`, which `^a` does not match";
    fails_with(expect(LocalReply::Details(like("^a"))), local_reply("denied"), message);
}

#[test]
fn logs() {
    let logged = |lines: usize| {
        let mut found = good();
        let line = |i| LogLine { level: Level::Info, plugin: Some(0), message: format!("line {i}") };
        found.log.extend((0..lines).map(line));
        found
    };
    let log = |text: &str| Expect { log: vec![expected(Regex::new(text).unwrap())], ..Expect::default() };
    fails_with(log("^x"), logged(0), "`^x` matches no line: the log is empty");
    let failure = only(log("^x"), logged(12));
    assert_eq!(failure.message, "`^x` matches no line: the log has 12 lines");
    let found = failure.found.unwrap();
    assert!(found.starts_with("… 2 earlier lines\nline 2\n") && found.ends_with("\nline 11"), "{found}");
    let no_log = Expect { no_log: vec![expected(Regex::new("1$").unwrap())], ..Expect::default() };
    fails_with(no_log, logged(2), "`1$` matches a line of the log: `line 1`");
}

#[test]
fn metrics() {
    let expect = |name: &str| Expect { metrics: vec![(name.into(), expected(2))], ..Expect::default() };
    let mut found = good();
    fails_with(expect("requests"), found.clone(), "there is no metric `requests`; no filter defined a metric");
    found.metrics.extend([("requests".to_owned(), 1), ("errors".to_owned(), 0)]);
    fails_with(expect("requests"), found.clone(), "the metric `requests` is 1, not 2");
    fails_with(expect("request"), found.clone(), "there is no metric `request`; did you mean `requests`?");
    fails_with(expect("latency"), found, "there is no metric `latency`; the metrics are `errors`, `requests`");
}

#[test]
fn calls() {
    let call = |cluster: &str| Call { cluster: cluster.into(), request: message(&[(":path", "/check")], "ask") };
    let made =
        |clusters: &[&str]| ExchangeOutcome { calls: clusters.iter().map(|cluster| call(cluster)).collect(), ..good() };
    let expect = |clusters: &[&str]| {
        let call = |cluster: &&str| ExpectedCall {
            cluster: (*cluster).into(),
            names: vec![(*cluster).into()],
            headers: vec![field(":path", vec![is("/check")])],
            body: Some(expected(is("ask"))),
            location: at(7),
        };
        Expect { calls: Some(expected(clusters.iter().map(call).collect())), ..Expect::default() }
    };
    assert_eq!(failures(expect(&["auth", "audit"]), made(&["auth", "audit"])), []);
    fails_with(expect(&["auth"]), made(&[]), "no call was made, expected 1");
    fails_with(expect(&[]), made(&["auth"]), "1 call was made (to `auth`), expected 0");
    fails_with(expect(&["auth"]), made(&["auth", "b"]), "2 calls were made (to `auth`, `b`), expected 1");
    fails_with(expect(&["auth", "b"]), made(&["b", "auth"]), "the calls went to `b`, `auth`, expected `auth`, `b`");
    let mut other = expect(&["auth", "audit"]);
    let calls = other.calls.as_mut().unwrap();
    calls.value[1].headers = vec![field(":path", vec![is("/log")])];
    calls.value[1].body = Some(Expected { value: is("tell"), location: at(8) });
    let failures = failures(other, made(&["auth", "audit"]));
    let [path, body] = failures.as_slice() else { panic!("{failures:#?}") };
    assert_eq!(path.message, "header `:path` of call 2 (to `audit`) is `/check`, not `/log`");
    assert_eq!(body.message, "the body of call 2 (to `audit`) is `ask`, not `tell`");
    assert_eq!(body.location, at(8));
}

/// The failure is at the exchange, although it has several expectations.
#[test]
fn an_incomplete_exchange_is_one_failure() {
    let much = || Expect {
        status: Some(expected(200)),
        body: Some(expected(is("a"))),
        log: vec![expected(Regex::new("x").unwrap())],
        upstream: Some(ExpectedUpstream::Nothing(at(7))),
        ..headers(vec![field("a", vec![is("1")])])
    };
    let fails_with = |found: ExchangeOutcome, message: &str| {
        for expect in [much(), Expect::default()] {
            let failures = failures(expect, found.clone());
            let [only] = failures.as_slice() else { panic!("{failures:#?}") };
            assert_eq!((only.message.as_str(), &only.location), (message, &at(3)));
        }
    };
    let ended = |end, upstream: bool, response: bool| {
        let good = good();
        let (upstream, response) = (good.upstream.filter(|_| upstream), good.response.filter(|_| response));
        ExchangeOutcome { upstream, response, end, ..ExchangeOutcome::default() }
    };
    let stalled = End::Stalled;
    fails_with(ended(stalled(Some(0)), false, false), "the request never reached the workload: `demo` paused it");
    fails_with(ended(stalled(None), false, false), "the request never reached the workload: a filter paused it");
    fails_with(ended(stalled(Some(0)), true, false), "no response arrived: `demo` paused the exchange");
    fails_with(ended(stalled(Some(9)), true, true), "the response never ended: a filter paused the rest of it");
    fails_with(ended(End::Reset, true, false), "the stream was reset before a response arrived");
    fails_with(ended(End::Reset, true, true), "the stream was reset in the middle of the response");
    fails_with(ended(End::Complete, true, false), "no response arrived");
}

#[test]
fn steps_are_judged_one_by_one() {
    let expect = || Expect { status: Some(expected(200)), ..Expect::default() };
    let judged = |found: Vec<ExchangeOutcome>| {
        let steps = (0..3).map(|_| expect()).collect();
        let failures = judge(&subject(), &test(steps), &TestOutcome { steps: found, fault: None });
        failures.into_iter().map(|failure| (failure.step, failure.message)).collect::<Vec<_>>()
    };
    assert_eq!(judged(vec![good(), good(), good()]), []);
    let failed = "the status is 403 (a local reply), not 200".to_owned();
    let found = judged(vec![local_reply(""), good(), local_reply("")]);
    assert_eq!(found, [(0, failed.clone()), (2, failed.clone())]);
    assert_eq!(judged(vec![good()]), [(1, "the exchange was not run".to_owned())]);
    assert_eq!(judged(vec![local_reply("")]), [(0, failed)]);
}

#[test]
fn a_test_that_could_not_be_run_is_one_failure() {
    let fault = Fault { kind: FaultKind::Engine, message: "Envoy ended".into() };
    let found =
        judge(&subject(), &test(vec![Expect::default()]), &TestOutcome { steps: Vec::new(), fault: Some(fault) });
    let [only] = found.as_slice() else { panic!("{found:#?}") };
    assert_eq!((only.message.as_str(), &only.location), ("the test could not be run: Envoy ended", &at(1)));
}

#[test]
fn a_reset_can_be_expected() {
    let wanted = |value| Expect { reset: Some(expected(value)), ..Expect::default() };
    let reset = |response| ExchangeOutcome { response, end: End::Reset, ..ExchangeOutcome::default() };
    assert_eq!(failures(wanted(true), reset(None)), []);
    assert_eq!(failures(wanted(false), good()), []);
    let with_status = Expect { status: Some(expected(200)), ..wanted(true) };
    assert_eq!(failures(with_status.clone(), reset(Some(message(&[(":status", "200")], "")))), []);
    assert_eq!(failures(with_status, reset(None)).len(), 1);
    assert_eq!(failures(wanted(true), good())[0].message, "the stream was not reset");
    assert_eq!(failures(wanted(false), reset(None)).len(), 1);
}
