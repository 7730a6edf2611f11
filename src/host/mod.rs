//! The embedded proxy-wasm host: what Envoy gives a module and does with it, on the interpreter wasmi.
//!
//! It follows proxy-wasm/proxy-wasm-cpp-host (src/exports.cc, src/wasm.cc, src/context.cc) and Envoy's
//! source/extensions/common/wasm/context.cc function by function: the same maps in the same phases, the same return codes. A [`Vm`] is one
//! instance of a module; [`World`] is what all VMs of a proxy have in common: the clock, the log, shared data, the stream under way.
//!
//! Deterministic: the clock is virtual, random numbers come from a seed. Bounded: see [`limits`].

mod calls;
mod engine;
pub(crate) mod field;
mod frames;
mod guest;
pub(crate) mod limits;
pub(crate) mod pairs;
mod property;
mod random;
mod script;
mod shared;
mod state;
mod status;
mod stream;
mod vm;
mod world;

pub(crate) use engine::Library;
pub(crate) use script::{CallKind, CallOutcome, SERVICE_TIME, Script};
pub(crate) use state::{Action, Context, ContextKind, Grpc, LocalResponse, VmSettings};
pub(crate) use stream::{DataRef, Side, Stream, Way};
pub(crate) use vm::Vm;
pub(crate) use world::{Event, Metric, PluginNames, World};
