//! `render` changes in out/ only what it must, and only files that it wrote.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use crate::project::{Entry, Project, Ran, SPEC, examples, module, repository};

const PATCH: &str = "out/patches/shop/deployment-web.yaml";
const LOCK: &str = "out/mesh.lock";

/// Runs a command, and asserts that it changes nothing.
#[track_caller]
fn unchanged(project: &Project, arguments: &[&str], code: i32, said: &[&str]) -> Ran {
    let before = project.tree("");
    let ran = project.run(arguments).ends(code, said);
    assert_eq!(project.tree(""), before, "{arguments:?} changed something");
    ran
}

/// A shell command line in which `$0` is mesh-compile.
fn shell(project: &Project, line: &str) -> Ran {
    let mut command = Command::new("sh");
    command.args(["-c", line, env!("CARGO_BIN_EXE_mesh-compile")]).current_dir(project.path(""));
    Ran::of(&command.output().expect("a shell"))
}

#[test]
fn unchanged_files_are_not_written() {
    let project = Project::rendered();
    unchanged(&project, &["render"], 0, &["out: 10 files (10 unchanged)"]);
    let before = project.tree("out");
    project.edit("mesh.toml", "low", "high");
    project.run(&["render"]).ends(0, &["3 updated, 7 unchanged"]);
    let after = project.tree("out");
    let changed: Vec<_> =
        before.iter().filter(|(path, entry)| after.get(*path) != Some(entry)).map(|(path, _)| path).collect();
    let expected = ["out/envoyfilters/back/wasm-one.yaml", "out/envoyfilters/shop/wasm-one.yaml", LOCK];
    assert_eq!(changed, expected);
    assert_eq!(before.len(), after.len());
}

#[test]
fn obsolete_files_are_deleted_with_their_empty_directories() {
    let project = Project::rendered();
    project.write("out/patches/back/mine.txt", "mine");
    let spec = SPEC.split("[workloads.api]").next().expect("the text before it");
    project.write("mesh.toml", spec);
    project.run(&["render"]).ends(0, &["3 deleted"]);
    let left: Vec<_> = project.tree("out").into_keys().filter(|path| path.contains("/back")).collect();
    assert_eq!(left, ["out/patches/back", "out/patches/back/mine.txt"]);
    assert!(!project.read(LOCK).contains("back"));
}

#[test]
fn another_output_directory_does_not_change_the_old_one() {
    let project = Project::rendered();
    let before = project.tree("out");
    project.write("mesh.toml", format!("{SPEC}\n[output]\ndir = \"a/b\"\n"));
    project.run(&["render"]).ends(0, &["a/b: 10 files (10 created)"]);
    assert_eq!(project.tree("out"), before);
    let files = |dir: &str| {
        let mut files = project.files(dir);
        // It names mesh.toml, from its own directory.
        files.remove("mesh.lock").expect("a lock");
        files
    };
    assert_eq!(files("a/b"), files("out"));
}

#[test]
fn a_foreign_file_stops_the_whole_render() {
    let project = Project::small();
    project.write(PATCH, "mine");
    unchanged(&project, &["render"], 2, &["MC0705", PATCH]);
    unchanged(&project, &["render", "--dry-run"], 2, &["MC0705", PATCH]);
    project.remove(PATCH);
    project.run(&["render"]).ends(0, &[]);
    // The same for a lock that mesh-compile did not write.
    project.write(LOCK, "mine");
    unchanged(&project, &["render"], 2, &["MC0706", LOCK]);
}

#[test]
fn a_file_changed_by_hand_is_not_deleted() {
    let project = Project::rendered();
    project.edit("out/patches/back/deployment-api.yaml", "metadata:", "metadata: # mine");
    project.edit("mesh.toml", "[workloads.api]", "[workloads.other]");
    unchanged(&project, &["render"], 2, &["MC0704", "deployment-api.yaml"]);
}

