//! Removes the sections that only debuggers read.

use super::bytecode::sections;

/// Which custom sections to remove.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Slim {
    /// Names, debug information and linker metadata. The producers and audit sections stay.
    Debug,
    /// All custom sections.
    All,
}

/// Why a module cannot be slimmed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NotSlim {
    /// The module is signed, and the signature covers the sections.
    Signed,
    /// The sections cannot be parsed.
    Corrupt,
}

/// Whether a custom section is only for debuggers and linkers.
pub(crate) fn is_debug(name: &str) -> bool {
    const NAMES: [&str; 4] = ["name", "linking", "sourceMappingURL", "external_debug_info"];
    NAMES.contains(&name) || name.starts_with(".debug_") || name.starts_with("reloc.")
}

/// The module without those sections; everything else stays byte for byte the same. Slimming again changes nothing.
///
/// # Errors
/// See [`NotSlim`].
pub fn slim(bytes: &[u8], which: Slim) -> Result<Vec<u8>, NotSlim> {
    let mut kept = bytes.get(..8).ok_or(NotSlim::Corrupt)?.to_vec();
    for section in sections(bytes).map_err(|_| NotSlim::Corrupt)? {
        let (range, name) = section.map_err(|_| NotSlim::Corrupt)?;
        match name.map(String::from_utf8_lossy) {
            Some(name) if name == "signature" => return Err(NotSlim::Signed),
            Some(name) if which == Slim::All || is_debug(&name) => {}
            _ => kept.extend_from_slice(&bytes[range]),
        }
    }
    Ok(kept)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn custom(name: &str, content: &[u8]) -> Vec<u8> {
        let length = u8::try_from(name.len()).expect("short");
        let size = u8::try_from(1 + name.len() + content.len()).expect("short");
        [&[0, size, length], name.as_bytes(), content].concat()
    }

    fn module(sections: &[Vec<u8>]) -> Vec<u8> {
        [b"\0asm\x01\0\0\0".to_vec(), sections.concat()].concat()
    }

    #[test]
    fn only_debug_sections_are_removed() {
        let (code, producers, audit) = (vec![10, 1, 0], custom("producers", b"\0"), custom(".dep-v0", b"x"));
        let debug =
            ["name", ".debug_info", ".debug_line", "reloc.CODE", "linking", "sourceMappingURL", "external_debug_info"];
        let debug: Vec<u8> = debug.iter().flat_map(|name| custom(name, b"bytes")).collect();
        let bytes = module(&[producers.clone(), debug, code.clone(), audit.clone()]);
        let slimmed = module(&[producers, code.clone(), audit]);
        assert_eq!(slim(&bytes, Slim::Debug).as_ref(), Ok(&slimmed));
        assert_eq!(slim(&slimmed, Slim::Debug).as_ref(), Ok(&slimmed));
        assert_eq!(slim(&bytes, Slim::All), Ok(module(&[code])));
    }

    #[test]
    fn signed_and_corrupt_modules_are_rejected() {
        assert_eq!(slim(&module(&[custom("signature", b"s")]), Slim::Debug), Err(NotSlim::Signed));
        assert_eq!(slim(&module(&[vec![1, 9, 0]]), Slim::Debug), Err(NotSlim::Corrupt));
        assert_eq!(slim(b"\0asm", Slim::Debug), Err(NotSlim::Corrupt));
    }
}
