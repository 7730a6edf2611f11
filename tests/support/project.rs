//! A project in a temporary directory, in which tests run mesh-compile.
#![allow(dead_code, reason = "each test binary takes what it needs")]

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::{MetadataExt as _, symlink};
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::time::SystemTime;

/// Two filters, two workloads in two namespaces, no base.
pub(crate) const SPEC: &str = r#"[mesh]
namespace = "shop"

[filters.one]
module = "one.wasm"
config = { level = "low" }

[filters.two]
module = "two.wasm"

[workloads.web]
selector = { app = "web" }
filters = ["one", "two"]

[workloads.api]
namespace = "back"
selector = { app = "api" }
filters = ["one"]
"#;

/// A proxy-wasm module that continues every request. Modules with different tags (below 64) differ. All bytes are ASCII.
pub(crate) fn module(tag: u8) -> Vec<u8> {
    fn section(out: &mut Vec<u8>, id: u8, content: &[u8]) {
        out.extend([id, u8::try_from(content.len()).expect("a short section")]);
        out.extend(content);
    }
    assert!(tag < 64, "a signed LEB128 of one byte");
    let mut exports = vec![4];
    let names = [("proxy_abi_version_0_2_1", 0, 0), ("malloc", 0, 1), ("proxy_on_request_headers", 0, 2)];
    for (name, kind, index) in names.into_iter().chain([("memory", 2, 0)]) {
        exports.push(u8::try_from(name.len()).expect("a short name"));
        exports.extend(name.bytes());
        exports.extend([kind, index]);
    }
    let mut out = b"\0asm\x01\0\0\0".to_vec();
    let types = [3, 0x60, 0, 0, 0x60, 1, 0x7f, 1, 0x7f, 0x60, 3, 0x7f, 0x7f, 0x7f, 1, 0x7f];
    section(&mut out, 1, &types);
    section(&mut out, 3, &[3, 0, 1, 2]);
    section(&mut out, 5, &[1, 0, 1]);
    section(&mut out, 7, &exports);
    let code = [3, 2, 0, 0x0b, 4, 0, 0x41, 0, 0x0b, 7, 0, 0x41, tag, 0x1a, 0x41, 0, 0x0b];
    section(&mut out, 10, &code);
    assert!(out.is_ascii());
    out
}

/// The root of the repository.
pub(crate) fn repository() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// The directories of the repository with a mesh.toml to render, relative to the root, which is the empty path. Without those
/// that take their base from a stream.
pub(crate) fn examples() -> Vec<PathBuf> {
    let below = fs::read_dir(repository().join("examples")).expect("a directory");
    let below = below.map(|entry| Path::new("examples").join(entry.expect("an entry").file_name()));
    let mut found: Vec<_> = std::iter::once(PathBuf::new()).chain(below).collect();
    found.retain(|dir| {
        let text = fs::read_to_string(repository().join(dir).join("mesh.toml"));
        text.is_ok_and(|text| !text.contains("--base -"))
    });
    found.sort();
    assert!(found.len() >= 3, "too few examples: {found:?}");
    found
}

/// The result of a run of mesh-compile or another program.
#[derive(Debug)]
pub(crate) struct Ran {
    pub(crate) code: Option<i32>,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Ran {
    pub(crate) fn of(output: &Output) -> Self {
        let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).expect("UTF-8");
        Self { code: output.status.code(), stdout: text(&output.stdout), stderr: text(&output.stderr) }
    }

    /// Asserts the exit status, and texts that standard error contains.
    #[track_caller]
    pub(crate) fn ends(self, code: i32, said: &[&str]) -> Self {
        assert_eq!(self.code, Some(code), "{}\n{}", self.stdout, self.stderr);
        for said in said {
            assert!(self.stderr.contains(said), "`{said}` is not in:\n{}", self.stderr);
        }
        assert!(!self.stderr.contains("panicked"), "{}", self.stderr);
        self
    }
}

/// A file, directory or link, with everything that a write would change.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Entry {
    File { bytes: Vec<u8>, inode: u64, changed: SystemTime, mode: u32 },
    Directory,
    Link(PathBuf),
}

/// A temporary directory with a project in it.
#[derive(Debug)]
pub(crate) struct Project {
    dir: tempfile::TempDir,
}

impl Project {
    pub(crate) fn empty() -> Self {
        Self { dir: tempfile::tempdir().expect("a temporary directory") }
    }

    /// [`SPEC`] and its modules.
    pub(crate) fn small() -> Self {
        let project = Self::empty();
        project.write("mesh.toml", SPEC);
        project.write("one.wasm", module(1));
        project.write("two.wasm", module(2));
        project
    }

    /// [`SPEC`], rendered.
    pub(crate) fn rendered() -> Self {
        let project = Self::small();
        project.run(&["render"]).ends(0, &[]);
        project
    }

