//! Enforces the limits on memories and tables.

use std::cell::Cell;
use std::rc::Rc;

use wasmi::ResourceLimiter;
use wasmi::errors::{MemoryError, TableError};
use wasmi_core::LimiterError;

use crate::limits;

/// Enforces the limits on a VM's memories and tables, and remembers which limit was exceeded.
#[derive(Debug, Default)]
pub(crate) struct Limiter {
    /// The limit that was reached, in words.
    pub(crate) exceeded: Option<&'static str>,
    memory: usize,
    /// The memory of all VMs of the proxy.
    proxy_memory: Rc<Cell<usize>>,
    elements: usize,
    /// What was granted last, because growing can still fail.
    granted: usize,
}

impl Limiter {
    pub(crate) fn new(proxy_memory: Rc<Cell<usize>>) -> Self {
        Self { proxy_memory, ..Self::default() }
    }
}

/// Dropping a VM returns its memory to the shared budget.
impl Drop for Limiter {
    fn drop(&mut self) {
        self.proxy_memory.set(self.proxy_memory.get().saturating_sub(self.memory));
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
        if more > limits::MEMORY.saturating_sub(self.memory) {
            self.exceeded = Some("128 MiB of memory");
            return Ok(false);
        }
        if more > limits::PROXY_MEMORY.saturating_sub(self.proxy_memory.get()) {
            self.exceeded = Some("384 MiB of memory for all filters of a proxy");
            return Ok(false);
        }
        self.memory += more;
        self.proxy_memory.set(self.proxy_memory.get() + more);
        self.granted = more;
        Ok(true)
    }

    fn table_growing(&mut self, current: usize, desired: usize, _maximum: Option<usize>) -> Result<bool, LimiterError> {
        let more = desired.saturating_sub(current);
        let fits = more <= limits::TABLE.saturating_sub(self.elements);
        if fits {
            self.elements += more;
            self.granted = more;
        } else {
            self.exceeded = Some("100,000 elements of a table");
        }
        Ok(fits)
    }

    fn memory_grow_failed(&mut self, _error: &MemoryError) -> Result<(), LimiterError> {
        self.memory -= self.granted;
        self.proxy_memory.set(self.proxy_memory.get().saturating_sub(self.granted));
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
