use super::*;
use crate::diag::Code;

fn notes(change: impl FnOnce(&mut ExchangeOutcome)) -> Vec<String> {
    let web = web();
    let mut other = step();
    change(&mut other);
    let found = differences::find(&web, &outcome(step()), &outcome(other));
    assert!(found.iter().all(|finding| finding.code == Code::MC0613 && finding.severity == Severity::Warning));
    assert!(found.len() < 2, "one per test: {found:#?}");
    found.into_iter().flat_map(|finding| finding.notes).collect()
}

fn response(outcome: &mut ExchangeOutcome) -> &mut Message {
    outcome.response.as_mut().expect("there is one")
}

#[test]
fn equal_outcomes_have_no_difference() {
    assert_eq!(notes(|_| {}), Vec::<String>::new());
    // What only one engine reports, and what does not matter.
    assert_eq!(notes(|step| step.effects.clear()), Vec::<String>::new());
    assert_eq!(notes(|step| step.log[0].plugin = None), Vec::<String>::new());
    assert_eq!(notes(|step| response(step).headers.0.reverse()), Vec::<String>::new());
}

#[test]
fn each_difference_is_reported() {
    let status = |step: &mut ExchangeOutcome| response(step).headers.0[0].1 = b"503".to_vec();
    assert_eq!(notes(status), ["response, header `:status`: `200` in the embedded host, `503` in Envoy"]);
    assert_eq!(
        notes(|step| response(step).headers.add("x", "\u{fffd}")),
        ["response, header `x`: none in the embedded host, `\u{fffd}` in Envoy"]
    );
    assert_eq!(notes(|step| response(step).body.clear()), ["response, body: `ok` in the embedded host, `` in Envoy"]);
    assert_eq!(
        notes(|step| response(step).trailers = Some(fields(&[("t", "1")]))),
        ["response, trailer `t`: none in the embedded host, `1` in Envoy"]
    );
    assert_eq!(
        notes(|step| step.upstream = None),
        ["request at the workload: present in the embedded host, missing in Envoy"]
    );
    assert_eq!(notes(|step| step.calls.clear()), ["calls: idp in the embedded host, none in Envoy"]);
    assert_eq!(
        notes(|step| step.metrics = [("denied".to_owned(), 2)].into()),
        ["metric `denied`: 1 in the embedded host, 2 in Envoy"]
    );
    assert_eq!(
        notes(|step| step.log[0].level = Level::Error),
        [
            "line 1 of the log: warn `nobody\\nis in\\u{1b}[31m` in the embedded host, error `nobody\\nis in\\u{1b}[31m` in Envoy"
        ]
    );
    assert!(notes(|step| drop(step.log.pop()))[0].starts_with("line 2 of the log: info `long "));
    assert_eq!(
        notes(|step| step.end = End::LocalReply("denied".into())),
        ["the exchange: complete in the embedded host, local-reply in Envoy"]
    );
}

#[test]
fn a_filter_that_starts_in_only_one_engine_is_a_difference() {
    let web = web();
    let rejected = PluginOutcome { starts: Some(false), configures: None, ..fine() };
    let theirs = Outcome { plugins: vec![fine(), rejected], tests: Vec::new() };
    let found = differences::find(&web, &outcome(step()), &theirs);
    let [finding] = &found[..] else { panic!("{found:#?}") };
    assert_eq!(finding.message, "the engines disagree about the filter `tags`");
    assert_eq!(finding.notes, ["starts: yes in the embedded host, no in Envoy"]);
    // A filter that the embedded host cannot run is not compared.
    let unsupported = PluginOutcome { fault: Some(fault(FaultKind::Unsupported, "gc")), ..PluginOutcome::default() };
    let ours = Outcome { plugins: vec![fine(), unsupported], tests: vec![TestOutcome::default()] };
    assert_eq!(differences::find(&web, &ours, &outcome(step())), []);
}