#[test]
fn nothing_is_written_through_a_link() {
    let outside = Project::empty();
    for (at, is_dir) in [("out/patches", true), ("out/patches/shop", true), (PATCH, false), (LOCK, false)] {
        let project = Project::rendered();
        outside.create_dir("there");
        outside.write("file", "theirs");
        let before = outside.tree("");
        project.remove(at);
        project.link(at, outside.path(if is_dir { "there" } else { "file" }));
        // So that render has something to write.
        project.edit("mesh.toml", "low", "high");
        project.edit("mesh.toml", "[\"one\", \"two\"]", "[\"two\", \"one\"]");
        unchanged(&project, &["render"], 2, &[at]);
        assert_eq!(outside.tree(""), before, "render wrote through {at}");
    }
}

#[test]
fn a_stale_file_in_a_linked_directory_is_not_deleted() {
    let project = Project::rendered();
    project.rename("out/patches/back", "elsewhere");
    project.link("out/patches/back", project.path("elsewhere"));
    project.edit("mesh.toml", "[workloads.api]\nnamespace = \"back\"", "[workloads.api]");
    let before = project.tree("elsewhere");
    project.run(&["render"]);
    assert_eq!(project.tree("elsewhere"), before);
}

#[test]
fn a_lock_with_paths_outside_the_directory_deletes_nothing() {
    for path in ["../victim", "patches/../../victim", "/etc/hostname", "", ".", "./victim"] {
        let project = Project::rendered();
        project.write("victim", "");
        project.write("out/victim", "");
        // The digest of an empty file, so that only the path is invalid.
        let line =
            format!("[files]\n\"{path}\" = \"e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855\"");
        project.edit(LOCK, "[files]", &line);
        unchanged(&project, &["render"], 2, &["MC0706", LOCK, path]);
        unchanged(&project, &["check"], 1, &[LOCK]);
    }
}

/// Two merged branches: one changed a module and removed a workload, the other changed the same module and added a workload.
#[test]
fn a_lock_with_merge_conflicts_lists_the_files_of_both_sides() {
    let added = format!("{SPEC}\n[workloads.db]\nselector = {{ app = \"db\" }}\nfilters = [\"two\"]\n");
    let dropped = SPEC.split("[workloads.api]").next().expect("the text before it");
    let side = |spec: &str, tag| {
        let project = Project::small();
        project.write("mesh.toml", spec);
        project.write("two.wasm", module(tag));
        project.run(&["render"]).ends(0, &[]);
        project
    };
    for style in [&[][..], &["--diff3"], &["--zdiff3"]] {
        let (base, ours, theirs) = (Project::rendered(), side(dropped, 3), side(&added, 4));
        let mut merge = Command::new("git");
        merge.args(["merge-file", "--stdout"]).args(style);
        merge.args([ours.path(LOCK), base.path(LOCK), theirs.path(LOCK)]);
        let merged = Ran::of(&merge.output().expect("git"));
        assert!(merged.stdout.contains("<<<<<<<"), "no conflict: {}", merged.stdout);
        for (path, bytes) in theirs.files("out") {
            ours.write(format!("out/{path}"), bytes);
        }
        ours.write(LOCK, merged.stdout);
        ours.write("mesh.toml", added.replace("[workloads.api]", "[workloads.app]"));
        ours.write("two.wasm", module(5));
        unchanged(&ours, &["check"], 1, &[LOCK]);
        ours.run(&["render"]).ends(0, &[]);
        unchanged(&ours, &["check"], 0, &[]);
        let modules = ours.files("out").into_keys().filter(|path| path.contains("wasm-two-")).count();
        assert_eq!(modules, 1, "{:?}", ours.files("out").keys());
    }
}

#[test]
fn a_preview_writes_nothing() {
    let project = Project::small();
    let stream = unchanged(&project, &["render", "--stdout"], 0, &[]).stdout;
    assert_eq!(stream.matches("\n# Source: ").count(), 9);
    let list = unchanged(&project, &["render", "--dry-run"], 0, &[]).stdout;
    project.run(&["render", "-v"]).ends(0, &["create out/kustomization.yaml\n"]);
    let files: Vec<_> = list.lines().map(|line| line.strip_prefix("create ").expect(line).to_owned()).collect();
    let written = project.files("out");
    assert_eq!(files.len(), written.len());
    assert!(files.iter().all(|file| written.contains_key(file.trim_start_matches("out/"))), "{files:?}");
    project.edit("mesh.toml", "[workloads.api]", "[workloads.app]");
    let list = unchanged(&project, &["render", "--dry-run"], 0, &[]).stdout;
    for line in [
        "create out/patches/back/deployment-app.yaml",
        "delete out/patches/back/deployment-api.yaml",
        "update out/mesh.lock",
    ] {
        assert!(list.lines().any(|it| it == line), "{list}");
    }
    unchanged(&project, &["render", "--stdout"], 0, &[]);
}

