//! Real time. This engine waits for a process, always with a deadline.

use std::thread;
use std::time::{Duration, Instant};

/// The interval between two looks at something that sends no notification.
const INTERVAL: Duration = Duration::from_millis(1);

const YEAR: Duration = Duration::from_secs(31_536_000);

/// The moment at which waiting ends.
#[derive(Debug, Clone, Copy)]
pub(super) struct Deadline(Instant);

impl Deadline {
    pub(super) fn after(timeout: Duration) -> Self {
        let now = now();
        Self(now.checked_add(timeout).unwrap_or(now + YEAR))
    }

    /// The time until then; zero afterwards.
    pub(super) fn remaining(self) -> Duration {
        self.0.saturating_duration_since(now())
    }

    pub(super) fn has_passed(self) -> bool {
        self.remaining().is_zero()
    }

    /// Calls `look` until it returns something, or until the deadline.
    pub(super) fn poll<T>(self, mut look: impl FnMut() -> Option<T>) -> Option<T> {
        loop {
            let found = look();
            if found.is_some() || self.has_passed() {
                return found;
            }
            thread::sleep(INTERVAL);
        }
    }
}

#[expect(clippy::disallowed_methods, reason = "a dry run on Envoy waits in real time; no manifest depends on it")]
fn now() -> Instant {
    Instant::now()
}
