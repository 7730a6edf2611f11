//! What has happened in Envoy since somebody last asked.

use std::collections::{BTreeMap, VecDeque};
use std::fs::File;
use std::io::{self, Read};
use std::mem;
use std::path::Path;
use std::sync::{Mutex, MutexGuard, PoisonError};

use super::clock::Deadline;
use super::log::{Event, Line};
use crate::verify::outcome::Level;

/// Bytes of log that are kept between two questions. A filter that logs more is not run on.
const MOST: usize = 64 << 20;

/// Follows the file that Envoy logs to. Envoy writes a line before it goes on, so that the file holds all that led to what was seen
/// of it.
#[derive(Debug)]
pub(super) struct Journal(Mutex<State>);

#[derive(Debug)]
struct State {
    file: File,
    /// The beginning of a line whose end has not been written.
    partial: Vec<u8>,
    kept: usize,
    flooded: bool,
    /// Envoy's main thread: the one that logs first.
    main: Option<u64>,
    /// The callbacks that run on each thread, the outermost first.
    running: BTreeMap<u64, Vec<Running>>,
    entries: Vec<Entry>,
    /// The threads of the calls that have been made and have not been seen to arrive.
    calls: VecDeque<u64>,
}

/// A line that tells something.
#[derive(Debug, Clone)]
pub(super) struct Entry {
    pub(super) line: Line,
    /// Whether Envoy's main thread wrote it. It has a VM of its own, whose ticks run beside those of the worker's.
    pub(super) main: bool,
    /// The callback that it happened in.
    pub(super) callback: Option<String>,
    /// Whether a VM or a plugin is just being started.
    pub(super) starting: bool,
}

/// A callback that has not ended.
#[derive(Debug)]
struct Running {
    callback: String,
    starts: bool,
}

impl Journal {
    pub(super) fn open(path: &Path) -> io::Result<Self> {
        Ok(Self(Mutex::new(State {
            file: File::open(path)?,
            partial: Vec::new(),
            kept: 0,
            flooded: false,
            main: None,
            running: BTreeMap::new(),
            entries: Vec::new(),
            calls: VecDeque::new(),
        })))
    }

    /// Everything up to now since the last time.
    pub(super) fn take(&self) -> Vec<Entry> {
        let mut state = self.read();
        state.kept = 0;
        mem::take(&mut state.entries)
    }

    /// Whether a filter has logged more than is kept.
    pub(super) fn is_flooded(&self) -> bool {
        self.read().flooded
    }

    /// The callback that runs on the main thread or on the worker.
    pub(super) fn running(&self, main: bool) -> Option<String> {
        let state = self.read();
        let mut threads = state.running.iter().filter(|(thread, _)| (Some(**thread) == state.main) == main);
        threads.find_map(|(_, running)| running.last()).map(|running| running.callback.clone())
    }

    /// Whether the call that has arrived comes from the main thread's copy of a VM.
    pub(super) fn is_call_of_main(&self, deadline: Deadline) -> bool {
        let arrived = deadline.poll(|| {
            let mut state = self.read();
            let thread = state.calls.pop_front()?;
            Some(Some(thread) == state.main)
        });
        arrived.unwrap_or(false)
    }

    fn read(&self) -> MutexGuard<'_, State> {
        let mut state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        state.refresh();
        state
    }
}

impl State {
    fn refresh(&mut self) {
        let mut bytes = mem::take(&mut self.partial);
        // What cannot be read now is read the next time.
        _ = (&self.file).take(MOST as u64).read_to_end(&mut bytes);
        let mut rest = bytes.as_slice();
        while let Some(end) = rest.iter().position(|byte| *byte == b'\n') {
            if let Some(line) = Line::parse(&rest[..end]) {
                self.add(line);
            }
            rest = &rest[end + 1..];
        }
        self.partial = rest.to_vec();
    }

    fn add(&mut self, line: Line) {
        let main = *self.main.get_or_insert(line.thread) == line.thread;
        let running = self.running.entry(line.thread).or_default();
        let callback = running.last().map(|running| running.callback.clone());
        let starting = running.iter().any(|running| running.starts);
        match line.event() {
            Event::Entered { callback, starts } => running.push(Running { callback: callback.to_owned(), starts }),
            Event::Left => _ = running.pop(),
            Event::Failed(_) => running.clear(),
            Event::Called => self.calls.push_back(line.thread),
            Event::Other if line.level < Level::Info => return,
            _ => {}
        }
        self.kept += line.text.len();
        if self.kept > MOST {
            self.flooded = true;
        } else {
            self.entries.push(Entry { line, main, callback, starting });
        }
    }
}
