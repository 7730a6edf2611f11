//! out/ has the same bytes in any environment, and however mesh.toml is formatted.

use std::collections::BTreeMap;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, SystemTime};

use crate::project::{Project, Ran, examples, repository};
use crate::shuffle::Shuffler;

type Files = BTreeMap<String, Vec<u8>>;

/// Asserts that the files are equal. Reports their names, not their bytes.
#[track_caller]
fn assert_same(found: &Files, expected: &Files, how: &str) {
    let differing: Vec<_> =
        expected.iter().filter(|(path, bytes)| found.get(*path) != Some(bytes)).map(|(path, _)| path).collect();
    let more: Vec<_> = found.keys().filter(|path| !expected.contains_key(*path)).collect();
    assert!(differing.is_empty() && more.is_empty(), "{how}: {differing:?} differ, {more:?} are new");
}

/// The examples without out/, and the committed out/ of each.
fn fresh() -> (Project, Vec<(PathBuf, Files)>) {
    let project = Project::examples();
    let outs = examples().into_iter().map(|dir| {
        let out = dir.join("out");
        let files = project.files(&out);
        assert!(files.len() > 5);
        project.remove(&out);
        (dir, files)
    });
    let outs = outs.collect();
    (project, outs)
}

/// Renders every example with a command, and compares out/ with the committed one.
#[track_caller]
fn renders_the_same(how: &str, command: impl Fn(&Project, &Path) -> Command) {
    let (project, outs) = fresh();
    for (dir, expected) in outs {
        let output = command(&project, &dir).output().expect("mesh-compile runs");
        Ran::of(&output).ends(0, &[]);
        assert_same(&project.files(dir.join("out")), &expected, how);
    }
}

fn render(project: &Project, dir: &Path) -> Command {
    let mut command = project.command(&["render"]);
    command.current_dir(project.path(dir));
    command
}

/// Tests the shuffler itself.
#[test]
fn a_shuffled_file_has_the_same_content() {
    for dir in examples() {
        let text = std::fs::read_to_string(repository().join(dir).join("mesh.toml")).unwrap();
        let table: toml::Table = text.parse().unwrap();
        let mut written = std::collections::BTreeSet::new();
        for seed in 0..100 {
            let shuffled = Shuffler::new(seed).file(&table);
            assert_eq!(shuffled.parse::<toml::Table>().expect(&shuffled), table, "{shuffled}");
            written.insert(shuffled);
        }
        assert_eq!(written.len(), 100);
    }
}

#[test]
fn the_order_and_the_notation_of_tables_change_nothing() {
    let (project, outs) = fresh();
    for (dir, expected) in outs {
        // mesh.toml and the files that it includes.
        let files =
            project.files(&dir).into_keys().filter(|file| file.ends_with(".toml") && !file.ends_with("Cargo.toml"));
        let tables: Vec<(PathBuf, toml::Table)> =
            files.map(|file| dir.join(file)).map(|file| (file.clone(), project.read(&file).parse().unwrap())).collect();
        for seed in 0..30 {
            let mut shuffled = String::new();
            for (file, table) in &tables {
                let text = Shuffler::new(seed).file(table);
                project.write(file, &text);
                shuffled.push_str(&text);
            }
            Ran::of(&render(&project, &dir).output().unwrap()).ends(0, &[]);
            assert_same(&project.files(dir.join("out")), &expected, &shuffled);
            project.remove(dir.join("out"));
        }
    }
}

#[test]
fn line_endings_of_mesh_toml_change_nothing() {
    renders_the_same("CRLF", |project, dir| {
        let file = dir.join("mesh.toml");
        let text = project.read(&file);
        project.write(&file, text.replace('\n', "\r\n"));
        render(project, dir)
    });
}

/// TOML does not define the line endings of a multi-line string, and git can turn them into CRLF.
#[test]
fn line_endings_in_a_string_change_nothing() {
    for quotes in ["\"\"\"", "'''"] {
        let project = Project::small();
        project.edit("mesh.toml", "config = { level = \"low\" }", &format!("config-text = {quotes}\na\n  b\n{quotes}"));
        project.run(&["render"]).ends(0, &[]);
        project.write("mesh.toml", project.read("mesh.toml").replace('\n', "\r\n"));
        project.run(&["check"]).ends(0, &[]);
        // An escaped CR is intended.
        if quotes.starts_with('"') {
            project.edit("mesh.toml", "  b", "  b\\r\\n");
            project.run(&["render"]).ends(0, &[]);
            assert!(project.read("out/envoyfilters/shop/wasm-one.yaml").contains("b\\r\\n"));
        }
    }
}

