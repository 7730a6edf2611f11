//! What has happened in Envoy since somebody last asked.

use std::collections::{BTreeMap, VecDeque};
use std::fs::File;
use std::io::{self, Read};
use std::mem;
use std::path::Path;
use std::sync::{Mutex, MutexGuard, PoisonError};

use mesh_compile_host::outcome::{Call, Level};

use super::clock::Deadline;
use super::log::{Event, Line};

/// Bytes of log that are kept between two questions. A filter that logs more is not run on.
const MOST: usize = 64 << 20;
/// Bytes that are read at once.
const PIECE: usize = 1 << 18;

/// Follows the file that Envoy logs to. Envoy writes a line before it goes on, so that the file holds all that led to what was seen
/// of it.
#[derive(Debug)]
pub(super) struct Journal(Mutex<State>);

#[derive(Debug)]
struct State {
    file: File,
    /// How far it has been read.
    read: u64,
    /// The beginning of a line whose end has not been written.
    partial: Vec<u8>,
    kept: usize,
    /// Envoy's main thread: the one that logs first.
    main: Option<u64>,
    /// The callbacks that run on each thread, the outermost first.
    running: BTreeMap<u64, Vec<Running>>,
    entries: Vec<Entry>,
    /// The threads of the calls that have been made and have not been seen to arrive.
    calls: VecDeque<u64>,
    /// What the worker has sent to clusters, in its order: the cluster and the path.
    routed: Vec<(String, String)>,
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
            read: 0,
            partial: Vec::new(),
            kept: 0,
            main: None,
            running: BTreeMap::new(),
            entries: Vec::new(),
            calls: VecDeque::new(),
            routed: Vec::new(),
        })))
    }

    /// Everything up to now since the last time.
    pub(super) fn take(&self) -> Vec<Entry> {
        self.take_all().0
    }

    /// The same, and whether filters have logged more than is kept.
    pub(super) fn take_all(&self) -> (Vec<Entry>, bool) {
        let mut state = self.read();
        let flooded = state.kept > MOST;
        state.kept = 0;
        (mem::take(&mut state.entries), flooded)
    }

    /// Nothing of what was is of interest any more.
    pub(super) fn forget(&self) {
        let mut state = self.read();
        state.kept = 0;
        state.entries.clear();
        state.calls.clear();
        state.routed.clear();
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

    /// Waits until every call that the worker has made has arrived where it goes: none may be answered before the exchange is over.
    pub(super) fn calls_arrive(&self, deadline: Deadline) {
        deadline.poll(|| {
            let state = self.read();
            state.calls.iter().all(|thread| Some(*thread) == state.main).then_some(())
        });
    }

    /// The calls in the order in which they were made: they may arrive in another.
    pub(super) fn in_order(&self, mut calls: Vec<Call>) -> Vec<Call> {
        let routed = mem::take(&mut self.read().routed);
        let mut ordered = Vec::with_capacity(calls.len());
        for (cluster, path) in routed {
            let path = Some(path.as_bytes());
            let it = |call: &Call| call.cluster == cluster && call.request.headers.first(":path") == path;
            if let Some(at) = calls.iter().position(it) {
                ordered.push(calls.remove(at));
            }
        }
        ordered.append(&mut calls);
        ordered
    }

    fn read(&self) -> MutexGuard<'_, State> {
        let mut state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        state.refresh();
        state
    }
}

impl State {
    fn refresh(&mut self) {
        // What is written from now on is for the next time; a filter that floods the log would never let this end.
        let end = self.file.metadata().map_or(0, |file| file.len());
        let mut piece = vec![0; PIECE];
        while self.read < end {
            // What cannot be read now is read the next time.
            let Ok(length @ 1..) = self.file.read(&mut piece) else { break };
            self.read += length as u64;
            self.lines(&piece[..length]);
        }
    }

    fn lines(&mut self, mut bytes: &[u8]) {
        while let Some(end) = bytes.iter().position(|byte| *byte == b'\n') {
            self.partial.extend_from_slice(&bytes[..end]);
            let line = Line::parse(&mem::take(&mut self.partial));
            line.into_iter().for_each(|line| self.add(line));
            bytes = &bytes[end + 1..];
        }
        // A line alone may be over all that is kept.
        if self.partial.len() <= MOST {
            self.partial.extend_from_slice(bytes);
        }
    }

    fn add(&mut self, line: Line) {
        let main = *self.main.get_or_insert(line.thread) == line.thread;
        let running = self.running.entry(line.thread).or_default();
        let callback = running.last().map(|running| running.callback.clone());
        let starting = running.iter().any(|running| running.starts);
        match line.event() {
            Event::Entered { callback, starts } => running.push(Running { callback: callback.to_owned(), starts }),
            Event::Left { .. } => _ = running.pop(),
            Event::Failed(_) => running.clear(),
            Event::Called => self.calls.push_back(line.thread),
            Event::Routed { cluster, path } => {
                if !main {
                    self.routed.push((cluster.to_owned(), path.to_owned()));
                }
                return;
            }
            Event::Other if line.level < Level::Info => return,
            _ => {}
        }
        self.kept += line.text.len();
        if self.kept <= MOST {
            self.entries.push(Entry { line, main, callback, starting });
        }
    }
}
