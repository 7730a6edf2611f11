//! Real time: this engine waits for a process, and for nothing longer than it is told.

use std::thread;
use std::time::{Duration, Instant};

/// How often a thing is looked at that says nothing by itself.
const PAUSE: Duration = Duration::from_millis(1);

const YEAR: Duration = Duration::from_secs(31_536_000);

/// A moment after which nobody waits any more.
#[derive(Debug, Clone, Copy)]
pub(super) struct Deadline(Instant);

impl Deadline {
    pub(super) fn after(patience: Duration) -> Self {
        let now = now();
        Self(now.checked_add(patience).unwrap_or(now + YEAR))
    }

    /// What is left until then; zero afterwards.
    pub(super) fn left(self) -> Duration {
        self.0.saturating_duration_since(now())
    }

    pub(super) fn is_over(self) -> bool {
        self.left().is_zero()
    }

    /// Looks until there is something, or until the deadline.
    pub(super) fn poll<T>(self, mut look: impl FnMut() -> Option<T>) -> Option<T> {
        loop {
            let found = look();
            if found.is_some() || self.is_over() {
                return found;
            }
            thread::sleep(PAUSE);
        }
    }
}

#[expect(
    clippy::disallowed_methods,
    reason = "a dry run on Envoy waits for it in real time; nothing of it reaches a manifest"
)]
fn now() -> Instant {
    Instant::now()
}
