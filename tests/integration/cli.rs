//! The command line as a user meets it.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use serde_json::Value;

use crate::project::{Project, Ran, SPEC};

const COMMANDS: [&str; 8] = ["render", "check", "inspect", "slim", "init", "explain", "schema", "completions"];

#[test]
fn help_and_version() {
    let project = Project::empty();
    for arguments in [&["--help"][..], &["-h"], &["help"]] {
        let help = project.run(arguments).ends(0, &[]).stdout;
        for named in COMMANDS.iter().chain(&["--file", "--format", "--color", "--quiet", "--verbose", "--version"]) {
            assert!(help.contains(named), "{named} is not in:\n{help}");
        }
    }
    for command in COMMANDS {
        let help = project.run(&[command, "--help"]).ends(0, &[]).stdout;
        assert!(help.starts_with(|first: char| first.is_ascii_uppercase()), "{help}");
        assert!(help.contains("Usage: mesh-compile"), "{help}");
        assert!(help.lines().all(|line| line.chars().count() <= 80), "{help}");
    }
    for flag in ["--version", "-V"] {
        let version = project.run(&[flag]).ends(0, &[]).stdout;
        assert_eq!(version, format!("mesh-compile {}\n", env!("CARGO_PKG_VERSION")));
    }
}

#[test]
fn a_wrong_command_line_ends_in_2() {
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
    project.run(&["rendre"]).ends(2, &["render"]);
    assert!(!project.path("out").exists());
}

#[test]
fn a_mesh_toml_is_found_upward_or_named() {
    let project = Project::rendered();
    project.folder("a/b c");
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
    // The nearest one wins, a folder of that name is none.
    project.folder("a/mesh.toml");
    inside(&["check"]).ends(0, &[]);
    project.write("a/b c/mesh.toml", "[nonsense]");
    inside(&["check"]).ends(2, &["nonsense"]);
    Project::empty().run(&["render"]).ends(2, &["MC0107", "`mesh.toml`"]);
}

#[test]
fn every_code_is_explained() {
    let project = Project::empty();
    let list = project.run(&["explain"]).ends(0, &[]).stdout;
    assert!(list.lines().count() >= 50, "{list}");
    let mut last = String::new();
    for line in list.lines() {
        let (code, title) = line.split_once("  ").expect("a code and its title");
        assert!(code > last.as_str() && !title.is_empty(), "{line}");
        let page = project.run(&["explain", code]).ends(0, &[]).stdout;
        assert!(page.starts_with(&format!("# {code}: {title}\n")), "{page}");
        assert_eq!(page, project.run(&["explain", &code.to_lowercase()]).stdout);
        last = code.to_owned();
    }
    for unknown in ["MC9999", "E0001", ""] {
        let ran = project.run(&["explain", unknown]).ends(2, &["MC0708", unknown]);
        assert_eq!(ran.stdout, "");
    }
}

#[test]
fn the_schema_and_the_completions_are_products() {
    let project = Project::empty();
    let schema = project.run(&["schema"]).ends(0, &[]);
    assert_eq!(schema.stderr, "");
    let schema: Value = serde_json::from_str(&schema.stdout).unwrap();
    assert_eq!(schema["$schema"], "http://json-schema.org/draft-07/schema#");
    for shell in ["bash", "elvish", "fish", "powershell", "zsh"] {
        let script = project.run(&["completions", shell]).ends(0, &[]).stdout;
        assert!(COMMANDS.iter().all(|command| script.contains(command)), "{shell}: {script}");
    }
    let script = project.run(&["completions", "bash"]).stdout;
    project.write("script", script);
    let line = ". ./script && complete -p mesh-compile";
    let bash = Command::new("bash").args(["-c", line]).current_dir(project.path("")).output().unwrap();
    Ran::of(&bash).ends(0, &[]);
}

