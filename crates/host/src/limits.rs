//! How much a module may use. Envoy itself limits only memory (1 GiB) and the size of header maps, but a run must terminate.

/// Bytes of a module.
pub const MODULE: usize = 64 << 20;
/// Bytes of a VM's memories.
pub const MEMORY: usize = 128 << 20;
/// Bytes of the memories of all VMs of a proxy.
pub const PROXY_MEMORY: usize = 384 << 20;
/// Elements of a VM's tables.
pub const TABLE: usize = 100_000;
/// Units of fuel for one callback: about a second in an optimized build. A fuzzer's guests get less.
pub const FUEL: u64 = if cfg!(fuzzing) { 300_000 } else { 400_000_000 };
/// Units of fuel after which the host checks how long a callback has run.
pub(crate) const SLICE: u64 = 200_000;
/// Units of fuel for all callbacks of a run.
pub const RUN_FUEL: u64 = 5 * FUEL;
/// Units of fuel that the host charges for its own work around a callback, and for an event.
pub(crate) const EVENT_FUEL: u64 = 2_000;
/// Units of fuel for a host call, in addition to one for each 16 bytes that it moves.
pub(crate) const CALL_FUEL: u64 = 200;
/// Units of fuel for finding a key among many.
pub(crate) const KEY_FUEL: u64 = 2_000;
/// Bytes that all modules of a proxy may log in one run.
pub const LOG: usize = 1 << 20;
/// Frames of a module's stack.
pub const CALL_DEPTH: usize = 10_000;
/// Bytes of a module's stack.
pub const STACK: usize = 8 << 20;
/// Bytes of shared data, queues, headers and bodies that a module may pass to the host in one run.
pub const RETAINED_BYTES: usize = 64 << 20;
/// Bytes that a module may pass to the host in one argument.
pub const ARGUMENT: usize = 16 << 20;
/// Pending timers, messages and callouts.
pub const EVENTS: usize = 100_000;
/// Callbacks whose effects the trace records.
pub const EFFECTS: usize = 10_000;
/// Bytes of changes that the trace records.
pub const EFFECT_BYTES: usize = 32 << 20;
/// How many resumes may run inside one another, in addition to one per filter.
pub(crate) const NESTED_RESUMES: usize = 50;
/// Seconds of real time for one callback: several times what its fuel takes.
pub const CALLBACK_SECONDS: u64 = 5;
/// Seconds of real time for one run.
pub const SECONDS: u64 = 20;
