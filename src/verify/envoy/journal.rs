//! The events in Envoy since the last query.

use std::collections::{BTreeMap, VecDeque};
use std::fs::File;
use std::io::{self, Read};
use std::mem;
use std::path::Path;
use std::sync::{Mutex, MutexGuard, PoisonError};

use mesh_compile_host::outcome::{Call, Level};

use super::clock::Deadline;
use super::log::{Event, Line};

/// Bytes of log that are kept between two queries. A filter that logs more is stopped.
const LIMIT: usize = 64 << 20;
/// Bytes per read.
const PIECE: usize = 1 << 18;

/// Follows Envoy's log file. Envoy writes each line before it continues, so the file explains everything that Envoy has done so far.
#[derive(Debug)]
pub(super) struct Journal(Mutex<State>);

#[derive(Debug)]
struct State {
    file: File,
    /// Bytes read so far.
    read: u64,
    /// The start of a line that is not complete yet.
    partial: Vec<u8>,
    kept: usize,
    /// Envoy's main thread: the first one that logs.
    main: Option<u64>,
    /// The callbacks running on each thread, outermost first.
    running: BTreeMap<u64, Vec<Running>>,
    entries: Vec<Entry>,
    /// The threads of the callouts that were sent and have not arrived yet.
    calls: VecDeque<u64>,
    /// The cluster and the path of each request that the worker sent, in order.
    routed: Vec<(String, String)>,
}

/// A line of the log with its context.
#[derive(Debug, Clone)]
pub(super) struct Entry {
    pub(super) line: Line,
    /// Whether Envoy's main thread wrote it. The main thread has its own VM, which ticks independently of the worker's VM.
    pub(super) main: bool,
    /// The callback that was running.
    pub(super) callback: Option<String>,
    /// Whether a VM or a plugin was starting.
    pub(super) starting: bool,
}

/// A callback that has not returned.
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

    /// All entries since the last query.
    pub(super) fn take(&self) -> Vec<Entry> {
        self.take_all().0
    }

    /// All entries since the last query, and whether filters logged more than is kept.
    pub(super) fn take_all(&self) -> (Vec<Entry>, bool) {
        let mut state = self.read();
        let flooded = state.kept > LIMIT;
        state.kept = 0;
        (mem::take(&mut state.entries), flooded)
    }

    /// Drops everything recorded so far.
    pub(super) fn clear(&self) {
        let mut state = self.read();
        state.kept = 0;
        state.entries.clear();
        state.calls.clear();
        state.routed.clear();
    }

    /// The callback that is running on the main thread or on the worker.
    pub(super) fn running(&self, main: bool) -> Option<String> {
        let state = self.read();
        let mut threads = state.running.iter().filter(|(thread, _)| (Some(**thread) == state.main) == main);
        threads.find_map(|(_, running)| running.last()).map(|running| running.callback.clone())
    }

    /// Whether the callout that just arrived was sent by the main thread's copy of a VM.
    pub(super) fn is_callout_of_main(&self, deadline: Deadline) -> bool {
        let arrived = deadline.poll(|| {
            let mut state = self.read();
            let thread = state.calls.pop_front()?;
            Some(Some(thread) == state.main)
        });
        arrived.unwrap_or(false)
    }

    /// Waits until every callout of the worker has arrived. A callout may still be in flight when the exchange ends.
    pub(super) fn wait_for_callouts(&self, deadline: Deadline) {
        deadline.poll(|| {
            let state = self.read();
            state.calls.iter().all(|thread| Some(*thread) == state.main).then_some(())
        });
    }

    /// Sorts calls into the order in which they were sent. They may arrive in another order.
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
        // Read only what is there now: a filter that floods the log would keep this loop running.
        let end = self.file.metadata().map_or(0, |file| file.len());
        let mut piece = vec![0; PIECE];
        while self.read < end {
            // A failed read is repeated by the next query.
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
        // A single line may exceed the limit.
        if self.partial.len() <= LIMIT {
            self.partial.extend_from_slice(bytes);
        }
    }

    fn add(&mut self, line: Line) {
        let main = *self.main.get_or_insert(line.thread) == line.thread;
        let running = self.running.entry(line.thread).or_default();
        let callback = running.last().map(|running| running.callback.clone());
        let starting = running.iter().any(|running| running.starts);
        match line.event() {
            Event::CallbackStarted { callback, starts } => {
                running.push(Running { callback: callback.to_owned(), starts })
            }
            Event::CallbackReturned { .. } => _ = running.pop(),
            Event::Trapped(_) => running.clear(),
            Event::CalloutSent => self.calls.push_back(line.thread),
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
        if self.kept <= LIMIT {
            self.entries.push(Entry { line, main, callback, starting });
        }
    }
}
