//! What all VMs of a proxy share: the clock, the log, shared data, metrics, the current stream.

use std::cell::Cell;
use std::collections::BTreeMap;
use std::rc::Rc;

use mesh_compile_module::abi::EnvoyMinor;

use crate::clusters::{Clusters, PendingCall};
use crate::deadline::Deadline;
use crate::limits;
use crate::message::Fields;
use crate::outcome::{Call, Level, LogLine, Remark};
use crate::random::Random;
use crate::scenario::Property;
use crate::shared::{SharedData, SharedQueues};
use crate::stream::Stream;

/// The state that all VMs of a proxy share.
#[derive(Debug)]
pub(crate) struct ProxyState {
    /// Nanoseconds since 1970.
    pub(crate) now: u64,
    /// When the clock started: what the monotonic clock counts from.
    pub(crate) epoch: u64,
    pub(crate) random: Random,
    pub(crate) data: SharedData,
    pub(crate) queues: SharedQueues,
    pub(crate) metrics: BTreeMap<String, Metric>,
    pub(crate) log: Vec<LogLine>,
    calls: Vec<Call>,
    /// How many calls were taken out before those in `calls`.
    taken_calls: usize,
    pub(crate) clusters: Clusters,
    /// The current stream.
    pub(crate) stream: Option<Stream>,
    /// Properties that the scenario sets.
    pub(crate) properties: BTreeMap<Vec<String>, Property>,
    /// The port of the listener.
    pub(crate) port: Option<u16>,
    /// The direction of the listener (`envoy.config.core.v3.TrafficDirection`).
    pub(crate) direction: i64,
    /// The minor version of the simulated Envoy.
    pub(crate) envoy: EnvoyMinor,
    /// In the order of the configuration.
    pub(crate) plugins: Vec<PluginNames>,
    pub(crate) remarks: Vec<(usize, Remark)>,
    /// By time and the order in which they were scheduled.
    events: BTreeMap<(u64, u64), Event>,
    /// How many of the events are not timers.
    expected: usize,
    scheduled: u64,
    logged: usize,
    kept: usize,
    /// Units of fuel that are left.
    fuel: u64,
    /// Bytes of memory that the VMs use.
    pub(crate) memory: Rc<Cell<usize>>,
    deadline: Deadline,
}

/// What a plugin's properties reveal about it.
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
    /// A callout ends, with or without a response.
    Response { vm: usize, context: u32, token: u32 },
    /// A root context's timer ticks, unless the timer was set again since: `set` counts how often.
    Tick { vm: usize, context: u32, set: u32 },
    /// A queue has a message.
    Queue { vm: usize, context: u32, token: u32 },
    /// The workload responds.
    Upstream,
}

/// Bytes that the host counts for each item, in addition to the item's own.
const OVERHEAD: usize = 128;

/// A limit of the host that was reached, in words.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Exceeded(pub(crate) &'static str);

