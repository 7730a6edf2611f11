//! The modules of src/ form layers. A module imports only what is below it.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use crate::project::repository;

/// From the bottom to the top. `lib` is what src/lib.rs itself declares, `cli` the program.
const LAYERS: [&str; 19] = [
    "domain", "yaml", "objects", "diag", "world", "module", "inspect", "spec", "base", "resolve", "discover",
    "backend", "layout", "store", "images", "show", "verify", "lib", "cli",
];

/// Modules that may import less than everything below them.
const RESTRICTED: [(&str, &[&str]); 3] = [("domain", &[]), ("yaml", &[]), ("objects", &["domain", "yaml"])];

/// Imports between modules that the layers forbid in general, with the reason.
const FORBIDDEN: [(&str, &str, &str); 2] =
    [("resolve", "objects", "the resolved mesh knows no target"), ("spec", "objects", "mesh.toml knows no target")];

#[test]
fn no_module_imports_a_module_above_it() {
    let violations = violations(&imports());
    assert!(violations.is_empty(), "violations, with the files: {violations:#?}");
}

/// Which top-level module imports which, and in what files.
type Imports = BTreeMap<(String, String), BTreeSet<String>>;

/// The violations of the layers, and in what files.
fn violations(imports: &Imports) -> BTreeMap<String, BTreeSet<String>> {
    let layer = |module: &str| LAYERS.iter().position(|layer| *layer == module);
    let mut violations: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for ((from, to), files) in imports {
        let forbidden = FORBIDDEN.iter().any(|(above, below, _)| (*above, *below) == (from.as_str(), to.as_str()));
        let restricted = RESTRICTED.iter().find(|(module, _)| module == from);
        let allowed = restricted.is_none_or(|(_, allowed)| allowed.contains(&to.as_str()));
        let violation = match (layer(from), layer(to)) {
            (None, _) => format!("{from} has no layer"),
            (_, None) => format!("{to} has no layer"),
            (Some(above), Some(below)) if below < above && allowed && !forbidden => continue,
            _ => format!("{from} imports {to}"),
        };
        violations.entry(violation).or_default().extend(files.iter().cloned());
    }
    violations
}

fn imports() -> Imports {
    let src = repository().join("src");
    let files = sources(&src);
    assert!(files.len() > 50, "src/ has more files than {}", files.len());
    let modules: BTreeSet<String> = files.iter().map(|file| module_path(&src, file)[0].clone()).collect();
    let mut imports = Imports::new();
    for file in &files {
        let here = module_path(&src, file);
        let name = file.strip_prefix(&src).expect("below src/").display().to_string();
        for path in paths(&code(&fs::read_to_string(file).expect("UTF-8"))) {
            let Some(to) = target(&here, &path, &modules) else { continue };
            if to != here[0] {
                imports.entry((here[0].clone(), to)).or_default().insert(name.clone());
            }
        }
    }
    imports
}

fn sources(dir: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    for entry in fs::read_dir(dir).expect("a directory") {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            files.extend(sources(&path));
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            files.push(path);
        }
    }
    files
}

/// The path of a file's module: `["diag", "render", "text"]`. The roots of both crates are `["lib"]` and `["cli"]`.
fn module_path(src: &Path, file: &Path) -> Vec<String> {
    let path = file.strip_prefix(src).expect("below src/").with_extension("");
    let mut parts: Vec<String> = path.iter().map(|part| part.to_string_lossy().into_owned()).collect();
    if parts.len() > 1 && parts.last().is_some_and(|last| last == "mod") {
        parts.pop();
    }
    if parts == ["main"] { vec!["cli".to_owned()] } else { parts }
}

/// The top-level module that a path of a file's code names, if it is one of this package.
fn target(here: &[String], path: &[String], modules: &BTreeSet<String>) -> Option<String> {
    let is_program = here[0] == "cli";
    let supers = path.iter().take_while(|segment| *segment == "super").count();
    let in_root = |segment: Option<&String>, root: &str| {
        let module = segment.filter(|name| modules.contains(*name) && *name != "lib");
        Some(module.map_or_else(|| root.to_owned(), Clone::clone))
    };
    match path[0].as_str() {
        "crate" if is_program => Some("cli".to_owned()),
        "crate" => in_root(path.get(1), "lib"),
        "mesh_compile" if is_program => in_root(path.get(1), "lib"),
        // Inline modules, such as `mod tests { use super::*; }`, are one level deeper than their file: a path is in another
        // top-level module only if it leaves the file's own for certain.
        "super" if supers > here.len() => in_root(path.get(supers), "lib"),
        "super" if supers == here.len() && path.get(supers).is_some_and(|name| modules.contains(name)) => {
            in_root(path.get(supers), "lib")
        }
        // Declarations in lib.rs.
        first if here == ["lib"] && modules.contains(first) => in_root(path.first(), "lib"),
        _ => None,
    }
}

/// The code without comments and literals.
fn code(text: &str) -> String {
    let mut code = String::new();
    let mut rest = text;
    while let Some(first) = rest.chars().next() {
        let skipped = if rest.starts_with("//") {
            rest.find('\n').unwrap_or(rest.len())
        } else if rest.starts_with("/*") {
            rest.find("*/").map_or(rest.len(), |end| end + 2)
        } else if first == '"' {
            string_end(rest)
        } else if let Some(end) = raw_string_end(rest).filter(|_| !code.ends_with(|c: char| c.is_alphanumeric())) {
            end
        } else if first == '\'' {
            char_end(rest)
        } else {
            0
        };
        if skipped == 0 {
            code.push(first);
            rest = &rest[first.len_utf8()..];
        } else {
            code.push(' ');
            rest = &rest[skipped..];
        }
    }
    code
}

