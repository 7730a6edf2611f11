//! How far a module may go. Envoy itself limits memory (1 GiB) and the size of header pairs, and nothing else; a dry run has to end.

use std::cell::Cell;
use std::rc::Rc;

use wasmi::ResourceLimiter;
use wasmi::errors::{MemoryError, TableError};
use wasmi_core::LimiterError;

/// Bytes of a module.
pub(crate) const MODULE: usize = 16 << 20;
/// Bytes of a VM's memories, and of the memories of all VMs of a proxy.
pub(crate) const MEMORY: usize = 128 << 20;
pub(crate) const MEMORY_OF_ALL: usize = 384 << 20;
/// Elements of a VM's tables.
pub(crate) const TABLE: usize = 100_000;
/// Units of fuel that one callback may burn: about a second of an optimised build.
/// The fuzzer's guests are to be done sooner.
pub(crate) const FUEL: u64 = if cfg!(fuzzing) { 300_000 } else { 400_000_000 };
/// Units of fuel after which a callback is looked after.
pub(crate) const SLICE: u64 = 200_000;
/// Units of fuel that all callbacks of a test may burn.
pub(crate) const FUEL_OF_A_TEST: u64 = 5 * FUEL;
/// Units of fuel that the host's own work around a callback costs, and an event.
pub(crate) const FUEL_OF_AN_EVENT: u64 = 2_000;
/// Units of fuel that a host call costs, beside one for each 16 bytes that it moves.
pub(crate) const FUEL_OF_A_CALL: u64 = 200;
/// Units of fuel that it costs to find the place of a key among many.
pub(crate) const FUEL_OF_A_KEY: u64 = 2_000;
/// Bytes that all modules of a proxy may log in one test.
pub(crate) const LOG: usize = 1 << 20;
/// Frames of a module's own stack.
pub(crate) const CALL_DEPTH: usize = 10_000;
/// Bytes of a module's own stack.
pub(crate) const STACK: usize = 8 << 20;
/// Bytes that a module may leave with the host in one test: shared data, queues, headers, bodies.
pub(crate) const KEPT: usize = 64 << 20;
/// Bytes that a module may hand to the host in one argument.
pub(crate) const HANDED: usize = 16 << 20;
/// What may be to come at once: timers, messages, answers.
pub(crate) const EVENTS: usize = 100_000;
/// Callbacks of a test of which is kept what they did, and bytes of what they changed.
pub(crate) const EFFECTS: usize = 10_000;
pub(crate) const EFFECT_BYTES: usize = 32 << 20;
/// How often a stream may go on from within a callback that came of its going on, beside once for each filter.
pub(crate) const NESTED: usize = 50;
/// Seconds of real time for one callback: several times what its fuel takes.
pub(crate) const SECONDS_OF_A_CALLBACK: u64 = 5;
/// Seconds of real time for one test.
pub(crate) const SECONDS: u64 = 20;

/// Holds a VM to its memory and tables, and remembers that it wanted more.
#[derive(Debug, Default)]
pub(crate) struct Limiter {
    /// What was refused, in words.
    pub(crate) refused: Option<&'static str>,
    memory: usize,
    /// The memory of all VMs of the proxy.
    of_all: Rc<Cell<usize>>,
    elements: usize,
    /// What was granted last, should it fail all the same.
    granted: usize,
}

impl Limiter {
    pub(crate) fn new(of_all: Rc<Cell<usize>>) -> Self {
        Self { of_all, ..Self::default() }
    }
}

/// A VM that is gone leaves its memory to the others.
impl Drop for Limiter {
    fn drop(&mut self) {
        self.of_all.set(self.of_all.get().saturating_sub(self.memory));
    }
}

impl ResourceLimiter for Limiter {
    fn memory_growing(
        &mut self,
        current: usize,
        desired: usize,
        _maximum: Option<usize>,
    ) -> Result<bool, LimiterError> {
        let more = desired.saturating_sub(current);
        if more > MEMORY.saturating_sub(self.memory) {
            self.refused = Some("128 MiB of memory");
            return Ok(false);
        }
        if more > MEMORY_OF_ALL.saturating_sub(self.of_all.get()) {
            self.refused = Some("384 MiB of memory for all filters of a proxy");
            return Ok(false);
        }
        self.memory += more;
        self.of_all.set(self.of_all.get() + more);
        self.granted = more;
        Ok(true)
    }

    fn table_growing(&mut self, current: usize, desired: usize, _maximum: Option<usize>) -> Result<bool, LimiterError> {
        let more = desired.saturating_sub(current);
        let fits = more <= TABLE.saturating_sub(self.elements);
        if fits {
            self.elements += more;
            self.granted = more;
        } else {
            self.refused = Some("100,000 elements of a table");
        }
        Ok(fits)
    }

    fn memory_grow_failed(&mut self, _error: &MemoryError) -> Result<(), LimiterError> {
        self.memory -= self.granted;
        self.of_all.set(self.of_all.get().saturating_sub(self.granted));
        self.granted = 0;
        Ok(())
    }

    fn table_grow_failed(&mut self, _error: &TableError) -> Result<(), LimiterError> {
        self.elements -= self.granted;
        self.granted = 0;
        Ok(())
    }

    fn instances(&self) -> usize {
        1
    }

    fn tables(&self) -> usize {
        100
    }

    fn memories(&self) -> usize {
        100
    }
}
