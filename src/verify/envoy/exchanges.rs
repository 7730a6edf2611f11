//! Tests: each on a listener of its own, which is taken away before the next.

use std::net::SocketAddr;
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use mesh_compile_host::outcome::{End, ExchangeOutcome, Fault, FaultKind};
use mesh_compile_host::{DEFAULT_TIME, Message};
use serde_json::Value;

use super::attribution::Chained;
use super::client::{self, Ending, Received};
use super::clock::Deadline;
use super::config;
use super::engine::{Engine, Lost, Running};
use super::log::Event;
use super::plugins::without_envoy;
use super::upstream::Upstream;
use super::wire;
use crate::diag::Diagnostic;
use crate::traffic::{Step, Test};
use crate::verify::outcome::TestOutcome;
use crate::verify::subject::Subject;

/// The listener's name and the prefix of its statistics.
const LISTENER: &str = "test";
/// How long a call takes at most to get where it goes.
const ARRIVING: Duration = Duration::from_secs(1);
/// The response code details of an answer that came from the workload.
const VIA_UPSTREAM: &str = "via_upstream";

impl Engine {
    /// One outcome a test, in the subject's order.
    pub(super) fn tests(&mut self, subject: &Subject) -> Result<Vec<TestOutcome>, Box<Diagnostic>> {
        subject.tests.iter().map(|test| self.test(subject, test)).collect()
    }

    fn test(&mut self, subject: &Subject, test: &Test) -> Result<TestOutcome, Box<Diagnostic>> {
        if let Some(fault) = unsupported(test) {
            return Ok(TestOutcome { steps: Vec::new(), fault: Some(fault) });
        }
        let clusters = self.clusters(&test.scenario.callouts);
        let patience = self.patience.saturating_add(delays(test));
        let (envoy, upstream) = self.both()?;
        let mut course = Course { envoy, upstream, patience, over: false };
        let mut outcome = TestOutcome::default();
        let ran = clusters.map_err(Lost::from).and_then(|clusters| course.run(subject, test, clusters, &mut outcome));
        if let Err(lost) = &ran {
            let running = course.envoy.journal().running(false);
            outcome.fault = Some(without_envoy(lost, running.as_deref()));
        }
        if ran.is_err() || course.over {
            self.discard();
        }
        Ok(outcome)
    }
}

/// One test on its way.
struct Course<'a> {
    envoy: &'a mut Running,
    upstream: &'a Upstream,
    patience: Duration,
    /// Whether an exchange has made Envoy useless; its outcome has the fault.
    over: bool,
}

