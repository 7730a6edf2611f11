//! The golden cases: what mesh-compile prints and writes. Every directory `tests/cases/<topic>/<case>/` is one test:
//!
//! - `mesh.toml` and all other files are inputs. The runner copies them to a temporary directory and runs the commands there.
//!   It assembles `.wat` files to `.wasm`, and adds `http.wasm` and `network.wasm` from `tests/modules/`.
//! - `files.toml` describes inputs that cannot be text files. Its keys are paths. A value is a string with escapes,
//!   `{ hex = "…" }`, `{ blanks = 1500000 }` (so many spaces), `{ wasm-of-size = 1048576 }` (the HTTP module padded with a
//!   custom section), or `{ wasm-of-size = 1048576, debug = 4096 }` (the same with a debug section of that size).
//! - `cmd` lists the commands, one per line: `mesh-compile`, `cp`, `rm` or `mkdir`. The default is `mesh-compile render`.
//! - `expected` is the output and the exit status of each command, `out/` the directory after the last one.
//!
//! `BLESS=1 cargo test --test golden` updates `expected` and `out/`. Read the diff before you commit it.

#![allow(clippy::disallowed_methods, reason = "tests read and write files of their own")]

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use libtest_mimic::{Arguments, Failed, Trial};
use mesh_compile::diag::Code;
use similar::TextDiff;

/// Files by their path relative to the directory.
type Files = BTreeMap<String, Vec<u8>>;

const ROOT: &str = env!("CARGO_MANIFEST_DIR");

fn main() -> Result<(), Failed> {
    let bless = std::env::var_os("BLESS").is_some();
    let mut trials = vec![Trial::test("every_code_has_a_case", every_code_has_a_case)];
    for topic in dirs(&Path::new(ROOT).join("tests/cases"))? {
        for case in dirs(&topic)? {
            let name = [&topic, &case].map(|dir| dir.file_name().unwrap_or_default().to_string_lossy());
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
    if transcript.is_empty() {
        return Err("cmd does not run mesh-compile".into());
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

/// The input files of a case. Removes `files.toml`.
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
            let bytes =
                content_of(&content, &inputs["http.wasm"]).ok_or(format!("files.toml: invalid value of `{path}`"))?;
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

/// The bytes that an entry of files.toml describes.
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

/// Runs one line of `cmd` in `dir`. Appends the output and the exit status of `mesh-compile` to the transcript.
fn run(command: &str, dir: &Path, transcript: &mut String) -> Result<(), Failed> {
    let words: Vec<&str> = command.split_whitespace().collect();
    match words.as_slice() {
        ["cp", from, to] => drop(fs::copy(dir.join(from), dir.join(to))?),
        ["rm", path] => fs::remove_file(dir.join(path))?,
        ["mkdir", path] => fs::create_dir_all(dir.join(path))?,
        ["mesh-compile", args @ ..] => {
            let mut program = Command::new(env!("CARGO_BIN_EXE_mesh-compile"));
            let output = program.args(args).current_dir(dir).env_clear().output()?;
            let exit = output.status.code().filter(|code| *code <= 2).ok_or(format!("{output:?}"))?;
            writeln!(transcript, "$ {command}")?;
            for (stream, bytes) in [("stdout", output.stdout), ("stderr", output.stderr)] {
                if !bytes.is_empty() {
                    write!(transcript, "--- {stream}\n{}", String::from_utf8(bytes)?)?;
                }
            }
            writeln!(transcript, "--- exit {exit}")?;
        }
        _ => return Err("unknown command".into()),
    }
    Ok(())
}

/// How a file differs from the expected one: a unified diff.
fn difference(path: &str, expected: Option<&Vec<u8>>, found: Option<&Vec<u8>>) -> Option<String> {
    if expected == found {
        return None;
    }
    let [expected, found] = [expected, found].map(|bytes| bytes.map(|bytes| String::from_utf8_lossy(bytes)));
    let [old, new] = [&expected, &found].map(|text| if text.is_some() { path } else { "/dev/null" });
    let (expected, found) = (expected.unwrap_or_default(), found.unwrap_or_default());
    let diff = TextDiff::from_lines(expected.as_ref(), found.as_ref());
    let diff = diff.unified_diff().header(&format!("expected {old}"), &format!("found {new}")).to_string();
    // Lossy conversion can make different bytes the same text.
    Some(if diff.is_empty() { format!("{path}: the bytes differ") } else { diff })
}

/// Codes that no case can show, with the reason.
const WITHOUT_CASE: [(&str, &str); 1] =
    [("MC0613", "needs a bug in the embedded host; src/verify/tests/differing.rs has some")];

/// The expected output of the cases shows every code, except those of [`WITHOUT_CASE`].
fn every_code_has_a_case() -> Result<(), Failed> {
    let cases = read(&Path::new(ROOT).join("tests/cases"))?;
    let expected = cases.iter().filter(|(path, _)| path.ends_with("/expected"));
    let shown: Vec<_> = expected.map(|(_, bytes)| String::from_utf8_lossy(bytes)).collect();
    let is_shown = |id: &str| shown.iter().any(|text| text.contains(&format!("[{id}]")));
    let missing: Vec<&str> = Code::ALL.iter().map(|code| code.as_str()).filter(|id| !is_shown(id)).collect();
    let excused = WITHOUT_CASE.map(|(code, _)| code);
    if missing == excused { Ok(()) } else { Err(format!("no case shows {missing:?}, expected {excused:?}").into()) }
}

fn dirs(path: &Path) -> Result<Vec<PathBuf>, Failed> {
    let mut dirs = Vec::new();
    for entry in fs::read_dir(path)? {
        let entry = entry?;
        if entry.file_type()?.is_dir() {
            dirs.push(entry.path());
        }
    }
    dirs.sort();
    Ok(dirs)
}

/// All files in `dir` and its subdirectories.
fn read(dir: &Path) -> Result<Files, Failed> {
    let mut files = Files::new();
    let mut waiting = vec![dir.to_owned()];
    while let Some(next) = waiting.pop() {
        for entry in fs::read_dir(next)? {
            let entry = entry?;
            if entry.file_type()?.is_dir() {
                waiting.push(entry.path());
            } else {
                let path = entry.path().strip_prefix(dir)?.to_string_lossy().replace('\\', "/");
                files.insert(path, fs::read(entry.path())?);
            }
        }
    }
    Ok(files)
}

fn write(dir: &Path, files: &Files) -> Result<(), Failed> {
    for (path, bytes) in files {
        let path = dir.join(path);
        fs::create_dir_all(path.parent().unwrap_or(dir))?;
        fs::write(path, bytes)?;
    }
    Ok(())
}
