//! What a user sees and gets, case by case. Every folder `tests/cases/<topic>/<case>/` is a test of its own:
//!
//! - `mesh.toml` and whatever else is an input. All of it is copied to a temporary folder, in which the commands run; a `.wat` is
//!   assembled to a `.wasm` there. `http.wasm` and `network.wasm`, from `tests/modules/`, are always there.
//! - `files.toml` holds inputs that would not survive as text files: by path, a string with its escapes, `{ hex = "…" }`, or
//!   `{ wasm-of-size = 1048576 }`, the HTTP module padded with a custom section, or `{ wasm-of-size = 1048576, debug = 4096 }`, of
//!   which so much is a debug section, or `{ blanks = 1500000 }`.
//! - `cmd` says what is run, a command a line; without it that is `mesh-compile render`. `cp`, `rm` and `mkdir` are known too.
//! - `expected` is what each command printed and how it ended, `out/` is what was there afterwards, byte for byte.
//!
//! `BLESS=1 cargo test --test golden` writes `expected` and `out/` anew: read the difference before it is committed.

#![allow(clippy::disallowed_methods, reason = "tests read and write files of their own")]

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use libtest_mimic::{Arguments, Failed, Trial};
use mesh_compile::diag::Code;

/// Files by their path from the folder they were read from.
type Files = BTreeMap<String, Vec<u8>>;

const ROOT: &str = env!("CARGO_MANIFEST_DIR");

fn main() -> Result<(), Failed> {
    let bless = std::env::var_os("BLESS").is_some();
    let mut trials = vec![Trial::test("every_code_has_a_case", every_code_has_a_case)];
    for topic in folders(&Path::new(ROOT).join("tests/cases"))? {
        for case in folders(&topic)? {
            let name = [&topic, &case].map(|folder| folder.file_name().unwrap_or_default().to_string_lossy());
            trials.push(Trial::test(name.join("/"), move || check(&case, bless)));
        }
    }
    libtest_mimic::run(&Arguments::from_args(), trials).exit()
}

fn check(case: &Path, bless: bool) -> Result<(), Failed> {
    let mut expected = read(case)?;
    let temp = tempfile::tempdir()?;
    let inputs = inputs(&mut expected)?;
    write(temp.path(), &inputs)?;
    let commands = expected.remove("cmd").map_or(Ok("mesh-compile render".into()), String::from_utf8)?;
    expected.retain(|path, _| path == "expected" || path.starts_with("out/"));

    let mut transcript = String::new();
    for command in commands.lines() {
        run(command, temp.path(), &mut transcript)
            .map_err(|error| format!("{command}: {}", error.message().unwrap_or_default()))?;
    }
    let mut found = read(temp.path())?;
    found.retain(|path, _| path.starts_with("out/"));
    found.insert("expected".to_owned(), transcript.into_bytes());
    if bless {
        expected.keys().try_for_each(|path| fs::remove_file(case.join(path)))?;
        return write(case, &found);
    }
    let paths: BTreeSet<&String> = expected.keys().chain(found.keys()).collect();
    let differences = paths.into_iter().filter_map(|path| difference(path, expected.get(path), found.get(path)));
    let differences: Vec<String> = differences.collect();
    if differences.is_empty() { Ok(()) } else { Err(differences.join("\n").into()) }
}

/// Takes the inputs out of a case's files.
fn inputs(case: &mut Files) -> Result<Files, Failed> {
    let mut inputs = Files::new();
    for name in ["http", "network"] {
        inputs.insert(
            format!("{name}.wasm"),
            wat::parse_file(Path::new(ROOT).join(format!("tests/modules/{name}.wat")))?,
        );
    }
    if let Some(odd) = case.remove("files.toml") {
        for (path, content) in toml::from_str::<toml::Table>(&String::from_utf8(odd)?)? {
            let bytes = content_of(&content, &inputs["http.wasm"]).ok_or(format!("files.toml: what is `{path}`?"))?;
            inputs.insert(path, bytes);
        }
    }
    for (path, bytes) in case.iter().filter(|(path, _)| !path.starts_with("out/")) {
        match path.strip_suffix(".wat") {
            Some(stem) => inputs.insert(format!("{stem}.wasm"), wat::parse_bytes(bytes)?.into_owned()),
            None if matches!(path.as_str(), "cmd" | "expected") => None,
            None => inputs.insert(path.clone(), bytes.clone()),
        };
    }
    Ok(inputs)
}

/// The bytes that an entry of files.toml stands for.
fn content_of(content: &toml::Value, module: &[u8]) -> Option<Vec<u8>> {
    if let Some(text) = content.as_str() {
        return Some(text.into());
    }
    if let Some(hex) = content.get("hex") {
        let digits: Vec<char> = hex.as_str()?.chars().filter(|digit| *digit != ' ').collect();
        return digits.chunks(2).map(|byte| u8::from_str_radix(&String::from_iter(byte), 16).ok()).collect();
    }
    let number = |key: &str| content.get(key).and_then(|number| usize::try_from(number.as_integer()?).ok());
    if let Some(size) = number("blanks") {
        return Some(vec![b' '; size]);
    }
    let size = number("wasm-of-size")?;
    let debug = number("debug").map_or(Some(Vec::new()), |size| custom_section(".debug_info", size))?;
    let padding = custom_section("", size.checked_sub(module.len() + debug.len())?)?;
    Some([module, &padding, &debug].concat())
}

