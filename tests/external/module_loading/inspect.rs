//! What `mesh-compile inspect` reports for a module.

use std::fmt;
use std::path::PathBuf;
use std::process::Command;

use serde_json::Value;

/// The prefix of a note with Envoy's message.
const SAYS: &str = "Envoy says: ";

/// The code of a module that crashes Envoy.
const CRASH: &str = "MC0318";

/// The verdict of `inspect`.
#[derive(Debug)]
pub(crate) struct Verdict {
    pub(crate) loads: bool,
    /// The first error: its code, its message, and the message that it expects of Envoy.
    pub(crate) error: Option<(String, String, Option<String>)>,
}

impl Verdict {
    fn of(module: &Value) -> Self {
        let text = |value: &Value| value.as_str().expect("a text").to_owned();
        let findings = module["findings"].as_array().expect("a list of findings");
        let error = findings.iter().find(|finding| finding["severity"] == "error").map(|finding| {
            let notes = finding["notes"].as_array().into_iter().flatten().filter_map(Value::as_str);
            let says = notes.filter_map(|note| note.strip_prefix(SAYS)).next().map(str::to_owned);
            (text(&finding["code"]), text(&finding["message"]), says)
        });
        Self { loads: module["loads"].as_bool().expect("a truth value"), error }
    }

    /// Whether `inspect` expects Envoy to crash.
    pub(crate) fn crashes(&self) -> bool {
        self.error.as_ref().is_some_and(|(code, ..)| code == CRASH)
    }

    /// The expected message of Envoy.
    pub(crate) fn says(&self) -> Option<&str> {
        self.error.as_ref()?.2.as_deref()
    }
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.loads { "loads" } else { "would be rejected" })?;
        if let Some((code, message, says)) = &self.error {
            write!(f, ", {code} {message:.240}; says: {:.240}", says.as_deref().unwrap_or("nothing"))?;
        }
        Ok(())
    }
}

/// Inspects the modules.
///
/// # Panics
/// If the report lacks a module, or the exit status contradicts it.
pub(crate) fn judge(modules: &[PathBuf]) -> Vec<Verdict> {
    let output = Command::new(env!("CARGO_BIN_EXE_mesh-compile"))
        .args(["inspect", "--istio", "1.32", "--format", "json"])
        .args(modules)
        .output()
        .expect("mesh-compile can be started");
    let errors = String::from_utf8_lossy(&output.stderr);
    let report: Value = serde_json::from_slice(&output.stdout).unwrap_or_else(|error| panic!("{error}\n{errors}"));
    let verdicts: Vec<&Value> = report["modules"].as_array().expect("a list of modules").iter().collect();
    let paths = verdicts.iter().map(|module| module["path"].as_str().map(PathBuf::from).expect("a path"));
    assert_eq!(paths.collect::<Vec<_>>(), modules, "{errors}");
    let verdicts: Vec<Verdict> = verdicts.into_iter().map(Verdict::of).collect();
    let expected = i32::from(verdicts.iter().any(|verdict| !verdict.loads));
    assert_eq!(output.status.code(), Some(expected), "{errors}");
    verdicts
}
