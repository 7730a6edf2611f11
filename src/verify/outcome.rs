//! What an engine found out about one workload.

use mesh_compile_host::outcome::{ExchangeOutcome, Fault, PluginOutcome};

/// What an engine found out about one workload.
#[derive(Debug, Clone, Default)]
pub(crate) struct Outcome {
    /// One per plugin of the subject, in its order.
    pub(crate) plugins: Vec<PluginOutcome>,
    /// One per test of the subject, in its order. Empty if a plugin did not start.
    pub(crate) tests: Vec<TestOutcome>,
}

/// What came of a test.
#[derive(Debug, Clone, Default)]
pub(crate) struct TestOutcome {
    /// One per step that ran.
    pub(crate) steps: Vec<ExchangeOutcome>,
    /// What kept the test from running at all.
    pub(crate) fault: Option<Fault>,
}
