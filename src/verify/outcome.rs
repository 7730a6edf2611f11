//! The outcome of a workload in an engine.

use mesh_compile_host::outcome::{ExchangeOutcome, Fault, PluginOutcome};

/// The outcome of a workload in an engine.
#[derive(Debug, Clone, Default)]
pub(crate) struct Outcome {
    /// One per plugin of the subject, in its order.
    pub(crate) plugins: Vec<PluginOutcome>,
    /// One per test of the subject, in its order. Empty if a plugin did not start.
    pub(crate) tests: Vec<TestOutcome>,
}

/// The outcome of a test.
#[derive(Debug, Clone, Default)]
pub(crate) struct TestOutcome {
    /// One per step that ran.
    pub(crate) steps: Vec<ExchangeOutcome>,
    /// Why the test could not run.
    pub(crate) fault: Option<Fault>,
}
