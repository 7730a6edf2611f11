//! Compares the embedded host with Envoy. Every test in `tests/conformance/<topic>/mesh.toml` is a scenario. Both engines run
//! it, it must pass or fail as mesh.toml and findings.toml expect, and both must observe the same, down to the log line.
//! See tests/conformance/README.md for how to add a scenario.

#![allow(clippy::disallowed_methods, reason = "tests read and write files of their own")]

#[path = "../support/tools.rs"]
mod tools;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Arc, OnceLock};
use std::thread;

use libtest_mimic::{Arguments, Failed, Trial};
use regex::Regex;
use serde_json::{Map, Value, json};
use tempfile::TempDir;

const ROOT: &str = env!("CARGO_MANIFEST_DIR");
/// Fewer scenarios would no longer cover the ABI.
const AT_LEAST: usize = 120;
/// More than the cores of a small machine, because the tests mostly wait for Envoy.
const THREADS: usize = 4;

/// Known differences between the engines: the scenario, the observation that differs, and the reason. If an entry no longer
/// differs, the scenario fails.
const KNOWN_DIFFERENCES: &[(&str, &str, &str)] = &[
    (
        "bodies/overflow/two million bytes, more than Envoy buffers",
        "step 0, log",
        "Envoy resets the stream during the host call, so on_log runs before the call returns",
    ),
    (
        "foreign/expressions/expressions",
        "step 0, log",
        "the embedded host has no interpreter for CEL and returns Unimplemented",
    ),
    (
        "headers/bad-values-response/bytes that are invalid in a header, in a response",
        "step 0, response",
        "Envoy writes a line break in a value as it is, so the client reads another header",
    ),
];

/// A directory of tests/conformance.
struct Topic {
    name: String,
    dir: PathBuf,
    spec: toml::Table,
    /// The expected failures of each workload and test: one regular expression per failure. For a workload without tests, the
    /// errors of its filters.
    findings: toml::Table,
    runs: OnceLock<Result<Runs, String>>,
}

/// The reports of `verify`, one per engine.
struct Runs {
    embedded: Value,
    envoy: Value,
}

/// A test of a workload, or a workload without tests.
struct Scenario {
    topic: Arc<Topic>,
    workload: String,
    test: Option<String>,
}

fn main() -> Result<(), Failed> {
    let mut arguments = Arguments::from_args();
    arguments.test_threads = arguments.test_threads.or(Some(THREADS));
    let topics = topics()?;
    let scenarios: Vec<Scenario> = topics.iter().flat_map(scenarios).collect();
    let names: BTreeSet<String> = scenarios.iter().map(Scenario::name).collect();
    let count = scenarios.len();
    let mut trials = vec![
        Trial::test("there_are_enough_scenarios", move || there_are_enough(count, names.len())),
        Trial::test("known_differences_name_scenarios", {
            let names: BTreeSet<String> = scenarios.iter().map(Scenario::name).collect();
            move || known_differences_name(&names)
        }),
        Trial::test("expected_findings_name_scenarios", {
            let topics = topics.clone();
            let names: BTreeSet<String> = scenarios.iter().map(Scenario::name).collect();
            move || expected_findings_name(&topics, &names)
        }),
    ];
    trials.extend(interleaved(scenarios).into_iter().map(|it| Trial::test(it.name(), move || it.check())));
    libtest_mimic::run(&arguments, trials).exit()
}

/// One scenario of each topic in turn, so that several topics run in parallel.
fn interleaved(scenarios: Vec<Scenario>) -> Vec<Scenario> {
    let mut places: BTreeMap<String, usize> = BTreeMap::new();
    let mut placed: Vec<(usize, Scenario)> = Vec::new();
    for scenario in scenarios {
        let place = places.entry(scenario.topic.name.clone()).or_default();
        placed.push((*place, scenario));
        *place += 1;
    }
    placed.sort_by_key(|(place, _)| *place);
    placed.into_iter().map(|(_, scenario)| scenario).collect()
}

fn there_are_enough(scenarios: usize, names: usize) -> Result<(), Failed> {
    if names != scenarios {
        return Err(format!("{} scenarios have the name of another", scenarios - names).into());
    }
    if scenarios < AT_LEAST {
        Err(format!("there are {scenarios} scenarios, expected at least {AT_LEAST}").into())
    } else {
        Ok(())
    }
}