fn string_end(text: &str) -> usize {
    let mut escaped = false;
    for (at, char) in text.char_indices().skip(1) {
        match char {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            '"' => return at + 1,
            _ => {}
        }
    }
    text.len()
}

/// The length of the raw string that the text begins with: `r#"…"#`, also with a `b`.
fn raw_string_end(text: &str) -> Option<usize> {
    let hashes = text.strip_prefix("br").or_else(|| text.strip_prefix('r'))?;
    let quoted = hashes.trim_start_matches('#');
    let end = format!("\"{}", "#".repeat(hashes.len() - quoted.len()));
    let inner = quoted.strip_prefix('"')?;
    Some(text.len() - inner.len() + inner.find(&end)? + end.len())
}

/// The length of a character literal, or 1 for the quote of a lifetime.
fn char_end(text: &str) -> usize {
    let mut chars = text.char_indices().skip(1);
    match (chars.next(), chars.next()) {
        (Some((_, '\\')), Some(_)) => chars.find(|(_, char)| *char == '\'').map_or(text.len(), |(at, _)| at + 1),
        (Some(_), Some((at, '\''))) => at + 1,
        _ => 1,
    }
}

/// All paths with `::` in the code, those of `use` groups one by one.
fn paths(code: &str) -> Vec<Vec<String>> {
    let tokens = tokens(code);
    let mut paths = Vec::new();
    let mut at = 0;
    while at < tokens.len() {
        // `a::b` after `x::` is part of `x::a::b`, which has been read.
        let starts = is_name(tokens[at]) && tokens.get(at + 1) == Some(&"::") && (at == 0 || tokens[at - 1] != "::");
        at = if starts { tree(&tokens, at, &mut Vec::new(), &mut paths) } else { at + 1 };
    }
    paths
}

/// Reads a path, or a tree of paths in braces, from a token on. Returns the token after it.
fn tree(tokens: &[&str], mut at: usize, prefix: &mut Vec<String>, paths: &mut Vec<Vec<String>>) -> usize {
    let length = prefix.len();
    while at < tokens.len() && is_name(tokens[at]) {
        prefix.push(tokens[at].to_owned());
        at += 1;
        if tokens.get(at) != Some(&"::") {
            break;
        }
        at += 1;
    }
    if tokens.get(at) == Some(&"{") && at > 0 && tokens[at - 1] == "::" {
        at += 1;
        while at < tokens.len() && tokens[at] != "}" {
            at = if is_name(tokens[at]) || tokens[at] == "{" { tree(tokens, at, prefix, paths) } else { at + 1 };
        }
        at += 1;
    } else {
        paths.push(prefix.clone());
    }
    prefix.truncate(length);
    if tokens.get(at) == Some(&"as") { at + 2 } else { at }
}

fn is_name(token: &str) -> bool {
    token.starts_with(|first: char| first.is_alphabetic() || first == '_')
}

/// Names, `::` and single characters; blanks are left out.
fn tokens(code: &str) -> Vec<&str> {
    let mut tokens = Vec::new();
    let mut rest = code.trim_start();
    while let Some(first) = rest.chars().next() {
        let length = if is_name(rest) {
            rest.find(|char: char| !char.is_alphanumeric() && char != '_').unwrap_or(rest.len())
        } else if rest.starts_with("::") {
            2
        } else {
            first.len_utf8()
        };
        tokens.push(&rest[..length]);
        rest = rest[length..].trim_start();
    }
    tokens
}

#[test]
fn paths_are_found_in_code_and_not_in_comments_or_strings() {
    let text = r##"
        //! [`crate::cli`]
        use crate::{diag::{Code, Sink as _}, spec, yaml::*};
        /* crate::no */
        fn f<'a>(text: &'a str) -> char { crate::world::read("crate::no \" \\"); r#"crate::no"#; b"\""; '"' }
        use super::super::x::{self, Y};
    "##;
    let found: Vec<String> = paths(&code(text)).into_iter().map(|path| path.join("::")).collect();
    let expected = [
        "crate::diag::Code",
        "crate::diag::Sink",
        "crate::spec",
        "crate::yaml",
        "crate::world::read",
        "super::super::x::self",
        "super::super::x::Y",
    ];
    assert_eq!(found, expected);
}

#[test]
fn a_path_names_the_module_that_it_leads_to() {
    let modules = ["cli", "diag", "lib", "spec"].map(str::to_owned).into();
    let target = |here: &str, path: &str| {
        let split = |text: &str| text.split("::").map(str::to_owned).collect::<Vec<_>>();
        target(&split(here), &split(path), &modules)
    };
    for (here, path, expected) in [
        ("spec::load", "crate::diag::Sink", Some("diag")),
        ("spec::load", "crate::compile", Some("lib")),
        ("spec", "super::diag::Sink", Some("diag")),
        ("spec::load", "super::super::diag", Some("diag")),
        ("spec::load", "super::diag", None),
        ("spec::load", "super::super::super::compile", Some("lib")),
        ("cli::render", "crate::cli::report", Some("cli")),
        ("cli::render", "mesh_compile::diag::Sink", Some("diag")),
        ("cli::render", "mesh_compile::compile", Some("lib")),
        ("lib", "spec::load", Some("spec")),
        ("spec", "std::fs", None),
    ] {
        assert_eq!(target(here, path).as_deref(), expected, "{path} in {here}");
    }
}
