//! What all VMs of a proxy have in common.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use super::limits;
use super::random::Random;
use super::script::Script;
use super::shared::{SharedData, SharedQueues};
use super::stream::Stream;
use crate::verify::case::Property;
use crate::verify::outcome::{Call, Level, LogLine, Remark};

/// The proxy around the VMs.
#[derive(Debug)]
pub(crate) struct World {
    /// Nanoseconds since 1970.
    pub(crate) now: u64,
    /// Where the clock started: what the monotonic clock counts from.
    pub(crate) epoch: u64,
    pub(crate) random: Random,
    pub(crate) data: SharedData,
    pub(crate) queues: SharedQueues,
    pub(crate) metrics: BTreeMap<String, Metric>,
    pub(crate) log: Vec<LogLine>,
    calls: Vec<Call>,
    /// How many were taken out before those.
    taken_calls: usize,
    pub(crate) script: Script,
    /// The stream under way.
    pub(crate) stream: Option<Stream>,
    /// What the test gives beside what the stream itself does.
    pub(crate) properties: BTreeMap<Vec<String>, Property>,
    /// Of the listener, where a filter names one.
    pub(crate) port: Option<u16>,
    /// `envoy.config.core.v3.TrafficDirection`: 1 inbound, 2 outbound, 0 neither.
    pub(crate) direction: i64,
    /// Names and ids of the plugins, by their place among the subject's.
    pub(crate) plugins: Vec<PluginNames>,
    pub(crate) remarks: Vec<(usize, Remark)>,
    events: BTreeMap<(u64, u64), Event>,
    scheduled: u64,
    logged: usize,
    kept: usize,
    deadline: Instant,
}

/// What a plugin's properties say of it.
#[derive(Debug, Clone)]
pub(crate) struct PluginNames {
    pub(crate) name: String,
    pub(crate) root_id: String,
}

/// A metric's kind and value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Metric {
    Counter(u64),
    Gauge(u64),
    Histogram,
}

/// What happens at its time.
#[derive(Debug)]
pub(crate) enum Event {
    /// An answer to a call has come, or will not.
    Answer { vm: usize, context: u32, token: u32 },
    /// A root context's timer; it counts only if the timer was not set again since.
    Tick { vm: usize, context: u32, set: u32 },
    /// A queue has a message.
    Queue { vm: usize, context: u32, token: u32 },
    /// The workload answers.
    Upstream,
}

/// A dry run's limit that was reached.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Exceeded(pub(crate) &'static str);

impl World {
    #[expect(
        clippy::disallowed_methods,
        reason = "a guard against guests that do not end; nothing of it reaches a result"
    )]
    pub(crate) fn new(time: u64, seed: u64, plugins: Vec<PluginNames>) -> Self {
        Self {
            now: time,
            epoch: time,
            random: Random::new(seed),
            data: SharedData::default(),
            queues: SharedQueues::default(),
            metrics: BTreeMap::new(),
            log: Vec::new(),
            calls: Vec::new(),
            taken_calls: 0,
            script: Script::default(),
            stream: None,
            properties: BTreeMap::new(),
            port: None,
            direction: 1,
            plugins,
            remarks: Vec::new(),
            events: BTreeMap::new(),
            scheduled: 0,
            logged: 0,
            kept: 0,
            deadline: Instant::now() + Duration::from_secs(limits::SECONDS),
        }
    }

    /// Whether the test has run for longer than any may.
    #[expect(
        clippy::disallowed_methods,
        reason = "a guard against guests that do not end; nothing of it reaches a result"
    )]
    pub(crate) fn is_late(&self) -> bool {
        Instant::now() > self.deadline
    }

    /// Takes a line of a plugin in.
    pub(crate) fn log(&mut self, plugin: Option<usize>, level: Level, message: &[u8]) -> Result<(), Exceeded> {
        self.logged += message.len() + 16;
        if self.logged > limits::LOG {
            return Err(Exceeded("1 MiB of log"));
        }
        let message = String::from_utf8_lossy(message).into_owned();
        self.log.push(LogLine { level, plugin, message });
        Ok(())
    }

    /// Counts bytes that a module leaves with the host.
    pub(crate) fn keep(&mut self, bytes: usize) -> Result<(), Exceeded> {
        self.kept += bytes + 64;
        if self.kept > limits::KEPT { Err(Exceeded("64 MiB of headers, bodies and shared data")) } else { Ok(()) }
    }

    /// Takes a call to another cluster in; the number is what it is known by.
    pub(crate) fn call(&mut self, call: Call) -> usize {
        self.calls.push(call);
        self.taken_calls + self.calls.len() - 1
    }

    /// The call of this number, unless it was taken out.
    pub(crate) fn call_mut(&mut self, number: usize) -> Option<&mut Call> {
        self.calls.get_mut(number.checked_sub(self.taken_calls)?)
    }

    /// The calls since they were last taken out.
    pub(crate) fn take_calls(&mut self) -> Vec<Call> {
        self.taken_calls += self.calls.len();
        std::mem::take(&mut self.calls)
    }

    pub(crate) fn remark(&mut self, plugin: Option<usize>, remark: Remark) {
        let remark = (plugin.unwrap_or_default(), remark);
        if !self.remarks.contains(&remark) {
            self.remarks.push(remark);
        }
    }

    /// Lets the event happen `after` nanoseconds from now; of two at the same time, the one that was scheduled first comes first.
    pub(crate) fn schedule(&mut self, after: u64, event: Event) {
        self.scheduled += 1;
        self.events.insert((self.now.saturating_add(after), self.scheduled), event);
    }

    /// The next event that is not after `until`, with the clock set to its time.
    pub(crate) fn next_event(&mut self, until: u64) -> Option<Event> {
        let (&(time, _), _) = self.events.first_key_value().filter(|((time, _), _)| *time <= until)?;
        self.now = self.now.max(time);
        self.events.pop_first().map(|(_, event)| event)
    }

    /// Whether anything but timers is to come.
    pub(crate) fn is_expecting(&self) -> bool {
        self.events.values().any(|event| !matches!(event, Event::Tick { .. }))
    }
}
