//! Help, version and invalid command lines.

use super::subcommands;
use crate::project::Project;

#[test]
fn help_names_every_command_and_every_global_option() {
    let project = Project::empty();
    for arguments in [&["--help"][..], &["-h"], &["help"]] {
        let help = project.run(arguments).ends(0, &[]).stdout;
        for named in ["--file", "--format", "--color", "--quiet", "--verbose", "--version"] {
            assert!(help.contains(named), "{named} is not in:\n{help}");
        }
    }
    for flag in ["--version", "-V"] {
        let version = project.run(&[flag]).ends(0, &[]).stdout;
        assert_eq!(version, format!("mesh-compile {}\n", env!("CARGO_PKG_VERSION")));
    }
}

#[test]
fn every_command_has_help_of_at_most_80_columns() {
    let project = Project::empty();
    for command in subcommands() {
        let help = project.run(&[&command, "--help"]).ends(0, &[]).stdout;
        assert!(help.starts_with(|first: char| first.is_ascii_uppercase()), "{help}");
        assert!(help.contains(&format!("Usage: mesh-compile {command}")), "{help}");
        assert!(help.lines().all(|line| line.chars().count() <= 80), "{help}");
    }
}

#[test]
fn an_invalid_command_line_exits_with_status_2() {
    let project = Project::small();
    let lines: [&[&str]; 9] = [
        &[],
        &["rendre"],
        &["render", "--nothing"],
        &["render", "too", "much"],
        &["render", "--stdout", "--dry-run"],
        &["check", "-q", "-v"],
        &["check", "--format", "xml"],
        &["completions", "tcsh"],
        &["completions"],
    ];
    for line in lines {
        let ran = project.run(line).ends(2, &["--help"]);
        assert_eq!(ran.stdout, "");
    }
    project.run(&["rendre"]).ends(2, &["'render'"]);
    assert!(!project.path("out").exists());
}
