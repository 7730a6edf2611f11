//! A mesh on this machine: kustomize, istiod, the sidecar injector and Envoy process the output of `mesh-compile render`.
//!
//! kustomize and Envoy are real. istiod and the injector need a cluster, so models replace them: [`chain`] follows the listener
//! patches of istiod, [`rendered`] the template of the injector. Nothing here reads mesh.toml, only the output of kustomize.

pub(crate) mod chain;
pub(crate) mod http;
pub(crate) mod project;
pub(crate) mod rendered;
pub(crate) mod sidecar;

use std::thread;
use std::time::{Duration, Instant};

/// Calls `ask` until it returns a value. `None` after the time limit.
pub(crate) fn poll<T>(timeout: Duration, mut ask: impl FnMut() -> Option<T>) -> Option<T> {
    let deadline = Instant::now() + timeout;
    loop {
        let result = ask();
        if result.is_some() || Instant::now() > deadline {
            return result;
        }
        thread::sleep(Duration::from_millis(10));
    }
}

/// The text at a JSON pointer, or the empty string.
pub(crate) fn text<'a>(value: &'a serde_json::Value, pointer: &str) -> &'a str {
    value.pointer(pointer).and_then(serde_json::Value::as_str).unwrap_or_default()
}

/// The items of the array at a JSON pointer, or none.
pub(crate) fn items<'a>(value: &'a serde_json::Value, pointer: &str) -> &'a [serde_json::Value] {
    value.pointer(pointer).and_then(serde_json::Value::as_array).map_or(&[], Vec::as_slice)
}
