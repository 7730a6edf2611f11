//! `check` names every way in which out/ can differ from mesh.toml, and changes nothing.

use crate::project::{Project, SPEC, module};

const PATCH: &str = "out/patches/shop/deployment-web.yaml";
const LOCK: &str = "out/mesh.lock";

/// Runs `check`, which must change nothing, and asserts how it ended and what it named.
#[track_caller]
fn check(project: &Project, code: i32, said: &[&str]) {
    let before = project.tree("");
    project.run(&["check"]).ends(code, said);
    assert_eq!(project.tree(""), before, "check changed something");
}

/// Drift that `check` names and `render` mends.
#[track_caller]
fn mended(project: &Project, said: &[&str]) {
    check(project, 1, said);
    project.run(&["render"]).ends(0, &[]);
    check(project, 0, &[]);
}

/// Drift that `check` names and that `render` refuses to touch.
#[track_caller]
fn kept(project: &Project, said: &[&str], path: &str) {
    check(project, 1, said);
    let before = project.tree("");
    project.run(&["render"]).ends(2, &["MC0705", path]);
    assert_eq!(project.tree(""), before, "a refused render changed something");
}

#[test]
fn a_fresh_tree_is_as_it_should_be() {
    let project = Project::rendered();
    check(&project, 0, &["out: 10 files"]);
    assert_eq!(project.run(&["check"]).stdout, "");
    for folder in ["", "examples/asm", "examples/many"] {
        let project = Project::examples();
        project.run(&["check", "-f", &project.text_path(folder)]).ends(0, &[]);
    }
}

#[test]
fn every_changed_byte_is_seen() {
    for path in Project::rendered().files("out").into_keys() {
        let project = Project::rendered();
        let path = format!("out/{path}");
        let mut bytes = project.read(&path).into_bytes();
        let middle = bytes.len() / 2;
        bytes[middle] = if bytes[middle] == b'a' { b'b' } else { b'a' };
        project.write(&path, bytes);
        // A lock that still reads as one may be an old render's.
        check(&project, 1, &[if path == LOCK { "MC0701" } else { "MC0704" }, &path]);
    }
}

#[test]
fn a_file_that_is_gone_is_missing() {
    let project = Project::rendered();
    project.remove(PATCH);
    mended(&project, &["MC0702", PATCH]);
    project.remove("out/envoyfilters");
    mended(&project, &["MC0702", "out/envoyfilters/shop/wasm-one.yaml", "out/envoyfilters/back/wasm-one.yaml"]);
}

#[test]
fn a_folder_that_is_gone_is_missing_file_by_file() {
    let project = Project::rendered();
    let files = project.files("out");
    project.remove("out");
    let named: Vec<_> = files.keys().map(|path| format!("`out/{path}` is missing")).collect();
    mended(&project, &named.iter().map(String::as_str).collect::<Vec<_>>());
}

