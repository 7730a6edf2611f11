//! The first eight bytes: the magic number and the version of the binary format (WebAssembly Core Specification, 5.5.16).

use super::bytecode;
use super::finding::{Finding, Rule, Stage};

/// The finding about the header. `None`: the bytes start like a module of version 1.
#[must_use]
pub fn check(bytes: &[u8]) -> Option<Finding> {
    let envoy = match bytecode::abi_version(bytes) {
        _ if bytes.is_empty() => "Failed to load Wasm code",
        Err(_) => "Failed to parse corrupted Wasm module",
        Ok(None) => "Missing or unknown Proxy-Wasm ABI version",
        Ok(Some(_)) => "Failed to load Wasm bytecode",
    };
    let not_wasm = |message: &str| Finding::error(Rule::NotWasm, Stage::AbiScan, message, envoy);
    if bytes.is_empty() {
        return Some(not_wasm("is empty").help("rebuild the module"));
    }
    let Some(version) = bytes.strip_prefix(b"\0asm") else {
        let help = match guess(bytes) {
            Some(what) => format!("it looks like {what}"),
            None => "a module starts with the four bytes `\\0asm`".to_owned(),
        };
        return Some(not_wasm("is not a WebAssembly module").help(help));
    };
    match version {
        [1, 0, 0, 0, ..] => None,
        [_, _, 1, 0, ..] => Some(
            Finding::error(Rule::BinaryVersion, Stage::AbiScan, "is a WebAssembly component, not a module", envoy)
                .help("build for wasm32-wasip1, not wasm32-wasip2"),
        ),
        [a, b, c, d, ..] => {
            let version = u32::from_le_bytes([*a, *b, *c, *d]);
            let message = format!("uses version {version} of the binary format, and Envoy supports version 1");
            Some(
                Finding::error(Rule::BinaryVersion, Stage::AbiScan, message, envoy)
                    .help("rebuild the module with a current toolchain"),
            )
        }
        _ => Some(not_wasm("is not a WebAssembly module").help("its header is incomplete: the file is truncated")),
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
