//! Runs tests. Each has its own listener, which is removed before the next test.

use std::net::SocketAddr;
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use mesh_compile_host::envoy_texts::VIA_UPSTREAM;
use mesh_compile_host::outcome::{End, ExchangeOutcome, Fault, FaultKind};
use mesh_compile_host::{DEFAULT_TIME, Message};
use serde_json::Value;

use super::attribution::Chained;
use super::client::{self, Ending, Received};
use super::clock::Deadline;
use super::config;
use super::discovery;
use super::engine::{Engine, EnvoyFailure, RunningEnvoy};
use super::log::Event;
use super::plugins::fault_of;
use super::upstream::Upstream;
use crate::diag::Diagnostic;
use crate::resolve::traffic::suite::{Loading, Step, Test};
use crate::verify::outcome::TestOutcome;
use crate::verify::subject::{ChainEntry, Subject};

/// The listener's name, and the prefix of its statistics.
const LISTENER: &str = "test";
/// How long a callout may take to arrive.
const ARRIVAL: Duration = Duration::from_secs(1);

impl Engine {
    /// One outcome per test, in the subject's order.
    pub(super) fn tests(&mut self, subject: &Subject) -> Result<Vec<TestOutcome>, Box<Diagnostic>> {
        subject.tests.iter().map(|test| self.test(subject, test)).collect()
    }

    fn test(&mut self, subject: &Subject, test: &Test) -> Result<TestOutcome, Box<Diagnostic>> {
        if let Some(fault) = unsupported(test) {
            return Ok(TestOutcome { steps: Vec::new(), fault: Some(fault) });
        }
        let clusters = self.clusters(&test.scenario.callouts);
        let timeout = self.timeout.saturating_add(delays(test));
        let (envoy, upstream) = self.envoy_and_upstream()?;
        let mut run = TestRun { envoy, upstream, timeout, envoy_failed: false };
        let mut outcome = TestOutcome::default();
        let ran =
            clusters.map_err(EnvoyFailure::from).and_then(|clusters| run.run(subject, test, clusters, &mut outcome));
        if let Err(failure) = &ran {
            let running = run.envoy.journal().running(false);
            outcome.fault = Some(fault_of(failure, running.as_deref()));
        }
        if ran.is_err() || run.envoy_failed {
            self.discard();
        }
        Ok(outcome)
    }
}

/// A test that is running.
struct TestRun<'a> {
    envoy: &'a mut RunningEnvoy,
    upstream: &'a Upstream,
    timeout: Duration,
    /// Whether Envoy cannot be used after the last exchange. The exchange's outcome has the fault.
    envoy_failed: bool,
}

