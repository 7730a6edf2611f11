//! The World of the real system.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fs::{self, File, FileType};
use std::io::{self, Read as _};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::{Duration, Instant};

use camino::{Utf8Path, Utf8PathBuf};

use super::{FileKind, Usage, World};
use crate::diag::Sources;

/// The machine's files, environment and clock.
#[derive(Debug)]
pub struct Disk {
    sources: Sources,
    files: Mutex<BTreeMap<Utf8PathBuf, Slot>>,
    started: Instant,
}

/// A file's content, or why it cannot be read, once some thread has read it.
type Slot = Arc<OnceLock<Result<Arc<[u8]>, Failure>>>;

/// A copy of an [`io::Error`], which cannot be cloned itself.
#[derive(Debug)]
enum Failure {
    System(i32),
    Message(io::ErrorKind, String),
}

impl Disk {
    /// The world of this process. Its clock starts here.
    #[must_use]
    #[expect(clippy::new_without_default, reason = "a default would hide that it starts the clock")]
    pub fn new() -> Self {
        Self { sources: Sources::new(), files: Mutex::default(), started: Instant::now() }
    }

    fn once(&self, path: &Utf8Path, read: impl FnOnce() -> io::Result<Vec<u8>>) -> io::Result<Arc<[u8]>> {
        let slot =
            Arc::clone(self.files.lock().unwrap_or_else(PoisonError::into_inner).entry(path.to_owned()).or_default());
        let content = slot.get_or_init(|| read().map(Arc::from).map_err(|error| Failure::of(&error)));
        content.as_ref().map(Arc::clone).map_err(Failure::error)
    }
}

impl Failure {
    fn of(error: &io::Error) -> Self {
        error.raw_os_error().map_or_else(|| Self::Message(error.kind(), error.to_string()), Self::System)
    }

    fn error(&self) -> io::Error {
        match self {
            Self::System(code) => io::Error::from_raw_os_error(*code),
            Self::Message(kind, message) => io::Error::new(*kind, message.clone()),
        }
    }
}

impl World for Disk {
    fn sources(&self) -> &Sources {
        &self.sources
    }

    fn read(&self, path: &Utf8Path, usage: Usage) -> io::Result<Arc<[u8]>> {
        self.once(path, || regular(path, usage))
    }

    fn read_argument(&self, path: &Utf8Path, usage: Usage) -> io::Result<Arc<[u8]>> {
        self.once(path, || {
            let file = File::open(path)?;
            let metadata = file.metadata()?;
            match kind(metadata.file_type()) {
                FileKind::Directory => FileKind::Directory.rejected().map_or_else(|| Ok(Vec::new()), Err),
                FileKind::File | FileKind::Other => bounded(file, metadata.len(), usage),
            }
        })
    }

    fn standard_input(&self, usage: Usage) -> io::Result<Arc<[u8]>> {
        self.once("-".into(), || bounded(io::stdin().lock(), 0, usage))
    }

    fn read_current(&self, path: &Utf8Path, usage: Usage) -> io::Result<Vec<u8>> {
        regular(path, usage)
    }

    fn kind(&self, path: &Utf8Path) -> Option<FileKind> {
        Some(kind(fs::metadata(path).ok()?.file_type()))
    }

    fn link_kind(&self, path: &Utf8Path) -> Option<FileKind> {
        Some(kind(fs::symlink_metadata(path).ok()?.file_type()))
    }

    fn list(&self, dir: &Utf8Path) -> io::Result<Vec<(String, FileKind)>> {
        let entries = dir.read_dir_utf8()?;
        entries.map(|entry| entry.and_then(|it| Ok((it.file_name().to_owned(), kind(it.file_type()?))))).collect()
    }

    fn canonical(&self, path: &Utf8Path) -> io::Result<Utf8PathBuf> {
        path.canonicalize_utf8()
    }

    fn variable(&self, name: &str) -> Option<OsString> {
        std::env::var_os(name)
    }

    fn elapsed(&self) -> Duration {
        self.started.elapsed()
    }
}

fn kind(file: FileType) -> FileKind {
    if file.is_file() {
        FileKind::File
    } else if file.is_dir() {
        FileKind::Directory
    } else {
        FileKind::Other
    }
}

/// Checks the kind before opening: opening a pipe without a writer blocks.
fn regular(path: &Utf8Path, usage: Usage) -> io::Result<Vec<u8>> {
    let metadata = fs::metadata(path)?;
    if let Some(rejected) = kind(metadata.file_type()).rejected() {
        return Err(rejected);
    }
    if metadata.len() > usage.limit() {
        return Err(usage.too_large());
    }
    bounded(File::open(path)?, metadata.len(), usage)
}

/// Reads to the end, or to the first byte over the limit: files of `/proc` have no size, and files grow.
fn bounded(input: impl io::Read, size: u64, usage: Usage) -> io::Result<Vec<u8>> {
    let size = size.min(usage.limit());
    let mut bytes = Vec::with_capacity(usize::try_from(size).unwrap_or_default() + 1);
    input.take(usage.limit() + 1).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > usage.limit() { Err(usage.too_large()) } else { Ok(bytes) }
}
