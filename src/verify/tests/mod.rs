//! Findings and reports from handmade outcomes.

mod differing;
use mesh_compile_host::outcome::{
    Call, Effect, End, ExchangeOutcome, Fault, FaultKind, Level, LogLine, PluginOutcome, Remark, Returned,
};
use mesh_compile_host::{Callback, Fields, Message};

use super::differences;
use super::findings::Findings;
use super::judge::judge;
use super::read::{subjects, tests::rendered};
use super::report::{self, Engine, Report, Workload};
use super::subject::Subject;
use crate::diag::render::{Color, text};
use crate::diag::{Code, Diagnostic, Severity, Sink, Sources};
use crate::verify::outcome::{Outcome, TestOutcome};

const SPEC: &str = r#"
[filters.auth]
module = "it.wasm"
config = { response = { add = { a = "1" } } }

[filters.tags]
module = "it.wasm"

[workloads.web]
selector = { app = "web" }
filters = ["auth", "tags"]

[[workloads.web.tests]]
name = "denies everyone"
request = { path = "/in", headers = { x-a = "1", cookie = "no" }, body = "hello" }
expect = { status = 403, headers = { x-why = "no" }, body = "go away" }

[workloads.api]
selector = { app = "api" }
filters = ["tags"]

[workloads.old]
selector = { app = "old" }
filters = ["tags"]

[clusters.idp]
name = "idp"
"#;

/// The subjects of [`SPEC`]: api, old, web.
fn all() -> Vec<Subject> {
    let rendered = rendered(SPEC);
    let mut sink = Sink::new();
    let subjects = subjects(&rendered.tree.files, &rendered.suites, &rendered.proxies, &mut sink);
    assert_eq!(sink.diagnostics(), []);
    subjects
}

fn web() -> Subject {
    all().pop().expect("three")
}

fn fine() -> PluginOutcome {
    PluginOutcome { loads: Some(true), starts: Some(true), configures: Some(true), ..PluginOutcome::default() }
}

fn fault(kind: FaultKind, message: &str) -> Fault {
    Fault { kind, message: message.to_owned() }
}

fn fields(list: &[(&str, &str)]) -> Fields {
    list.iter().copied().collect()
}

fn line(level: Level, plugin: usize, message: &str) -> LogLine {
    LogLine { level, plugin: Some(plugin), message: message.to_owned() }
}

/// An exchange that does not meet the expectations of `web`'s test.
fn step() -> ExchangeOutcome {
    let request = fields(&[(":method", "GET"), ("x-a", "1"), ("cookie", "no"), ("x-a", "1")]);
    let changed = fields(&[(":method", "GET"), ("x-a", "1"), ("x-user", "nobody")]);
    let effect = |plugin, callback, returned| Effect {
        plugin,
        callback,
        returned,
        fields: None,
        body: None,
        actions: Vec::new(),
    };
    let headers = fields(&[(":status", "200"), ("content-length", "2")]);
    ExchangeOutcome {
        response: Some(Message { headers, body: vec![b"ok".to_vec()], trailers: None }),
        upstream: Some(Message { headers: fields(&[(":path", "/in")]), ..Message::default() }),
        calls: vec![Call {
            cluster: "idp".to_owned(),
            request: Message { headers: fields(&[(":path", "/check")]), body: vec![vec![0xff, 0]], trailers: None },
        }],
        log: vec![line(Level::Warn, 0, "nobody\nis in\u{1b}[31m"), line(Level::Info, 1, &"long ".repeat(40))],
        metrics: [("denied".to_owned(), 1)].into(),
        effects: vec![
            effect(0, Callback::ContextCreate, Returned::Nothing),
            Effect {
                fields: Some((request, changed)),
                actions: vec!["http_call to idp".to_owned()],
                ..effect(0, Callback::RequestHeaders, Returned::StopIteration)
            },
            effect(1, Callback::RequestHeaders, Returned::Continue),
            Effect {
                body: Some((b"hello".to_vec(), Vec::new())),
                ..effect(1, Callback::RequestBody, Returned::Continue)
            },
            effect(1, Callback::Done, Returned::Nothing),
        ],
        ..ExchangeOutcome::default()
    }
}

