//! Taplo, which editors use, accepts and rejects the same files with the schema as `render`.

use std::process::Command;

use crate::project::{Project, Ran, SPEC, examples};
use crate::tools::tool;

/// Lints files of a project in one run, with the schema that `mesh-compile schema` prints.
fn lint(project: &Project, files: &[&str]) -> Ran {
    project.write("schema.json", project.run(&["schema"]).ends(0, &[]).stdout);
    let mut taplo = Command::new(tool("taplo"));
    taplo.args(["lint", "--no-auto-config", "--colors", "never", "--cache-path"]).arg(project.path("cache"));
    taplo.arg("--schema").arg(format!("file://{}", project.text_path("schema.json")));
    // Keeps Taplo from reading the configuration of the user.
    taplo.args(files).current_dir(project.path("")).env("HOME", project.path(""));
    Ran::of(&taplo.output().expect("Taplo runs"))
}

#[test]
fn every_example_is_valid() {
    let project = Project::examples();
    project.create_dir("new");
    project.run(&["init", "new"]).ends(0, &[]);
    let files: Vec<_> = examples().into_iter().chain(["new".into()]).map(|dir| dir.join("mesh.toml")).collect();
    lint(&project, &files.iter().map(|file| file.to_str().unwrap()).collect::<Vec<_>>()).ends(0, &[]);
}

/// The comment on the first line contains the path of the schema relative to the file.
#[test]
fn every_schema_comment_names_the_schema() {
    let project = Project::examples();
    project.run(&["init", "new"]).ends(0, &[]);
    for dir in examples().into_iter().chain(["new".into()]) {
        let file = dir.join("mesh.toml");
        let text = project.read(&file);
        let path = text.lines().next().unwrap().strip_prefix("#:schema ").expect("a schema comment");
        assert_eq!(project.read(dir.join(path)), project.run(&["schema"]).stdout, "{}", file.display());
        // Without `--schema`, Taplo uses the comment.
        project.write(&file, format!("{text}\n[nonsense]\n"));
        let mut taplo = Command::new(tool("taplo"));
        taplo.args(["lint", "--no-auto-config", "mesh.toml"]).current_dir(project.path(&dir));
        Ran::of(&taplo.output().unwrap()).ends(1, &["nonsense"]);
    }
}

