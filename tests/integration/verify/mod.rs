//! `mesh-compile verify` with the embedded host.

mod cache;
mod junit;
mod render_and_check;

/// The summary of a run in which everything passes.
const PASSED: &str = "1 workload, 1 filter, 1 test: all passed in the embedded host";