fn outcome(step: ExchangeOutcome) -> Outcome {
    Outcome { plugins: vec![fine(), fine()], tests: vec![TestOutcome { steps: vec![step], fault: None }] }
}

/// The files that [`SPEC`] was compiled from.
fn sources() -> Sources {
    let sources = Sources::new();
    sources.add("mesh.toml".into(), SPEC);
    sources
}

fn found(of: &[(&Subject, &Outcome)], engine: Engine) -> (Vec<Diagnostic>, Vec<Workload>) {
    let mut findings = Findings::default();
    let workloads = of.iter().map(|(subject, outcome)| {
        let tests = subject.tests.iter().zip(&outcome.tests);
        let failures: Vec<_> = tests.map(|(test, outcome)| judge(subject, test, outcome)).collect();
        findings.add_outcome(subject, engine, outcome, &failures);
        report::workload(subject, engine, outcome, &failures)
    });
    let workloads = workloads.collect();
    let mut sink = Sink::new();
    findings.report(engine, &mut sink);
    (sink.into_sorted(&sources()), workloads)
}

#[test]
fn a_failed_test_shows_the_effects_of_each_filter() {
    let web = web();
    let (found, workloads) = found(&[(&web, &outcome(step()))], Engine::Embedded);
    let [finding] = &found[..] else { panic!("{found:#?}") };
    let shown = text::render(&found, &sources(), Color::Plain);
    let expected = "\
error[MC0610]: `Deployment/default/web`: the test `denies everyone` failed: the status is 200, not 403
  --> mesh.toml:16:21
   |
16 | expect = { status = 403, headers = { x-why = \"no\" }, body = \"go away\" }
   |                     ^^^              -----                  ---------
";
    // The path is in a temporary directory.
    let (_, rest) = shown.split_once("mesh.toml:").expect("a location");
    let (_, wanted) = expected.split_once("mesh.toml:").expect("a location");
    let underlined = rest.lines().nth(3).unwrap_or_default();
    assert_eq!(rest.lines().take(3).collect::<Vec<_>>(), wanted.lines().take(3).collect::<Vec<_>>());
    assert!(underlined.starts_with("   |                     ^^^"), "{shown}");
    assert_eq!(
        shown.split_once("\n\n").expect("a detail").1,
        "    request
      :authority: mesh.test
      :path: /in
      :method: GET
      :scheme: http
      cookie: no
      x-a: 1
      5 B: hello
    auth, proxy_on_request_headers: StopIteration
      - cookie: no
      - x-a: 1
      + x-user: nobody
      http_call to idp
    tags, proxy_on_request_headers: Continue
    tags, proxy_on_request_body: Continue
      - 5 B: hello
      + 0 B:
    call to idp
      :path: /check
      2 B, not UTF-8: \u{fffd}\u{2400}
    request at the workload
      :path: /in
    response
      :status: 200
      content-length: 2
      2 B: ok
    log
      warn     auth: nobody\u{240a}is in\u{241b}[31m
      info     tags: long long long long long long long long long long long
               long long long long long long long long long long long long long
               long long long long long long long long long long long long long
               long long long
"
    );
    assert_eq!((finding.code, finding.related.len()), (Code::MC0610, 2), "{finding:#?}");
    assert!(shown.lines().skip(7).all(|line| line.chars().count() <= 80), "{shown}");
    assert_eq!(workloads[0].tests[0].failures.len(), 3);
    assert!(!workloads[0].passed());
}

#[test]
fn one_fault_in_many_workloads_is_one_finding() {
    let subjects = all();
    let rejected = |message: &str| {
        let configures =
            PluginOutcome { configures: Some(false), fault: Some(fault(FaultKind::Configure, message)), ..fine() };
        Outcome { plugins: vec![configures], tests: Vec::new() }
    };
    let (same, other) = (rejected("on_configure: no"), rejected("on_configure: never"));
    let (one, _) = found(&[(&subjects[0], &same), (&subjects[1], &same)], Engine::Embedded);
    let [finding] = &one[..] else { panic!("{one:#?}") };
    assert_eq!((finding.code, finding.severity), (Code::MC0602, Severity::Error));
    assert_eq!(finding.message, "the filter `tags` does not accept its configuration");
    assert_eq!(
        finding.notes,
        ["Envoy says: on_configure: no", "in 2 workloads: `Deployment/default/api`, `Deployment/default/old`"]
    );
    let at = sources().show(finding.primary.as_ref().expect("a location").location);
    assert!(at.ends_with("mesh.toml:20:12"), "{at}: not where api's list names it");
    let (two, _) = found(&[(&subjects[0], &same), (&subjects[1], &other)], Engine::Embedded);
    assert_eq!(two.len(), 2, "{two:#?}");
}

#[test]
fn each_kind_of_fault_has_its_code() {
    let web = web();
    let kinds = [
        (FaultKind::Load, Code::MC0601),
        (FaultKind::Start, Code::MC0601),
        (FaultKind::Configure, Code::MC0602),
        (FaultKind::Trap, Code::MC0603),
        (FaultKind::Restricted, Code::MC0604),
        (FaultKind::Endless, Code::MC0605),
        (FaultKind::Limits, Code::MC0606),
        (FaultKind::Crash, Code::MC0618),
        (FaultKind::Unsupported, Code::MC0611),
    ];
    for (kind, code) in kinds {
        let at_start = PluginOutcome { fault: Some(fault(kind, "why")), ..PluginOutcome::default() };
        let stopped = Outcome { plugins: vec![at_start, PluginOutcome::default()], tests: Vec::new() };
        let (of_start, workloads) = found(&[(&web, &stopped)], Engine::Embedded);
        let codes: Vec<_> = of_start.iter().map(|finding| finding.code).collect();
        assert_eq!(codes, [code], "{kind:?}");
        assert_eq!(of_start[0].severity == Severity::Warning, kind == FaultKind::Unsupported);
        assert_eq!((workloads[0].tests[0].passed, workloads[0].tests[0].ran), (false, false));
        // The same fault in traffic. The test's expectations are met.
        let headers = fields(&[(":status", "403"), ("x-why", "no")]);
        let response = Some(Message { headers, body: vec![b"go away".to_vec()], trailers: None });
        let faults = vec![(1, fault(kind, "why"))];
        let step = ExchangeOutcome { response, faults, ..ExchangeOutcome::default() };
        let (in_traffic, workloads) = found(&[(&web, &outcome(step))], Engine::Embedded);
        assert_eq!(in_traffic.iter().map(|finding| finding.code).collect::<Vec<_>>(), [code], "{in_traffic:#?}");
        assert!(!workloads[0].tests[0].passed);
        assert_eq!(workloads[0].tests[0].failures, ["tags: why"]);
    }
}

#[test]
fn a_stalled_request_is_one_finding() {
    let web = web();
    let stalled = ExchangeOutcome { response: None, end: End::Stalled(Some(0)), ..step() };
    let (found, _) = found(&[(&web, &outcome(stalled))], Engine::Embedded);
    let [finding] = &found[..] else { panic!("{found:#?}") };
    assert_eq!(
        (finding.code, &*finding.message),
        (Code::MC0607, "the filter `auth` paused a request and never resumed it")
    );
    assert!(finding.notes[1].contains("proxy_on_request_headers returned StopIteration"), "{finding:#?}");
    assert!(finding.detail.contains(&"no response (stalled)".to_owned()), "{finding:#?}");
}

#[test]
fn each_remark_is_one_warning() {
    let web = web();
    let remarks = [
        (Remark::UnknownCluster("idp".into()), Code::MC0608),
        (Remark::RemovedProperty("node".into()), Code::MC0609),
        (Remark::NotSimulated("resolves the name `db`".into()), Code::MC0612),
    ];
    let plugin = PluginOutcome { remarks: remarks.iter().map(|(remark, _)| remark.clone()).collect(), ..fine() };
    let again = remarks.iter().map(|(remark, _)| (0, remark.clone())).collect();
    let headers = fields(&[(":status", "403"), ("x-why", "no")]);
    let response = Some(Message { headers, body: vec![b"go away".to_vec()], trailers: None });
    let step = ExchangeOutcome { response, remarks: again, ..ExchangeOutcome::default() };
    let outcome = Outcome { plugins: vec![plugin, fine()], ..outcome(step) };
    let (found, workloads) = found(&[(&web, &outcome)], Engine::Embedded);
    assert_eq!(found.iter().map(|finding| finding.code).collect::<Vec<_>>(), remarks.map(|(_, code)| code));
    assert!(found.iter().all(|finding| finding.severity == Severity::Warning));
    assert!(workloads[0].passed());
}

#[test]
fn json_has_every_run_and_every_exchange() {
    let web = web();
    let (found, workloads) = found(&[(&web, &outcome(step()))], Engine::Embedded);
    let report = Report { engine: Engine::Embedded, workloads, passed: false, assumed: None };
    let json: serde_json::Value = serde_json::from_str(&report.to_json(&found, &sources())).expect("JSON");
    assert_eq!((&json["version"], &json["engine"]), (&1.into(), &"embedded".into()));
    assert_eq!(json["diagnostics"][0]["code"], "MC0610");
    let run = &json["runs"][1];
    assert_eq!((&run["workload"], &run["filter"]), (&"Deployment/default/web".into(), &"tags".into()));
    assert_eq!((&run["loads"], &run["message"]), (&true.into(), &serde_json::Value::Null));
    assert_eq!(run["tests"][0]["name"], "denies everyone");
    assert_eq!(run["tests"][0]["failures"][0], "the status is 200, not 403");
    let exchange = &json["exchanges"][0];
    assert_eq!(
        (&exchange["test"], &exchange["step"], &exchange["end"]),
        (&"denies everyone".into(), &0.into(), &"complete".into())
    );
    assert_eq!(
        exchange["response"],
        serde_json::json!({ "status": 200, "headers": [["content-length", "2"]], "body": "ok", "trailers": null })
    );
    assert_eq!(exchange["upstream"]["headers"], serde_json::json!([[":path", "/in"]]));
    assert_eq!(exchange["calls"][0]["body"], serde_json::json!({ "base64": "/wA=" }));
    assert_eq!(exchange["log"][1]["filter"], "tags");
    assert_eq!(exchange["metrics"], serde_json::json!({ "denied": 1 }));
}

#[test]
fn the_summary_counts_workloads_filters_and_tests() {
    let subjects = all();
    let passed = Outcome { plugins: vec![fine()], tests: Vec::new() };
    let summary = |of: &[(&Subject, &Outcome)], engine| {
        let (_, workloads) = found(of, engine);
        Report { engine, workloads, passed: true, assumed: None }.summary()
    };
    let [api, old, web] = &subjects[..] else { panic!("{}", subjects.len()) };
    let failed = outcome(step());
    assert_eq!(
        summary(&[(api, &passed), (old, &passed), (web, &failed)], Engine::Embedded),
        "3 workloads, 2 filters, 1 test: 1 test failed in the embedded host; 2 workloads have no tests"
    );
    assert_eq!(
        summary(&[(api, &passed)], Engine::Envoy),
        "1 workload, 1 filter, 0 tests: all passed in Envoy; there are no tests"
    );
    let rejected = PluginOutcome { starts: Some(false), configures: None, ..fine() };
    let rejected = Outcome { plugins: vec![rejected, fine()], tests: Vec::new() };
    assert_eq!(
        summary(&[(web, &rejected)], Engine::Embedded),
        "1 workload, 2 filters, 1 test: 1 filter failed, 1 test not run in the embedded host"
    );
}

#[test]
fn the_embedded_host_simulates_the_envoy_of_the_newest_istio() {
    assert_eq!(mesh_compile_host::NEWEST_ENVOY, crate::domain::Istio::NEWEST.envoy_minor());
}
