//! Runs Envoy's Wasm filters without Envoy.
//!
//! What Envoy gives a module and does with it, on the interpreter wasmi. The host functions follow
//! proxy-wasm/proxy-wasm-cpp-host (src/exports.cc, src/wasm.cc, src/context.cc) and Envoy's
//! source/extensions/common/wasm/context.cc function by function: the same maps in the same phases, the same return codes. The
//! filter chain follows source/common/http/filter_manager.cc.
//!
//! Deterministic: the clock is virtual, and random numbers come from a seed. Bounded: see [`limits`].

mod calls;
mod config;
mod engine;
mod field;
mod frames;
mod guest;
pub mod limits;
pub mod message;
pub mod outcome;
mod pairs;
mod property;
mod proxy;
mod random;
mod scenario;
mod script;
mod shared;
mod state;
mod status;
mod stream;
mod vm;
mod world;

pub use config::{FailurePolicy, Filter, Listener, Plugin, ProxyConfig, TrafficDirection};
pub use engine::Library;
pub use message::{Fields, Message};
pub use proxy::Proxy;
pub use scenario::{Callout, DEFAULT_TIME, Exchange, Property, Response, Scenario};
