//! What all VMs of a proxy have in common.

use std::cell::Cell;
use std::collections::BTreeMap;
use std::rc::Rc;
use std::time::{Duration, Instant};

use crate::limits;
use crate::message::Fields;
use crate::outcome::{Call, Level, LogLine, Remark};
use crate::random::Random;
use crate::scenario::Property;
use crate::script::{PendingCall, Script};
use crate::shared::{SharedData, SharedQueues};
use crate::stream::Stream;
use mesh_compile_module::abi::EnvoyMinor;

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
    /// The minor version of the Envoy that it stands for.
    pub(crate) envoy: EnvoyMinor,
    /// Names and ids of the plugins, by their place among the subject's.
    pub(crate) plugins: Vec<PluginNames>,
    pub(crate) remarks: Vec<(usize, Remark)>,
    events: BTreeMap<(u64, u64), Event>,
    /// How many of them are no timers.
    expected: usize,
    scheduled: u64,
    logged: usize,
    kept: usize,
    /// Units of fuel that are left to the test.
    fuel: u64,
    /// Bytes of memory that the VMs have.
    pub(super) memory: Rc<Cell<usize>>,
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

/// Bytes that each thing takes which is kept, beside its own.
const OVERHEAD: usize = 128;

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
            envoy: EnvoyMinor::MAX,
            plugins,
            remarks: Vec::new(),
            events: BTreeMap::new(),
            expected: 0,
            scheduled: 0,
            logged: 0,
            kept: 0,
            fuel: limits::FUEL_OF_A_TEST,
            memory: Rc::default(),
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

    /// When a callback that starts now has to have ended.
    #[expect(
        clippy::disallowed_methods,
        reason = "a guard against guests that do not end; nothing of it reaches a result"
    )]
    pub(super) fn callback_deadline(&self) -> Instant {
        self.deadline.min(Instant::now() + Duration::from_secs(limits::SECONDS_OF_A_CALLBACK))
    }

    #[expect(
        clippy::disallowed_methods,
        reason = "a guard against guests that do not end; nothing of it reaches a result"
    )]
    pub(super) fn is_past(deadline: Instant) -> bool {
        Instant::now() > deadline
    }

    /// The fuel that a callback may burn.
    pub(super) fn fuel(&self) -> u64 {
        self.fuel.min(limits::FUEL)
    }

    /// Burns fuel of the test's.
    pub(crate) fn burn(&mut self, fuel: u64) {
        self.fuel = self.fuel.saturating_sub(fuel);
    }

    /// Whether the test has gone on for as long as any may.
    pub(crate) fn is_spent(&self) -> bool {
        self.fuel == 0 || self.is_late()
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
        self.kept = self.kept.saturating_add(bytes + OVERHEAD);
        if self.kept > limits::KEPT { Err(Exceeded("64 MiB of headers, bodies and shared data")) } else { Ok(()) }
    }

    /// As [`Self::keep`], of header fields.
    pub(crate) fn keep_fields(&mut self, fields: &Fields) -> Result<(), Exceeded> {
        self.keep(fields.0.iter().map(|(name, value)| name.len() + value.len() + OVERHEAD).sum())
    }

    /// What was kept is there no more.
    fn release(&mut self, bytes: usize) {
        self.kept = self.kept.saturating_sub(bytes + OVERHEAD);
    }

    /// Lets a call wait for its answer.
    pub(crate) fn begin_call(&mut self, vm: usize, token: u32, call: PendingCall) -> Result<(), Exceeded> {
        self.keep(call.size())?;
        self.script.begin(vm, token, call);
        Ok(())
    }

    /// Takes the call out: it is answered, or nobody waits for it any more.
    pub(crate) fn end_call(&mut self, vm: usize, token: u32) -> Option<PendingCall> {
        let call = self.script.end(vm, token)?;
        self.release(call.size());
        Some(call)
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
        const MOST: usize = 50;
        let remark = (plugin.unwrap_or_default(), remark);
        if self.remarks.len() < MOST && !self.remarks.contains(&remark) {
            self.remarks.push(remark);
        }
    }

    /// Lets the event happen `after` nanoseconds from now; of two at the same time, the one that was scheduled first comes first.
    pub(crate) fn schedule(&mut self, after: u64, event: Event) -> Result<(), Exceeded> {
        if event.vm().is_some() && self.events.len() >= limits::EVENTS {
            return Err(Exceeded("100,000 timers, messages and calls"));
        }
        self.scheduled += 1;
        self.expected += usize::from(!event.is_tick());
        self.events.insert((self.now.saturating_add(after), self.scheduled), event);
        Ok(())
    }

    /// The next event that is not after `until`, with the clock set to its time.
    pub(crate) fn next_event(&mut self, until: u64) -> Option<Event> {
        let (&(time, _), _) = self.events.first_key_value().filter(|((time, _), _)| *time <= until)?;
        self.now = self.now.max(time);
        let (_, event) = self.events.pop_first()?;
        self.expected -= usize::from(!event.is_tick());
        Some(event)
    }

    /// Whether anything but timers is to come.
    pub(crate) const fn is_expecting(&self) -> bool {
        self.expected > 0
    }
}

impl Event {
    const fn is_tick(&self) -> bool {
        matches!(self, Self::Tick { .. })
    }

    /// The VM that it is for.
    pub(crate) const fn vm(&self) -> Option<usize> {
        match self {
            Self::Answer { vm, .. } | Self::Tick { vm, .. } | Self::Queue { vm, .. } => Some(*vm),
            Self::Upstream => None,
        }
    }
}
