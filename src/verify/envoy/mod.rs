//! The engine that runs tests on a real Envoy: one process with one worker, on loopback ports and in a temporary folder of its own.
//!
//! ```text
//! client ─► listener of the test: network chain, HTTP chain ─► router ─► upstream: the workload
//!                                   └── calls ─────────────────────────► upstream: the clusters it scripts
//! ```
//!
//! Tests run one after the other. Each gets its listener and its clusters by way of the files that Envoy watches, and they are taken
//! away again before the next one's come: then no VM of it is left, and no shared data. So each plugin keeps its own `vm_id`, and a
//! cluster that a test does not script is unknown to it.
//!
//! Nothing is waited for by sleeping but what a test itself says (`after`, a delay of a callout): Envoy's log, its statistics and the
//! [`marker`] tell how far it has come.
//!
//! What differs from the embedded engine, because a real proxy is real:
//! - The clock and random numbers are Envoy's: a test's `time` and `seed` say nothing here.
//! - A test that sets `properties` is not run ([`FaultKind::Unsupported`]): they are what the connection and Envoy make them.
//! - Envoy starts each VM more than once, to try it out, for its main thread and for its worker. The log is one copy's, but a metric
//!   counts what all of them do while they are configured and in their ticks.
//! - What each callback did is not seen, nor the name of an unknown cluster. Where several plugins have a callback, which of them
//!   holds a stream or has trapped is told by the order of the callbacks, and may be the wrong one for bodies and ticks.
//!
//! [`FaultKind::Unsupported`]: crate::traffic::outcome::FaultKind::Unsupported

mod admin;
mod attribution;
mod client;
mod clock;
mod config;
mod engine;
mod exchanges;
mod find;
mod hpack;
mod http2;
mod journal;
mod log;
mod marker;
mod plugins;
mod process;
mod upstream;
mod wire;

#[cfg(test)]
mod tests;

use std::time::Duration;

use camino::Utf8PathBuf;

use super::subject::Subject;
use crate::diag::Diagnostic;
use crate::traffic::outcome::Outcome;
use crate::world::World;
use engine::Engine;

/// What the user can say about it.
#[derive(Debug, Clone)]
pub(crate) struct Options {
    /// Envoy's executable; `None`: the `envoy` of `$PATH`.
    pub(crate) path: Option<Utf8PathBuf>,
    /// How long an answer may take, beside the delays that a test scripts, before the exchange is said to stall.
    pub(crate) patience: Duration,
}

impl Default for Options {
    fn default() -> Self {
        Self { path: None, patience: Duration::from_secs(3) }
    }
}

/// Verifies the subjects, in their order. `progress` is called after each.
///
/// # Errors
/// If there is no Envoy, or none that runs Wasm filters (MC0614).
pub(crate) fn run(
    world: &dyn World,
    subjects: &[Subject],
    options: &Options,
    progress: &(dyn Fn() + Sync),
) -> Result<Vec<Outcome>, Box<Diagnostic>> {
    let mut engine = Engine::start(find::envoy(world, options.path.as_deref())?, options.patience)?;
    let verify = |subject| {
        let outcome = engine.verify(subject);
        progress();
        outcome
    };
    subjects.iter().map(verify).collect()
}