fn known_differences_name(scenarios: &BTreeSet<String>) -> Result<(), Failed> {
    match KNOWN_DIFFERENCES.iter().find(|(name, _, _)| !scenarios.contains(*name)) {
        Some((name, _, _)) => Err(format!("no scenario is named {name}").into()),
        None => Ok(()),
    }
}

/// Every entry of a findings.toml is used.
fn expected_findings_name(topics: &[Arc<Topic>], scenarios: &BTreeSet<String>) -> Result<(), Failed> {
    for topic in topics {
        for (workload, findings) in &topic.findings {
            let tests = findings.as_table().map(|tests| tests.keys().map(|test| format!("/{test}")).collect());
            for test in tests.unwrap_or_else(|| vec![String::new()]) {
                let name = format!("{}/{workload}{test}", topic.name);
                if !scenarios.contains(&name) {
                    return Err(format!("no scenario is named {name}").into());
                }
            }
        }
    }
    Ok(())
}

fn topics() -> Result<Vec<Arc<Topic>>, Failed> {
    let mut dirs: Vec<PathBuf> = Vec::new();
    for entry in fs::read_dir(Path::new(ROOT).join("tests/conformance"))? {
        dirs.push(entry?.path());
    }
    dirs.retain(|dir| dir.join("mesh.toml").is_file());
    dirs.sort();
    dirs.into_iter().map(|dir| topic(dir).map(Arc::new)).collect()
}

fn topic(dir: PathBuf) -> Result<Topic, Failed> {
    let table =
        |file: &str| -> Result<toml::Table, Failed> { Ok(toml::from_str(&fs::read_to_string(dir.join(file))?)?) };
    let findings = if dir.join("findings.toml").exists() { table("findings.toml")? } else { toml::Table::new() };
    let spec = table("mesh.toml")?;
    let name = dir.file_name().unwrap_or_default().to_string_lossy().into_owned();
    Ok(Topic { name, dir, spec, findings, runs: OnceLock::new() })
}

fn scenarios(topic: &Arc<Topic>) -> Vec<Scenario> {
    let scenario = |workload: &String, test| Scenario { topic: Arc::clone(topic), workload: workload.clone(), test };
    let of_workload = |(workload, table): (&String, &toml::Value)| -> Vec<Scenario> {
        let tests = table.get("tests").and_then(toml::Value::as_array);
        let named = |test: &toml::Value| scenario(workload, test["name"].as_str().map(str::to_owned));
        tests.map_or_else(|| vec![scenario(workload, None)], |tests| tests.iter().map(named).collect())
    };
    table(&topic.spec, "workloads").into_iter().flatten().flat_map(of_workload).collect()
}

fn table<'a>(parent: &'a toml::Table, key: &str) -> Option<&'a toml::Table> {
    parent.get(key).and_then(toml::Value::as_table)
}

impl Topic {
    /// The reports of both engines. The first call runs the engines.
    fn runs(&self) -> Result<&Runs, Failed> {
        self.runs.get_or_init(|| self.run()).as_ref().map_err(Failed::from)
    }

    fn run(&self) -> Result<Runs, String> {
        let dir = self.lay_out().map_err(|error| error.message().unwrap_or_default().to_owned())?;
        let envoy = tools::tool("envoy").display().to_string();
        thread::scope(|scope| {
            let embedded = scope.spawn(|| verify(dir.path(), &["embedded", "--no-cache"]));
            let envoy = verify(dir.path(), &["envoy", "--envoy", &envoy]);
            let embedded = embedded.join().map_err(|_| "the embedded run panicked".to_owned())?;
            Ok(Runs { embedded: embedded?, envoy: envoy? })
        })
    }