#[test]
fn a_new_project_renders_at_once() {
    for folder in [".", "new/project"] {
        let project = Project::empty();
        let ran = project.run(&["init", folder]).ends(0, &["mesh-compile render", "core.hooksPath"]);
        assert_eq!(ran.stdout, "");
        let file = format!("{folder}/mesh.toml");
        project.run(&["render", "-f", &file]).ends(0, &["5 created"]);
        project.run(&["check", "-f", &file]).ends(0, &[]);
        for part in [".gitattributes", ".githooks/pre-commit", "filter/Cargo.toml", "filter/src/lib.rs"] {
            assert!(project.path(folder).join(part).is_file(), "{part}");
        }
        let before = project.tree("");
        project.run(&["init", folder]).ends(2, &["MC0708", "mesh.toml", "there already"]);
        assert_eq!(project.tree(""), before);
    }
}

/// A package cannot hold a folder with a Cargo.toml, so `init` embeds the demo filter from src/cli/init.
#[test]
fn init_writes_the_demo_filter_of_this_repository() {
    let project = Project::empty();
    project.run(&["init"]).ends(0, &[]);
    let demo = Path::new(env!("CARGO_MANIFEST_DIR")).join("filter");
    let sources = |folder: &Path| -> BTreeSet<_> {
        folder.join("src").read_dir().unwrap().map(|entry| Path::new("src").join(entry.unwrap().file_name())).collect()
    };
    let mut files = sources(&demo);
    assert_eq!(sources(&project.path("filter")), files);
    files.extend(["Cargo.toml", "Cargo.lock", "example-filter.wasm"].map(PathBuf::from));
    for file in files {
        let written = fs::read(project.path("filter").join(&file)).unwrap();
        assert!(written == fs::read(demo.join(&file)).unwrap(), "{}", file.display());
    }
}

/// The hook judges what is staged: an out/ that was rendered and not added is refused.
#[test]
fn the_hook_of_a_new_project_works() {
    let project = Project::empty();
    project.run(&["init"]).ends(0, &[]);
    let git = |arguments: &[&str]| {
        let ran = Command::new("git").args(arguments).current_dir(project.path("")).output().unwrap();
        assert!(ran.status.success(), "git {arguments:?}");
    };
    git(&["init", "-q"]);
    git(&["add", "--all"]);
    let bin = Path::new(env!("CARGO_BIN_EXE_mesh-compile")).parent().unwrap();
    let hook = || {
        let path = format!("{}:/usr/bin:/bin", bin.display());
        Ran::of(
            &Command::new("./.githooks/pre-commit").current_dir(project.path("")).env("PATH", path).output().unwrap(),
        )
    };
    assert_eq!(hook().code, Some(1));
    project.run(&["render"]).ends(0, &[]);
    assert_eq!(hook().code, Some(1));
    git(&["add", "--all"]);
    hook().ends(0, &[]);
}

#[test]
fn init_keeps_what_is_there() {
    let project = Project::empty();
    for (path, text) in [(".gitignore", "/mine\n"), ("filter/src/lib.rs", "// mine\n"), ("README.md", "mine")] {
        project.write(path, text);
    }
    project.run(&["init"]).ends(0, &["`./.gitignore` already exists and is kept", "filter/src/lib.rs"]);
    assert_eq!(project.read(".gitignore"), "/mine\n");
    assert_eq!(project.read("filter/src/lib.rs"), "// mine\n");
    assert_eq!(project.read("README.md"), "mine");
    project.run(&["render"]).ends(0, &[]);
    let blocked = Project::empty();
    blocked.write("new", "a file");
    blocked.run(&["init", "new"]).ends(2, &["new"]);
    assert_eq!(blocked.read("new"), "a file");
}

