//! Each command that mesh-compile prints pushes the image that the manifests in out/ name.

use super::registry::Registry;
use super::written::*;

/// The programs, with the option for a registry without TLS.
const PROGRAMS: [(&str, &str); 3] =
    [("skopeo", "--dest-tls-verify=false"), ("oras", "--to-plain-http"), ("crane", "--insecure")];

const PATCH: &str = "out/patches/default/deployment-web.yaml";

/// Pushes with the printed command of a program, and asks the registry for the image.
#[test]
fn every_program_keeps_the_digest() {
    for (program, option) in PROGRAMS {
        keeps_the_digest(program, option);
    }
}

fn keeps_the_digest(program: &str, option: &str) {
    let registry = Registry::start();
    let project = project(&registry.host(), "");
    project.run(&["render"]).ends(0, &[]);
    let (name, digest) = mounted(&project, PATCH);
    assert_eq!(name, format!("{}/filters/one", registry.host()));

    let printed = commands(&project);
    let command = command_of(&printed, program);
    stdout(&project, &format!("{command} {option}"));

    let manifest = blob(&project, &digest);
    assert_eq!(registry.manifest("filters/one", &digest), manifest);
    // Without a tag, a registry may delete it.
    let (_, tag) = command.rsplit_once(':').expect("a tag");
    assert_eq!(registry.manifest("filters/one", tag), manifest);
}

/// skopeo cannot read a directory with `:` in its name, and ORAS none with `@`.
#[test]
fn the_printed_commands_read_any_directory() {
    let registry = Registry::start();
    let project = project(&registry.host(), "");
    for (layout, expected) in [("the images", 3), ("job@2", 2), ("images:2", 2), ("it's", 3)] {
        let printed = commands_for(&project, layout);
        let mut pushed = 0;
        for command in &printed {
            let program = PROGRAMS.iter().find(|(program, _)| command.split(' ').next() == Some(program));
            if let Some((_, option)) = program {
                stdout(&project, &format!("{command} {option}"));
                pushed += 1;
            }
        }
        assert_eq!(pushed, expected, "{printed:#?}");
    }
}