/// A text in [`SPEC`], its replacement (without the text: an addition), and what Taplo must name. Taplo must accept the file if
/// that is empty.
const CASES: &[(&str, &str, &str)] = &[
    // Misspelled keys, one per table.
    ("", "[mehs]\n", "mehs"),
    ("[mesh]", "[mesh]\nnamspace = \"a\"", "namspace"),
    ("", "[output]\ndirectory = \"a\"\n", "directory"),
    ("", "[rollout]\ngates = \"none\"\n", "gates"),
    ("", "[names]\nconfigmap = \"a\"\n", "configmap"),
    ("module = \"one.wasm\"", "module = \"one.wasm\"\nroot_id = \"a\"", "root_id"),
    ("selector", "selectors", "selectors"),
    ("[\"one\"]", "[{ filter = \"one\", prot = 80 }]", "prot"),
    ("", "[[workloads.web.tests]]\nname = 'a'\nrequests = {}\n", "requests"),
    ("", "[[workloads.web.tests]]\nname = 'a'\nsteps = [{ request.paht = '/' }]\n", "paht"),
    ("", "[[workloads.web.tests]]\nname = 'a'\nupstream.code = 200\n", "code"),
    ("", "[[workloads.web.tests]]\nname = 'a'\nexpect.header = {}\n", "header"),
    ("", "[[workloads.web.tests]]\nname = 'a'\nexpect.upstream.status = 200\n", "anyOf"),
    ("", "[[workloads.web.tests]]\nname = 'a'\nexpect.calls = [{ cluster = 'a', paht = '/' }]\n", "paht"),
    ("", "[[workloads.web.tests]]\nname = 'a'\ncallouts.auth = { code = 200 }\n", "anyOf"),
    ("", "[[workloads.web.tests]]\nname = 'a'\nexpect.headers.a = { match = 'a' }\n", "anyOf"),
    // Wrong types.
    ("", "[workloads.web.tests]\nname = 'a'\n", "array"),
    ("", "[[workloads.web.tests]]\nname = 'a'\nport = 'http'\n", "integer"),
    ("", "[[workloads.web.tests]]\nname = 'a'\ntime = 2025\n", "string"),
    ("", "[[workloads.web.tests]]\nname = 'a'\nrequest = '/'\n", "object"),
    ("", "[[workloads.web.tests]]\nname = 'a'\nrequest.headers.a = 1\n", "anyOf"),
    ("", "[[workloads.web.tests]]\nname = 'a'\nrequest.body = ['a']\n", "anyOf"),
    ("", "[[workloads.web.tests]]\nname = 'a'\nproperties.source.address = 'a'\n", "anyOf"),
    ("", "[[workloads.web.tests]]\nname = 'a'\nexpect.upstream = 'nothing'\n", "anyOf"),
    ("", "[[workloads.web.tests]]\nname = 'a'\nexpect.local-reply = 403\n", "anyOf"),
    ("", "[[workloads.web.tests]]\nname = 'a'\nexpect.log = 'a'\n", "array"),
    ("namespace = \"shop\"", "namespace = 3", "string"),
    ("namespace = \"shop\"", "labels = { a = 1 }", "string"),
    ("", "[output]\ndir = [\"a\"]\n", "string"),
    ("", "[names]\nvolume = true\n", "string"),
    ("namespace = \"shop\"", "include = \"a.toml\"", "array"),
    ("namespace = \"shop\"", "include = [{ pth = \"a.toml\" }]", "anyOf"),
    ("namespace = \"shop\"", "include = [{ path = \"a.toml\", allow = [\"tests\"] }]", "anyOf"),
    ("namespace = \"shop\"", "include = [{ path = \"a.toml\", namespaces = [] }]", "anyOf"),
    ("namespace = \"shop\"", "compiler = 1", "string"),
    ("", "[defaults.filters]\nsilm = true\n", "silm"),
    ("", "[defaults.workloads]\nname = \"a\"\n", "name"),
    ("", "[env.prod.filtres]\n", "filtres"),
    ("", "[env.prod.mesh]\ninclude = [\"a.toml\"]\n", "include"),
    ("", "[env.prod.filters.one]\nmodul = \"a.wasm\"\n", "modul"),
    ("", "[env.prod.filters.one]\nslim = \"yes\"\n", "boolean"),
    ("", "[env.prod]\nunset = \"mesh.namespace\"\n", "array"),
    ("[mesh]", "env = [\"prod\"]\n[mesh]", "object"),
    ("module = \"one.wasm\"", "module = \"one.wasm\"\nallow-precompiled = \"yes\"", "boolean"),
    ("module = \"one.wasm\"", "module = \"one.wasm\"\nenv = { A = 1 }", "string"),
    ("module = \"one.wasm\"", "module = \"one.wasm\"\nenv-from-host = \"A\"", "array"),
    ("config = { level = \"low\" }", "config = \"low\"", "object"),
    ("[\"one\"]", "\"one\"", "array"),
    ("[\"one\"]", "[1]", "anyOf"),
    ("[\"one\"]", "[{ filter = \"one\", port = \"80\" }]", "anyOf"),
    ("{ app = \"web\" }", "\"app=web\"", "object"),
    ("selector = { app = \"web\" }", "volumes = { name = \"a\" }", "array"),
    ("", "[[workloads.db]]\nfilters = [\"one\"]\n", "object"),
    // Values that are not in the list or out of range.
    ("namespace = \"shop\"", "provider = \"gke\"", "gke"),
    ("", "[output]\nlayout = \"helm\"\n", "helm"),
    ("", "[output]\nenvoy-filters = \"one\"\n", "one"),
    ("", "[rollout]\ngate = \"label\"\n", "label"),
    ("", "[rollout]\nconfig-map-name = \"hash\"\n", "hash"),
    ("module = \"one.wasm\"", "module = \"one.wasm\"\non-failure = \"retry\"", "retry"),
    ("module = \"one.wasm\"", "module = \"one.wasm\"\ntype = \"tcp\"", "tcp"),
    ("module = \"one.wasm\"", "module = \"one.wasm\"\nruntime = \"wamr\"", "wamr"),
    ("selector", "kind = 1\nselector", "anyOf"),
    ("selector", "direction = \"in\"\nselector", "in"),
    ("selector", "mount = \"volume\"\nselector", "volume"),
    ("selector", "wasm-log-level = \"warn\"\nselector", "warn"),
    ("[\"one\"]", "[{ filter = \"one\", port = 0 }]", "anyOf"),
    ("[\"one\"]", "[{ filter = \"one\", port = 65536 }]", "anyOf"),
    ("[\"one\"]", "[{ filter = \"one\", insert = \"middle\" }]", "anyOf"),
    ("[\"one\"]", "[]", "less than 1 item"),
    ("", "[[workloads.web.tests]]\nname = 'a'\ndirection = 'any'\n", "any"),
    ("", "[[workloads.web.tests]]\nname = 'a'\nport = 0\n", "minimum"),
    ("", "[[workloads.web.tests]]\nname = 'a'\nseed = -1\n", "minimum"),
    ("", "[[workloads.web.tests]]\nname = 'a'\nupstream.status = 100\n", "minimum"),
    ("", "[[workloads.web.tests]]\nname = 'a'\nexpect.status = 600\n", "maximum"),
    ("", "[[workloads.web.tests]]\nname = 'a'\nsteps = []\n", "less than 1 item"),
    ("", "[[workloads.web.tests]]\nname = 'a'\ncallouts.auth = []\n", "anyOf"),
    ("", "[[workloads.web.tests]]\nname = 'a'\nexpect.headers.a = []\n", "anyOf"),
    // Missing keys.
    ("[\"one\"]", "[{ port = 80 }]", "anyOf"),
    ("", "[[workloads.web.tests]]\nrequest.path = '/'\n", "name"),
    ("", "[[workloads.web.tests]]\nname = 'a'\nexpect.calls = [{ body = 'a' }]\n", "cluster"),
    ("", "[[workloads.web.tests]]\nname = 'a'\nexpect.local-reply = {}\n", "anyOf"),
    // Valid files.
    ("", "", ""),
    ("", "[vars]\na = 1\nb = true\nc = \"d\"\ne = 1.5\nf = [\"g\"]\nh = { i = 1 }\n", ""),
    ("namespace = \"shop\"", "namespace = \"shop\"\nincludes = []", "includes"),
    ("namespace = \"shop\"", "namespace = \"shop\"\ninclude = []\ncompiler = \"*\"", ""),
    ("", "[defaults.filters]\nslim = false\n[defaults.workloads]\nwasm-log-level = \"info\"\n", ""),
    ("", "[env.prod]\n[env.test]\nunset = [\"filters.one.config\"]\n[env.test.filters.one]\nslim = false\n", ""),
    ("", "[env.prod.workloads.web]\nwasm-log-level = \"debug\"\n[env.prod.mesh]\nistio = \"1.27\"\n", ""),
    (
        "[\"one\"]",
        "[{ filter = \"one\", port = 65535, insert = \"first\", config = { a = [1, 2.5, { b = true }] } }]",
        "",
    ),
    ("config = { level = \"low\" }", "config.level.deep.\"er\" = [[1], [\"a\"]]", ""),
    (
        "selector",
        "volumes = [{ name = \"a\", emptyDir = {} }]\nvolume-mounts = [{ name = \"a\", mountPath = \"/a\" }]\nselector",
        "",
    ),
    ("module = \"one.wasm\"", "module = 'one.wasm'\nallow-precompiled = false\nenv = {}\nenv-from-host = []", ""),
    ("[workloads.api]\nnamespace = \"back\"", "[workloads.\"api\"]\nname = \"api\"\nkind = \"Rollout\"", ""),
    ("", TESTS, ""),
    // Errors that no schema can find.
    ("selector", "kind = \"deployment\"\nselector", ""),
    ("filters = [\"one\"]", "", ""),
    ("[\"one\"]", "[\"three\"]", ""),
    ("namespace = \"shop\"", "namespace = \"Shop!\"", ""),
    ("namespace = \"shop\"", "istio = \"one\"", ""),
];

