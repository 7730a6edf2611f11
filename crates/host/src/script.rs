//! The other clusters that filters call: what the test says that they answer, and the calls under way.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::message::{Fields, Message};
use crate::scenario::{Callout, Response, Scenario};

/// The clusters by name, each with its answers in turn, and the calls that wait for one.
#[derive(Debug, Default)]
pub(crate) struct Script {
    clusters: BTreeMap<String, Turn>,
    pending: BTreeMap<(usize, u32), PendingCall>,
    /// Any cluster is known, and none answers.
    any: bool,
}

#[derive(Debug)]
struct Turn {
    answers: Vec<Callout>,
    next: usize,
}

/// A call under way.
#[derive(Debug, Clone)]
pub(crate) struct PendingCall {
    pub(crate) kind: CallKind,
    pub(crate) outcome: CallOutcome,
    /// Its place among the world's calls.
    pub(crate) call: usize,
}

impl PendingCall {
    /// Bytes of the answer that waits.
    pub(crate) fn size(&self) -> usize {
        match &self.outcome {
            CallOutcome::Message(message) => message.size(),
            CallOutcome::Failed(_, text) => text.len(),
        }
    }
}

/// The field that Envoy adds to whatever comes from a cluster.
pub(crate) const SERVICE_TIME: (&str, &str) = ("x-envoy-upstream-service-time", "0");

/// What is called.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum CallKind {
    Http,
    Grpc,
    GrpcStream,
}

/// What a call comes to.
#[derive(Debug, Clone)]
pub(crate) enum CallOutcome {
    /// An answer, be it the proxy's own (503, 504).
    Message(Message),
    /// A gRPC call that got no answer: status and message.
    Failed(u32, String),
}

/// gRPC's status for a call that took too long, and for one whose cluster cannot be reached.
const UNAVAILABLE: u32 = 14;

impl Script {
    pub(crate) fn new(scenario: &Scenario) -> Self {
        let turn =
            |(name, answers): (&String, &Vec<Callout>)| (name.clone(), Turn { answers: answers.clone(), next: 0 });
        let clusters = scenario.callouts.iter().map(turn).collect();
        Self { clusters, pending: BTreeMap::new(), any: scenario.any_cluster }
    }

    pub(crate) fn knows(&self, cluster: &str) -> bool {
        self.any || self.clusters.contains_key(cluster)
    }

    /// What the next call to the cluster comes to, and after how long. A timeout of 0 is none.
    pub(crate) fn answer(
        &mut self,
        cluster: &str,
        kind: CallKind,
        method: &[u8],
        timeout: Duration,
    ) -> Option<(Duration, CallOutcome)> {
        let Some(turn) = self.clusters.get_mut(cluster) else {
            return self.any.then(|| (Duration::MAX, reset(kind)));
        };
        let callout = turn.answers.get(turn.next.min(turn.answers.len().saturating_sub(1)))?.clone();
        turn.next += 1;
        if !timeout.is_zero() && callout.after >= timeout {
            return Some((timeout, timed_out(kind)));
        }
        let outcome = match callout.response {
            Response::Message(message) => {
                let mut message = message.framed_response(method);
                if kind == CallKind::Http {
                    message.headers.add(SERVICE_TIME.0, SERVICE_TIME.1);
                }
                CallOutcome::Message(message)
            }
            Response::Reset => reset(kind),
        };
        Some((callout.after, outcome))
    }

    pub(crate) fn begin(&mut self, vm: usize, token: u32, call: PendingCall) {
        self.pending.insert((vm, token), call);
    }

    pub(crate) fn pending(&self, vm: usize, token: u32) -> Option<&PendingCall> {
        self.pending.get(&(vm, token))
    }

    /// Takes the call out: it is answered, or nobody waits for it any more.
    pub(crate) fn end(&mut self, vm: usize, token: u32) -> Option<PendingCall> {
        self.pending.remove(&(vm, token))
    }
}

fn timed_out(kind: CallKind) -> CallOutcome {
    not_answered(kind, 504, "upstream request timeout", "response_timeout")
}

fn reset(kind: CallKind) -> CallOutcome {
    const TEXT: &str =
        "upstream connect error or disconnect/reset before headers. reset reason: connection termination";
    not_answered(kind, 503, TEXT, "upstream_reset_before_response_started{connection_termination}")
}

/// HTTP calls are answered by Envoy itself; to gRPC's text it adds its response code details.
fn not_answered(kind: CallKind, status: u16, text: &str, details: &str) -> CallOutcome {
    match kind {
        CallKind::Http => own_answer(status, text),
        CallKind::Grpc | CallKind::GrpcStream => CallOutcome::Failed(UNAVAILABLE, format!("{text}{{{details}}}")),
    }
}

/// The answer that Envoy's own client gives in a cluster's place.
fn own_answer(status: u16, text: &str) -> CallOutcome {
    let (status, length) = (status.to_string(), text.len().to_string());
    let headers: Fields = [(":status", status.as_str()), ("content-length", &length), ("content-type", "text/plain")]
        .into_iter()
        .collect();
    CallOutcome::Message(Message { headers, body: vec![text.as_bytes().to_vec()], trailers: None })
}
