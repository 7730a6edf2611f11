//! The dry run as a part of `render` and `check`.

use super::PASSED;
use crate::dry_run::{project, run};
use crate::project::Project;

fn fails(project: &Project) {
    project.edit("mesh.toml", "x-demo = \"1\" }, body", "x-demo = \"2\" }, body");
}

#[test]
fn a_render_that_is_verified_writes_nothing_when_a_test_fails() {
    let project = project();
    fails(&project);
    run(&project, &["render", "--verify"]).ends(1, &["MC0610", "marks the response", "+ x-demo: 1", "1 test failed"]);
    assert!(!project.path("out").exists());
    run(&project, &["render"]).ends(0, &[]);
    assert!(project.path("out/mesh.lock").exists(), "without being asked to, it verifies nothing");
    run(&project, &["check"]).ends(0, &[]);
    run(&project, &["check", "--verify"]).ends(1, &["MC0610"]);
}

#[test]
fn a_render_that_is_verified_writes_when_all_is_well() {
    let project = project();
    run(&project, &["render", "--verify"]).ends(0, &[PASSED, "5 files"]);
    run(&project, &["check", "--verify"]).ends(0, &[PASSED, "5 files"]);
    run(&project, &["render", "--verify", "--stdout"]).ends(0, &[]);
}

/// What is verified is what mesh.toml renders to; that out/ is something else is for `check` alone to say.
#[test]
fn drift_and_a_failed_test_are_both_told() {
    let project = project();
    run(&project, &["render"]).ends(0, &[]);
    fails(&project);
    project.edit("mesh.toml", "add = { x-demo = \"1\" }", "add = { x-demo = \"3\" }");
    run(&project, &["check", "--verify"]).ends(1, &["MC0701", "MC0610"]);
}