#[test]
fn quiet_and_verbose() {
    let project = Project::small();
    let unused = format!("{SPEC}\n[filters.three]\nmodule = \"two.wasm\"\n");
    project.write("mesh.toml", unused);
    project.run(&["render"]).ends(0, &["warning[MC0112]", "out: 10 files"]);
    for flag in ["-q", "--quiet"] {
        let ran = project.run(&["render", flag]).ends(0, &[]);
        assert_eq!((ran.stdout, ran.stderr), (String::new(), String::new()));
    }
    project.edit("mesh.toml", "low", "high");
    assert!(!project.run(&["check", "-q"]).ends(1, &["MC0701"]).stderr.contains("warning"));
    project.run(&["render", "-v"]).ends(0, &["update out/envoyfilters/shop/wasm-one.yaml\n", "update out/mesh.lock\n"]);
}

#[test]
fn json_is_one_document_with_every_field() {
    let project = Project::rendered();
    let json = |arguments: &[&str], code: i32| -> Value {
        let ran = project.run(&[arguments, &["--format", "json"]].concat()).ends(code, &[]);
        assert_eq!(ran.stderr.lines().count(), 1, "{}", ran.stderr);
        serde_json::from_str(&ran.stderr).unwrap()
    };
    assert_eq!(json(&["check"], 0), serde_json::json!({ "version": 1, "diagnostics": [] }));
    assert_eq!(json(&["render"], 0)["version"], 1);
    project.edit("mesh.toml", "namespace = \"back\"", "namspace = \"back\"");
    let found = json(&["check"], 2);
    let finding = found["diagnostics"][0].as_object().unwrap();
    let fields: Vec<_> = finding.keys().map(String::as_str).collect();
    let mut documented =
        ["code", "severity", "message", "file", "line", "column", "end_line", "end_column", "help", "notes", "related"];
    documented.sort_unstable();
    assert_eq!(fields, documented);
    let at = ["line", "column", "end_line", "end_column"].map(|field| finding[field].as_u64().unwrap());
    assert_eq!(at, [16, 1, 16, 9]);
    assert_eq!(finding["file"], "mesh.toml");
    assert_eq!((finding["code"].as_str(), finding["severity"].as_str()), (Some("MC0102"), Some("error")));
    project.write("mesh.toml", SPEC);
    project.remove("out/kustomization.yaml");
    project.write("out/more", "mine");
    let found = json(&["check"], 1);
    let files: Vec<_> =
        found["diagnostics"].as_array().unwrap().iter().map(|it| it["file"].as_str().unwrap()).collect();
    assert_eq!(files, ["out/kustomization.yaml", "out/more"]);
    let stream = project.run(&["render", "--stdout", "--format", "json"]).ends(0, &["{\"version\":1"]);
    assert!(stream.stdout.starts_with("---\n"));
}

#[test]
fn inspect_gives_every_field() {
    let project = Project::small();
    project.write("text.wasm", "hello world");
    let inspect = |file: &str, code: i32| -> Value {
        let ran = project.run(&["inspect", file, "--format", "json"]).ends(code, &[]);
        serde_json::from_str(&ran.stdout).unwrap()
    };
    let fields = |value: &Value| value.as_object().unwrap().keys().cloned().collect::<Vec<_>>();
    let document = inspect("one.wasm", 0);
    assert_eq!(fields(&document), ["diagnostics", "modules", "version"]);
    let module = &document["modules"][0];
    let mut documented = [
        "path",
        "size",
        "sha256",
        "abi",
        "sdk",
        "imports",
        "exports",
        "custom_sections",
        "slim_size",
        "capabilities",
        "min_envoy",
        "loads",
        "findings",
    ];
    documented.sort_unstable();
    assert_eq!(fields(module), documented);
    assert_eq!(fields(&module["exports"][0]), ["name", "type"]);
    assert_eq!((module["path"].as_str(), module["loads"].as_bool()), (Some("one.wasm"), Some(true)));
    assert_eq!(module["size"], project.read("one.wasm").len());
    let refused = &inspect("text.wasm", 1)["modules"][0];
    assert_eq!(fields(refused), documented);
    assert_eq!((&refused["loads"], &refused["findings"][0]["code"]), (&Value::from(false), &Value::from("MC0301")));
    assert_eq!(inspect("none.wasm", 2)["modules"], Value::Array(Vec::new()));
}

