//! A world without a machine.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use camino::{Utf8Component, Utf8Path, Utf8PathBuf};

use super::{FileKind, Usage, World};
use crate::diag::Sources;

/// The file that stands for standard input.
const STANDARD_INPUT: &str = "dev/stdin";

/// Files and variables in memory. The directories are those that the paths of the files lead through, and the clock stands still.
#[derive(Debug, Default)]
pub struct Memory {
    sources: Sources,
    files: BTreeMap<Utf8PathBuf, Arc<[u8]>>,
    variables: BTreeMap<String, OsString>,
}

impl Memory {
    /// No files and no variables.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds or replaces a file.
    #[must_use]
    pub fn file(mut self, path: impl AsRef<Utf8Path>, content: impl Into<Vec<u8>>) -> Self {
        self.files.insert(normal(path.as_ref()), content.into().into());
        self
    }

    /// Sets what standard input contains.
    #[must_use]
    pub fn with_standard_input(self, content: impl Into<Vec<u8>>) -> Self {
        self.file(STANDARD_INPUT, content)
    }

    /// Sets an environment variable.
    #[must_use]
    pub fn with_variable(mut self, name: &str, value: &str) -> Self {
        self.variables.insert(name.to_owned(), value.into());
        self
    }
}

impl World for Memory {
    fn sources(&self) -> &Sources {
        &self.sources
    }

    fn read(&self, path: &Utf8Path, usage: Usage) -> io::Result<Arc<[u8]>> {
        if let Some(rejected) = self.kind(path).and_then(FileKind::rejected) {
            return Err(rejected);
        }
        let content = self.files.get(&normal(path)).ok_or(io::ErrorKind::NotFound)?;
        if content.len() as u64 > usage.limit() { Err(usage.too_large()) } else { Ok(Arc::clone(content)) }
    }

    fn read_argument(&self, path: &Utf8Path, usage: Usage) -> io::Result<Arc<[u8]>> {
        self.read(path, usage)
    }

    fn standard_input(&self, usage: Usage) -> io::Result<Arc<[u8]>> {
        self.read(STANDARD_INPUT.into(), usage)
    }

    fn read_current(&self, path: &Utf8Path, usage: Usage) -> io::Result<Vec<u8>> {
        self.read(path, usage).map(|content| content.to_vec())
    }

    fn kind(&self, path: &Utf8Path) -> Option<FileKind> {
        let path = normal(path);
        if self.files.contains_key(&path) {
            return Some(FileKind::File);
        }
        let is_above = |file: &Utf8PathBuf| file.starts_with(&path);
        (path == "" || self.files.keys().any(is_above)).then_some(FileKind::Directory)
    }

    fn link_kind(&self, path: &Utf8Path) -> Option<FileKind> {
        self.kind(path)
    }

    fn list(&self, dir: &Utf8Path) -> io::Result<Vec<(String, FileKind)>> {
        if self.kind(dir) != Some(FileKind::Directory) {
            return Err(io::ErrorKind::NotFound.into());
        }
        let dir = normal(dir);
        let mut entries = BTreeMap::new();
        for path in self.files.keys().filter_map(|file| file.strip_prefix(&dir).ok()) {
            let mut parts = path.components().map(|part| part.as_str().to_owned());
            if let Some(name) = parts.next() {
                entries.insert(name, if parts.next().is_some() { FileKind::Directory } else { FileKind::File });
            }
        }
        Ok(entries.into_iter().collect())
    }

    fn canonical(&self, path: &Utf8Path) -> io::Result<Utf8PathBuf> {
        self.kind(path).ok_or(io::ErrorKind::NotFound)?;
        Ok(Utf8Path::new("/").join(normal(path)))
    }

    fn variable(&self, name: &str) -> Option<OsString> {
        self.variables.get(name).cloned()
    }

    fn elapsed(&self) -> Duration {
        Duration::ZERO
    }
}

/// The path without `.`, `..` and a leading `/`: the current directory is the root.
fn normal(path: &Utf8Path) -> Utf8PathBuf {
    let mut normal = Utf8PathBuf::new();
    for part in path.components() {
        match part {
            Utf8Component::Normal(name) => normal.push(name),
            Utf8Component::ParentDir => {
                normal.pop();
            }
            Utf8Component::CurDir | Utf8Component::RootDir | Utf8Component::Prefix(_) => {}
        }
    }
    normal
}
