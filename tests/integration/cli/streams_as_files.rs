//! Pipes, devices and links in place of regular files.

use std::io::Write as _;
use std::process::{Command, Stdio};

use crate::project::{Project, Ran, SPEC, module};

fn with_input(project: &Project, arguments: &[&str], input: &[u8]) -> Ran {
    let mut command = project.command(arguments);
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().expect("mesh-compile starts");
    child.stdin.take().expect("a pipe").write_all(input).expect("mesh-compile reads");
    Ran::of(&child.wait_with_output().expect("mesh-compile ends"))
}

#[test]
fn a_file_on_the_command_line_can_be_standard_input() {
    let project = Project::small();
    with_input(&project, &["inspect", "/dev/stdin"], &module(1)).ends(0, &[]);
    with_input(&project, &["check", "-f", "/dev/stdin"], b"[nonsense]").ends(2, &["/dev/stdin:1:2", "nonsense"]);
    let ran = with_input(&project, &["slim", "/dev/stdin", "-o", "slim.wasm"], &module(1)).ends(0, &[]);
    assert_eq!((ran.stdout, project.read("slim.wasm").into_bytes()), (String::new(), module(1)));
}

#[test]
fn a_file_that_mesh_toml_names_must_be_a_regular_file() {
    let project = Project::small();
    project.remove("one.wasm");
    let made = Command::new("mkfifo").arg(project.path("one.wasm")).status().expect("mkfifo runs");
    assert!(made.success());
    project.edit("mesh.toml", "config = { level = \"low\" }", "config-file = \"directory\"");
    project.create_dir("directory");
    project.run(&["render"]).ends(2, &["it is a pipe, a socket or a device", "it is a directory", "MC0115"]);
}

#[test]
fn output_files_can_be_standard_output_or_a_link() {
    let project = Project::small();
    let slim = project.run(&["slim", "one.wasm", "-o", "/dev/stdout"]).ends(0, &[]);
    assert_eq!(slim.stdout.into_bytes(), module(1));
    let report = project.run(&["verify", "--no-cache", "--junit", "/dev/stdout"]).ends(0, &[]);
    assert!(report.stdout.starts_with("<?xml") && report.stdout.contains("<testsuites"), "{}", report.stdout);
    project.link("latest.xml", "report.xml");
    project.run(&["verify", "--no-cache", "--junit", "latest.xml"]).ends(0, &[]);
    assert!(project.path("latest.xml").is_symlink());
    assert!(project.read("report.xml").contains("<testsuites"));
    project.run(&["slim", "one.wasm", "-o", "."]).ends(2, &["MC0708", "cannot write `.`: it is a directory"]);
}

/// What the program prints to the same file must not overwrite the product.
#[test]
fn standard_output_and_standard_error_can_be_the_same_file() {
    let project = Project::small();
    let lines: [&[&str]; 2] =
        [&["verify", "--no-cache", "--junit", "/dev/stdout"], &["verify", "--no-cache", "--junit", "/dev/stderr"]];
    for arguments in lines {
        project.write("both", "");
        let file = std::fs::File::create(project.path("both")).expect("writable");
        let mut command = project.command(arguments);
        command.stdout(file.try_clone().expect("an open file")).stderr(file);
        assert!(command.status().expect("mesh-compile starts").success());
        let text = project.read("both");
        assert!(text.starts_with("<?xml") && text.contains("</testsuites>"), "{arguments:?}: {text}");
        assert!(text.lines().last().is_some_and(|line| line.contains("passed")), "{arguments:?}: {text}");
    }
}

#[test]
fn names_from_outside_cannot_control_the_terminal_or_start_workflow_commands() {
    let project = Project::small();
    let hostile = "x\u{1b}[2J\u{9b}\u{202e}\u{200b}\u{feff}\u{2028}##[add-mask]z\n::error::y";
    let safe = |text: &str, arguments: &[&str]| {
        let hidden = |c: char| c != '\n' && (c.is_control() || "\u{202e}\u{200b}\u{feff}\u{2028}".contains(c));
        assert!(!text.contains(hidden), "{arguments:?}: {text:?}");
        let starts = text.lines().any(|line| line.trim_start().starts_with("::error::y"));
        assert!(!starts && !text.contains("##["), "{arguments:?}: {text}");
    };
    project.write(format!("{hostile}.wasm"), module(1));
    project.write("text.wasm", "no module");
    project.rename("text.wasm", &format!("{hostile}.text"));
    let (wasm, text) = (format!("{hostile}.wasm"), format!("{hostile}.text"));
    let lines: [&[&str]; 9] = [
        &["inspect", &wasm],
        &["inspect", &text, "--format", "github"],
        &["inspect", &text, "--format", "json"],
        &["inspect", &text],
        &["slim", &wasm, "-o", &text],
        &["explain", hostile],
        &[hostile],
        &["render", hostile],
        &["check", "-f", hostile],
    ];
    for arguments in lines {
        let ran = project.run(arguments);
        safe(&ran.stdout, arguments);
        safe(&ran.stderr, arguments);
        assert!(!ran.stdout.is_empty() || !ran.stderr.is_empty(), "{arguments:?}");
    }
    // Excerpts of a file.
    project.edit("mesh.toml", "\"one.wasm\"", "\"##[add-mask]z.wasm\"");
    for format in ["text", "json", "github"] {
        let arguments = ["check", "--format", format];
        let ran = project.run(&arguments);
        assert!(ran.stderr.contains("add-mask"), "{}", ran.stderr);
        safe(&ran.stderr, &arguments);
    }
}

/// The name of the output directory is in every line of progress.
#[test]
fn the_output_directory_cannot_control_the_terminal() {
    let project = Project::small();
    project.write("mesh.toml", format!("output.dir = \"o\\u001b[2J\\u009b\\u202e\"\n{SPEC}"));
    for arguments in [&["render", "--dry-run"][..], &["render", "-v"], &["check"]] {
        let ran = project.run(arguments).ends(0, &[]);
        let text = ran.stdout + &ran.stderr;
        assert!(text.contains("o␛[2J��"), "{text}");
        assert!(!text.contains(|c: char| c != '\n' && (c.is_control() || c == '\u{202e}')), "{text:?}");
    }
}