#[test]
fn a_foreign_file_is_seen_and_kept() {
    let project = Project::rendered();
    for path in ["out/notes.txt", "out/patches/shop/deployment-web.yaml.orig", "out/new/folder/.hidden"] {
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
    mended(&project, &[LOCK]);
    project.edit(LOCK, "size = ", "size = 1");
    mended(&project, &[LOCK]);
    let lock = project.read(LOCK);
    project.write(LOCK, lock + "\n");
    mended(&project, &[LOCK]);
}

/// Without its lock, nothing in the folder is known to be ours: all of it stands in the way.
#[test]
fn a_lock_that_is_gone_is_drift_and_nothing_is_overwritten() {
    let project = Project::rendered();
    project.remove(LOCK);
    // What is byte for byte what would be written is in nobody's way: only the lock is missing.
    mended(&project, &["MC0702", LOCK]);
    project.remove(LOCK);
    project.edit(PATCH, "web", "wub");
    kept(&project, &["MC0702", LOCK, "MC0705", PATCH], PATCH);
}

#[test]
fn a_damaged_lock_is_drift() {
    for damage in ["", "version = 3\n", "not a lock", "version = 1\nfiles = 3\n", "\u{0}"] {
        let project = Project::rendered();
        project.write(LOCK, damage);
        check(&project, 1, &["MC0706", LOCK]);
    }
    let project = Project::rendered();
    project.write(LOCK, b"\xff\xfe");
    check(&project, 1, &["MC0706", LOCK]);
}

#[test]
fn a_module_built_anew_is_drift() {
    let project = Project::rendered();
    let old = project.find("out/configmaps/shop/wasm-one-");
    project.write("one.wasm", module(3));
    mended(&project, &["MC0703", &old, "MC0702", "out/configmaps/shop/wasm-one-", "MC0701", PATCH, LOCK]);
}

#[test]
fn a_stable_name_makes_a_new_module_one_change() {
    let project = Project::small();
    project.write("mesh.toml", format!("{SPEC}\n[rollout]\nconfig-map-name = \"stable\"\n"));
    project.run(&["render"]).ends(0, &[]);
    project.write("two.wasm", module(3));
    mended(&project, &["MC0701", "out/configmaps/shop/wasm-two.yaml", LOCK]);
}

#[test]
fn an_edited_spec_is_drift() {
    let project = Project::rendered();
    project.edit("mesh.toml", "low", "high");
    mended(&project, &["MC0701", "out/envoyfilters/shop/wasm-one.yaml", "out/envoyfilters/back/wasm-one.yaml"]);
    project.edit("mesh.toml", "[workloads.api]", "[workloads.apis]");
    mended(&project, &["MC0703", "deployment-api.yaml", "MC0702", "deployment-apis.yaml"]);
}

#[test]
fn a_comment_in_the_spec_is_no_drift() {
    let project = Project::rendered();
    project.write("mesh.toml", format!("# hello\n{SPEC}"));
    check(&project, 0, &[]);
}

#[test]
fn line_endings_count() {
    for path in [PATCH, LOCK, "out/kustomization.yaml"] {
        let project = Project::rendered();
        let text = project.read(path);
        project.write(path, text.replace('\n', "\r\n"));
        mended(&project, &[path]);
    }
}

#[test]
fn an_empty_file_is_drift() {
    let project = Project::rendered();
    project.write(PATCH, "");
    mended(&project, &["MC0704", PATCH]);
}

#[test]
fn a_folder_where_a_file_was_stands_in_the_way() {
    for inside in ["", "/mine.txt"] {
        let project = Project::rendered();
        project.remove(PATCH);
        project.folder(PATCH);
        if !inside.is_empty() {
            project.write(format!("{PATCH}{inside}"), "mine");
        }
        kept(&project, &["MC0705", PATCH], PATCH);
    }
}

#[test]
fn a_file_where_a_folder_was_stands_in_the_way() {
    let project = Project::rendered();
    project.remove("out/patches");
    project.write("out/patches", "mine");
    kept(&project, &["out/patches"], "out/patches");
}

#[test]
fn a_link_stands_in_the_way_wherever_it_leads() {
    for target in ["copy.yaml", "nowhere"] {
        let project = Project::rendered();
        project.write("copy.yaml", project.read(PATCH));
        project.remove(PATCH);
        project.link(PATCH, project.path(target));
        kept(&project, &["MC0705", PATCH], PATCH);
    }
}

#[test]
fn a_linked_folder_stands_in_the_way() {
    let project = Project::rendered();
    project.rename("out/patches", "elsewhere");
    project.link("out/patches", "../elsewhere");
    kept(&project, &["out/patches"], "out/patches");
}

#[test]
fn what_cannot_be_read_is_an_error() {
    let project = Project::rendered();
    project.remove(LOCK);
    project.folder(LOCK);
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

/// One run shows all of it.
#[test]
fn all_differences_are_named_at_once() {
    let project = Project::rendered();
    project.remove(PATCH);
    project.write("out/extra.yaml", "mine");
    project.edit("out/kustomization.yaml", "patches:", "patches: # mine");
    project.edit("mesh.toml", "low", "high");
    let said = ["MC0701", "MC0702", "MC0703", "MC0704", PATCH, "out/extra.yaml", "out/kustomization.yaml", "errors"];
    check(&project, 1, &said);
}
