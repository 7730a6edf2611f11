//! Whether Envoy loads a module.

use std::fmt;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use rayon::prelude::*;
use serde_json::{Value, json};

use crate::tools::tool;

/// The mark of an error in the log, and the prefix of messages that the host passes to Envoy.
const MARK: &str = "[error][wasm]";
const FAILED: &str = "Wasm VM failed ";
/// The first line of V8 when it aborts the process. The cause is on the next line.
const FATAL: &str = "# Fatal error in";

/// Whether Envoy loads a module, and the cause if not.
#[derive(Debug)]
pub(crate) struct Verdict {
    pub(crate) loads: bool,
    /// A signal ended the process. That also counts as a rejection.
    pub(crate) crashed: bool,
    /// The log from the cause on. `None` for an empty file and for some crashes.
    log: Option<String>,
}

impl Verdict {
    /// Whether the log gives this cause. A cause can have several lines, because names of imports can.
    pub(crate) fn says(&self, words: &str) -> bool {
        self.log.as_deref().and_then(|log| log.strip_prefix(words)).is_some_and(|rest| rest.starts_with('\n'))
    }

    /// The first line of the cause.
    pub(crate) fn words(&self) -> Option<&str> {
        self.log.as_deref().and_then(|log| log.lines().next())
    }
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.loads, self.crashed, self.words()) {
            (true, ..) => f.write_str("loads"),
            (_, true, words) => write!(f, "crashes: {}", words.unwrap_or_default()),
            (_, _, Some(words)) => write!(f, "rejects: {words:.240}"),
            (_, _, None) => f.write_str("rejects"),
        }
    }
}

/// Validates a configuration with each of the modules.
pub(crate) fn judge(modules: &[PathBuf]) -> Vec<Verdict> {
    modules.par_iter().map(|module| validate(module)).collect()
}

fn validate(module: &Path) -> Verdict {
    let configuration = module.with_extension("json");
    fs::write(&configuration, bootstrap(module).to_string()).expect("the directory is ours");
    let output = Command::new(tool("envoy"))
        .args(["--mode", "validate", "--log-level", "warning", "--config-path"])
        .arg(&configuration)
        .output()
        .expect("Envoy can be started");
    let log = cause(&String::from_utf8_lossy(&output.stderr)).map(str::to_owned);
    Verdict { loads: output.status.success(), crashed: output.status.code().is_none(), log }
}

/// The log from the message of the first error on, without time, level and source line.
fn cause(log: &str) -> Option<&str> {
    if let Some((_, fatal)) = log.split_once(FATAL) {
        return fatal.split_once("# ").map(|(_, words)| words);
    }
    let (_, said) = log.split_once(MARK)?.1.split_once(".cc:")?;
    let (_, words) = said.split_once("] ")?;
    Some(words.strip_prefix(FAILED).unwrap_or(words))
}

/// A listener with the module as its only filter.
fn bootstrap(module: &Path) -> Value {
    let of_type = |name: &str| format!("type.googleapis.com/envoy.extensions.filters.{name}");
    let wasm = json!({
        "@type": of_type("http.wasm.v3.Wasm"),
        "config": { "vm_config": { "runtime": "envoy.wasm.runtime.v8", "code": { "local": { "filename": module } } } },
    });
    let manager = json!({
        "@type": of_type("network.http_connection_manager.v3.HttpConnectionManager"),
        "stat_prefix": "it",
        "route_config": {},
        "http_filters": [
            { "name": "wasm", "typed_config": wasm },
            { "name": "router", "typed_config": { "@type": of_type("http.router.v3.Router") } },
        ],
    });
    let address = json!({ "socket_address": { "address": "127.0.0.1", "port_value": 0 } });
    let chain =
        json!({ "filters": [{ "name": "envoy.filters.network.http_connection_manager", "typed_config": manager }] });
    json!({ "static_resources": { "listeners": [{ "name": "it", "address": address, "filter_chains": [chain] }] } })
}
