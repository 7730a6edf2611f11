//! Runs Envoy's Wasm filters without Envoy.
//!
//! What Envoy gives a module and does with it, on the interpreter wasmi. The host functions follow
//! proxy-wasm/proxy-wasm-cpp-host (src/exports.cc, src/wasm.cc, src/context.cc) and Envoy's
//! source/extensions/common/wasm/context.cc function by function: the same maps in the same phases, the same return codes. The
//! filter chain follows source/common/http/filter_manager.cc.
//!
//! Deterministic: the clock is virtual, and random numbers come from a seed. Bounded: see [`limits`].

mod callback;
mod calls;
mod clusters;
mod config;
mod context;
mod deadline;
mod direction;
pub mod envoy;
mod execution;
mod field;
mod guest;
mod library;
mod limiter;
pub mod limits;
mod local_reply;
pub mod message;
mod metering;
pub mod outcome;
mod pairs;
mod property;
mod proxy;
mod random;
mod scenario;
mod shared;
mod state;
mod status;
mod stream;
mod vm;
mod world;

pub use callback::Callback;
pub use config::{FailurePolicy, Filter, Listener, Plugin, ProxyConfig, TrafficDirection};
pub use library::Library;
pub use message::{Fields, Message};
pub use proxy::Proxy;
pub use scenario::{Callout, DEFAULT_TIME, Exchange, Property, Response, Scenario};
