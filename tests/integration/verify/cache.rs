//! Runs that went well are kept by their content.

use std::collections::BTreeMap;
use std::time::SystemTime;

use super::PASSED;
use crate::dry_run::{project, run};
use crate::project::{Entry, Project};

/// The entries and when they were written.
fn entries(project: &Project) -> BTreeMap<String, SystemTime> {
    if !project.path("cache").exists() {
        return BTreeMap::new();
    }
    let entry = |(path, entry)| match entry {
        Entry::File { changed, .. } => Some((path, changed)),
        Entry::Folder | Entry::Link(_) => None,
    };
    project.tree("cache").into_iter().filter_map(entry).collect()
}

fn verify(project: &Project) {
    run(project, &["verify"]).ends(0, &[PASSED]);
}

#[test]
fn a_run_is_kept_and_not_run_again() {
    let project = project();
    verify(&project);
    let kept = entries(&project);
    assert_eq!(kept.len(), 1, "{kept:?}");
    let before = run(&project, &["verify", "--format", "json"]).ends(0, &[]).stdout;
    verify(&project);
    assert_eq!(entries(&project), kept, "it was written again");
    assert_eq!(run(&project, &["verify", "--format", "json", "--no-cache"]).ends(0, &[]).stdout, before);
    assert!(project.path("out").symlink_metadata().is_err(), "nothing goes to out/");
}

#[test]
fn whatever_it_depends_on_is_another_run() {
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
    // Another module, if only by a custom section of no name and no content.
    let module = [std::fs::read(project.path("example-filter.wasm")).expect("a module"), vec![0, 1, 0]].concat();
    project.write("example-filter.wasm", module);
    verify(&project);
    assert_eq!(entries(&project).len(), kept + 1);
    // What it does not depend on.
    project.edit("mesh.toml", "[filters.demo]", "# a comment\n\n[filters.demo]");
    verify(&project);
    assert_eq!(entries(&project).len(), kept + 1);
}

#[test]
fn nothing_with_a_finding_is_kept() {
    let project = project();
    project.edit("mesh.toml", "status = 200", "status = 201");
    run(&project, &["verify"]).ends(1, &["MC0610"]);
    run(&project, &["verify"]).ends(1, &["MC0610"]);
    assert_eq!(entries(&project), BTreeMap::new());
}

#[test]
fn no_cache_neither_reads_nor_writes() {
    let project = project();
    run(&project, &["verify", "--no-cache"]).ends(0, &[PASSED]);
    assert_eq!(entries(&project), BTreeMap::new());
    project.write("cache/mesh-compile", "in the way");
    verify(&project);
}

#[test]
fn a_damaged_entry_is_as_good_as_none() {
    let project = project();
    verify(&project);
    let path = entries(&project).into_keys().next().expect("an entry");
    for damage in ["", "not an entry", "\n{}"] {
        project.write(&path, damage);
        verify(&project);
        assert!(project.read(&path).len() > damage.len(), "it is written anew");
    }
}
