//! For hundreds of modules, `mesh-compile inspect` predicts whether Envoy loads the module, and the message if it does not.
//!
//! No module does anything when it starts, so Envoy reports errors of the module itself.

mod case;
mod corpus;
mod envoy;
mod inspect;
mod tables;

use std::collections::BTreeSet;
use std::fs;
use std::path::PathBuf;

use case::Case;
use tempfile::TempDir;

/// Fewer modules would not cover all host functions, callbacks and limits.
const AT_LEAST: usize = 250;

/// Modules that exceed only the limits of wasmparser, so `inspect` rejects them and Envoy does not, or for another cause. No
/// compiler writes such modules.
const STRICTER: [&str; 6] = [
    "limit/65520 catches of a try_table",
    "limit/101 memories",
    "limit/100001 bytes of an export's name",
    "limit/100001 bytes of an import's name",
    "limit/100001 bytes of a module's name",
    "limit/100001 bytes of a custom section's name",
];

/// Writes each module to its own file.
fn written(cases: &[Case]) -> (TempDir, Vec<PathBuf>) {
    let dir = tempfile::tempdir().expect("a temporary directory");
    let files = cases.iter().enumerate().map(|(number, case)| {
        let file = dir.path().join(format!("{number}.wasm"));
        fs::write(&file, &case.bytes).expect("the directory is ours");
        file
    });
    let files = files.collect();
    (dir, files)
}

#[test]
fn the_corpus_is_large_and_its_names_are_unique() {
    let cases = corpus::cases();
    let names: BTreeSet<&str> = cases.iter().map(|case| case.name.as_str()).collect();
    assert_eq!(names.len(), cases.len());
    assert!(cases.len() >= AT_LEAST, "{} modules", cases.len());
    let unknown: Vec<_> = STRICTER.iter().filter(|name| !names.contains(*name)).collect();
    assert!(unknown.is_empty(), "no modules are named {unknown:?}");
}

#[test]
fn inspect_and_envoy_agree_on_every_module() {
    let cases = corpus::cases();
    let (_dir, files) = written(&cases);
    let ours = inspect::judge(&files);
    let theirs = envoy::judge(&files);
    let mut differences = Vec::new();
    for ((case, theirs), ours) in cases.iter().zip(&theirs).zip(&ours) {
        if agree(theirs, ours) == STRICTER.contains(&case.name.as_str()) {
            differences.push(format!("{:.200}\n  Envoy {theirs}\n  inspect: {ours}", case.name));
        }
    }
    let (count, of, all) = (differences.len(), cases.len(), differences.join("\n"));
    assert!(differences.is_empty(), "{count} of {of} modules differ\n{all}");
}

/// Whether the verdicts are the same, and the causes too if Envoy logs one.
fn agree(theirs: &envoy::Verdict, ours: &inspect::Verdict) -> bool {
    let same_cause = || theirs.words().is_none() || ours.says().is_some_and(|says| theirs.says(says));
    theirs.loads == ours.loads && theirs.crashed == ours.crashes() && (theirs.loads || same_cause())
}
