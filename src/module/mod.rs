//! A `.wasm` file as bytes.

pub(crate) mod abi;
mod bytecode;
mod report;
mod signature;

use std::io;
use std::sync::Arc;

use camino::Utf8Path;

use crate::digest::Digest;

/// A WebAssembly module, not yet looked into beyond its header.
#[derive(Debug)]
pub(crate) struct Module {
    pub(crate) bytes: Arc<[u8]>,
    pub(crate) digest: Digest,
}

/// Why a file is not a module that Envoy could load.
#[derive(Debug)]
pub(crate) enum ModuleError {
    /// The file cannot be read.
    Read(io::Error),
    /// There is nothing in the file.
    Empty,
    /// The file does not begin with `\0asm`; what it looks like instead, where that is known.
    NotWasm(Option<&'static str>),
    /// A WebAssembly component (layer 1 of the header's version field).
    Component,
    /// A version of the binary format other than 1.
    Version(u32),
}

impl Module {
    /// Reads the file and checks its header: the magic number and the version of the WebAssembly binary format
    /// (WebAssembly Core Specification, 5.5.16 Modules).
    pub(crate) fn read(path: &Utf8Path) -> Result<Self, ModuleError> {
        let bytes = std::fs::read(path).map_err(ModuleError::Read)?;
        check_header(&bytes)?;
        let digest = Digest::of(&bytes);
        Ok(Self { bytes: bytes.into(), digest })
    }
}

fn check_header(bytes: &[u8]) -> Result<(), ModuleError> {
    if bytes.is_empty() {
        return Err(ModuleError::Empty);
    }
    let Some(version) = bytes.strip_prefix(b"\0asm") else {
        return Err(ModuleError::NotWasm(guess(bytes)));
    };
    match version {
        [1, 0, 0, 0, ..] => Ok(()),
        [_, _, 1, 0, ..] => Err(ModuleError::Component),
        [a, b, c, d, ..] => Err(ModuleError::Version(u32::from_le_bytes([*a, *b, *c, *d]))),
        _ => Err(ModuleError::NotWasm(Some("a truncated module: its header ends early"))),
    }
}

fn guess(bytes: &[u8]) -> Option<&'static str> {
    const KNOWN: [(&[u8], &str); 7] = [
        (b"(module", "WebAssembly text (.wat): assemble it first"),
        (b"version https://git-lfs", "a Git LFS pointer: run `git lfs pull`"),
        (b"\x7fELF", "a native ELF binary: build for wasm32-wasip1"),
        (b"\x1f\x8b", "gzip data: unpack it first"),
        (b"PK\x03\x04", "a zip archive: unpack it first"),
        (b"!<arch>", "a static library: build a cdylib"),
        (b"<", "HTML or XML: a download may have failed"),
    ];
    let text = bytes.trim_ascii_start();
    KNOWN.iter().find(|(magic, _)| text.starts_with(magic)).map(|(_, what)| *what)
}
