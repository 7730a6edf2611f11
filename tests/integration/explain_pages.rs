//! The pages of `mesh-compile explain` are correct: each example produces the diagnostic of its page, each fix produces none.
//!
//! Examples are fences that begin with ` ```toml `. If an example has no `[filters…]` table, the test adds the filter `demo`. If
//! it has no `[workloads…]` table, the test adds the workload `web`, which uses `demo`. A fence that begins with ` ```yaml ` is the
//! base. A fix that has only one of the two fences changes the example's.

use std::error::Error;

use camino::Utf8Path;
use mesh_compile::diag::{Code, Diagnostic, Location, Sink};
use mesh_compile::world::{Disk, World as _};
use mesh_compile::{Input, compile};

const FILTER: &str = "[filters.demo]\nmodule = \"filter/example-filter.wasm\"\n\n";
const WORKLOAD: &str = "[workloads.web]\nfilters = [\"demo\"]\n\n";

/// Codes whose page has no example, with the reason.
const WITHOUT_EXAMPLE: [(&str, &str); 62] = [
    ("MC0107", "needs a missing mesh.toml"),
    ("MC0108", "an excerpt is UTF-8"),
    ("MC0118", "needs a signed module"),
    ("MC0125", "needs an included file"),
    ("MC0126", "needs an included file"),
    ("MC0127", "needs an included file"),
    ("MC0129", "needs an included file"),
    ("MC0130", "needs an included file"),
    ("MC0135", "needs an included file"),
    ("MC0303", "needs an invalid module"),
    ("MC0318", "needs a module that crashes Envoy"),
    ("MC0402", "is only reported by `inspect`"),
    ("MC0405", "needs a large configuration"),
    ("MC0502", "needs the files of a base"),
    ("MC0503", "needs the files of a base"),
    ("MC0504", "needs the files of a base"),
    ("MC0505", "needs the files of a base"),
    ("MC0506", "needs the files of a base"),
    ("MC0507", "needs the files of a base"),
    ("MC0508", "needs the files of a base"),
    ("MC0509", "needs the files of a base"),
    ("MC0510", "needs the files of a base"),
    ("MC0511", "needs the files of a base"),
    ("MC0512", "needs the files of a base"),
    ("MC0513", "needs the files of a base"),
    ("MC0514", "needs the files of a base"),
    ("MC0515", "needs the files of a base"),
    ("MC0522", "needs a kustomization"),
    ("MC0538", "needs a kustomization"),
    ("MC0539", "needs a kustomization"),
    ("MC0601", "needs a dry run"),
    ("MC0602", "needs a dry run"),
    ("MC0603", "needs a dry run"),
    ("MC0604", "needs a dry run"),
    ("MC0605", "needs a dry run"),
    ("MC0606", "needs a dry run"),
    ("MC0607", "needs a dry run"),
    ("MC0608", "needs a dry run"),
    ("MC0609", "needs a dry run"),
    ("MC0610", "needs a dry run"),
    ("MC0611", "needs a dry run"),
    ("MC0612", "needs a dry run"),
    ("MC0613", "needs a dry run"),
    ("MC0614", "needs a machine without Envoy"),
    ("MC0615", "needs a dry run"),
    ("MC0616", "needs a dry run"),
    ("MC0617", "needs a dry run"),
    ("MC0618", "needs a dry run"),
    ("MC0619", "needs a dry run"),
    ("MC0620", "needs a dry run"),
    ("MC0701", "needs out/"),
    ("MC0702", "needs out/"),
    ("MC0703", "needs out/"),
    ("MC0704", "needs out/"),
    ("MC0705", "needs out/"),
    ("MC0706", "needs out/"),
    ("MC0707", "needs out/"),
    ("MC0708", "is about the command line"),
    ("MC0709", "needs out/"),
    ("MC0710", "needs out/"),
    ("MC0711", "needs out/"),
    ("MC0712", "needs out/"),
];

/// Examples that are complete without additions.
const WITHOUT_PREAMBLE: [&str; 1] = ["MC0109"];

/// Invalid files that examples name.
const WRONG_FILES: [(&str, &[u8]); 2] =
    [("filter/demo.wat", b"(module)\n"), ("target/wasm32-wasip2/release/demo.wasm", b"\0asm\x0d\0\x01\0")];

