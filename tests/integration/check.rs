//! `check` reports every difference between out/ and mesh.toml, and changes nothing.

use crate::project::{Project, SPEC, module};

const PATCH: &str = "out/patches/shop/deployment-web.yaml";
const LOCK: &str = "out/mesh.lock";

/// Runs `check`, and asserts its exit status, its diagnostics, and that it changes nothing.
#[track_caller]
fn check(project: &Project, code: i32, said: &[&str]) {
    let before = project.tree("");
    project.run(&["check"]).ends(code, said);
    assert_eq!(project.tree(""), before, "check changed something");
}

/// Drift that `check` reports and `render` repairs.
#[track_caller]
fn repaired(project: &Project, said: &[&str]) {
    check(project, 1, said);
    project.run(&["render"]).ends(0, &[]);
    check(project, 0, &[]);
}

/// Drift that `check` reports and `render` does not overwrite.
#[track_caller]
fn rejected(project: &Project, said: &[&str], path: &str) {
    check(project, 1, said);
    let before = project.tree("");
    project.run(&["render"]).ends(2, &["MC0705", path]);
    assert_eq!(project.tree(""), before, "a rejected render changed something");
}

#[test]
fn a_fresh_tree_has_no_drift() {
    let project = Project::rendered();
    check(&project, 0, &["out: 10 files"]);
    assert_eq!(project.run(&["check"]).stdout, "");
    for dir in ["", "examples/asm", "examples/many"] {
        let project = Project::examples();
        project.run(&["check", "-f", &project.text_path(dir)]).ends(0, &[]);
    }
}

#[test]
fn a_changed_byte_in_any_file_is_drift() {
    for path in Project::rendered().files("out").into_keys() {
        let project = Project::rendered();
        let path = format!("out/{path}");
        let mut bytes = project.read(&path).into_bytes();
        let middle = bytes.len() / 2;
        bytes[middle] = if bytes[middle] == b'a' { b'b' } else { b'a' };
        project.write(&path, bytes);
        // A lock that is still valid may come from an older render.
        check(&project, 1, &[if path == LOCK { "MC0701" } else { "MC0704" }, &path]);
    }
}

#[test]
fn a_deleted_file_is_missing() {
    let project = Project::rendered();
    project.remove(PATCH);
    repaired(&project, &["MC0702", PATCH]);
    project.remove("out/envoyfilters");
    repaired(&project, &["MC0702", "out/envoyfilters/shop/wasm-one.yaml", "out/envoyfilters/back/wasm-one.yaml"]);
}

#[test]
fn each_file_of_a_deleted_directory_is_missing() {
    let project = Project::rendered();
    let files = project.files("out");
    project.remove("out");
    let named: Vec<_> = files.keys().map(|path| format!("`out/{path}` is missing")).collect();
    repaired(&project, &named.iter().map(String::as_str).collect::<Vec<_>>());
}

#[test]
fn a_foreign_file_is_reported_and_kept() {
    let project = Project::rendered();
    for path in ["out/notes.txt", "out/patches/shop/deployment-web.yaml.orig", "out/new/directory/.hidden"] {
        project.write(path, "mine");
        check(&project, 1, &["MC0703", path]);
        project.run(&["render"]).ends(0, &[]);
        assert_eq!(project.read(path), "mine");
        project.remove(path);
    }
    check(&project, 0, &[]);
}

#[test]
fn an_edited_lock_is_drift() {
    let project = Project::rendered();
    project.edit(LOCK, "sha256 = \"", "sha256 = \"0");
    repaired(&project, &[LOCK]);
    project.edit(LOCK, "size = ", "size = 1");
    repaired(&project, &[LOCK]);
    let lock = project.read(LOCK);
    project.write(LOCK, lock + "\n");
    repaired(&project, &[LOCK]);
}

/// Without the lock, no file in the directory is known to be rendered, so none may be overwritten.
#[test]
fn without_the_lock_nothing_is_overwritten() {
    let project = Project::rendered();
    project.remove(LOCK);
    // Files with the bytes that render would write are fine: only the lock is missing.
    repaired(&project, &["MC0702", LOCK]);
    project.remove(LOCK);
    project.edit(PATCH, "web", "wub");
    rejected(&project, &["MC0702", LOCK, "MC0705", PATCH], PATCH);
}

#[test]
fn a_damaged_lock_is_drift() {
    for damage in ["", "version = 99\n", "not a lock", "version = 1\nfiles = 3\n", "\u{0}"] {
        let project = Project::rendered();
        project.write(LOCK, damage);
        check(&project, 1, &["MC0706", LOCK]);
    }
    let project = Project::rendered();
    project.write(LOCK, b"\xff\xfe");
    check(&project, 1, &["MC0706", LOCK]);
}

