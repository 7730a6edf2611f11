//! What Envoy itself parses before V8 does (proxy-wasm-cpp-host, src/bytecode_util.cc). The parser is stricter than WebAssembly in some
//! places and laxer in others. This module reproduces what it does, not what it should do.

use std::borrow::Cow;

use super::abi::Abi;

/// Where Envoy reports `Failed to parse corrupted Wasm module`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Corrupt {
    /// Where: bytes from the start of the file.
    pub offset: usize,
    /// The part of the module that Envoy was reading.
    pub what: &'static str,
}

/// [`Corrupt::what`] of a broken `name` section, which all other hosts ignore.
pub(crate) const NAME_SECTION: &str = "the name section";

const HEADER: usize = 8;
const CUSTOM: u8 = 0;
const EXPORT: u8 = 7;
const FUNCTION_NAMES: u8 = 1;

/// A reader over `bytes[position..end]`.
#[derive(Debug, Clone, Copy)]
struct Reader<'a> {
    bytes: &'a [u8],
    position: usize,
    end: usize,
    what: &'static str,
}

impl<'a> Reader<'a> {
    fn corrupt(&self) -> Corrupt {
        Corrupt { offset: self.position.min(self.bytes.len()), what: self.what }
    }

    fn byte(&mut self) -> Result<u8, Corrupt> {
        if self.position >= self.end {
            return Err(self.corrupt());
        }
        self.position += 1;
        Ok(self.bytes[self.position - 1])
    }

    /// An unsigned LEB128 number of at most five bytes. The host accepts at most 30 bits.
    fn varint(&mut self) -> Result<usize, Corrupt> {
        let start = *self;
        let mut total: u32 = 0;
        for shift in (0..=28).step_by(7) {
            let byte = self.byte().map_err(|_| start.corrupt())?;
            let value = u32::from(byte & 0x7f);
            if shift == 28 && value > 3 {
                return Err(start.corrupt());
            }
            total = total.wrapping_add(value << shift);
            if byte & 0x80 == 0 {
                return Ok(total as usize);
            }
        }
        Err(start.corrupt())
    }

    /// The next `length` bytes, which must end before `end`.
    fn take(&mut self, length: usize) -> Result<&'a [u8], Corrupt> {
        match self.position.checked_add(length).filter(|end| *end <= self.end) {
            Some(end) => {
                let taken = &self.bytes[self.position..end];
                self.position = end;
                Ok(taken)
            }
            None => Err(self.corrupt()),
        }
    }

    /// The next `length` bytes as a separate reader.
    fn part(&mut self, length: usize, what: &'static str) -> Result<Self, Corrupt> {
        let start = self.position;
        self.take(length)?;
        Ok(Self { bytes: self.bytes, position: start, end: self.position, what })
    }
}

/// The sections of a module. A file of less than eight bytes has none.
struct Sections<'a>(Reader<'a>);

impl<'a> Sections<'a> {
    fn new(bytes: &'a [u8]) -> Result<Self, Corrupt> {
        let reader = Reader { bytes, position: HEADER, end: bytes.len(), what: "the header" };
        if bytes.len() >= HEADER && !bytes.starts_with(b"\0asm") {
            return Err(Corrupt { offset: 0, what: "the header" });
        }
        Ok(Self(Reader { what: "a section's size", ..reader }))
    }
}

impl<'a> Iterator for Sections<'a> {
    /// The start of the section, its type, its content.
    type Item = Result<(usize, u8, Reader<'a>), Corrupt>;

    fn next(&mut self) -> Option<Self::Item> {
        let Self(reader) = self;
        let start = reader.position;
        let kind = reader.byte().ok()?;
        let size = reader.varint();
        Some(size.and_then(|size| reader.part(size, "a section")).map(|content| (start, kind, content)))
    }
}

/// The range of a section, and the name of a custom section.
pub(crate) type Section<'a> = (std::ops::Range<usize>, Option<&'a [u8]>);

/// Each section of the module.
pub(crate) fn sections(bytes: &[u8]) -> Result<impl Iterator<Item = Result<Section<'_>, Corrupt>>, Corrupt> {
    Ok(Sections::new(bytes)?.map(|section| {
        let (start, kind, mut content) = section?;
        let range = start..content.end;
        if kind != CUSTOM {
            return Ok((range, None));
        }
        content.what = "a custom section's name";
        let length = content.varint()?;
        Ok((range, Some(content.take(length)?)))
    }))
}

/// The ABI version of the first marker among the exported functions.
pub(crate) fn abi_version(bytes: &[u8]) -> Result<Option<Abi>, Corrupt> {
    for section in Sections::new(bytes)? {
        let (_, kind, mut exports) = section?;
        if kind != EXPORT {
            continue;
        }
        exports.what = "the export section";
        let count = exports.varint()?;
        if count > exports.end - exports.position {
            return Err(exports.corrupt());
        }
        // After the name, the host checks against the end of the file, not of the section.
        let file_end = bytes.len();
        for _ in 0..count {
            let length = exports.varint()?;
            let name = exports.take(length)?;
            let section_end = std::mem::replace(&mut exports.end, file_end);
            let is_function = exports.byte()? == 0;
            if let Some(abi) = Abi::of_marker(name).filter(|_| is_function) {
                return Ok(Some(abi));
            }
            exports.varint()?;
            // An export that starts after the section is not parsed.
            exports.end = section_end;
        }
        return Ok(None);
    }
    Ok(None)
}

