//! Whether Envoy loads a module, by Envoy itself and by `mesh-compile inspect`, for hundreds of modules: the same verdict, in the same
//! words.
//!
//! The modules are assembled here and none of them does anything when it is started, so that what Envoy says is about the module
//! and not about a run of it.

#[path = "../support/mod.rs"]
mod support;

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

/// Fewer modules would leave some of the host's functions, callbacks and limits out.
const AT_LEAST: usize = 250;

/// Writes each module to a file of its own.
#[expect(clippy::disallowed_methods, reason = "a test's own folder is not out/")]
fn written(cases: &[Case]) -> (TempDir, Vec<PathBuf>) {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let files = cases.iter().enumerate().map(|(number, case)| {
        let file = folder.path().join(format!("{number}.wasm"));
        fs::write(&file, &case.bytes).expect("the folder is ours");
        file
    });
    let files = files.collect();
    (folder, files)
}

#[test]
fn the_corpus_is_large_and_its_names_are_unique() {
    let cases = corpus::cases();
    let names: BTreeSet<&str> = cases.iter().map(|case| case.name.as_str()).collect();
    assert_eq!(names.len(), cases.len());
    assert!(cases.len() >= AT_LEAST, "{} modules", cases.len());
}

#[test]
fn inspect_says_of_every_module_what_envoy_says() {
    let cases = corpus::cases();
    let (_folder, files) = written(&cases);
    let ours = inspect::judge(&files);
    let theirs = envoy::judge(&files);
    let differences: Vec<String> = cases
        .iter()
        .zip(theirs.iter().zip(&ours))
        .filter(|(_, (theirs, ours))| !agree(theirs, ours))
        .map(|(case, (theirs, ours))| format!("{}\n  Envoy {theirs}\n  inspect: {ours}", case.name))
        .collect();
    assert!(
        differences.is_empty(),
        "{} of {} modules differ\n{}",
        differences.len(),
        cases.len(),
        differences.join("\n")
    );
}

/// The same verdict, and where Envoy names a cause the same cause.
fn agree(theirs: &envoy::Verdict, ours: &inspect::Verdict) -> bool {
    theirs.loads == ours.loads
        && match (theirs.words(), ours.says()) {
            (Some(_), Some(says)) => theirs.says(says),
            (Some(_), None) => theirs.loads,
            (None, _) => true,
        }
}

/// What Envoy says of every module.
#[test]
#[ignore = "Envoy's side alone, to look at: cargo test --test differential -- --ignored --nocapture"]
#[expect(clippy::print_stdout, reason = "this is what it is for")]
fn what_envoy_says() {
    let cases = corpus::cases();
    let (_folder, files) = written(&cases);
    for (case, verdict) in cases.iter().zip(envoy::judge(&files)) {
        println!("{}: {verdict}", case.name);
    }
}
