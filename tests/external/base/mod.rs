//! What the compiler reads of a base equals what kubectl makes of it.

mod edges;
mod fixed_point;
mod generate;
mod pieces;

use std::path::Path;

use camino::Utf8Path;
use mesh_compile::base_objects;
use mesh_compile::diag::render::{Color, Format};
use mesh_compile::diag::{Severity, Sink};
use mesh_compile::world::Disk;
use serde_json::Value;

use crate::manifests::kubectl;

/// The objects of a path as the compiler reads them, or its errors.
fn read(path: &Path) -> Result<Vec<Value>, String> {
    let (world, mut sink) = (Disk::new(), Sink::new());
    let objects = base_objects(&world, Utf8Path::from_path(path).expect("UTF-8"), &mut sink);
    let mut found = sink.into_sorted(mesh_compile::world::World::sources(&world));
    found.retain(|one| one.severity == Severity::Error || objects.is_none());
    let text = Format::Text.render(&found, mesh_compile::world::World::sources(&world), Color::Plain);
    objects.ok_or(text)
}

/// The objects that `kubectl kustomize` builds, or its errors.
fn built(dir: &Path) -> Result<Vec<Value>, String> {
    let ran = kubectl(&["kustomize", dir.to_str().expect("UTF-8")]);
    if ran.code != Some(0) {
        return Err(ran.stderr);
    }
    // The reader is proven by a test of its own, and reads the YAML 1.1 that kubectl prints.
    let file = tempfile::Builder::new().suffix(".yaml").tempfile().expect("a temporary directory");
    std::fs::write(file.path(), ran.stdout).expect("writable");
    read(file.path())
}

/// In one order, and without nulls, which the API server drops.
fn canonical(mut objects: Vec<Value>) -> Vec<Value> {
    fn prune(value: &mut Value) {
        match value {
            Value::Object(map) => {
                map.retain(|_, value| !value.is_null());
                map.values_mut().for_each(prune);
            }
            Value::Array(items) => items.iter_mut().for_each(prune),
            _ => {}
        }
    }
    objects.iter_mut().for_each(prune);
    let key = |object: &Value| {
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let metadata = &object["metadata"];
        [&object["kind"], &object["apiVersion"], &metadata["namespace"], &metadata["name"]].map(text)
    };
    objects.sort_by_key(key);
    objects
}

/// Panics with the first object that differs.
#[track_caller]
fn assert_same(label: &str, ours: Vec<Value>, theirs: Vec<Value>) {
    let (ours, theirs) = (canonical(ours), canonical(theirs));
    let name = |object: &Value| format!("{} {}", object["kind"], object["metadata"]);
    for (our, their) in ours.iter().zip(&theirs) {
        let (our, their) =
            (serde_json::to_string_pretty(our).expect("JSON"), serde_json::to_string_pretty(their).expect("JSON"));
        let difference = similar::TextDiff::from_lines(&their, &our).unified_diff().context_radius(6).to_string();
        assert!(our == their, "{label}: kubectl (-) and the compiler (+) differ:\n{difference}");
    }
    let names = |objects: &[Value]| objects.iter().map(name).collect::<Vec<_>>();
    assert_eq!(names(&ours), names(&theirs), "{label}");
}

/// Every kustomization of the examples.
#[test]
fn the_examples_read_as_kustomize_builds_them() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples");
    let mut dirs = Vec::new();
    collect(&root, &mut dirs);
    assert!(dirs.len() >= 4, "{dirs:?}");
    for dir in dirs {
        let label = dir.display().to_string();
        let text = std::fs::read_to_string(dir.join("kustomization.yaml")).expect("readable");
        if text.contains("helmCharts:") {
            assert!(read(&dir).expect_err("incomplete").contains("MC0510"), "{label}");
            continue;
        }
        let theirs = built(&dir).unwrap_or_else(|error| panic!("{label}: {error}"));
        let ours = read(&dir).unwrap_or_else(|error| panic!("{label}: {error}"));
        assert_same(&label, ours, theirs);
    }
}