/// Parses the `name` section, which the host needs for the names in its stack traces.
pub(crate) fn function_names(bytes: &[u8]) -> Result<(), Corrupt> {
    let Some(mut section) = custom_section(bytes, b"name")? else { return Ok(()) };
    section.what = NAME_SECTION;
    while section.position < section.end {
        let kind = section.byte()?;
        let size = section.varint()?;
        let start = section.position;
        let mut names = section;
        section.take(size)?;
        if kind != FUNCTION_NAMES {
            continue;
        }
        // The host parses names up to the end of the section, and then checks that the subsection ends there too.
        let count = names.varint()?;
        if count > names.end - names.position {
            return Err(names.corrupt());
        }
        for _ in 0..count {
            names.varint()?;
            let length = names.varint()?;
            names.take(length)?;
        }
        if names.position != start + size {
            return Err(names.corrupt());
        }
    }
    Ok(())
}

/// The content of the first custom section with this name. Later sections are not parsed.
fn custom_section<'a>(bytes: &'a [u8], name: &[u8]) -> Result<Option<Reader<'a>>, Corrupt> {
    for section in Sections::new(bytes)? {
        let (_, kind, mut content) = section?;
        if kind == CUSTOM {
            content.what = "a custom section's name";
            let length = content.varint()?;
            if content.take(length)? == name {
                return Ok(Some(content));
            }
        }
    }
    Ok(None)
}

/// What V8 gets: no custom sections, starting with the first one whose name contains `precompiled_`.
pub(crate) fn stripped(bytes: &[u8]) -> Result<Cow<'_, [u8]>, Corrupt> {
    let mut kept: Option<Vec<u8>> = None;
    for section in Sections::new(bytes)? {
        let (start, kind, content) = section?;
        if kind == CUSTOM {
            // Here, the name may extend beyond its section.
            let mut name = Reader { end: bytes.len(), what: "a custom section's name", ..content };
            let length = name.varint()?;
            let found = name.take(length)?.windows(b"precompiled_".len()).any(|part| part == b"precompiled_");
            if found && kept.is_none() {
                kept = Some(bytes[..start].to_vec());
            }
        } else if let Some(kept) = &mut kept {
            kept.extend_from_slice(&bytes[start..content.end]);
        }
    }
    Ok(kept.map_or(Cow::Borrowed(bytes), Cow::Owned))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn section(kind: u8, content: &[u8]) -> Vec<u8> {
        let mut bytes = vec![kind, u8::try_from(content.len()).expect("short")];
        bytes.extend_from_slice(content);
        bytes
    }

    fn module(sections: &[Vec<u8>]) -> Vec<u8> {
        [b"\0asm\x01\0\0\0".to_vec(), sections.concat()].concat()
    }

    fn custom(name: &str, content: &[u8]) -> Vec<u8> {
        section(0, &[&[u8::try_from(name.len()).expect("short")], name.as_bytes(), content].concat())
    }

    #[test]
    fn an_empty_module_and_a_short_file_have_no_marker() {
        assert_eq!(abi_version(&module(&[])), Ok(None));
        assert_eq!(abi_version(b"xyz"), Ok(None));
        assert!(abi_version(b"12345678").is_err());
    }

    #[test]
    fn the_first_marker_of_a_function_wins() {
        let name = b"proxy_abi_version_0_2_0";
        let export = |kind: u8| [&[23][..], name, &[kind, 0]].concat();
        assert_eq!(abi_version(&module(&[section(7, &[&[1][..], &export(0)].concat())])), Ok(Some(Abi::V0_2_0)));
        assert_eq!(abi_version(&module(&[section(7, &[&[1][..], &export(3)].concat())])), Ok(None));
    }

    #[test]
    fn a_name_section_must_end_with_its_names() {
        assert_eq!(function_names(&module(&[custom("name", &[1, 4, 1, 0, 1, b'f'])])), Ok(()));
        assert!(function_names(&module(&[custom("name", &[1, 3, 1, 0, 1, b'f'])])).is_err());
        assert!(function_names(&module(&[custom("name", &[1, 9, 1, 0, 1, b'f'])])).is_err());
        assert_eq!(function_names(&module(&[custom("name", &[2, 1, 9])])), Ok(()));
    }

    #[test]
    fn a_precompiled_section_also_removes_later_custom_sections() {
        let (a, b, code) = (custom("a", b"1"), custom("b", b"2"), section(10, &[0]));
        let bytes = module(&[a.clone(), custom("precompiled_x", b"native"), b, code.clone()]);
        assert_eq!(stripped(&bytes).as_deref(), Ok(&module(&[a, code])[..]));
    }
}
