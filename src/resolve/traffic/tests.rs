//! Resolved tests, with their defaults filled in.

use mesh_compile_host::{Fields, Message, Response};

use crate::diag::Code;
use std::time::Duration;

use super::*;
use crate::resolve::traffic::suite::{ExpectedUpstream, LocalReply, Matcher};
use crate::world::{Memory, World as _};

/// The suites of a mesh.toml with the filters `a` and `b` and `text`, and the codes of its diagnostics.
fn suites(text: &str) -> (Vec<Suite>, Vec<Code>) {
    suites_in(text).1
}

/// Like [`suites`], with the world that they are read from.
fn suites_in(text: &str) -> (Memory, (Vec<Suite>, Vec<Code>)) {
    let module = wat::parse_str(
        "(module (func (export \"proxy_abi_version_0_2_1\")) (memory (export \"memory\") 1)
            (func (export \"malloc\") (param i32) (result i32) i32.const 0)
            (func (export \"proxy_on_request_headers\") (param i32 i32 i32) (result i32) i32.const 0))",
    );
    let filters = "[filters]\na.module = 'it.wasm'\nb.module = 'it.wasm'\n";
    let world = Memory::new().file("it.wasm", module.unwrap()).file("mesh.toml", format!("{filters}\n{text}"));
    let mut sink = Sink::new();
    let spec = crate::spec::load(&world, "mesh.toml".into(), &[], &mut sink).unwrap().into_only();
    let loaded = crate::base::Loaded::default();
    let suites = crate::resolve::resolve(&world, &spec, "out".into(), &loaded, &mut sink).suites;
    let found = sink.into_sorted(world.sources());
    let codes = found.iter().map(|finding| finding.code).filter(|code| *code != Code::MC0112).collect();
    (world, (suites, codes))
}

/// The only test of a workload with the filter `a`.
#[track_caller]
fn only(text: &str) -> Test {
    let (mut suites, codes) =
        suites(&format!("[workloads.web]\nfilters = ['a']\n[[workloads.web.tests]]\nname = 'it'\n{text}"));
    assert!(codes.is_empty(), "{codes:?}");
    suites.remove(0).tests.remove(0)
}

#[track_caller]
fn response(callout: &Callout) -> &Message {
    let Response::Message(message) = &callout.response else { panic!("{callout:?}") };
    message
}

fn fields(all: &[(&str, &str)]) -> Fields {
    all.iter().copied().collect()
}

fn bytes(chunks: &[&str]) -> Vec<Vec<u8>> {
    chunks.iter().map(|chunk| chunk.as_bytes().to_vec()).collect()
}

#[test]
fn a_suite_identifies_its_workload() {
    let (world, (suites, codes)) = suites_in(
        "[workloads.one]\nname = 'web'\nkind = 'StatefulSet'\nnamespace = 'shop'\nselector.app = 'web'\n\
         filters = ['b', { filter = 'a', port = 80 }]\n[workloads.two]\nfilters = ['a']\ntests = [{ name = 'x' }]\n",
    );
    assert!(codes.is_empty(), "{codes:?}");
    let [one, two] = suites.as_slice() else { panic!("{suites:#?}") };
    assert_eq!((one.kind.as_str(), one.namespace.as_str(), one.name.as_str()), ("StatefulSet", "shop", "web"));
    assert_eq!(one.labels, [("app".to_owned(), "web".to_owned())].into());
    assert_eq!((one.tests.len(), two.tests.len()), (0, 1));
    let text = |location: &Location| world.sources().get(location.file).text[location.bytes()].to_owned();
    assert_eq!((text(&one.location), text(&two.location)), ("one".into(), "two".into()));
    let named: Vec<_> = one.filters.iter().map(|(name, location)| (name.as_str(), text(location))).collect();
    assert_eq!(named, [("a", "'a'".to_owned()), ("b", "'b'".to_owned())]);
    assert_eq!(text(&two.tests[0].location), "'x'");
}

#[test]
fn omitted_keys_have_defaults() {
    let test = only("");
    assert_eq!((test.direction, test.port, test.scenario.seed), (Direction::Inbound, None, 0));
    assert_eq!(test.scenario.time, mesh_compile_host::DEFAULT_TIME);
    assert!(test.scenario.properties.is_empty() && test.scenario.callouts.is_empty());
    let [step] = test.steps.as_slice() else { panic!("{test:#?}") };
    let given = fields(&[(":authority", "mesh.test"), (":path", "/"), (":method", "GET"), (":scheme", "http")]);
    assert_eq!((step.exchange.after, &step.exchange.request.headers), (Duration::ZERO, &given));
    assert_eq!((step.exchange.request.body.len(), &step.exchange.request.trailers), (0, &None));
    let Response::Message(upstream) = &step.exchange.upstream else { panic!("{step:#?}") };
    assert_eq!(upstream, &Message { headers: fields(&[(":status", "200")]), ..Message::default() });
    assert!(step.expect.status.is_none() && step.expect.upstream.is_none() && step.expect.calls.is_none());
}

#[test]
fn headers_are_sent_in_alphabetical_order() {
    let test = only(
        "request = { method = 'PUT', path = '/a', authority = 'b', scheme = 'https', \
         headers = { z = '1', A = ['x', 'y'] }, body = { base64 = '/wA=' }, trailers = { T = '1' } }",
    );
    let request = &test.steps[0].exchange.request;
    let pseudo = [(":authority", "b"), (":path", "/a"), (":method", "PUT"), (":scheme", "https")];
    assert_eq!(request.headers, fields(&[&pseudo[..], &[("a", "x"), ("a", "y"), ("z", "1")]].concat()));
    assert_eq!((&request.body, &request.trailers), (&vec![vec![0xff, 0]], &Some(fields(&[("t", "1")]))));
}

/// One chunk differs from a body: its length is not known when the headers arrive.
#[test]
fn chunks_are_sent_without_a_length() {
    let length = |text: &str| {
        let sent = only(text).steps[0].exchange.request.framed_request();
        (sent.headers.first("content-length").is_some(), sent.headers.first("transfer-encoding").is_some(), sent.body)
    };
    assert_eq!(length("request.body = 'a'"), (true, false, bytes(&["a"])));
    assert_eq!(length("request.body = ''"), (false, false, Vec::new()));
    assert_eq!(length("request.chunks = ['a']"), (false, true, bytes(&["a"])));
    assert_eq!(length("request.chunks = ['a', 'b']"), (false, true, bytes(&["a", "b"])));
    assert_eq!(length("request.chunks = []"), (false, true, Vec::new()));
    assert_eq!(length("request.trailers.t = '1'"), (false, true, Vec::new()));
    assert_eq!(length("request.trailers = {}"), (false, false, Vec::new()));
}

/// The `base64` command wraps its lines.
#[test]
fn base64_can_have_several_lines() {
    let test = only("request.body = { base64 = \"\"\"\naGVs\nbG8h\n\"\"\" }");
    assert_eq!(test.steps[0].exchange.request.body, bytes(&["hello!"]));
}

#[test]
fn a_callout_has_one_or_several_responses() {
    let test = only(
        "callouts.\"a.b\" = { status = 403, body = 'no', after = '10ms' }\ncallouts.c = [{ reset = true }, { reset = false }]",
    );
    let [one] = test.scenario.callouts["a.b"].as_slice() else { panic!("{test:#?}") };
    assert_eq!(one.after, Duration::from_millis(10));
    assert_eq!((&response(one).headers, &response(one).body), (&fields(&[(":status", "403")]), &bytes(&["no"])));
    let [broken, fine] = test.scenario.callouts["c"].as_slice() else { panic!("{test:#?}") };
    assert!(matches!(broken.response, Response::Reset));
    assert_eq!(response(fine).headers, fields(&[(":status", "200")]));
}

#[test]
fn grpc_responses_are_http_messages() {
    let test = only(
        "callouts.full = { messages = ['a', { base64 = 'AA==' }], grpc-message = 'fine', headers = { h = '1' }, trailers = { t = '1' } }\n\
         callouts.none = { grpc-status = 7, grpc-message = 'no' }\ncallouts.empty = { messages = [''] }",
    );
    let start = [(":status", "200"), ("content-type", "application/grpc")];
    let full = response(&test.scenario.callouts["full"][0]);
    assert_eq!(full.headers, fields(&[&start[..], &[("h", "1")]].concat()));
    assert_eq!(full.body, [b"a", b"\0"]);
    assert_eq!(full.trailers, Some(fields(&[("t", "1"), ("grpc-status", "0"), ("grpc-message", "fine")])));
    // A response without messages is sent as headers only.
    let none = response(&test.scenario.callouts["none"][0]);
    assert_eq!(none.headers, fields(&[&start[..], &[("grpc-status", "7"), ("grpc-message", "no")]].concat()));
    assert_eq!((none.body.len(), &none.trailers), (0, &None));
    // An empty message is a message.
    let empty = response(&test.scenario.callouts["empty"][0]);
    assert_eq!((empty.body.len(), &empty.trailers), (1, &Some(fields(&[("grpc-status", "0")]))));
}

#[test]
fn properties_time_and_seed_are_read() {
    let test = only(
        "properties = { \"source.address\" = 'x', a = -1, \"b.c.d\" = true }\ntime = '1970-01-01T00:00:01Z'\nseed = 7\n\
         steps = [{ after = '1s' }, { after = '2m' }]",
    );
    let property =
        |path: &[&str]| test.scenario.properties.get(&path.iter().map(|part| (*part).to_owned()).collect::<Vec<_>>());
    assert_eq!(property(&["source", "address"]), Some(&Property::Text("x".into())));
    assert_eq!(property(&["a"]), Some(&Property::Integer(-1)));
    assert_eq!(property(&["b", "c", "d"]), Some(&Property::Boolean(true)));
    assert_eq!((test.scenario.time, test.scenario.seed), (1_000_000_000, 7));
    let after: Vec<_> = test.steps.iter().map(|step| step.exchange.after.as_secs()).collect();
    assert_eq!(after, [1, 120]);
}

#[test]
fn expectations_are_read() {
    let test = only(
        "[workloads.web.tests.expect]\nheaders = { X-A = 'a', b = ['1', { matches = '^2' }] }\nno-headers = ['X-C']\n\
         body = { base64 = '/wA=' }\nupstream = true\nlocal-reply = { details = 'two words' }\nlog = ['^a', 'b']\n\
         metrics = { requests = 3 }\ncalls = []\n",
    );
    let expect = &test.steps[0].expect;
    let [a, b] = expect.headers.as_slice() else { panic!("{expect:#?}") };
    assert_eq!((a.name.as_str(), b.name.as_str(), b.values.len()), ("x-a", "b", 2));
    assert!(b.values[0].accepts(b"1") && !b.values[0].accepts(b"11") && b.values[1].accepts(b"21"));
    assert_eq!(expect.no_headers[0].value, "x-c");
    assert!(expect.body.as_ref().unwrap().value.accepts(b"\xff\0"));
    assert!(matches!(&expect.upstream, Some(ExpectedUpstream::Request { headers, .. }) if headers.is_empty()));
    let details = &expect.local_reply.as_ref().unwrap().value;
    assert!(matches!(details, LocalReply::Details(Matcher::Is(text)) if text == b"two_words"), "{details:?}");
    assert_eq!((expect.log.len(), expect.metrics[0].1.value), (2, 3));
    assert!(expect.calls.as_ref().unwrap().value.is_empty());
    assert!(expect.status.is_none() && expect.trailers.is_empty());
}

#[test]
fn a_test_uses_the_listener_of_its_filters() {
    let listener = |workload: &str, test: &str| {
        let text = format!("[workloads.web]\n{workload}\ntests = [{{ name = 'it', {test} }}]\n");
        let (suites, codes) = suites(&text);
        (suites[0].tests[0].direction, suites[0].tests[0].port, codes)
    };
    let one = "filters = [{ filter = 'a', port = 80 }, 'b']";
    assert_eq!(listener(one, ""), (Direction::Inbound, Some(80), vec![]));
    assert_eq!(listener(one, "port = 81"), (Direction::Inbound, Some(81), vec![]));
    assert_eq!(listener(one, "direction = 'outbound'"), (Direction::Outbound, None, vec![Code::MC0121]));
    let same = "filters = [{ filter = 'a', port = 80 }, { filter = 'b', port = 80 }]";
    assert_eq!(listener(same, ""), (Direction::Inbound, Some(80), vec![]));
    let two = "filters = [{ filter = 'a', port = 80 }, { filter = 'b', port = 81 }]";
    assert_eq!(listener(two, "").2, [Code::MC0119]);
    assert_eq!(listener(two, "port = 81"), (Direction::Inbound, Some(81), vec![]));
    let ways = "filters = [{ filter = 'a', port = 80 }, { filter = 'b', port = 81, direction = 'outbound' }]";
    assert_eq!(listener(ways, ""), (Direction::Inbound, Some(80), vec![]));
    assert_eq!(listener(ways, "direction = 'outbound'"), (Direction::Outbound, Some(81), vec![]));
    assert_eq!(listener("filters = ['a']\ndirection = 'outbound'", ""), (Direction::Outbound, None, vec![]));
    assert_eq!(listener("filters = ['a']\ndirection = 'any'", ""), (Direction::Inbound, None, vec![]));
    assert_eq!(listener("filters = ['a']\ndirection = 'gateway'", ""), (Direction::Gateway, None, vec![]));
}

/// A workload with an error is not rendered, but its tests are checked.
#[test]
fn tests_of_invalid_workloads_are_checked() {
    let (suites, codes) =
        suites("[workloads.web]\nnamespace = 'Not!'\nfilters = ['a']\ntests = [{ name = 'x', after = '1' }]");
    assert_eq!((suites.len(), codes), (0, vec![Code::MC0201, Code::MC0119]));
}
