//! The engine that runs tests on a real Envoy: one process with one worker, its own loopback ports and temporary directory.
//!
//! ```text
//! client ─► listener of the test: network chain, HTTP chain ─► router ─► upstream: the workload
//!                                   └── calls ─────────────────────────► upstream: the clusters it scripts
//! ```
//!
//! Tests run one after the other. Each gets a listener and clusters through the files that Envoy watches. They are removed before the
//! next test, together with its VMs and their shared data. So each plugin keeps its own `vm_id`, and a cluster that a test does not
//! script is unknown to the test.
//!
//! The engine sleeps only where a test asks for it (`after`, the delay of a callout). Otherwise Envoy's log, its statistics and the
//! [`marker`] show when Envoy has finished a step.
//!
//! Differences from the embedded engine:
//! - The clock and random numbers are Envoy's. A test that sets `time`, `seed` or `properties` is not run
//!   ([`FaultKind::Unsupported`]).
//! - Envoy starts each VM several times: for a trial, for its main thread and for its worker. The log comes from one of them, but a
//!   metric counts what all of them do while they are configured and in their ticks.
//! - The effects of each callback are not visible, nor is the name of an unknown cluster. Where several plugins have a callback, the
//!   order of callbacks tells which plugin holds a stream or trapped. For bodies and ticks this may name the wrong plugin.
//!
//! [`FaultKind::Unsupported`]: mesh_compile_host::outcome::FaultKind::Unsupported

mod admin;
mod attribution;
mod client;
mod clock;
mod config;
mod discovery;
mod engine;
mod exchanges;
mod find;
mod grpc;
mod http1;
mod http2;
#[expect(clippy::disallowed_methods, reason = "follows the log file of a running Envoy")]
mod journal;
mod log;
mod marker;
mod plugins;
#[expect(clippy::disallowed_methods, reason = "runs Envoy in a temporary directory")]
mod process;
mod upstream;

#[cfg(test)]
mod tests;

use std::time::Duration;

use camino::Utf8PathBuf;

use super::subject::Subject;
use crate::diag::Diagnostic;
use crate::verify::outcome::Outcome;
use crate::world::World;
use engine::Engine;

/// Options of the engine.
#[derive(Debug, Clone)]
pub(crate) struct Options {
    /// Envoy's executable; `None`: the `envoy` of `$PATH`.
    pub(crate) path: Option<Utf8PathBuf>,
    /// How long a response may take, in addition to the delays that a test scripts, before the exchange counts as stalled.
    pub(crate) timeout: Duration,
}

impl Default for Options {
    fn default() -> Self {
        Self { path: None, timeout: Duration::from_secs(3) }
    }
}

/// Verifies the subjects in order. Calls `progress` after each.
///
/// # Errors
/// If no Envoy is found, or if it does not run Wasm filters (MC0614).
pub(crate) fn run(
    world: &dyn World,
    subjects: &[Subject],
    options: &Options,
    progress: &(dyn Fn() + Sync),
) -> Result<Vec<Outcome>, Box<Diagnostic>> {
    let mut engine = Engine::start(find::envoy(world, options.path.as_deref())?, options.timeout)?;
    let verify = |subject| {
        let outcome = engine.verify(subject);
        progress();
        outcome
    };
    subjects.iter().map(verify).collect()
}