    /// A temporary directory with mesh.toml and its modules.
    fn lay_out(&self) -> Result<TempDir, Failed> {
        let temp = TempDir::new()?;
        fs::copy(self.dir.join("mesh.toml"), temp.path().join("mesh.toml"))?;
        let filters = table(&self.spec, "filters").into_iter().flat_map(toml::Table::values);
        let modules: BTreeSet<&str> = filters.filter_map(|filter| filter.get("module")?.as_str()).collect();
        for module in modules {
            let text = Path::new(ROOT).join("tests/conformance/modules").join(module).with_extension("wat");
            let bytes = match module {
                "example-filter.wasm" => fs::read(Path::new(ROOT).join("filter").join(module))?,
                _ if text.exists() => wat::parse_file(text)?,
                _ => fs::read(tools::tool(&format!("../filters/{module}")))?,
            };
            write(&temp.path().join(module), &bytes)?;
        }
        Ok(temp)
    }
}

fn write(path: &Path, bytes: &[u8]) -> Result<(), Failed> {
    Ok(fs::write(path, bytes)?)
}

/// The report of `mesh-compile verify`.
fn verify(dir: &Path, engine: &[&str]) -> Result<Value, String> {
    let mut program = Command::new(env!("CARGO_BIN_EXE_mesh-compile"));
    let output = program.args(["verify", "--format", "json", "--engine"]).args(engine).current_dir(dir).output();
    let output = output.map_err(|error| error.to_string())?;
    let printed: Result<Value, _> = serde_json::from_slice(&output.stdout);
    let printed =
        printed.map_err(|error| format!("{engine:?}: {error}\n{}", String::from_utf8_lossy(&output.stderr)))?;
    // If mesh.toml is invalid, nothing runs.
    if printed["runs"].as_array().is_none_or(Vec::is_empty) {
        Err(format!("{engine:?}: {printed}"))
    } else {
        Ok(printed)
    }
}

impl Scenario {
    fn name(&self) -> String {
        let parts = [Some(&self.topic.name), Some(&self.workload), self.test.as_ref()];
        parts.into_iter().flatten().map(String::as_str).collect::<Vec<_>>().join("/")
    }

    fn check(&self) -> Result<(), Failed> {
        let runs = self.topic.runs()?;
        let mut complaints = Vec::new();
        for (engine, printed) in [("envoy", &runs.envoy), ("embedded", &runs.embedded)] {
            complaints.extend(self.failures(printed).iter().map(|complaint| format!("on {engine}: {complaint}")));
        }
        let differences = differences(&self.observed(&runs.envoy), &self.observed(&runs.embedded));
        let name = self.name();
        let known: BTreeSet<&str> = KNOWN_DIFFERENCES.iter().filter(|it| it.0 == name).map(|it| it.1).collect();
        for (what, difference) in &differences {
            if !known.contains(what.as_str()) {
                complaints.push(format!("{what} differs\n{difference}"));
            }
        }
        for what in known.into_iter().filter(|what| !differences.contains_key(*what)) {
            complaints.push(format!("{what} is a known difference, but does not differ"));
        }
        if complaints.is_empty() { Ok(()) } else { Err(complaints.join("\n").into()) }
    }

