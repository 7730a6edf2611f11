//! Which mesh.toml a command reads.

use crate::project::{Project, Ran};

#[test]
fn a_command_reads_the_nearest_mesh_toml_or_the_one_named() {
    let project = Project::rendered();
    project.create_dir("a/b c");
    let inside = |arguments: &[&str]| {
        let mut command = project.command(arguments);
        Ran::of(&command.current_dir(project.path("a/b c")).output().expect("mesh-compile runs"))
    };
    inside(&["check"]).ends(0, &["../../out: 10 files"]);
    inside(&["check", "-f", "../.."]).ends(0, &[]);
    inside(&["check", "--file", "../../mesh.toml"]).ends(0, &[]);
    inside(&["-f", &project.text_path("mesh.toml"), "check"]).ends(0, &[]);
    inside(&["check", "-f", "."]).ends(2, &["MC0107", "mesh.toml", "mesh-compile init"]);
    inside(&["check", "-f", "none.toml"]).ends(2, &["MC0107", "none.toml"]);
    // The nearest file wins. A directory named mesh.toml does not count.
    project.create_dir("a/mesh.toml");
    inside(&["check"]).ends(0, &[]);
    project.write("a/b c/mesh.toml", "[nonsense]");
    inside(&["check"]).ends(2, &["nonsense"]);
    Project::empty().run(&["render"]).ends(2, &["MC0107", "`mesh.toml`"]);
}

#[test]
fn an_included_mesh_toml_is_not_the_mesh() {
    let project = Project::rendered();
    let team = "[filters.own]\nmodule = \"../../none.wasm\"\n[workloads.own]\nfilters = [\"own\"]\n";
    project.create_dir("teams/a");
    project.write("teams/a/mesh.toml", team);
    let inside = |dir: &str, arguments: &[&str]| {
        let mut command = project.command(arguments);
        Ran::of(&command.current_dir(project.path(dir)).output().expect("mesh-compile runs"))
    };
    // Without the include, it is a mesh of its own.
    inside("teams/a", &["check"]).ends(2, &["none.wasm"]);
    let spec = project.read("mesh.toml");
    project.write("mesh.toml", format!("mesh.include = [\"teams/*/mesh.toml\"]\n{spec}"));
    project.create_dir("teams/a/deeper");
    for (dir, root) in
        [("teams/a", "../../mesh.toml"), ("teams/a/deeper", "../../../mesh.toml"), ("teams", "../mesh.toml")]
    {
        for command in ["render", "check", "show", "verify"] {
            let arguments = if dir == "teams" { vec![command, "-f", "a"] } else { vec![command] };
            inside(dir, &arguments).ends(2, &["MC0135", &format!("`-f {root}`")]);
        }
    }
    assert!(!project.path("teams/a/out").exists());
}
