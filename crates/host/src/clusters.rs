//! The other clusters that filters call: their responses, and the pending calls.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::local_reply::UNAVAILABLE;
use crate::message::{Fields, Message};
use crate::scenario::{Callout, Response, Scenario};

/// The clusters by name, each with its responses in turn, and the pending calls.
#[derive(Debug, Default)]
pub(crate) struct Clusters {
    known: BTreeMap<String, Turn>,
    /// By VM and token.
    pending: BTreeMap<(usize, u32), PendingCall>,
    /// Whether every other cluster is known too. None of these responds.
    any: bool,
}

#[derive(Debug)]
struct Turn {
    callouts: Vec<Callout>,
    next: usize,
}

/// A call without a response yet.
#[derive(Debug, Clone)]
pub(crate) struct PendingCall {
    pub(crate) kind: CallKind,
    pub(crate) outcome: CallOutcome,
    /// Its number among the proxy's calls.
    pub(crate) call: usize,
}

impl PendingCall {
    /// Bytes of the response.
    pub(crate) fn size(&self) -> usize {
        match &self.outcome {
            CallOutcome::Message(message) => message.size(),
            CallOutcome::Failed(_, text) => text.len(),
        }
    }
}

/// The field that Envoy adds to every response of a cluster.
pub(crate) const SERVICE_TIME: (&str, &str) = ("x-envoy-upstream-service-time", "0");

/// The protocol of a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum CallKind {
    Http,
    Grpc,
    GrpcStream,
}

/// How a call ends.
#[derive(Debug, Clone)]
pub(crate) enum CallOutcome {
    /// With a response, which may be the proxy's own (503, 504).
    Message(Message),
    /// Of a gRPC call: without a response, with this status and message.
    Failed(u32, String),
}

impl Clusters {
    pub(crate) fn new(scenario: &Scenario) -> Self {
        let turn =
            |(name, callouts): (&String, &Vec<Callout>)| (name.clone(), Turn { callouts: callouts.clone(), next: 0 });
        let known = scenario.callouts.iter().map(turn).collect();
        Self { known, pending: BTreeMap::new(), any: scenario.any_cluster }
    }

    pub(crate) fn knows(&self, cluster: &str) -> bool {
        self.any || self.known.contains_key(cluster)
    }

    /// How the next call to the cluster ends, and after how long. A timeout of 0 is none.
    pub(crate) fn call(
        &mut self,
        cluster: &str,
        kind: CallKind,
        method: &[u8],
        timeout: Duration,
    ) -> Option<(Duration, CallOutcome)> {
        let Some(turn) = self.known.get_mut(cluster) else {
            return self.any.then(|| (Duration::MAX, reset(kind)));
        };
        let callout = turn.callouts.get(turn.next.min(turn.callouts.len().saturating_sub(1)))?.clone();
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

    /// Removes the call: it has its response, or was canceled.
    pub(crate) fn end(&mut self, vm: usize, token: u32) -> Option<PendingCall> {
        self.pending.remove(&(vm, token))
    }
}

fn timed_out(kind: CallKind) -> CallOutcome {
    failed(kind, 504, "upstream request timeout", "response_timeout")
}

fn reset(kind: CallKind) -> CallOutcome {
    const TEXT: &str =
        "upstream connect error or disconnect/reset before headers. reset reason: connection termination";
    failed(kind, 503, TEXT, "upstream_reset_before_response_started{connection_termination}")
}

/// Envoy responds to an HTTP call itself. To the text of a gRPC call it appends its response code details.
fn failed(kind: CallKind, status: u16, text: &str, details: &str) -> CallOutcome {
    match kind {
        CallKind::Http => own_response(status, text),
        CallKind::Grpc | CallKind::GrpcStream => CallOutcome::Failed(UNAVAILABLE, format!("{text}{{{details}}}")),
    }
}

/// The response of Envoy's HTTP client in the cluster's place.
fn own_response(status: u16, text: &str) -> CallOutcome {
    let (status, length) = (status.to_string(), text.len().to_string());
    let headers: Fields = [(":status", status.as_str()), ("content-length", &length), ("content-type", "text/plain")]
        .into_iter()
        .collect();
    CallOutcome::Message(Message { headers, body: vec![text.as_bytes().to_vec()], trailers: None })
}