impl Course<'_> {
    fn run(
        &mut self,
        subject: &Subject,
        test: &Test,
        clusters: Vec<Value>,
        outcome: &mut TestOutcome,
    ) -> Result<(), Lost> {
        let (network, http) = (subject.network_chain(test), subject.http_chain(test));
        self.envoy.lay_out(network.iter().chain(&http).copied())?;
        self.envoy.clear()?;
        self.envoy.set_clusters(clusters)?;
        self.upstream.begin(&test.scenario.callouts);
        let listener = config::listener(LISTENER, test.direction, [&network, &http], &self.envoy.paths());
        self.envoy.set_listeners(vec![listener])?;
        let Some(address) = self.envoy.address(LISTENER) else {
            outcome.fault = Some(self.refused());
            return Ok(());
        };
        let mut chained = Chained::new(&subject.plugins, [&network, &http]);
        for step in &test.steps {
            thread::sleep(step.exchange.after);
            outcome.steps.push(self.step(step, address, &mut chained));
            if self.over {
                break;
            }
        }
        Ok(())
    }

    /// Plugins that have been configured one by one, and now are not.
    fn refused(&self) -> Fault {
        let entries = self.envoy.journal().take();
        let says =
            entries.iter().find_map(|entry| entry.rejected(LISTENER)).unwrap_or("it has no listener for the test");
        Fault { kind: FaultKind::Configure, message: says.to_owned() }
    }

    /// One exchange.
    fn step(&mut self, step: &Step, address: SocketAddr, chained: &mut Chained<'_>) -> ExchangeOutcome {
        self.upstream.answer(&step.exchange.upstream);
        let before = self.envoy.access_log().len();
        let watched = Arc::clone(&self.envoy.watched);
        let received = client::exchange(address, &step.exchange.request, &watched.marker, self.patience);
        let back = watched.marker.reached();
        let details = if back { self.details(before) } else { None };
        if back {
            self.envoy.journal().calls_arrive(Deadline::after(ARRIVING));
        }
        let (upstream, calls) = self.upstream.seen();
        let calls = self.envoy.journal().in_order(calls);
        let scheme = step.exchange.request.headers.first(":scheme").unwrap_or(b"http");
        let upstream = upstream.map(|request| with_scheme(request, scheme));
        let mut outcome = ExchangeOutcome {
            end: end(&received, details),
            response: received.response.map(wire::observed),
            upstream,
            calls,
            ..ExchangeOutcome::default()
        };
        let running = self.envoy.journal().running(false);
        self.read_journal(chained, &mut outcome);
        if outcome.end == End::Stalled(None) {
            outcome.end = End::Stalled(chained.holder());
        }
        if !back {
            let callback = running.as_deref().unwrap_or_default();
            let lost = self.envoy.lost();
            let mut fault = without_envoy(&lost, running.as_deref());
            if matches!(lost, Lost::Ended(_)) {
                // It ends at what some filters do: one that answers in proxy_on_log (seen on Envoy 1.40).
                fault.kind = FaultKind::Crash;
            }
            let at = chained.failed(callback, None);
            outcome.faults.push((at, fault));
            outcome.end = End::Stalled(Some(at));
            self.over = true;
            return outcome;
        }
        outcome.metrics = self.envoy.metrics();
        outcome
    }

    /// Why the exchange ended, in Envoy's access log.
    fn details(&self, before: usize) -> Option<String> {
        let details = Deadline::after(self.patience).poll(|| self.envoy.access_log().into_iter().nth(before));
        // What is called when a stream ends comes right behind its access log.
        self.envoy.watched.marker.reached();
        details
    }

    fn read_journal(&self, chained: &mut Chained<'_>, outcome: &mut ExchangeOutcome) {
        chained.exchange_begins();
        let (entries, flooded) = self.envoy.journal().take_all();
        // Who has logged in the callback under way: what fails mostly says so before.
        let mut speaker = None;
        for entry in entries.iter().filter(|entry| !entry.main) {
            chained.follow(entry);
            let callback = entry.callback.as_deref().unwrap_or_default();
            match entry.line.event() {
                Event::Entered { .. } => speaker = None,
                Event::Said(rest) => {
                    let line = chained.line(entry, rest);
                    speaker = line.plugin.or(speaker);
                    if !chained.comes_before_traffic(entry) {
                        outcome.log.push(line);
                    }
                }
                Event::Failed(message) => {
                    let fault = Fault { kind: FaultKind::Trap, message: message.to_owned() };
                    outcome.faults.push((chained.failed(callback, speaker), fault));
                }
                _ => {}
            }
        }
        if flooded {
            let message = "the log of one exchange is over 64 MiB".to_owned();
            outcome.faults.push((0, Fault { kind: FaultKind::Limits, message }));
        }
    }
}

/// What of a test this engine cannot do.
fn unsupported(test: &Test) -> Option<Fault> {
    let property = test.scenario.properties.keys().next().map(|path| format!("the property {}", path.join(".")));
    let time = (test.scenario.time != DEFAULT_TIME).then(|| "the time".to_owned());
    let seed = (test.scenario.seed != 0).then(|| "what is random".to_owned());
    let what = property.or(time).or(seed)?;
    let message = format!("{what} is what a real Envoy makes it");
    Some(Fault { kind: FaultKind::Unsupported, message })
}

/// How long the test's own callouts may take together.
fn delays(test: &Test) -> Duration {
    test.scenario.callouts.values().flatten().fold(Duration::ZERO, |sum, callout| sum.saturating_add(callout.after))
}

fn end(received: &Received, details: Option<String>) -> End {
    match (received.end, details) {
        (Ending::Whole, Some(details)) if details != VIA_UPSTREAM => End::LocalReply(details),
        (Ending::Whole, _) => End::Complete,
        (Ending::Cut, _) => End::Reset,
        (Ending::Late, _) => End::Stalled(None),
    }
}

/// The scheme does not travel.
fn with_scheme(mut request: Message, scheme: &[u8]) -> Message {
    for (name, value) in &mut request.headers.0 {
        if name == b":scheme" {
            *value = scheme.to_vec();
        }
    }
    request
}
