//! Everything that the compiler reads from outside: files, the environment and the clock.
//!
//! The rest of the program reads through a [`World`], so tests run on a [`Memory`] and Clippy denies `std::fs` and `std::env`
//! elsewhere.

#[expect(clippy::disallowed_methods, reason = "this module reads the machine for all others")]
mod disk;
mod memory;
#[expect(clippy::disallowed_methods, reason = "this module writes files for all others")]
pub mod write;

use std::ffi::OsString;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use camino::{Utf8Path, Utf8PathBuf};

use crate::diag::Sources;

pub use disk::Disk;
pub use memory::Memory;

/// What the program can read.
pub trait World: Sync {
    /// The files that diagnostics point into.
    fn sources(&self) -> &Sources;

    /// The content of a regular file. The file is read once: later calls return the same bytes.
    ///
    /// # Errors
    /// The file cannot be read, is not a regular file, or is larger than the limit of its use.
    fn read(&self, path: &Utf8Path, usage: Usage) -> io::Result<Arc<[u8]>>;

    /// Like [`World::read`], for a path from the command line, which can also be a pipe or a device.
    ///
    /// # Errors
    /// The path cannot be read, is a directory, or has more bytes than the limit of its use.
    fn read_argument(&self, path: &Utf8Path, usage: Usage) -> io::Result<Arc<[u8]>>;

    /// Standard input to its end. It is read once: later calls return the same bytes.
    ///
    /// # Errors
    /// It cannot be read, or has more bytes than the limit of its use.
    fn standard_input(&self, usage: Usage) -> io::Result<Arc<[u8]>>;

    /// The current content of a regular file, for files that the program itself writes. The bytes are not kept.
    ///
    /// # Errors
    /// As of [`World::read`].
    fn read_current(&self, path: &Utf8Path, usage: Usage) -> io::Result<Vec<u8>>;

    /// What is at the path, following symbolic links. `None` where nothing is, or where it cannot be accessed.
    fn kind(&self, path: &Utf8Path) -> Option<FileKind>;

    /// What is at the path itself: [`FileKind::Other`] for a symbolic link.
    fn link_kind(&self, path: &Utf8Path) -> Option<FileKind>;

    /// The entries of a directory, in any order, with what is at each one itself.
    ///
    /// # Errors
    /// The directory cannot be read, or a name is not valid UTF-8.
    fn list(&self, dir: &Utf8Path) -> io::Result<Vec<(String, FileKind)>>;

    /// The absolute path without symbolic links.
    ///
    /// # Errors
    /// Nothing is at the path, or the result is not valid UTF-8.
    fn canonical(&self, path: &Utf8Path) -> io::Result<Utf8PathBuf>;

    /// An environment variable.
    fn variable(&self, name: &str) -> Option<OsString>;

    /// The time since the program started.
    fn elapsed(&self) -> Duration;
}

/// What is at a path.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FileKind {
    /// A regular file.
    File,
    /// A directory.
    Directory,
    /// A device, a pipe, a socket or, where links are not followed, a symbolic link.
    Other,
}

/// What a file is read for, which limits its size.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Usage {
    /// A mesh.toml.
    Spec,
    /// A `.wasm` file.
    Module,
    /// A manifest of a workload, or a kustomization.
    Manifest,
    /// The manifests of all workloads.
    Stream,
    /// The configuration of a filter.
    Configuration,
    /// A file of `out/`.
    Output,
    /// An entry of the cache of dry runs.
    Cache,
}

impl Usage {
    /// The size of the largest file that is read, in bytes. The limits only keep a wrong path from filling the memory: what
    /// Kubernetes and Envoy accept is far smaller.
    #[must_use]
    pub const fn limit(self) -> u64 {
        const MIB: u64 = 1 << 20;
        match self {
            Self::Configuration => 16 * MIB,
            Self::Spec | Self::Manifest | Self::Output | Self::Cache => 64 * MIB,
            Self::Module | Self::Stream => 256 * MIB,
        }
    }

    fn too_large(self) -> io::Error {
        let limit = self.limit() >> 20;
        io::Error::new(io::ErrorKind::FileTooLarge, format!("it is larger than {limit} MiB"))
    }
}

impl FileKind {
    /// Why this cannot be read as a file.
    fn rejected(self) -> Option<io::Error> {
        match self {
            Self::File => None,
            Self::Directory => Some(io::Error::new(io::ErrorKind::IsADirectory, "it is a directory, not a file")),
            Self::Other => {
                Some(io::Error::new(io::ErrorKind::InvalidInput, "it is a pipe, a socket or a device, not a file"))
            }
        }
    }
}

#[cfg(test)]
#[expect(clippy::disallowed_methods, reason = "the tests compare with the file system")]
mod tests;