    /// All examples with their out/ and the files that they name.
    pub(crate) fn examples() -> Self {
        let project = Self::empty();
        for part in ["mesh.toml", "out", "examples", "schema", "filter/example-filter.wasm"] {
            copy(&repository().join(part), &project.path(part));
        }
        project
    }

    pub(crate) fn path(&self, at: impl AsRef<Path>) -> PathBuf {
        self.dir.path().join(at)
    }

    pub(crate) fn text_path(&self, at: impl AsRef<Path>) -> String {
        self.path(at).to_str().expect("a UTF-8 path").to_owned()
    }

    /// The only file or directory whose path begins with the prefix. Useful for names that end with a hash.
    pub(crate) fn find(&self, prefix: &str) -> String {
        let found: Vec<_> = self.tree("").into_keys().filter(|path| path.starts_with(prefix)).collect();
        let [only] = found.as_slice() else { panic!("{prefix}: {found:?}") };
        only.clone()
    }

    pub(crate) fn write(&self, at: impl AsRef<Path>, bytes: impl AsRef<[u8]>) {
        let path = self.path(at);
        fs::create_dir_all(path.parent().expect("a parent")).expect("a directory");
        fs::write(path, bytes).expect("a file");
    }

    pub(crate) fn read(&self, at: impl AsRef<Path>) -> String {
        fs::read_to_string(self.path(at)).expect("a text")
    }

    /// Replaces the first occurrence of a text, which must exist.
    #[track_caller]
    pub(crate) fn edit(&self, at: impl AsRef<Path>, from: &str, to: &str) {
        let text = self.read(&at);
        assert!(text.contains(from), "`{from}` is not in:\n{text}");
        self.write(at, text.replacen(from, to, 1));
    }

    /// Removes a file, or a directory and its contents.
    pub(crate) fn remove(&self, at: impl AsRef<Path>) {
        let path = self.path(at);
        let removed =
            if path.is_dir() && !path.is_symlink() { fs::remove_dir_all(path) } else { fs::remove_file(path) };
        removed.expect("the path exists");
    }

    pub(crate) fn create_dir(&self, at: impl AsRef<Path>) {
        fs::create_dir_all(self.path(at)).expect("a directory");
    }

    pub(crate) fn rename(&self, from: &str, to: &str) {
        fs::rename(self.path(from), self.path(to)).expect("the path exists");
    }

    pub(crate) fn link(&self, at: &str, target: impl AsRef<Path>) {
        symlink(target, self.path(at)).expect("a link");
    }

    /// A command that runs mesh-compile in the directory of the project.
    pub(crate) fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_mesh-compile"));
        command.args(arguments).current_dir(self.dir.path());
        command
    }

    pub(crate) fn run(&self, arguments: &[&str]) -> Ran {
        Ran::of(&self.command(arguments).output().expect("mesh-compile runs"))
    }

    /// Everything in a directory and its subdirectories, by path relative to the project.
    pub(crate) fn tree(&self, at: impl AsRef<Path>) -> BTreeMap<String, Entry> {
        let mut found = BTreeMap::new();
        self.walk(&self.path(at), &mut found);
        found
    }

    /// The files in a directory and its subdirectories, by path relative to the directory.
    pub(crate) fn files(&self, at: impl AsRef<Path>) -> BTreeMap<String, Vec<u8>> {
        let prefix = format!("{}/", at.as_ref().display());
        let files = self.tree(at).into_iter().filter_map(|(path, entry)| match entry {
            Entry::File { bytes, .. } => Some((path.trim_start_matches(&prefix).to_owned(), bytes)),
            Entry::Directory | Entry::Link(_) => None,
        });
        files.collect()
    }

    fn walk(&self, dir: &Path, found: &mut BTreeMap<String, Entry>) {
        for entry in fs::read_dir(dir).expect("a directory") {
            let path = entry.expect("an entry").path();
            let metadata = path.symlink_metadata().expect("metadata");
            let entry = if metadata.is_dir() {
                self.walk(&path, found);
                Entry::Directory
            } else if metadata.is_symlink() {
                Entry::Link(path.read_link().expect("a link"))
            } else {
                let changed = metadata.modified().expect("a time");
                let bytes = fs::read(&path).expect("a file");
                Entry::File { bytes, inode: metadata.ino(), changed, mode: metadata.mode() & 0o7777 }
            };
            let name = path.strip_prefix(self.dir.path()).expect("a path below the directory");
            found.insert(name.to_str().expect("a UTF-8 path").to_owned(), entry);
        }
    }
}

fn copy(from: &Path, to: &Path) {
    if from.is_dir() {
        fs::create_dir_all(to).expect("a directory");
        for entry in fs::read_dir(from).expect("a directory") {
            let entry = entry.expect("an entry");
            copy(&entry.path(), &to.join(entry.file_name()));
        }
    } else {
        fs::create_dir_all(to.parent().expect("a parent")).expect("a directory");
        fs::copy(from, to).expect("a copy");
    }
}
