//! The demo filter: adds, replaces and removes request and response headers.
//!
//! [`config`] and [`edit`] know nothing of the proxy and are tested natively; `plugin`, built for
//! WebAssembly only, is the adapter between them and the proxy's host calls.

pub mod config;
pub mod edit;
mod json;
mod name;
#[cfg(target_family = "wasm")]
mod plugin;
