//! How much a module may use. Envoy itself limits only memory (1 GiB) and the size of header maps, but a run must terminate.

/// Bytes of a module.
pub const MODULE: usize = 16 << 20;
/// Bytes of a VM's memories.
pub const MEMORY: usize = 128 << 20;
/// Bytes of the memories of all VMs of a proxy.
pub const MEMORY_OF_ALL: usize = 384 << 20;
/// Elements of a VM's tables.
pub const TABLE: usize = 100_000;
/// Units of fuel for one callback: about a second in an optimized build. A fuzzer's guests get less.
pub const FUEL: u64 = if cfg!(fuzzing) { 300_000 } else { 400_000_000 };
/// Units of fuel after which the host checks how long a callback has run.
pub(crate) const SLICE: u64 = 200_000;
/// Units of fuel for all callbacks of a run.
pub const FUEL_OF_A_RUN: u64 = 5 * FUEL;
/// Units of fuel that the host charges for its own work around a callback, and for an event.
pub(crate) const FUEL_OF_AN_EVENT: u64 = 2_000;
/// Units of fuel for a host call, in addition to one for each 16 bytes that it moves.
pub(crate) const FUEL_OF_A_CALL: u64 = 200;
/// Units of fuel for finding a key among many.
pub(crate) const FUEL_OF_A_KEY: u64 = 2_000;
/// Bytes that all modules of a proxy may log in one run.
pub const LOG: usize = 1 << 20;
/// Frames of a module's stack.
pub const CALL_DEPTH: usize = 10_000;
/// Bytes of a module's stack.
pub const STACK: usize = 8 << 20;
/// Bytes of shared data, queues, headers and bodies that a module may pass to the host in one run.
pub const KEPT: usize = 64 << 20;
/// Bytes that a module may pass to the host in one argument.
pub const ARGUMENT: usize = 16 << 20;
/// Pending timers, messages and callouts.
pub const EVENTS: usize = 100_000;
/// Callbacks whose effects the trace records.
pub const EFFECTS: usize = 10_000;
/// Bytes of changes that the trace records.
pub const EFFECT_BYTES: usize = 32 << 20;
/// How many resumes may run inside one another, in addition to one per filter.
pub(crate) const NESTED: usize = 50;
/// Seconds of real time for one callback: several times what its fuel takes.
pub const SECONDS_OF_A_CALLBACK: u64 = 5;
/// Seconds of real time for one run.
pub const SECONDS: u64 = 20;
