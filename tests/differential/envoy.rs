//! Envoy's side.

use std::fmt;
use std::fs;
use std::path::Path;
use std::process::Command;

use rayon::prelude::*;
use serde_json::{Value, json};

use crate::case::Case;
use crate::support::tool;

/// What marks a line of the log, and what then stands before the host's words if the host says so to Envoy itself.
const SAID: &str = "[error][wasm]";
const FAILED: &str = "Wasm VM failed ";

/// Whether Envoy loads a module, and what it says if not.
#[derive(Debug)]
pub(crate) struct Verdict {
    pub(crate) loads: bool,
    /// Envoy did not end by itself; that is a refusal too.
    pub(crate) crashed: bool,
    /// The first is the cause. An empty file and a crash have none.
    pub(crate) words: Vec<String>,
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let crashed = if self.crashed { "CRASHED " } else { "" };
        write!(f, "{crashed}{} {}", if self.loads { "loads" } else { "REFUSED" }, self.words.join(" | "))
    }
}

/// Has Envoy validate a configuration with each of the modules, in the order of the modules.
pub(crate) fn judge(cases: &[Case]) -> Vec<Verdict> {
    let folder = tempfile::tempdir().expect("a temporary folder");
    cases.par_iter().enumerate().map(|(number, case)| validate(&folder.path().join(number.to_string()), case)).collect()
}

#[expect(clippy::disallowed_methods, reason = "a test's own folder is not out/")]
fn validate(folder: &Path, case: &Case) -> Verdict {
    let module = folder.join("module.wasm");
    let configuration = folder.join("bootstrap.json");
    fs::create_dir(folder).expect("the folder is ours");
    fs::write(&module, &case.bytes).expect("the folder is ours");
    fs::write(&configuration, bootstrap(&module).to_string()).expect("the folder is ours");
    let output = Command::new(tool("envoy"))
        .args(["--mode", "validate", "--log-level", "warning", "--config-path"])
        .arg(&configuration)
        .output()
        .expect("Envoy can be started");
    fs::remove_dir_all(folder).expect("the folder is ours");
    let log = String::from_utf8_lossy(&output.stderr);
    let words = log.lines().filter_map(words).collect();
    Verdict { loads: output.status.success(), crashed: output.status.code().is_none(), words }
}

/// What a line of the log says, behind its time, level and place.
fn words(line: &str) -> Option<String> {
    let (_, said) = line.split_once(SAID)?.1.split_once(".cc:")?;
    let (_, words) = said.split_once("] ")?;
    Some(words.strip_prefix(FAILED).unwrap_or(words).to_owned())
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