#[test]
fn a_rebuilt_module_is_drift() {
    let project = Project::rendered();
    let old = project.find("out/configmaps/shop/wasm-one-");
    project.write("one.wasm", module(3));
    repaired(&project, &["MC0703", &old, "MC0702", "out/configmaps/shop/wasm-one-", "MC0701", PATCH, LOCK]);
}

#[test]
fn with_a_stable_name_a_rebuilt_module_changes_one_file() {
    let project = Project::small();
    project.write("mesh.toml", format!("{SPEC}\n[rollout]\nconfig-map-name = \"stable\"\n"));
    project.run(&["render"]).ends(0, &[]);
    project.write("two.wasm", module(3));
    repaired(&project, &["MC0701", "out/configmaps/shop/wasm-two.yaml", LOCK]);
}

#[test]
fn an_edited_spec_is_drift() {
    let project = Project::rendered();
    project.edit("mesh.toml", "low", "high");
    repaired(&project, &["MC0701", "out/envoyfilters/shop/wasm-one.yaml", "out/envoyfilters/back/wasm-one.yaml"]);
    project.edit("mesh.toml", "[workloads.api]", "[workloads.apis]");
    repaired(&project, &["MC0703", "deployment-api.yaml", "MC0702", "deployment-apis.yaml"]);
}

#[test]
fn a_comment_in_the_spec_is_not_drift() {
    let project = Project::rendered();
    project.write("mesh.toml", format!("# hello\n{SPEC}"));
    check(&project, 0, &[]);
}

#[test]
fn changed_line_endings_are_drift() {
    for path in [PATCH, LOCK, "out/kustomization.yaml"] {
        let project = Project::rendered();
        let text = project.read(path);
        project.write(path, text.replace('\n', "\r\n"));
        repaired(&project, &[path]);
    }
}

#[test]
fn an_empty_file_is_drift() {
    let project = Project::rendered();
    project.write(PATCH, "");
    repaired(&project, &["MC0704", PATCH]);
}

#[test]
fn a_directory_in_place_of_a_file_is_not_replaced() {
    for inside in ["", "/mine.txt"] {
        let project = Project::rendered();
        project.remove(PATCH);
        project.create_dir(PATCH);
        if !inside.is_empty() {
            project.write(format!("{PATCH}{inside}"), "mine");
        }
        rejected(&project, &["MC0705", PATCH], PATCH);
    }
}

#[test]
fn a_file_in_place_of_a_directory_is_not_replaced() {
    let project = Project::rendered();
    project.remove("out/patches");
    project.write("out/patches", "mine");
    rejected(&project, &["out/patches"], "out/patches");
}

#[test]
fn a_link_in_place_of_a_file_is_not_replaced() {
    for target in ["copy.yaml", "nowhere"] {
        let project = Project::rendered();
        project.write("copy.yaml", project.read(PATCH));
        project.remove(PATCH);
        project.link(PATCH, project.path(target));
        rejected(&project, &["MC0705", PATCH], PATCH);
    }
}

#[test]
fn a_link_in_place_of_a_directory_is_not_replaced() {
    let project = Project::rendered();
    project.rename("out/patches", "elsewhere");
    project.link("out/patches", "../elsewhere");
    rejected(&project, &["out/patches"], "out/patches");
}

#[test]
fn an_unreadable_file_is_an_error() {
    let project = Project::rendered();
    project.remove(LOCK);
    project.create_dir(LOCK);
    check(&project, 2, &["MC0707", LOCK]);
    let project = Project::rendered();
    project.remove("out");
    project.write("out", "a file");
    check(&project, 2, &["MC0707", "out"]);
    let project = Project::rendered();
    project.remove("one.wasm");
    check(&project, 2, &["one.wasm"]);
    project.write("mesh.toml", "[mesh");
    check(&project, 2, &["MC0101", "mesh.toml"]);
}

#[test]
fn one_run_reports_all_differences() {
    let project = Project::rendered();
    project.remove(PATCH);
    project.write("out/extra.yaml", "mine");
    project.edit("out/kustomization.yaml", "patches:", "patches: # mine");
    project.edit("mesh.toml", "low", "high");
    let said = ["MC0701", "MC0702", "MC0703", "MC0704", PATCH, "out/extra.yaml", "out/kustomization.yaml", "errors"];
    check(&project, 1, &said);
}
