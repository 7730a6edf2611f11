//! Holds what came of a test against what it expects.

use super::case::Test;
use super::outcome::TestOutcome;
use super::subject::Subject;
use crate::diag::Location;

/// An expectation that was not met.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Failure {
    pub(crate) step: usize,
    pub(crate) location: Location,
    pub(crate) message: String,
    pub(crate) expected: Option<String>,
    pub(crate) found: Option<String>,
}

pub(crate) fn judge(_subject: &Subject, _test: &Test, _outcome: &TestOutcome) -> Vec<Failure> {
    Vec::new()
}
