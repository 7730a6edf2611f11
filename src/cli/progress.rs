//! A progress bar on standard error, on terminals only. It appears after one second and is erased at the end.

use std::fmt::Write as _;
use std::io::{self, IsTerminal as _, Write as _};
use std::sync::Mutex;
use std::time::Duration;

use mesh_compile::world::World;

/// How long a run takes before the bar appears.
const DELAY: Duration = Duration::from_secs(1);
/// The least time between two updates.
const INTERVAL: Duration = Duration::from_millis(100);
const WIDTH: usize = 30;
const ERASE: &str = "\r\x1b[2K";

/// A progress bar, hidden where nobody would see it.
pub(super) struct Bar<'w> {
    world: &'w dyn World,
    started: Duration,
    shown: bool,
    /// When the bar was last drawn.
    drawn: Mutex<Option<Duration>>,
}

impl<'w> Bar<'w> {
    /// A bar that is drawn if `wanted` is set and standard error is a terminal.
    pub(super) fn new(world: &'w dyn World, wanted: bool) -> Self {
        let shown = wanted && io::stderr().is_terminal();
        Self { world, started: world.elapsed(), shown, drawn: Mutex::new(None) }
    }

    /// Shows the progress if it is time for an update.
    pub(super) fn update(&self, done: usize, total: usize) {
        let now = self.world.elapsed();
        if !self.shown || now - self.started < DELAY {
            return;
        }
        // If another thread is drawing, it draws nearly the same.
        let Ok(mut drawn) = self.drawn.try_lock() else { return };
        if drawn.is_none_or(|last| now.saturating_sub(last) >= INTERVAL) {
            *drawn = Some(now);
            // A closed terminal needs no bar.
            let _ = io::stderr().lock().write_all(line(done, total).as_bytes());
        }
    }
}

impl Drop for Bar<'_> {
    fn drop(&mut self) {
        if self.drawn.get_mut().is_ok_and(|drawn| drawn.is_some()) {
            let _ = io::stderr().lock().write_all(ERASE.as_bytes());
        }
    }
}

/// The bar, replacing the current line.
fn line(done: usize, total: usize) -> String {
    let full = (done * WIDTH).checked_div(total).unwrap_or(WIDTH).min(WIDTH);
    let mut line = String::from(ERASE);
    // Writing to a String cannot fail.
    let _ = write!(line, "verify [{}{}] {done}/{total} workloads", "#".repeat(full), "-".repeat(WIDTH - full));
    line
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_bar_fills_in_proportion_to_the_work_done() {
        let bar = |done, total| line(done, total).trim_start_matches(ERASE).to_owned();
        assert_eq!(bar(0, 3), format!("verify [{}] 0/3 workloads", "-".repeat(30)));
        assert_eq!(bar(1, 3), format!("verify [{}{}] 1/3 workloads", "#".repeat(10), "-".repeat(20)));
        assert_eq!(bar(3, 3), format!("verify [{}] 3/3 workloads", "#".repeat(30)));
        assert_eq!(bar(0, 0), format!("verify [{}] 0/0 workloads", "#".repeat(30)));
    }
}
