//! A bar on standard error for what takes its time: from a second on, on a terminal, and gone when it is through.

use std::fmt::Write as _;
use std::io::{self, IsTerminal as _, Write as _};
use std::sync::Mutex;
use std::time::{Duration, Instant};

/// What is over within it has no bar.
const PATIENCE: Duration = Duration::from_secs(1);
/// Between two drawings.
const PAUSE: Duration = Duration::from_millis(100);
const WIDTH: usize = 30;

/// A bar that may not be there.
#[derive(Debug)]
pub(super) struct Bar {
    started: Instant,
    wanted: bool,
    drawn: Mutex<Option<Instant>>,
}

impl Bar {
    /// A bar where somebody sits before a terminal and `wanted` is set.
    #[expect(clippy::disallowed_methods, reason = "only the user sees how long it took")]
    pub(super) fn new(wanted: bool) -> Self {
        let wanted = wanted && io::stderr().is_terminal();
        Self { started: Instant::now(), wanted, drawn: Mutex::new(None) }
    }

    /// Draws how far it has come, where it is time to.
    #[expect(clippy::disallowed_methods, reason = "only the user sees how long it took")]
    pub(super) fn draw(&self, done: usize, total: usize) {
        if !self.wanted || self.started.elapsed() < PATIENCE {
            return;
        }
        // Whoever draws now draws what the others would.
        let Ok(mut drawn) = self.drawn.try_lock() else { return };
        if drawn.is_none_or(|last| last.elapsed() >= PAUSE) {
            *drawn = Some(Instant::now());
            // A terminal that is gone needs no bar.
            let _ = io::stderr().lock().write_all(line(done, total).as_bytes());
        }
    }
}

impl Drop for Bar {
    fn drop(&mut self) {
        if self.drawn.get_mut().is_ok_and(|drawn| drawn.is_some()) {
            let _ = io::stderr().lock().write_all(b"\r\x1b[2K");
        }
    }
}

/// The bar in place of what stands in the line.
fn line(done: usize, total: usize) -> String {
    let full = (done * WIDTH).checked_div(total).unwrap_or(WIDTH).min(WIDTH);
    let mut line = String::from("\r\x1b[2K");
    // Writing to a String cannot fail.
    let _ = write!(line, "verify [{}{}] {done}/{total} workloads", "#".repeat(full), "-".repeat(WIDTH - full));
    line
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bar_is_as_full_as_it_has_come() {
        let bar = |done, total| line(done, total).trim_start_matches("\r\x1b[2K").to_owned();
        assert_eq!(bar(0, 3), format!("verify [{}] 0/3 workloads", "-".repeat(30)));
        assert_eq!(bar(1, 3), format!("verify [{}{}] 1/3 workloads", "#".repeat(10), "-".repeat(20)));
        assert_eq!(bar(3, 3), format!("verify [{}] 3/3 workloads", "#".repeat(30)));
        assert_eq!(bar(0, 0), format!("verify [{}] 0/0 workloads", "#".repeat(30)));
    }

    #[test]
    fn nothing_is_drawn_that_nobody_waits_for() {
        let bar = Bar::new(true);
        bar.draw(1, 2);
        assert!(bar.drawn.lock().is_ok_and(|drawn| drawn.is_none()));
    }
}