/// Every key of a test.
const TESTS: &str = r#"
[[workloads.web.tests]]
name = "one exchange"
direction = "inbound"
port = 80
time = "2025-01-01T00:00:00Z"
seed = 0
after = "5s"
properties = { "source.address" = "10.0.0.7:4711", a = 1, b = true }
callouts.auth = { status = 200, headers = { a = "1" }, body = "", trailers = {}, after = "10ms" }
callouts.slow = [{ reset = true }, { chunks = ["a"] }]
callouts.grpc = { grpc-status = 0, grpc-message = "", messages = ["a", { base64 = "YQ==" }] }
request = { method = "GET", path = "/", authority = "a", scheme = "http", headers = { b = ["x", "y"] }, body = "a", trailers = {} }
upstream = { status = 200, headers = {}, chunks = ["a", { base64 = "YQ==" }], trailers = { t = "1" } }

[workloads.web.tests.expect]
status = 200
headers = { a = "1", b = ["1", { matches = "2" }], c = { matches = "^c" } }
no-headers = ["x-b"]
body = { base64 = "YQ==" }
trailers = {}
upstream = { headers = {}, no-headers = [], body = { matches = "a" }, trailers = {} }
local-reply = { details = { matches = "a" } }
log = ["a"]
no-log = ["b"]
metrics = { requests = 1 }
calls = [{ cluster = "auth", headers = { ":path" = "/" }, body = "a" }]