#[test]
fn the_number_of_threads_changes_nothing() {
    for threads in ["1", "2", "7"] {
        renders_the_same(threads, |project, dir| {
            let mut command = render(project, dir);
            command.env("RAYON_NUM_THREADS", threads);
            command
        });
    }
}

#[test]
fn the_directory_of_the_project_changes_nothing() {
    renders_the_same("from the root, -f FILE", |project, dir| {
        let file = project.text_path(dir.join("mesh.toml"));
        let mut command = project.command(&["render", "-f", &file]);
        command.current_dir("/");
        command
    });
    renders_the_same("-f DIRECTORY, from the project", |project, dir| {
        let dir = if dir == Path::new("") { Path::new(".") } else { dir };
        project.command(&["render", "-f", dir.to_str().expect("UTF-8")])
    });
    renders_the_same("from a directory below", |project, dir| {
        let below = dir.join("be low/ä");
        project.create_dir(&below);
        render(project, &below)
    });
    renders_the_same("through a link", |project, dir| {
        let link = format!("link-{}", dir.to_str().expect("UTF-8").replace('/', "-"));
        project.link(&link, project.path(dir));
        let mut command = project.command(&["render", "-f", &format!("{link}/mesh.toml")]);
        command.env("PWD", "/nowhere");
        command
    });
}

#[test]
fn the_environment_changes_nothing() {
    let variables = [
        ("LANG", "tr_TR.UTF-8"),
        ("LC_ALL", "C"),
        ("LC_ALL", "de_DE.UTF-8"),
        ("TZ", "Pacific/Chatham"),
        ("HOME", "/nonexistent"),
        ("HOME", "/proc"),
        ("XDG_CONFIG_HOME", "/proc"),
        ("TMPDIR", "/nonexistent"),
        ("USER", "someone"),
        ("HOSTNAME", "elsewhere"),
        ("SOURCE_DATE_EPOCH", "1"),
        ("NO_COLOR", "1"),
        ("CLICOLOR_FORCE", "1"),
        ("RUST_BACKTRACE", "1"),
        ("CI", "true"),
    ];
    for (name, value) in variables {
        renders_the_same(name, |project, dir| {
            let mut command = render(project, dir);
            command.env(name, value);
            command
        });
    }
    renders_the_same("no environment", |project, dir| {
        let mut command = render(project, dir);
        command.env_clear();
        command
    });
}

#[test]
fn the_umask_changes_no_byte() {
    for umask in ["000", "077"] {
        renders_the_same(umask, |project, dir| {
            let mut command = Command::new("sh");
            command.args(["-c", &format!("umask {umask} && exec \"$0\" render"), env!("CARGO_BIN_EXE_mesh-compile")]);
            command.current_dir(project.path(dir));
            command
        });
    }
}

#[test]
fn times_and_modes_of_the_sources_change_nothing() {
    for seconds in [0, 1, 4_000_000_000] {
        renders_the_same("times", |project, dir| {
            let time = SystemTime::UNIX_EPOCH + Duration::from_secs(seconds);
            for file in [dir.join("mesh.toml"), "filter/example-filter.wasm".into()] {
                let file = File::options().write(true).open(project.path(file)).expect("a file");
                file.set_modified(time).expect("a time");
                let mut permissions = file.metadata().expect("metadata").permissions();
                permissions.set_readonly(true);
                file.set_permissions(permissions).expect("a mode");
            }
            render(project, dir)
        });
    }
}

/// Rendering over an older out/ produces the same as rendering into an empty directory.
#[test]
fn an_older_out_changes_nothing() {
    renders_the_same("an old render", |project, dir| {
        let module = "filter/example-filter.wasm";
        let bytes = std::fs::read(project.path(module)).expect("a module");
        project.write(module, [&bytes, &b"\0\x02\x01x"[..]].concat());
        Ran::of(&render(project, dir).output().expect("mesh-compile runs")).ends(0, &[]);
        project.write(module, bytes);
        render(project, dir)
    });
}

#[test]
fn the_stream_contains_the_files() {
    let (project, outs) = fresh();
    // `--stdout` prints one environment.
    for (dir, expected) in outs.into_iter().filter(|(_, files)| files.contains_key("mesh.lock")) {
        let stream = Ran::of(&render(&project, &dir).arg("--stdout").output().unwrap()).ends(0, &[]).stdout;
        let files = expected
            .iter()
            .filter(|(path, _)| path.as_str() != "mesh.lock")
            .map(|(path, bytes)| format!("---\n# Source: {path}\n{}", std::str::from_utf8(bytes).unwrap()));
        // Sorted by the components of the path: `a/b` comes before `a-b`.
        let mut files: Vec<_> = files.collect();
        files.sort_by_key(|file| file.lines().nth(1).map(PathBuf::from));
        assert!(stream == files.concat(), "{}", dir.display());
    }
}