/// Section 0, its length in four LEB128 bytes, its name, zeros.
fn custom_section(name: &str, size: usize) -> Option<Vec<u8>> {
    let length = size.checked_sub(5)?;
    let leb128 = [0, 7, 14, 21].map(|shift| (length >> shift & 0x7f) as u8 | if shift < 21 { 0x80 } else { 0 });
    let mut section = [&[0], &leb128[..], &[u8::try_from(name.len()).ok()?], name.as_bytes()].concat();
    section.resize(size, 0);
    Some(section)
}

/// Runs one line of `cmd` in `folder` and writes down what `mesh-compile` said.
fn run(command: &str, folder: &Path, transcript: &mut String) -> Result<(), Failed> {
    let words: Vec<&str> = command.split_whitespace().collect();
    match words.as_slice() {
        ["cp", from, to] => drop(fs::copy(folder.join(from), folder.join(to))?),
        ["rm", path] => fs::remove_file(folder.join(path))?,
        ["mkdir", path] => fs::create_dir_all(folder.join(path))?,
        ["mesh-compile", args @ ..] => {
            let mut program = Command::new(env!("CARGO_BIN_EXE_mesh-compile"));
            let output = program.args(args).current_dir(folder).env_clear().output()?;
            let exit = output.status.code().filter(|code| *code <= 2).ok_or(format!("{output:?}"))?;
            writeln!(transcript, "$ {command}")?;
            for (stream, bytes) in [("stdout", output.stdout), ("stderr", output.stderr)] {
                if !bytes.is_empty() {
                    write!(transcript, "--- {stream}\n{}", String::from_utf8(bytes)?)?;
                }
            }
            writeln!(transcript, "--- exit {exit}")?;
        }
        _ => return Err("not a command of these tests".into()),
    }
    Ok(())
}

/// Where a file is first not what it should be.
fn difference(path: &str, expected: Option<&Vec<u8>>, found: Option<&Vec<u8>>) -> Option<String> {
    let (expected, found) = match (expected, found) {
        (Some(expected), Some(found)) if expected == found => return None,
        (Some(expected), Some(found)) => (String::from_utf8_lossy(expected), String::from_utf8_lossy(found)),
        (Some(_), None) => return Some(format!("{path}: was not made")),
        (None, found) => {
            let found = String::from_utf8_lossy(found?);
            return Some(format!("{path}: was not expected (BLESS=1 makes it so)\n{found}"));
        }
    };
    let (mut left, mut right) = (expected.split('\n'), found.split('\n'));
    let line = left.by_ref().zip(right.by_ref()).position(|(left, right)| left != right);
    let at = line.map_or("at its end".to_owned(), |line| format!("in line {}", line + 1));
    Some(format!("{path}: differs {at}\n=== expected\n{expected}\n=== found\n{found}"))
}

/// Codes that no case can show, and why.
const WITHOUT_CASE: [(&str, &str); 1] =
    [("MC0613", "needs a fault of the embedded host; src/verify/tests/differing.rs has some")];

/// Every code stands in what some case expects.
fn every_code_has_a_case() -> Result<(), Failed> {
    let cases = read(&Path::new(ROOT).join("tests/cases"))?;
    let expected = cases.iter().filter(|(path, _)| path.ends_with("/expected"));
    let shown: Vec<_> = expected.map(|(_, bytes)| String::from_utf8_lossy(bytes)).collect();
    let is_shown = |id: &str| shown.iter().any(|text| text.contains(&format!("[{id}]")));
    let excused = |id: &str| WITHOUT_CASE.iter().any(|(code, _)| *code == id);
    none(Code::ALL.iter().map(|code| code.as_str()).filter(|id| !is_shown(id) && !excused(id)), "no case shows")
}

fn none(found: impl Iterator<Item = impl AsRef<str>>, what: &str) -> Result<(), Failed> {
    let found: Vec<_> = found.collect();
    let list: Vec<&str> = found.iter().map(AsRef::as_ref).collect();
    if list.is_empty() { Ok(()) } else { Err(format!("{what} {}", list.join(", ")).into()) }
}

fn folders(path: &Path) -> Result<Vec<PathBuf>, Failed> {
    let mut folders = Vec::new();
    for entry in fs::read_dir(path)? {
        let entry = entry?;
        if entry.file_type()?.is_dir() {
            folders.push(entry.path());
        }
    }
    folders.sort();
    Ok(folders)
}

/// All files below `folder`.
fn read(folder: &Path) -> Result<Files, Failed> {
    let mut files = Files::new();
    let mut waiting = vec![folder.to_owned()];
    while let Some(next) = waiting.pop() {
        for entry in fs::read_dir(next)? {
            let entry = entry?;
            if entry.file_type()?.is_dir() {
                waiting.push(entry.path());
            } else {
                let path = entry.path().strip_prefix(folder)?.to_string_lossy().replace('\\', "/");
                files.insert(path, fs::read(entry.path())?);
            }
        }
    }
    Ok(files)
}

fn write(folder: &Path, files: &Files) -> Result<(), Failed> {
    for (path, bytes) in files {
        let path = folder.join(path);
        fs::create_dir_all(path.parent().unwrap_or(folder))?;
        fs::write(path, bytes)?;
    }
    Ok(())
}
