//! How far a module may go. Envoy itself limits memory (1 GiB) and the size of header pairs, and nothing else; a dry run has to end.

use wasmi::ResourceLimiter;
use wasmi::errors::{MemoryError, TableError};
use wasmi_core::LimiterError;

/// Bytes of a module.
pub(crate) const MODULE: usize = 16 << 20;
/// Bytes of a VM's memory.
pub(crate) const MEMORY: usize = 128 << 20;
/// Elements of a VM's tables.
pub(crate) const TABLE: usize = 100_000;
/// Units of fuel that one callback may burn: about a second of an optimised build.
pub(crate) const FUEL: u64 = 400_000_000;
/// Units of fuel that a host call costs, beside one for each 16 bytes that it moves.
pub(crate) const FUEL_OF_A_CALL: u64 = 200;
/// Bytes that all modules of a proxy may log in one test.
pub(crate) const LOG: usize = 1 << 20;
/// Frames of a module's own stack.
pub(crate) const CALL_DEPTH: usize = 10_000;
/// Bytes of a module's own stack.
pub(crate) const STACK: usize = 8 << 20;
/// Bytes that a module may leave with the host in one test: shared data, queues, headers, bodies.
pub(crate) const KEPT: usize = 64 << 20;
/// Seconds of real time for one test.
pub(crate) const SECONDS: u64 = 20;

/// Holds a VM to its memory and tables, and remembers that it wanted more.
#[derive(Debug, Default)]
pub(crate) struct Limiter {
    /// What was refused, in words.
    pub(crate) refused: Option<&'static str>,
}

impl ResourceLimiter for Limiter {
    fn memory_growing(
        &mut self,
        _current: usize,
        desired: usize,
        _maximum: Option<usize>,
    ) -> Result<bool, LimiterError> {
        let fits = desired <= MEMORY;
        if !fits {
            self.refused = Some("128 MiB of memory");
        }
        Ok(fits)
    }

    fn table_growing(
        &mut self,
        _current: usize,
        desired: usize,
        _maximum: Option<usize>,
    ) -> Result<bool, LimiterError> {
        let fits = desired <= TABLE;
        if !fits {
            self.refused = Some("100,000 elements of a table");
        }
        Ok(fits)
    }

    fn memory_grow_failed(&mut self, _error: &MemoryError) -> Result<(), LimiterError> {
        Ok(())
    }

    fn table_grow_failed(&mut self, _error: &TableError) -> Result<(), LimiterError> {
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
