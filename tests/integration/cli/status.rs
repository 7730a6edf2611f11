//! The exit status of every subcommand, in every format.

use std::collections::BTreeSet;

use serde_json::Value;

use super::subcommands;
use crate::project::{Project, Ran};

/// A command line and its exit status. The files are those of [`project`].
const COMMAND_LINES: &[(i32, &[&str])] = &[
    (0, &["render"]),
    (0, &["render", "--verify", "-f", "tested.toml"]),
    (1, &["render", "--verify", "-f", "failing.toml"]),
    (2, &["render", "-f", "broken.toml"]),
    (0, &["check"]),
    (1, &["check", "-f", "drift"]),
    (1, &["check", "--verify", "-f", "failing.toml"]),
    (2, &["check", "-f", "none.toml"]),
    (0, &["verify", "-f", "tested.toml"]),
    (0, &["verify", "one.wasm"]),
    (1, &["verify", "-f", "failing.toml"]),
    (2, &["verify", "-f", "broken.toml"]),
    (0, &["show"]),
    (0, &["show", "web", "-n", "shop", "-l", "app=web"]),
    (2, &["show", "wbe"]),
    (2, &["show", "-f", "broken.toml"]),
    (0, &["inspect", "one.wasm", "two.wasm"]),
    (1, &["inspect", "one.wasm", "text.wasm"]),
    (2, &["inspect", "none.wasm"]),
    (0, &["slim", "one.wasm", "--output", "slim.wasm"]),
    (2, &["slim", "text.wasm", "--output", "slim.wasm"]),
    (0, &["image", "-f", "images.toml", "--output", "images"]),
    (2, &["image", "--output", "images"]),
    (0, &["init", "new"]),
    (2, &["init", "."]),
    (0, &["explain"]),
    (0, &["explain", "MC0102"]),
    (2, &["explain", "MC9999"]),
    (0, &["schema"]),
    (0, &["completions", "bash"]),
];

/// A rendered project, with further files that make commands fail.
fn project() -> Project {
    const TESTS: &str = "[[workloads.web.tests]]\nname = 'continues'\nexpect = { status = 200 }\n";
    let project = Project::rendered();
    let spec = project.read("mesh.toml");
    project.write("tested.toml", format!("output.dir = 'tested'\n{spec}{TESTS}"));
    project.write("failing.toml", format!("output.dir = 'failing'\n{spec}{}", TESTS.replace("200", "404")));
    let image = "source = 'image'\nimage = 'registry.example.com/one'\nmodule = \"";
    let images = spec.replacen("module = \"", image, 1);
    project.write(
        "images.toml",
        format!("output.dir = 'images-out'\n{}", images.replacen("[mesh]", "[mesh]\nkubernetes = '1.35'", 1)),
    );
    project.write("broken.toml", "[mesh");
    project.write("text.wasm", "not a module");
    project.write("drift/mesh.toml", spec.replace("module = \"", "module = \"../"));
    project
}

fn run(project: &Project, arguments: &[&str]) -> Ran {
    let mut command = project.command(arguments);
    command.env("XDG_CACHE_HOME", project.path("cache"));
    Ran::of(&command.output().expect("mesh-compile runs"))
}

#[test]
fn every_subcommand_is_tested_with_every_status_that_it_documents() {
    let project = Project::empty();
    for command in subcommands() {
        let of_command = COMMAND_LINES.iter().filter(|(_, line)| line[0] == command);
        let tested: BTreeSet<i32> = of_command.map(|(status, _)| *status).collect();
        assert!(tested.contains(&0), "{command} has no test");
        let help = project.run(&[command.as_str(), "--help"]).ends(0, &[]).stdout;
        for status in [1, 2] {
            let documented = help.contains(&format!("status {status}")) || help.contains(&format!("  {status}  "));
            assert!(!documented || tested.contains(&status), "{command} has no test that exits with status {status}");
        }
    }
}

#[test]
fn every_command_line_exits_with_its_status_in_text() {
    for (status, line) in COMMAND_LINES {
        let ran = run(&project(), line);
        assert_eq!(ran.code, Some(*status), "{line:?}: {}", ran.stderr);
        assert_eq!(ran.stderr.contains("error["), *status != 0, "{line:?}: {}", ran.stderr);
    }
}

#[test]
fn json_has_an_error_if_and_only_if_the_status_is_not_0() {
    for (status, line) in COMMAND_LINES {
        let ran = run(&project(), &[*line, &["--format", "json"]].concat());
        assert_eq!(ran.code, Some(*status), "{line:?}: {}", ran.stderr);
        let mut errors = 0;
        // A report goes to standard output, diagnostics alone to standard error. Other products are the same in any format.
        let is_report = ["verify", "inspect", "show", "image"].contains(&line[0]);
        for stream in [Some(ran.stdout).filter(|_| is_report), Some(ran.stderr)].into_iter().flatten() {
            assert!(stream.lines().count() <= 1, "{line:?}: {stream}");
            if !stream.is_empty() {
                let document: Value = serde_json::from_str(&stream).expect("JSON");
                assert_eq!(document["version"], 1);
                errors += stream.matches("\"severity\":\"error\"").count();
            }
        }
        assert_eq!(errors > 0, *status != 0, "{line:?}: {errors} errors");
    }
}

#[test]
fn github_has_an_error_if_and_only_if_the_status_is_not_0() {
    for (status, line) in COMMAND_LINES {
        let ran = run(&project(), &[*line, &["--format", "github"]].concat());
        assert_eq!(ran.code, Some(*status), "{line:?}: {}", ran.stderr);
        let is_command = |line: &str| ["::error ", "::warning "].iter().any(|command| line.starts_with(command));
        assert!(ran.stderr.lines().all(is_command), "{line:?}: {}", ran.stderr);
        assert_eq!(ran.stderr.contains("::error "), *status != 0, "{line:?}: {}", ran.stderr);
    }
}
