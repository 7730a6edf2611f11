//! A module of the corpus, and functions that build modules.

/// A module, named by what distinguishes it.
#[derive(Debug, Clone)]
pub(crate) struct Case {
    pub(crate) name: String,
    pub(crate) bytes: Vec<u8>,
}

impl Case {
    pub(crate) fn new(name: impl Into<String>, bytes: Vec<u8>) -> Self {
        Self { name: name.into(), bytes }
    }
}

/// The smallest module that Envoy loads, in the WebAssembly text format. Each part can be replaced.
#[derive(Debug, Clone)]
pub(crate) struct Text {
    /// Imports must come first.
    pub(crate) imports: String,
    pub(crate) memory: String,
    pub(crate) marker: String,
    pub(crate) malloc: String,
    pub(crate) rest: String,
}

impl Default for Text {
    fn default() -> Self {
        Self {
            imports: String::new(),
            memory: r#"(memory (export "memory") 1)"#.to_owned(),
            marker: marker("0_2_1"),
            malloc: malloc("malloc"),
            rest: String::new(),
        }
    }
}

/// The function that declares the version of the ABI.
pub(crate) fn marker(version: &str) -> String {
    format!(r#"(func (export "proxy_abi_version_{version}"))"#)
}

/// The function that allocates memory for the host.
pub(crate) fn malloc(name: &str) -> String {
    format!(r#"(func (export "{name}") (param i32) (result i32) (i32.const 0))"#)
}

impl Text {
    pub(crate) fn abi(version: &str) -> Self {
        Self { marker: marker(version), ..Self::default() }
    }

    pub(crate) fn imports(self, imports: impl Into<String>) -> Self {
        Self { imports: imports.into(), ..self }
    }

    pub(crate) fn memory(self, memory: impl Into<String>) -> Self {
        Self { memory: memory.into(), ..self }
    }

    pub(crate) fn marker(self, marker: impl Into<String>) -> Self {
        Self { marker: marker.into(), ..self }
    }

    pub(crate) fn malloc(self, malloc: impl Into<String>) -> Self {
        Self { malloc: malloc.into(), ..self }
    }

    pub(crate) fn rest(self, rest: impl Into<String>) -> Self {
        Self { rest: rest.into(), ..self }
    }

    /// # Panics
    /// If the text is invalid.
    pub(crate) fn bytes(&self) -> Vec<u8> {
        let Self { imports, memory, marker, malloc, rest } = self;
        let text = format!("(module {imports}\n{memory}\n{marker}\n{malloc}\n{rest}\n)");
        wat::parse_str(&text).unwrap_or_else(|error| panic!("{error}\n{text}"))
    }

    pub(crate) fn case(&self, name: impl Into<String>) -> Case {
        Case::new(name, self.bytes())
    }
}

/// The smallest module that Envoy loads.
pub(crate) fn least() -> Vec<u8> {
    Text::default().bytes()
}

/// A number as LEB128.
pub(crate) fn leb(number: usize) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut rest = number;
    loop {
        let low = u8::try_from(rest & 0x7f).expect("seven bits");
        rest >>= 7;
        if rest == 0 {
            bytes.push(low);
            return bytes;
        }
        bytes.push(low | 0x80);
    }
}

pub(crate) fn section(kind: u8, content: &[u8]) -> Vec<u8> {
    [&[kind], leb(content.len()).as_slice(), content].concat()
}

pub(crate) fn custom(name: &str, content: &[u8]) -> Vec<u8> {
    section(0, &[leb(name.len()).as_slice(), name.as_bytes(), content].concat())
}

/// The header of a module.
pub(crate) const HEADER: [u8; 8] = *b"\0asm\x01\0\0\0";

/// The sections of a module, each with its type and size.
///
/// # Panics
/// If it is not a module.
pub(crate) fn sections(bytes: &[u8]) -> Vec<Vec<u8>> {
    let mut rest = bytes.strip_prefix(&HEADER).expect("a module");
    let mut sections = Vec::new();
    while !rest.is_empty() {
        let length = rest[1..].iter().position(|byte| byte & 0x80 == 0).expect("a LEB128 number") + 1;
        let size = rest[1..=length].iter().rev().fold(0_usize, |size, byte| size << 7 | usize::from(byte & 0x7f));
        let (section, remaining) = rest.split_at(1 + length + size);
        sections.push(section.to_vec());
        rest = remaining;
    }
    sections
}

pub(crate) fn assemble(sections: &[Vec<u8>]) -> Vec<u8> {
    [&HEADER[..], &sections.concat()].concat()
}

/// The bytes with the first occurrence of `from` replaced.
///
/// # Panics
/// If there is none.
pub(crate) fn replaced(bytes: &[u8], from: &[u8], to: &[u8]) -> Vec<u8> {
    let at = bytes.windows(from.len()).position(|window| window == from).expect("the bytes occur");
    [&bytes[..at], to, &bytes[at + from.len()..]].concat()
}
