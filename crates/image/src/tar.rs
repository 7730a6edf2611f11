//! A tar archive with one file (POSIX.1-1988 `ustar`, which every implementation reads).

/// The size of a block, in bytes.
const BLOCK: usize = 512;

/// An archive with one file. Its bytes are the header, the file and the padding with the end mark.
#[derive(Debug, Clone)]
pub(crate) struct Tar<'a> {
    header: [u8; BLOCK],
    content: &'a [u8],
    /// Zeros: up to a whole block, and two more blocks.
    trailer: Vec<u8>,
}

impl<'a> Tar<'a> {
    /// An archive with a file that everyone may read, owned by root, last changed in 1970. The name has at most 100 bytes.
    pub(crate) fn new(name: &str, content: &'a [u8]) -> Self {
        let padding = content.len().next_multiple_of(BLOCK) - content.len();
        Self { header: header(name, content.len()), content, trailer: vec![0; padding + 2 * BLOCK] }
    }

    /// The bytes in pieces.
    pub(crate) fn parts(&self) -> impl Iterator<Item = &[u8]> {
        [&self.header, self.content, &self.trailer].into_iter()
    }
}

/// The header of a regular file of `size` bytes, less than 8 GiB.
fn header(name: &str, size: usize) -> [u8; BLOCK] {
    let mut header = [0; BLOCK];
    let mut put = |at: usize, bytes: &[u8]| header[at..at + bytes.len()].copy_from_slice(bytes);
    put(0, name.as_bytes());
    put(100, b"0000644\0"); // mode
    put(108, b"0000000\0"); // user
    put(116, b"0000000\0"); // group
    put(124, format!("{size:011o}\0").as_bytes());
    put(136, b"00000000000\0"); // time
    put(148, b"        "); // the checksum counts as spaces
    put(156, b"0"); // a regular file
    put(257, b"ustar\x0000");
    put(329, b"0000000\0"); // device
    put(337, b"0000000\0");
    let sum: u32 = header.iter().map(|byte| u32::from(*byte)).sum();
    header[148..156].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
    header
}
