//! Runs Envoy's Wasm filters without Envoy, on the interpreter wasmi.
//!
//! A [`Library`] compiles modules. A [`ProxyConfig`] lists the filters of a proxy, and [`run`] sends requests through them. The
//! outcome has the responses, the logs, and what each callback did. A [`Proxy`] sends requests one at a time.
//!
//! ```
//! use std::sync::Arc;
//!
//! use mesh_compile_host::outcome::End;
//! use mesh_compile_host::{Exchange, Filter, Library, Plugin, ProxyConfig, Scenario, run};
//! use mesh_compile_module::Digest;
//!
//! // A filter that responds 403 to every request.
//! let module = wat::parse_str(
//!     r#"(module
//!         (import "env" "proxy_send_local_response"
//!             (func $respond (param i32 i32 i32 i32 i32 i32 i32 i32) (result i32)))
//!         (memory (export "memory") 1)
//!         (func (export "proxy_abi_version_0_2_1"))
//!         (func (export "malloc") (param i32) (result i32) (i32.const 1024))
//!         (func (export "proxy_on_request_headers") (param i32 i32 i32) (result i32)
//!             (call $respond (i32.const 403) (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 0)
//!                 (i32.const 0) (i32.const 0) (i32.const -1))))"#,
//! )
//! .unwrap();
//! let digest = Digest::of(&module);
//! let library = Library::new([(digest, module.into())]);
//! let proxy = ProxyConfig::new([Filter::http(Plugin::new("deny", digest))]);
//!
//! let outcome = run(&library, &proxy, &Scenario::default(), &[Exchange::get("/")]);
//!
//! assert_eq!(outcome.plugins[0].fault, None);
//! let response = outcome.exchanges[0].response.as_ref().unwrap();
//! assert_eq!(response.headers.first(":status"), Some(b"403".as_slice()));
//! assert!(matches!(outcome.exchanges[0].end, End::LocalReply(_)));
//! ```
//!
//! The host functions follow proxy-wasm/proxy-wasm-cpp-host (src/exports.cc, src/wasm.cc, src/context.cc) and Envoy's
//! source/extensions/common/wasm/context.cc function by function: the same maps in the same phases, the same results. The filter
//! chain follows source/common/http/filter_manager.cc.
//!
//! Runs are deterministic: the clock is virtual, and random numbers come from a seed. Runs are bounded: see [`limits`].

mod callback;
mod calls;
mod clusters;
mod config;
mod context;
mod deadline;
pub mod envoy_texts;
mod execution;
mod field;
mod guest;
mod half;
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
mod proxy_state;
mod random;
mod scenario;
mod shared;
mod state;
mod status;
mod stream;
mod vm;

pub use callback::Callback;
pub use config::{FailurePolicy, Filter, Listener, NEWEST_ENVOY, Plugin, ProxyConfig, TrafficDirection, Unloaded};
pub use library::Library;
pub use message::{Fields, Message};
pub use proxy::Proxy;
pub use scenario::{Callout, DEFAULT_TIME, Exchange, Property, Response, Scenario};

use outcome::RunOutcome;

/// Starts the proxy and sends the requests, one after the other, through the same VMs.
#[must_use]
pub fn run(library: &Library, config: &ProxyConfig, scenario: &Scenario, exchanges: &[Exchange]) -> RunOutcome {
    let mut proxy = Proxy::start(library, config, scenario);
    let exchanges = exchanges.iter().map(|exchange| proxy.exchange(exchange)).collect();
    RunOutcome { plugins: proxy.plugins().to_vec(), exchanges }
}