impl ProxyState {
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
            clusters: Clusters::default(),
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
            fuel: limits::RUN_FUEL,
            memory: Rc::default(),
            deadline: Deadline::after(limits::SECONDS),
        }
    }

    /// Whether the run has taken longer than allowed.
    pub(crate) fn is_late(&self) -> bool {
        self.deadline.is_past()
    }

    /// When a callback that starts now must have returned.
    pub(crate) fn callback_deadline(&self) -> Deadline {
        self.deadline.min(Deadline::after(limits::CALLBACK_SECONDS))
    }

    /// The fuel that a callback may burn.
    pub(crate) fn fuel(&self) -> u64 {
        self.fuel.min(limits::FUEL)
    }

    /// Burns fuel of the run.
    pub(crate) fn burn(&mut self, fuel: u64) {
        self.fuel = self.fuel.saturating_sub(fuel);
    }

    /// Whether the run has used up its fuel or its time.
    pub(crate) fn is_spent(&self) -> bool {
        self.fuel == 0 || self.is_late()
    }

    /// Logs a line of a plugin.
    pub(crate) fn log(&mut self, plugin: Option<usize>, level: Level, message: &[u8]) -> Result<(), Exceeded> {
        self.logged += message.len() + 16;
        if self.logged > limits::LOG {
            return Err(Exceeded("1 MiB of log"));
        }
        let message = String::from_utf8_lossy(message).into_owned();
        self.log.push(LogLine { level, plugin, message });
        Ok(())
    }

    /// Counts bytes that a module passes to the host.
    pub(crate) fn keep(&mut self, bytes: usize) -> Result<(), Exceeded> {
        self.kept = self.kept.saturating_add(bytes + OVERHEAD);
        if self.kept > limits::RETAINED_BYTES {
            Err(Exceeded("64 MiB of headers, bodies and shared data"))
        } else {
            Ok(())
        }
    }

    /// Counts the bytes of header fields.
    pub(crate) fn keep_fields(&mut self, fields: &Fields) -> Result<(), Exceeded> {
        self.keep(fields.0.iter().map(|(name, value)| name.len() + value.len() + OVERHEAD).sum())
    }

    /// Uncounts bytes that the host has dropped.
    fn release(&mut self, bytes: usize) {
        self.kept = self.kept.saturating_sub(bytes + OVERHEAD);
    }

    /// Adds a call that waits for its response.
    pub(crate) fn begin_call(&mut self, vm: usize, token: u32, call: PendingCall) -> Result<(), Exceeded> {
        self.keep(call.size())?;
        self.clusters.begin(vm, token, call);
        Ok(())
    }

    /// Removes a call: it has its response, or was canceled.
    pub(crate) fn end_call(&mut self, vm: usize, token: u32) -> Option<PendingCall> {
        let call = self.clusters.end(vm, token)?;
        self.release(call.size());
        Some(call)
    }

    /// Records a call to another cluster, and returns its number.
    pub(crate) fn call(&mut self, call: Call) -> usize {
        self.calls.push(call);
        self.taken_calls + self.calls.len() - 1
    }

    /// The call with this number, unless it was taken out.
    pub(crate) fn call_mut(&mut self, number: usize) -> Option<&mut Call> {
        self.calls.get_mut(number.checked_sub(self.taken_calls)?)
    }

    /// Takes out the calls since the last time.
    pub(crate) fn take_calls(&mut self) -> Vec<Call> {
        self.taken_calls += self.calls.len();
        std::mem::take(&mut self.calls)
    }

    /// Records a remark once.
    pub(crate) fn remark(&mut self, plugin: Option<usize>, remark: Remark) {
        const MOST: usize = 50;
        let remark = (plugin.unwrap_or_default(), remark);
        if self.remarks.len() < MOST && !self.remarks.contains(&remark) {
            self.remarks.push(remark);
        }
    }

    /// Schedules the event `after` nanoseconds from now. Of two events at the same time, the one scheduled first comes first.
    pub(crate) fn schedule(&mut self, after: u64, event: Event) -> Result<(), Exceeded> {
        if event.vm().is_some() && self.events.len() >= limits::EVENTS {
            return Err(Exceeded("100,000 timers, messages and calls"));
        }
        self.scheduled += 1;
        self.expected += usize::from(!event.is_tick());
        self.events.insert((self.now.saturating_add(after), self.scheduled), event);
        Ok(())
    }

    /// The next event that is due by `until`. Advances the clock to the event's time.
    pub(crate) fn next_event(&mut self, until: u64) -> Option<Event> {
        let (&(time, _), _) = self.events.first_key_value().filter(|((time, _), _)| *time <= until)?;
        self.now = self.now.max(time);
        let (_, event) = self.events.pop_first()?;
        self.expected -= usize::from(!event.is_tick());
        Some(event)
    }

    /// Whether an event other than a timer is pending.
    pub(crate) const fn is_expecting(&self) -> bool {
        self.expected > 0
    }
}

impl Event {
    const fn is_tick(&self) -> bool {
        matches!(self, Self::Tick { .. })
    }

    /// The VM that the event is for.
    pub(crate) const fn vm(&self) -> Option<usize> {
        match self {
            Self::Response { vm, .. } | Self::Tick { vm, .. } | Self::Queue { vm, .. } => Some(*vm),
            Self::Upstream => None,
        }
    }
}
