//! Real time, which ends what does not terminate by itself. The only place of this crate that reads the machine's clock.

use std::time::{Duration, Instant};

/// A moment by which something must be finished. It decides only whether a guest is stopped, so no result depends on the clock.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Deadline(Instant);

impl Deadline {
    pub(crate) fn after(seconds: u64) -> Self {
        Self(now() + Duration::from_secs(seconds))
    }

    pub(crate) fn is_past(self) -> bool {
        now() > self.0
    }
}

#[expect(clippy::disallowed_methods, reason = "it only stops guests that do not terminate")]
fn now() -> Instant {
    Instant::now()
}