/// The directories with a Kustomization. A Component cannot be built alone.
fn collect(dir: &Path, dirs: &mut Vec<std::path::PathBuf>) {
    let mut entries: Vec<_> =
        std::fs::read_dir(dir).expect("a directory").map(|it| it.expect("readable").path()).collect();
    entries.sort();
    for path in entries {
        if path.is_dir() {
            collect(&path, dirs);
        } else if path.ends_with("kustomization.yaml")
            && !std::fs::read_to_string(&path).expect("readable").contains("kind: Component")
        {
            dirs.push(dir.to_owned());
        }
    }
}

/// Kustomizations that combine every feature at random. Those that kustomize rejects are rejected here too.
#[test]
fn generated_kustomizations_read_as_kustomize_builds_them() {
    let seeds: u64 = std::env::var("BASE_SEEDS").map_or(120, |seeds| seeds.parse().expect("a number"));
    let first: u64 = std::env::var("BASE_FIRST_SEED").map_or(0, |seed| seed.parse().expect("a number"));
    let mut built_count = 0;
    for seed in first..first + seeds {
        let temp = tempfile::tempdir().expect("a temporary directory");
        let dir = generate::kustomization(seed, temp.path());
        let label = format!("seed {seed}");
        match (built(&dir), read(&dir)) {
            (Ok(theirs), Ok(ours)) => {
                built_count += 1;
                assert_same(&label, ours, theirs);
            }
            (Err(_), Err(_)) => {}
            (Ok(_), Err(error)) => panic!("{label}: only the compiler fails:\n{error}"),
            (Err(error), Ok(_)) => panic!("{label}: only kubectl fails:\n{error}"),
        }
    }
    assert!(built_count * 10 > seeds * 7, "only {built_count} of {seeds} kustomizations can be built");
}

/// The scalars that readers of YAML disagree on.
#[test]
fn scalars_read_as_kubectl_reads_them() {
    let scalars = [
        "on",
        "Off",
        "y",
        "N",
        "yes",
        "NO",
        "true",
        "True",
        "~",
        "null",
        "Null",
        "",
        "0",
        "00",
        "017",
        "08",
        "0o17",
        "0x1F",
        "0b101",
        "-0b11",
        "1_000",
        "-1_0",
        "+5",
        "1e3",
        "1E-2",
        "1.5",
        ".5",
        "5.",
        "-.5",
        "1.28",
        "1.28.0",
        "1:20",
        "190:20:30",
        "2001-12-14",
        "2001-12-14T21:59:43Z",
        "9223372036854775807",
        "18446744073709551615",
        "0x",
        "1e",
        ".",
        "--",
        "a: 1",
        "<",
        "=",
        "nan",
        "inf",
        "v1",
        "1m",
        "1Gi",
        "'on'",
        "\"1\"",
        "!!str 5",
        "!!int \"5\"",
        "_1",
        "1__2",
        "0.10",
        "1e+3",
        "1_0.5",
        "0_8",
        "- x",
    ];
    let mut document = String::from("apiVersion: example.org/v1\nkind: Test\nmetadata: {name: a}\nspec:\n");
    for (index, scalar) in scalars.iter().enumerate() {
        let value =
            if scalar.contains(": ") || *scalar == "- x" { format!("{{k: '{scalar}'}}") } else { (*scalar).to_owned() };
        document.push_str(&format!("  k{index}: {value}\n"));
    }
    let temp = tempfile::tempdir().expect("a temporary directory");
    let file = temp.path().join("a.yaml");
    std::fs::write(&file, &document).expect("writable");
    let arguments = ["label", "--local", "-o", "json", "-f", file.to_str().expect("UTF-8"), "a-"];
    let theirs: Value = serde_json::from_str(&kubectl(&arguments).ends(0, &[]).stdout).expect("JSON");
    let ours = read(&file).expect("an object").remove(0);
    let (Value::Object(ours), Value::Object(theirs)) = (&ours["spec"], &theirs["spec"]) else { panic!("no spec") };
    for (index, scalar) in scalars.iter().enumerate() {
        let key = format!("k{index}");
        let (our, their) = (ours.get(&key).unwrap_or(&Value::Null), theirs.get(&key).unwrap_or(&Value::Null));
        assert_eq!(our, their, "`{scalar}`");
    }
}