[[workloads.web.tests]]
name = "several"
steps = [
  { after = "1s", request = {}, upstream = { reset = true }, expect = { upstream = false, local-reply = true } },
  { expect = { upstream = true, local-reply = false } },
]
"#;

const SHAPE: [&str; 4] = ["MC0102", "MC0103", "MC0104", "MC0105"];

#[test]
fn taplo_and_render_reject_the_same_files() {
    let project = Project::small();
    let name = |i: usize| format!("case-{i:02}.toml");
    for (i, (from, to, _)) in CASES.iter().enumerate() {
        let text = if from.is_empty() { format!("{SPEC}\n{to}") } else { SPEC.replacen(from, to, 1) };
        assert!(SPEC.contains(from), "{from} is not in the spec");
        project.write(name(i), text);
    }
    let names: Vec<_> = (0..CASES.len()).map(name).collect();
    let taplo = lint(&project, &names.iter().map(String::as_str).collect::<Vec<_>>());
    assert_eq!(taplo.code, Some(1), "{}", taplo.stderr);
    assert!(!taplo.stderr.contains("invalid schema"), "{}", taplo.stderr);
    let mut disagreements = String::new();
    for (file, (from, to, named)) in names.iter().zip(CASES) {
        // Taplo prints the errors of a file before a line with its path.
        let end = format!("error=schema validation failed path=\"{}\"", project.text_path(file));
        let findings = taplo.stderr.split(&end).next().filter(|before| before.len() < taplo.stderr.len());
        let findings = findings.map(|before| before.rsplit("schema validation failed path").next().unwrap_or_default());
        let ours = project.run(&["render", "--stdout", "-f", file]);
        let codes: Vec<_> = SHAPE.iter().filter(|code| ours.stderr.contains(**code)).collect();
        let agree = match findings {
            Some(findings) => {
                !named.is_empty() && findings.contains(named) && !codes.is_empty() && ours.code == Some(2)
            }
            None => named.is_empty() && codes.is_empty(),
        };
        if !agree {
            let findings = findings.unwrap_or("nothing");
            disagreements += &format!("== {from} -> {to}\n{named:?} {codes:?}\n{findings}\n{}\n", ours.stderr);
        }
    }
    assert!(disagreements.is_empty(), "{disagreements}");
}