#[test]
fn github_gets_its_commands() {
    let project = Project::rendered();
    project.edit("mesh.toml", "namespace = \"back\"", "namspace = \"back\"");
    let ran = project.run(&["check", "--format", "github"]).ends(2, &[]);
    let expected = "::error file=mesh.toml,line=16,col=1,endLine=16,endColumn=9,title=MC0102::";
    assert!(ran.stderr.starts_with(expected), "{}", ran.stderr);
    assert!(ran.stderr.lines().all(|line| line.starts_with("::error ")), "{}", ran.stderr);
    assert_eq!(ran.stdout, "");
}

#[test]
fn colours_are_for_terminals_or_asked_for() {
    let project = Project::empty();
    let plain = project.run(&["check"]).ends(2, &[]).stderr;
    assert!(!plain.contains('\x1b'), "{plain}");
    assert_eq!(project.run(&["check", "--color", "never"]).stderr, plain);
    assert!(project.run(&["check", "--color", "always"]).stderr.contains("\x1b["));
    let json = project.run(&["check", "--color", "always", "--format", "json"]);
    assert!(!json.stderr.contains('\x1b'));
}

/// `| head -0`, and standard error that nobody reads.
#[test]
fn a_reader_that_leaves_is_no_error() {
    let project = Project::examples();
    for arguments in [&["render", "--stdout"][..], &["schema"], &["explain"], &["completions", "zsh"], &["--help"]] {
        let mut child = project.command(arguments).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        drop(child.stdout.take());
        let ran = Ran::of(&child.wait_with_output().unwrap()).ends(0, &[]);
        assert_eq!(ran.stderr, "", "{arguments:?}");
    }
    let mut child = project.command(&["check", "-f", "none"]).stderr(Stdio::piped()).spawn().unwrap();
    drop(child.stderr.take());
    assert_eq!(child.wait().unwrap().code(), Some(2));
}

#[test]
fn findings_go_to_one_stream_and_products_to_the_other() {
    let project = Project::small();
    let unused = format!("{SPEC}\n[filters.three]\nmodule = \"two.wasm\"\n");
    project.write("mesh.toml", unused);
    let stream = project.run(&["render", "--stdout"]).ends(0, &["MC0112"]);
    assert!(!stream.stdout.contains("MC0112") && stream.stdout.starts_with("---\n# Source: configmaps/"));
    let list = project.run(&["render", "--dry-run"]).ends(0, &["MC0112"]);
    assert!(list.stdout.lines().all(|line| line.starts_with("create out/")), "{}", list.stdout);
    assert_eq!(project.run(&["render"]).stdout, "");
    assert_eq!(project.run(&["check"]).stdout, "");
}

/// A pod's annotations hold 262,144 bytes, and the user's own volumes stand in them.
#[test]
fn volumes_that_no_annotation_holds_are_refused() {
    let project = Project::small();
    let spec = project.read("mesh.toml");
    let volume = |n| format!("{{ name = \"v{n}\", configMap = {{ name = \"{}\" }} }}", "n".repeat(60));
    let volumes = |count: usize| (0..count).map(volume).collect::<Vec<_>>().join(", ");
    let with = |count| {
        format!(
            "{spec}\n[workloads.full]\nfilters = [\"one\"]\nselector = {{ app = \"full\" }}\nvolumes = [{}]\n",
            volumes(count)
        )
    };
    project.write("mesh.toml", with(2_000));
    project.run(&["render"]).ends(0, &[]);
    project.write("mesh.toml", with(4_000));
    project.run(&["render"]).ends(2, &["MC0404", "mesh.toml:"]);
}