impl TestRun<'_> {
    fn run(
        &mut self,
        subject: &Subject,
        test: &Test,
        clusters: Vec<Value>,
        outcome: &mut TestOutcome,
    ) -> Result<(), EnvoyFailure> {
        let (network, http) = (subject.network_chain(test), subject.http_chain(test));
        self.envoy.write_modules(network.iter().chain(&http).copied())?;
        self.envoy.remove_listeners()?;
        self.envoy.set_clusters(clusters)?;
        self.upstream.start_test(&test.scenario.callouts);
        let chain: Vec<&ChainEntry> = network.iter().chain(&http).copied().collect();
        let discovered = chain.iter().filter(|entry| discovery::is_discovered(entry));
        for entry in discovered.clone() {
            let loading = test.loading.get(entry.plugin.name()).copied().unwrap_or(Loading::Good);
            self.envoy.offer(entry, loading)?;
        }
        let listener = config::listener(LISTENER, test.direction, [&network, &http], &self.envoy.paths());
        self.envoy.set_listeners(vec![listener.clone()])?;
        let address =
            if discovered.count() > 0 { self.envoy.await_address(LISTENER) } else { self.envoy.address(LISTENER) };
        let Some(address) = address else {
            outcome.fault = Some(self.rejected());
            return Ok(());
        };
        let mut chained = Chained::new(&subject.plugins, [&network, &http]);
        for step in &test.steps {
            for (name, loading) in &step.loading {
                for entry in chain.iter().filter(|entry| entry.plugin.name() == name) {
                    self.load(entry, *loading, &listener)?;
                }
            }
            thread::sleep(step.exchange.after);
            outcome.steps.push(self.step(step, address, &mut chained));
            if self.envoy_failed {
                break;
            }
        }
        Ok(())
    }

    /// Pushes what a step asks for. Without discovery, istiod pushes the whole listener.
    fn load(&mut self, entry: &ChainEntry, loading: Loading, listener: &Value) -> Result<(), EnvoyFailure> {
        if discovery::is_discovered(entry) {
            return self.envoy.push(entry, loading);
        }
        let paths = self.envoy.paths();
        let (good, path) = (paths.module(&entry.plugin), discovery::path(loading, &paths));
        self.envoy.write_module(&paths.file("refusing.wasm"), discovery::REFUSING)?;
        let pushed = match path {
            Some(path) => listener.to_string().replace(&good, &path).parse().unwrap_or_else(|_| listener.clone()),
            None => listener.clone(),
        };
        self.envoy.set_listeners(vec![pushed])
    }

    /// Envoy rejected the listener, although it accepted each plugin alone.
    fn rejected(&self) -> Fault {
        let entries = self.envoy.journal().take();
        let reason =
            entries.iter().find_map(|entry| entry.rejected(LISTENER)).unwrap_or("Envoy has no listener for the test");
        Fault { kind: FaultKind::Configure, message: reason.to_owned() }
    }

    /// Runs one exchange.
    fn step(&mut self, step: &Step, address: SocketAddr, chained: &mut Chained<'_>) -> ExchangeOutcome {
        self.upstream.start_exchange(&step.exchange.upstream);
        let before = self.envoy.access_log().len();
        let observer = Arc::clone(&self.envoy.observer);
        let received = client::exchange(address, &step.exchange.request, &observer.marker, self.timeout);
        let responds = observer.marker.reached();
        let details = if responds { self.details(before) } else { None };
        if responds {
            self.envoy.journal().wait_for_callouts(Deadline::after(ARRIVAL));
        }
        let (upstream, calls) = self.upstream.take_received();
        let calls = self.envoy.journal().in_order(calls);
        let scheme = step.exchange.request.headers.first(":scheme").unwrap_or(b"http");
        let upstream = upstream.map(|request| with_scheme(request, scheme));
        let mut outcome = ExchangeOutcome {
            end: end(&received, details),
            response: received.response.map(Message::observed),
            upstream,
            calls,
            ..ExchangeOutcome::default()
        };
        let running = self.envoy.journal().running(false);
        self.read_journal(chained, &mut outcome);
        if outcome.end == End::Stalled(None) {
            outcome.end = End::Stalled(chained.holder());
        }
        if !responds {
            let callback = running.as_deref().unwrap_or_default();
            let failure = self.envoy.failure();
            let mut fault = fault_of(&failure, running.as_deref());
            if matches!(failure, EnvoyFailure::Exited(_)) {
                // A filter can crash Envoy, for example with a local reply in proxy_on_log (seen on Envoy 1.40).
                fault.kind = FaultKind::Crash;
            }
            let at = chained.failed(callback, None);
            outcome.faults.push((at, fault));
            outcome.end = End::Stalled(Some(at));
            self.envoy_failed = true;
            return outcome;
        }
        outcome.metrics = self.envoy.metrics();
        outcome
    }

    /// The response code details from Envoy's access log.
    fn details(&self, before: usize) -> Option<String> {
        let details = Deadline::after(self.timeout).poll(|| self.envoy.access_log().into_iter().nth(before));
        // The callbacks at the end of a stream run right after its access log is written.
        self.envoy.observer.marker.reached();
        details
    }

    fn read_journal(&self, chained: &mut Chained<'_>, outcome: &mut ExchangeOutcome) {
        chained.start_exchange();
        let (entries, flooded) = self.envoy.journal().take_all();
        // The plugin that logged in the running callback. A filter that fails has often logged before.
        let mut logger = None;
        for entry in entries.iter().filter(|entry| !entry.main) {
            chained.follow(entry);
            let callback = entry.callback.as_deref().unwrap_or_default();
            match entry.line.event() {
                Event::CallbackStarted { .. } => logger = None,
                Event::Logged(rest) => {
                    let line = chained.line(entry, rest);
                    logger = line.plugin.or(logger);
                    if !chained.is_before_traffic(entry) {
                        outcome.log.push(line);
                    }
                }
                Event::Trapped(message) => {
                    let fault = Fault { kind: FaultKind::Trap, message: message.to_owned() };
                    outcome.faults.push((chained.failed(callback, logger), fault));
                }
                _ => {}
            }
        }
        if flooded {
            let message = "the log of one exchange exceeds 64 MiB".to_owned();
            outcome.faults.push((0, Fault { kind: FaultKind::Limits, message }));
        }
    }
}

/// Why this engine cannot run the test.
fn unsupported(test: &Test) -> Option<Fault> {
    let property = test.scenario.properties.keys().next().map(|path| format!("the property {}", path.join(".")));
    let time = (test.scenario.time != DEFAULT_TIME).then(|| "the time".to_owned());
    let seed = (test.scenario.seed != 0).then(|| "the random seed".to_owned());
    let what = property.or(time).or(seed)?;
    let message = format!("a real Envoy sets {what} itself");
    Some(Fault { kind: FaultKind::Unsupported, message })
}

/// The sum of the delays that the test's callouts script.
fn delays(test: &Test) -> Duration {
    test.scenario.callouts.values().flatten().fold(Duration::ZERO, |sum, callout| sum.saturating_add(callout.after))
}

fn end(received: &Received, details: Option<String>) -> End {
    match (received.end, details) {
        (Ending::Complete, Some(details)) if details != VIA_UPSTREAM => End::LocalReply(details),
        (Ending::Complete, _) => End::Complete,
        (Ending::Cut, _) => End::Reset,
        (Ending::TimedOut, _) => End::Stalled(None),
    }
}

/// Restores the scheme of the request, which HTTP/1.1 does not transmit.
fn with_scheme(mut request: Message, scheme: &[u8]) -> Message {
    for (name, value) in &mut request.headers.0 {
        if name == b":scheme" {
            *value = scheme.to_vec();
        }
    }
    request
}