#[test]
fn a_render_that_fails_writes_nothing() {
    for (from, to) in
        [("\"low\"", "low"), ("one.wasm", "none.wasm"), ("filters", "filtres"), ("[\"one\"]", "[\"three\"]")]
    {
        let project = Project::rendered();
        project.edit("mesh.toml", "namespace = \"back\"", "namespace = \"front\"");
        project.edit("mesh.toml", from, to);
        unchanged(&project, &["render"], 2, &["mesh.toml"]);
        assert_eq!(unchanged(&project, &["render", "--stdout"], 2, &["mesh.toml"]).stdout, "");
    }
}

#[test]
fn files_have_the_mode_of_the_umask() {
    for (umask, mode) in [("022", 0o644), ("002", 0o664), ("077", 0o600)] {
        let project = Project::small();
        shell(&project, &format!("umask {umask} && exec \"$0\" render")).ends(0, &[]);
        for (path, entry) in project.tree("out") {
            let Entry::File { mode: found, .. } = entry else { continue };
            assert_eq!(found, mode, "{path}");
        }
    }
}

/// As on a full disk: nothing changes, and no temporary file remains.
#[test]
fn a_failed_write_keeps_the_old_files() {
    let project = Project::examples();
    let before = project.files("out");
    project.write("filter/example-filter.wasm", [module(1), vec![0, 100, 1, b'x'], vec![7; 98]].concat());
    project.edit("mesh.toml", "added by our filter", &"long".repeat(1000));
    // Files may have 1,024 bytes. Ignoring the signal makes the write fail instead of ending the program.
    let ran = shell(&project, "trap '' XFSZ; ulimit -f 2; exec \"$0\" render");
    ran.ends(2, &["MC0707", "cannot update `out/envoyfilters/default/wasm-example-filter.yaml`"]);
    assert!(project.files("out") == before, "a file changed");
    project.run(&["render"]).ends(0, &[]);
    unchanged(&project, &["check"], 0, &[]);
}

#[test]
fn a_failed_write_to_standard_output_is_an_error() {
    let project = Project::small();
    shell(&project, "exec \"$0\" render --stdout >/dev/full").ends(2, &["standard output"]);
}

/// Eight modules of 400 kB, so that writing them takes a while.
fn large() -> Project {
    let project = Project::empty();
    let mut spec = String::new();
    for i in 0..8 {
        // A custom section whose length is a LEB128 number of three bytes.
        let padding = [&[0, 0x80, 0xb5, 0x18, 1, b'x'][..], &vec![i; 400_000 - 2]].concat();
        project.write(format!("m{i}.wasm"), [module(i), padding].concat());
        spec += &format!("[filters.f{i}]\nmodule = \"m{i}.wasm\"\n");
    }
    let names: Vec<_> = (0..8).map(|i| format!("\"f{i}\"")).collect();
    spec += &format!("[workloads.web]\nselector = {{ app = \"web\" }}\nfilters = [{}]\n", names.join(", "));
    project.write("mesh.toml", spec);
    project
}