    /// The runs of the filters of this workload.
    fn runs<'a>(&self, printed: &'a Value) -> Vec<&'a Value> {
        let runs = printed["runs"].as_array().into_iter().flatten();
        runs.filter(|run| self.is_of(run)).collect()
    }

    /// `Deployment/default/name`.
    fn is_of(&self, value: &Value) -> bool {
        value["workload"].as_str().and_then(|name| name.rsplit('/').next()) == Some(&self.workload)
    }

    /// How the result differs from mesh.toml and findings.toml.
    fn failures(&self, printed: &Value) -> Vec<String> {
        let runs = self.runs(printed);
        if runs.is_empty() {
            return vec!["the workload did not run".to_owned()];
        }
        let messages = runs.iter().map(|run| first_line(&run["message"])).filter(|message| !message.is_empty());
        let of_test = |test: &str| {
            let tests = runs.first().and_then(|run| run["tests"].as_array()).into_iter().flatten();
            tests
                .filter(|it| it["name"] == test)
                .flat_map(|it| it["failures"].as_array().into_iter().flatten().cloned())
                .collect()
        };
        let exchanges = printed["exchanges"].as_array().into_iter().flatten();
        let mut exchanges = exchanges.filter(|it| self.is_of(it) && it["test"].as_str() == self.test.as_deref());
        if self.test.is_some() && exchanges.next().is_none() {
            return vec!["the test did not run".to_owned()];
        }
        let found: Vec<Value> = match &self.test {
            Some(test) => of_test(test),
            None => messages.map(Value::from).collect(),
        };
        let found: Vec<&str> = found.iter().filter_map(Value::as_str).collect();
        let expected = self.expected();
        let matches = |(expected, found): (&String, &&str)| Regex::new(expected).is_ok_and(|it| it.is_match(found));
        if expected.len() == found.len() && expected.iter().zip(&found).all(matches) {
            return Vec::new();
        }
        vec![format!("expected the failures {expected:#?}, found {found:#?}")]
    }

    /// The expected failures of this scenario.
    fn expected(&self) -> Vec<String> {
        let of_workload = self.topic.findings.get(&self.workload);
        let found = match &self.test {
            Some(test) => of_workload.and_then(|it| it.get(test)),
            None => of_workload,
        };
        let texts = found.and_then(toml::Value::as_array).into_iter().flatten();
        texts.filter_map(toml::Value::as_str).map(str::to_owned).collect()
    }

    /// Everything that an engine observed, in a form that is the same for equal observations.
    fn observed(&self, printed: &Value) -> Map<String, Value> {
        let mut all = Map::new();
        for run in self.runs(printed) {
            let key = format!("filter {}", run["filter"].as_str().unwrap_or_default());
            let progress = json!([run["loads"], run["starts"], run["configures"], first_line(&run["message"])]);
            all.insert(key, progress);
        }
        let exchanges = printed["exchanges"].as_array().into_iter().flatten();
        let of_test = |it: &&Value| self.is_of(it) && it["test"].as_str() == self.test.as_deref();
        for exchange in exchanges.filter(of_test) {
            let message = |what: &str, it: &Value| (what.to_owned(), message(it));
            let calls = items(&exchange["calls"]).map(|it| json!([it["cluster"], message("", it).1])).collect();
            let log = items(&exchange["log"])
                .map(|it| json!(format!("{} {}", text(&it["level"]), text(&it["message"]))))
                .collect();
            let seen = [
                message("response", &exchange["response"]),
                message("upstream", &exchange["upstream"]),
                ("end".to_owned(), json!([exchange["end"], exchange["details"]])),
                ("calls".to_owned(), Value::Array(calls)),
                ("log".to_owned(), Value::Array(log)),
                ("metrics".to_owned(), exchange["metrics"].clone()),
                ("faults".to_owned(), items(&exchange["faults"]).map(|it| first_line(&it["message"])).collect()),
            ];
            all.extend(seen.map(|(what, value)| (format!("step {}, {what}", exchange["step"]), value)));
        }
        all
    }
}

fn items(value: &Value) -> impl Iterator<Item = &Value> {
    value.as_array().into_iter().flatten()
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}

/// The embedded host adds details on further lines.
fn first_line(message: &Value) -> &str {
    text(message).lines().next().unwrap_or_default()
}

/// The order of the values of a header is significant, the order of headers is not.
fn message(message: &Value) -> Value {
    let by_name = |fields: &Value| {
        let mut names: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
        for field in items(fields) {
            names.entry(text(&field[0])).or_default().push(text(&field[1]));
        }
        json!(names)
    };
    match message {
        Value::Null => Value::Null,
        _ => json!([message["status"], by_name(&message["headers"]), message["body"], by_name(&message["trailers"])]),
    }
}

/// The observations that differ, each with both values.
fn differences(envoy: &Map<String, Value>, embedded: &Map<String, Value>) -> BTreeMap<String, String> {
    let keys: BTreeSet<&String> = envoy.keys().chain(embedded.keys()).collect();
    let differing = keys.into_iter().filter(|key| envoy.get(*key) != embedded.get(*key));
    let shown = |value: Option<&Value>| value.map_or_else(|| "none".to_owned(), |value| format!("{value:#}"));
    let both =
        |key: &String| format!("--- envoy\n{}\n--- embedded\n{}", shown(envoy.get(key)), shown(embedded.get(key)));
    differing.map(|key| (key.clone(), short(&both(key)))).collect()
}

/// The text with long lines cut.
fn short(text: &str) -> String {
    let mut shown = String::new();
    for line in text.lines() {
        let cut: String = line.chars().take(400).collect();
        _ = writeln!(shown, "{cut}");
    }
    shown
}
