//! The demo filter: adds, replaces and removes request and response headers.
//!
//! [`config`] and [`edit`] do not depend on the proxy and are tested natively. `plugin` connects them
//! to the proxy's host calls and is built only for WebAssembly.

pub mod config;
pub mod edit;
mod json;
mod name;
#[cfg(target_family = "wasm")]
mod plugin;
