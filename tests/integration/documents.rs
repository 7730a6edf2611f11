//! What the documents say about the project is true.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::project::{Project, repository};

const FENCE: &str = "```console\n";
const ANYTHING: &str = "…";

/// The commands of the console sessions run in order, next to a clone of the repository, and must print what the README shows. A line that
/// consists of `…` stands for any number of lines. `BLESS=1` rewrites the output of the other sessions.
#[test]
fn the_console_sessions_of_the_readme_are_true() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("README.md");
    let readme = fs::read_to_string(&path).unwrap();
    let shell = Shell::new();
    let mut actual = String::new();
    for (number, part) in readme.split(FENCE).enumerate() {
        let session = if number == 0 { None } else { part.split_once("```\n") };
        let Some((session, prose)) = session else {
            actual.push_str(part);
            continue;
        };
        let output = shell.repeat(session);
        let output = if matches(session, &output) { session } else { &output };
        actual.extend([FENCE, output, "```\n", prose]);
    }
    if std::env::var_os("BLESS").is_some() {
        fs::write(&path, actual).unwrap();
    } else {
        assert!(actual == readme, "run with BLESS=1; the README should contain:\n{}", changed(&readme, &actual));
    }
}

#[test]
fn every_dependency_is_explained() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let document = fs::read_to_string(root.join("docs/dependencies.md")).unwrap();
    let rows = document.lines().filter_map(|line| line.strip_prefix("| `"));
    let explained: BTreeSet<_> = rows.filter_map(|row| row.split('`').next()).map(str::to_owned).collect();
    let mut manifests = vec![root.join("Cargo.toml")];
    let crates = root.join("crates").read_dir().into_iter().flatten();
    manifests.extend(crates.map(|entry| entry.unwrap().path().join("Cargo.toml")));
    assert_eq!(manifests.iter().flat_map(dependencies).collect::<BTreeSet<_>>(), explained);
}

/// A path ends at its first placeholder, such as `src/diag/pages/<CODE>.md`.
#[test]
fn every_path_in_the_documents_exists() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let dirs = ["src/", "crates/", "tests/", "scripts/", "docs/", "examples/", "filter/", "fuzz/", "schema/", "./"];
    let mut missing = Vec::new();
    let pages = fs::read_dir(root.join("docs")).unwrap().map(|page| page.unwrap().path());
    let documents = ["ARCHITECTURE.md", "CONTRIBUTING.md", "README.md", "SECURITY.md"].map(|name| root.join(name));
    for document in documents.into_iter().chain(pages) {
        let text = fs::read_to_string(&document).unwrap();
        let code = text.split('`').skip(1).step_by(2);
        for path in code.filter(|code| dirs.iter().any(|dir| code.starts_with(dir))) {
            let path = path.split(['<', '*', '{', ' ']).next().unwrap();
            if !root.join(path).exists() {
                missing.push(format!("{}: {path}", document.display()));
            }
        }
    }
    assert!(missing.is_empty(), "{missing:#?}");
}

/// The packages that a manifest depends on, without those of this workspace.
fn dependencies(manifest: &PathBuf) -> Vec<String> {
    let manifest: toml::Table = fs::read_to_string(manifest).expect("a manifest").parse().expect("TOML");
    let tables = ["dependencies", "dev-dependencies", "build-dependencies"].iter().filter_map(|key| manifest.get(*key));
    let entries = tables.filter_map(toml::Value::as_table).flatten();
    let foreign = entries.filter(|(name, _)| !name.starts_with("mesh-compile"));
    foreign.map(|(name, value)| value.get("package").and_then(toml::Value::as_str).unwrap_or(name).to_owned()).collect()
}

/// Runs commands in a directory that they can change.
struct Shell {
    project: Project,
}

impl Shell {
    fn new() -> Self {
        let project = Project::empty();
        project.link("mesh-compile", repository());
        project.write("state/directory", project.text_path("").trim_end_matches('/'));
        Self { project }
    }

    /// The session with the output that its commands print now.
    fn repeat(&self, session: &str) -> String {
        let commands = session.lines().filter_map(|line| line.strip_prefix("$ "));
        commands.map(|command| format!("$ {command}\n{}", self.run(command))).collect()
    }

    fn run(&self, command: &str) -> String {
        let bin = Path::new(env!("CARGO_BIN_EXE_mesh-compile")).parent().expect("a directory");
        let state = self.project.text_path("state/directory");
        let script = format!("cd \"$(cat {state})\" && {{ {command}\n}} 2>&1; pwd > {state}");
        let output = Command::new("sh")
            .args(["-c", &script])
            .env("PATH", format!("{}:/usr/bin:/bin", bin.display()))
            .env("XDG_CACHE_HOME", self.project.path("cache"))
            .output()
            .expect("a shell");
        String::from_utf8(output.stdout).expect("UTF-8")
    }
}

/// Whether the output fits the session, whose `…` stands for any number of lines.
fn matches(session: &str, output: &str) -> bool {
    let mut rest = output;
    for (number, part) in session.split(&format!("{ANYTHING}\n")).enumerate() {
        let found = if number == 0 { rest.starts_with(part).then_some(0) } else { rest.find(part) };
        let Some(at) = found else { return false };
        rest = &rest[at + part.len()..];
    }
    rest.is_empty() || session.ends_with(&format!("{ANYTHING}\n"))
}

fn changed(before: &str, after: &str) -> String {
    let new = after.lines().filter(|line| !before.lines().any(|old| old == *line));
    new.flat_map(|line| [line, "\n"]).collect()
}
