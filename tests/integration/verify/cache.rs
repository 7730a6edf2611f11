//! Runs that pass are cached by their inputs.

use std::collections::BTreeMap;
use std::time::SystemTime;

use super::PASSED;
use crate::dry_run::{project, run};
use crate::project::{Entry, Project};

/// The cache entries with their modification times.
fn entries(project: &Project) -> BTreeMap<String, SystemTime> {
    if !project.path("cache").exists() {
        return BTreeMap::new();
    }
    let entry = |(path, entry)| match entry {
        Entry::File { changed, .. } => Some((path, changed)),
        Entry::Directory | Entry::Link(_) => None,
    };
    project.tree("cache").into_iter().filter_map(entry).collect()
}

fn verify(project: &Project) {
    run(project, &["verify"]).ends(0, &[PASSED]);
}

#[test]
fn a_run_that_passes_is_cached() {
    let project = project();
    verify(&project);
    let kept = entries(&project);
    assert_eq!(kept.len(), 1, "{kept:?}");
    let before = run(&project, &["verify", "--format", "json"]).ends(0, &[]).stdout;
    verify(&project);
    assert_eq!(entries(&project), kept, "the entry was written again");
    assert_eq!(run(&project, &["verify", "--format", "json", "--no-cache"]).ends(0, &[]).stdout, before);
    assert!(project.path("out").symlink_metadata().is_err(), "verify writes nothing to out/");
}

#[test]
fn every_input_is_part_of_the_cache_key() {
    let project = project();
    verify(&project);
    let mut kept = 1;
    for (from, to) in [
        ("path = \"/shop\"", "path = \"/shop\", body = \"a\""),
        ("upstream = { body = \"ok\"", "upstream = { headers = { a = \"b\" }, body = \"ok\""),
        ("status = 200, ", ""),
        ("[filters.demo]", "[filters.demo]\nenv = { A = \"1\" }"),
        ("add = { x-demo = \"1\" }", "add = { x-demo = \"1\", x-more = \"1\" }"),
    ] {
        project.edit("mesh.toml", from, to);
        verify(&project);
        kept += 1;
        assert_eq!(entries(&project).len(), kept, "after {to}");
    }
    // A module that differs only by an empty custom section.
    let module = [std::fs::read(project.path("example-filter.wasm")).expect("a module"), vec![0, 1, 0]].concat();
    project.write("example-filter.wasm", module);
    verify(&project);
    assert_eq!(entries(&project).len(), kept + 1);
    // A comment is not an input.
    project.edit("mesh.toml", "[filters.demo]", "# a comment\n\n[filters.demo]");
    verify(&project);
    assert_eq!(entries(&project).len(), kept + 1);
}

#[test]
fn a_run_with_a_finding_is_not_cached() {
    let project = project();
    project.edit("mesh.toml", "status = 200", "status = 201");
    run(&project, &["verify"]).ends(1, &["MC0610"]);
    run(&project, &["verify"]).ends(1, &["MC0610"]);
    assert_eq!(entries(&project), BTreeMap::new());
}

#[test]
fn no_cache_neither_reads_nor_writes_the_cache() {
    let project = project();
    run(&project, &["verify", "--no-cache"]).ends(0, &[PASSED]);
    assert_eq!(entries(&project), BTreeMap::new());
    project.write("cache/mesh-compile", "in the way");
    verify(&project);
}

#[test]
fn a_damaged_entry_is_ignored() {
    let project = project();
    verify(&project);
    let path = entries(&project).into_keys().next().expect("an entry");
    for damage in ["", "not an entry", "\n{}"] {
        project.write(&path, damage);
        verify(&project);
        assert!(project.read(&path).len() > damage.len(), "the entry was not replaced");
    }
}
