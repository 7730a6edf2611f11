//! A mesh on this machine: what `mesh-compile render` wrote, taken up by kustomize, istiod, the sidecar injector and Envoy.
//!
//! kustomize and Envoy are the real ones. istiod and the injector are modelled, as they need a cluster: [`chain`] follows istiod's
//! listener patches, [`rendered`] the injector's template. Nothing here reads mesh.toml: all is taken from what kustomize printed.

pub(crate) mod chain;
pub(crate) mod http;
pub(crate) mod project;
pub(crate) mod rendered;
pub(crate) mod sidecar;

use std::thread;
use std::time::{Duration, Instant};

/// Asks until there is an answer; `None` when there is none in time. Every wait of these tests has this end.
pub(crate) fn poll<T>(patience: Duration, mut ask: impl FnMut() -> Option<T>) -> Option<T> {
    let deadline = Instant::now() + patience;
    loop {
        let answer = ask();
        if answer.is_some() || Instant::now() > deadline {
            return answer;
        }
        thread::sleep(Duration::from_millis(10));
    }
}

/// The text at a JSON pointer, empty where there is none.
pub(crate) fn text<'a>(value: &'a serde_json::Value, pointer: &str) -> &'a str {
    value.pointer(pointer).and_then(serde_json::Value::as_str).unwrap_or_default()
}

/// The items at a JSON pointer, none where there is no array.
pub(crate) fn items<'a>(value: &'a serde_json::Value, pointer: &str) -> &'a [serde_json::Value] {
    value.pointer(pointer).and_then(serde_json::Value::as_array).map_or(&[], Vec::as_slice)
}