/// Modules that examples name, with their fields.
const WRONG_MODULES: [(&str, &str); 13] = [
    ("target/wasm32-wasip1/release/program.wasm", r#"(memory (export "memory") 1) (func (export "_start"))"#),
    ("filter/invalid.wasm", r#"MARKER MEMORY MALLOC HEADERS (func (result i32))"#),
    ("filter/missing-import.wasm", r#"(import "env" "strtol" (func (param i32))) MARKER MEMORY MALLOC HEADERS"#),
    ("filter/import-type.wasm", r#"(import "env" "proxy_log" (func (param i32))) MARKER MEMORY MALLOC HEADERS"#),
    (
        "filter/export-type.wasm",
        r#"MARKER MEMORY MALLOC (func (export "proxy_on_request_headers") (param i32 i32) (result i32) (i32.const 0))"#,
    ),
    (
        "filter/connections.wasm",
        r#"MARKER MEMORY MALLOC (func (export "proxy_on_new_connection") (param i32) (result i32) (i32.const 0))"#,
    ),
    ("filter/no-malloc.wasm", "MARKER MEMORY HEADERS"),
    ("filter/no-memory.wasm", "MARKER MALLOC HEADERS"),
    ("filter/segment.wasm", r#"MARKER MEMORY MALLOC HEADERS (data (i32.const 65535) "ab")"#),
    ("filter/large-memory.wasm", r#"MARKER (memory (export "memory") 16385) MALLOC HEADERS"#),
    ("filter/precompiled.wasm", r#"MARKER MEMORY MALLOC HEADERS (@custom "precompiled_v8" "native")"#),
    (
        "filter/new-function.wasm",
        r#"(import "wasi_snapshot_preview1" "fd_pwrite" (func (param i32 i32 i32 i64 i32) (result i32)))
        MARKER MEMORY MALLOC HEADERS"#,
    ),
    (
        "filter/poll.wasm",
        r#"(import "wasi_snapshot_preview1" "poll_oneoff" (func (param i32 i32 i32 i32) (result i32)))
        MARKER MEMORY MALLOC HEADERS"#,
    ),
];

/// The fields that the words in [`WRONG_MODULES`] stand for.
const WORDS: [(&str, &str); 4] = [
    ("MARKER", r#"(func (export "proxy_abi_version_0_2_1"))"#),
    ("MEMORY", r#"(memory (export "memory") 1)"#),
    ("MALLOC", r#"(func (export "malloc") (param i32) (result i32) (i32.const 0))"#),
    ("HEADERS", r#"(func (export "proxy_on_request_headers") (param i32 i32 i32) (result i32) (i32.const 0))"#),
];

type Outcome = Result<(), Box<dyn Error>>;

#[test]
fn each_example_produces_the_code_of_its_page() -> Outcome {
    let temp = temp_dir()?;
    let dir = Utf8Path::from_path(temp.path()).ok_or("a directory that is not UTF-8")?;
    let mut without = Vec::new();
    for &code in Code::ALL {
        let examples = excerpts(code, "## Example");
        if examples.is_empty() {
            without.push(code.as_str());
        }
        for example in examples {
            let found = findings(dir, code, &example)?;
            assert!(found.contains(&code.as_str()), "{}: produces {found:?} from\n{example:?}", code.as_str());
            let others: Vec<_> = found.iter().filter(|id| **id != code.as_str()).collect();
            assert!(others.is_empty(), "{}: also produces {others:?} from\n{example:?}", code.as_str());
        }
    }
    assert_eq!(without, WITHOUT_EXAMPLE.map(|(id, _)| id));
    Ok(())
}

#[test]
fn no_fix_produces_a_diagnostic() -> Outcome {
    let temp = temp_dir()?;
    let dir = Utf8Path::from_path(temp.path()).ok_or("a directory that is not UTF-8")?;
    let mut fixes = 0;
    let mut wrong = Vec::new();
    for &code in Code::ALL {
        for fix in excerpts(code, "## Fix") {
            let found = findings(dir, code, &fix)?;
            if !found.is_empty() {
                wrong.push(format!("{}: produces {found:?} from\n{fix:?}", code.as_str()));
            }
            fixes += 1;
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(fixes > 20, "found only {fixes} fixes");
    Ok(())
}

/// A directory with the files that the examples name.
fn temp_dir() -> Result<tempfile::TempDir, Box<dyn Error>> {
    let temp = tempfile::tempdir()?;
    let write = |path: &str, bytes: &[u8]| {
        let path = temp.path().join(path);
        path.parent().map_or(Ok(()), std::fs::create_dir_all).and_then(|()| std::fs::write(path, bytes))
    };
    let module = include_bytes!("../../filter/example-filter.wasm");
    write("filter/example-filter.wasm", module)?;
    // A large custom section: the length as a LEB128 number of four bytes, an empty name, zeros.
    let mut large = [&module[..], &[0, 0x80, 0x80, 0xc0, 0x00]].concat();
    large.resize(large.len() + 0x10_0000, 0);
    write("target/wasm32-wasip1/debug/demo.wasm", &large)?;
    write("filter/large.json", &[b' '; 1_600_000])?;
    for (path, name) in [("deploy/shop.yaml", "web"), ("deploy/payments/api.yaml", "api")] {
        let template = "{ metadata: { labels: { app: web } } }";
        let head = "apiVersion: apps/v1\nkind: Deployment";
        write(path, format!("{head}\nmetadata: {{ name: {name} }}\nspec: {{ template: {template} }}\n").as_bytes())?;
    }
    for (path, bytes) in WRONG_FILES {
        write(path, bytes)?;
    }
    for (path, fields) in WRONG_MODULES {
        let fields = WORDS.iter().fold(fields.to_owned(), |fields, (word, text)| fields.replace(word, text));
        write(path, &wat::parse_str(format!("(module {fields})"))?)?;
    }
    Ok(temp)
}

#[test]
fn every_rule_about_the_base_labels_the_line_of_mesh_toml_and_the_line_of_the_base() -> Outcome {
    let temp = temp_dir()?;
    let dir = Utf8Path::from_path(temp.path()).ok_or("a directory that is not UTF-8")?;
    let mut rules = 0;
    for &code in Code::ALL.iter().filter(|code| ("MC0520".."MC0560").contains(&code.as_str())) {
        for example in excerpts(code, "## Example") {
            let (world, found) = compiled(dir, code, &example)?;
            let found = found.into_iter().find(|it| it.code == code).ok_or("not reported")?;
            let file = |location: Location| world.sources().get(location.file).path.file_name().map(ToOwned::to_owned);
            let primary = found.primary.as_ref().and_then(|label| file(label.location));
            assert_eq!(primary.as_deref(), Some("mesh.toml"), "{found:?}");
            let related = found.related.iter().filter_map(|label| file(label.location));
            assert!(related.into_iter().any(|name| name != "mesh.toml"), "{found:?}");
            rules += 1;
        }
    }
    assert!(rules > 15, "found only {rules} examples");
    Ok(())
}

/// The codes that the compiler reports for an example, each once.
fn findings(dir: &Utf8Path, code: Code, excerpt: &Excerpt) -> Result<Vec<&'static str>, Box<dyn Error>> {
    let (_, found) = compiled(dir, code, excerpt)?;
    let mut codes: Vec<_> = found.iter().map(|finding| finding.code.as_str()).collect();
    codes.sort_unstable();
    codes.dedup();
    Ok(codes)
}

/// What the compiler reports for an example.
fn compiled(dir: &Utf8Path, code: Code, excerpt: &Excerpt) -> Result<(Disk, Vec<Diagnostic>), Box<dyn Error>> {
    let spec = &excerpt.toml;
    let declares = |table: &str| spec.lines().any(|line| line.starts_with(table));
    let whole = WITHOUT_PREAMBLE.contains(&code.as_str());
    let mut text = String::new();
    if !excerpt.yaml.is_empty() {
        std::fs::write(dir.join("base.yaml"), &excerpt.yaml)?;
        text.push_str("[mesh]\nbase = \"base.yaml\"\n\n");
    }
    for (table, preamble) in [("[filters", FILTER), ("[workloads", WORKLOAD)] {
        if !whole && !declares(table) {
            text.push_str(preamble);
        }
    }
    text.push_str(spec);
    let file = dir.join("mesh.toml");
    std::fs::write(&file, text)?;
    let mut sink = Sink::new();
    let world = Disk::new();
    let rendered = compile(&world, &Input { file: &file, environments: &[], base: None }, &mut sink);
    assert_eq!(
        rendered.is_none(),
        sink.has_errors(),
        "{}: rendered with an error, or failed without one",
        code.as_str()
    );
    let found = sink.into_sorted(world.sources());
    Ok((world, found))
}

/// A mesh.toml, and its base if there is any.
#[derive(Debug, Default, Clone)]
struct Excerpt {
    toml: String,
    yaml: String,
}

/// The fences in a section of a page. A base and the mesh.toml after it are one excerpt.
fn excerpts(code: Code, section: &str) -> Vec<Excerpt> {
    let mut excerpts: Vec<Excerpt> = Vec::new();
    let mut last = Excerpt::default();
    let (mut here, mut pending) = (false, false);
    let mut open: Option<(&str, String)> = None;
    for line in code.page().lines() {
        match (&mut open, line) {
            (Some(_), "```") => {
                let (language, text) = open.take().expect("it is open");
                // A part of a kustomization is no base.
                if language == "yaml" && !text.contains("apiVersion:") {
                    continue;
                }
                // A base alone, or a mesh.toml after another one, is an excerpt of its own.
                if language == "yaml" && pending {
                    excerpts.push(last.clone());
                }
                pending = here && language == "yaml";
                if language == "yaml" {
                    last.yaml = text
                } else {
                    last.toml = text
                }
                if here && language == "toml" {
                    excerpts.push(last.clone());
                }
            }
            (Some((_, excerpt)), line) => excerpt.extend([line, "\n"]),
            (None, "```toml") => open = Some(("toml", String::new())),
            (None, "```yaml") => open = Some(("yaml", String::new())),
            (None, line) if line.starts_with("## ") => {
                if pending {
                    excerpts.push(last.clone());
                }
                (here, pending) = (line == section, false);
            }
            _ => {}
        }
    }
    assert!(open.is_none(), "{}: an unterminated fence", code.as_str());
    if pending {
        excerpts.push(last);
    }
    excerpts
}
