//! Whether Envoy loads a module, by Envoy itself and by `mesh-compile inspect`, for hundreds of modules: the same verdict, in the same
//! words.
//!
//! The modules are assembled here and none of them does anything when it is started, so that what Envoy says is about the module
//! and not about a run of it.

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

/// What Envoy loads, or would refuse for a later cause, and wasmparser's limits refuse. No compiler writes such a module.
const STRICTER: [&str; 6] = [
    "limit/65520 catches of a try_table",
    "limit/101 memories",
    "limit/100001 bytes of an export's name",
    "limit/100001 bytes of an import's name",
    "limit/100001 bytes of a module's name",
    "limit/100001 bytes of a custom section's name",
];

/// Writes each module to a file of its own.
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
    let mut differences = Vec::new();
    for ((case, theirs), ours) in cases.iter().zip(&theirs).zip(&ours) {
        if agree(theirs, ours) == STRICTER.contains(&case.name.as_str()) {
            differences.push(format!("{:.200}\n  Envoy {theirs}\n  inspect: {ours}", case.name));
        }
    }
    let (count, of, all) = (differences.len(), cases.len(), differences.join("\n"));
    assert!(differences.is_empty(), "{count} of {of} modules are not as they should be\n{all}");
}

/// The same verdict, and where Envoy names a cause the same cause.
fn agree(theirs: &envoy::Verdict, ours: &inspect::Verdict) -> bool {
    let same_cause = || theirs.words().is_none() || ours.says().is_some_and(|says| theirs.says(says));
    theirs.loads == ours.loads && theirs.crashed == ours.crashes() && (theirs.loads || same_cause())
}