/// Whenever a render is killed, every file is whole, and a render of another mesh.toml repairs the directory.
#[test]
fn a_killed_render_leaves_no_partial_file_and_is_repaired() {
    const ROUNDS: u64 = 16;
    let project = large();
    let all = project.read("mesh.toml");
    let fewer = all.replace("\"f0\", ", "");
    let rendered = |spec: &str| {
        project.write("mesh.toml", spec);
        project.run(&["render"]).ends(0, &[]);
        project.files("out")
    };
    let (without, with) = (rendered(&fewer), rendered(&all));
    let mut interrupted = 0;
    for round in 0..ROUNDS {
        // An empty directory, and one with other files.
        if round % 2 == 0 {
            project.remove("out");
        } else {
            rendered(&fewer);
        }
        project.write("mesh.toml", &all);
        let mut render = project.command(&["render"]).stderr(Stdio::null()).spawn().expect("mesh-compile starts");
        // Kills render some time after it has begun to write.
        while !has_temporary(&project.path("out/configmaps/default")) && matches!(render.try_wait(), Ok(None)) {
            std::thread::sleep(Duration::from_micros(50));
        }
        std::thread::sleep(Duration::from_micros(round * round * 40));
        render.kill().expect("the process can be killed");
        render.wait().expect("mesh-compile ends");
        let left = if project.path("out").exists() { project.files("out") } else { BTreeMap::new() };
        interrupted += u32::from(!left.is_empty() && left != with && left != without);
        for (path, bytes) in left {
            let is_temporary = path.contains("/.mesh-compile-") || path.starts_with(".mesh-compile-");
            // While a render is under way, mesh.lock lists the old and the new files.
            let is_whole =
                path == "mesh.lock" || [&with, &without].iter().any(|files| files.get(&path) == Some(&bytes));
            assert!(is_temporary || is_whole, "{path} is incomplete");
        }
        assert!(rendered(&fewer) == without, "in round {round}");
    }
    assert!(interrupted > 0, "render was never killed while it wrote");
}

fn has_temporary(dir: &Path) -> bool {
    let mut entries = std::fs::read_dir(dir).into_iter().flatten().flatten();
    entries.any(|entry| entry.file_name().to_string_lossy().starts_with(".mesh-compile-"))
}

#[test]
fn temporary_files_of_a_killed_render_are_deleted() {
    let project = Project::rendered();
    let (left, foreign) = ("out/patches/shop/.mesh-compile-aB3dE9", "out/patches/shop/.mesh-compile-notes");
    project.write(left, "half a f");
    project.write(foreign, "mine");
    unchanged(&project, &["check"], 1, &["MC0703", left, foreign]);
    let list = unchanged(&project, &["render", "--dry-run"], 0, &[]).stdout;
    assert_eq!(list, format!("delete {left}\n"));
    project.run(&["render"]).ends(0, &["1 deleted"]);
    assert_eq!(project.read(foreign), "mine");
    project.remove(foreign);
    unchanged(&project, &["check"], 0, &[]);
}

#[test]
fn concurrent_renders_produce_one_tree() {
    let small = Project::rendered().files("out");
    for round in 0..20 {
        let project = Project::small();
        if round % 2 == 1 {
            // With files to update and to delete.
            project.edit(
                "mesh.toml",
                "[workloads.api]\nnamespace = \"back\"",
                "[workloads.app]\nnamespace = \"front\"",
            );
            project.run(&["render"]).ends(0, &[]);
            project.write("mesh.toml", SPEC);
        }
        let mut started = Vec::new();
        for _ in 0..4 {
            started.push(project.command(&["render"]).stderr(Stdio::piped()).spawn().expect("mesh-compile starts"));
        }
        for render in started {
            Ran::of(&render.wait_with_output().expect("mesh-compile ends")).ends(0, &[]);
        }
        assert_eq!(project.files("out"), small);
        unchanged(&project, &["check"], 0, &[]);
    }
}

#[test]
fn the_lock_lists_every_file_with_its_digest() {
    let project = Project::examples();
    let locks: Vec<_> = project.files("").into_keys().filter(|path| path.ends_with("/mesh.lock")).collect();
    assert!(locks.len() > examples().len(), "{locks:?}");
    for lock in locks {
        let dir = repository().join(lock).parent().expect("a directory").to_owned();
        let lock: toml::Table = std::fs::read_to_string(dir.join("mesh.lock")).unwrap().parse().unwrap();
        let listed = lock["files"].as_table().unwrap();
        let sums: BTreeMap<_, _> = listed.iter().map(|(path, sum)| (path.as_str(), sum.as_str().unwrap())).collect();
        let mut check = String::new();
        sums.iter().for_each(|(path, sum)| check += &format!("{sum}  {path}\n"));
        let project = Project::empty();
        project.write("sums", check);
        let mut judge = Command::new("sha256sum");
        judge.args(["--check", "--strict", "--quiet"]).arg(project.path("sums")).current_dir(&dir);
        Ran::of(&judge.output().unwrap()).ends(0, &[]);
    }
}
