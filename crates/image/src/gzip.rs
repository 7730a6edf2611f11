//! A gzip file that is not compressed: no other version of a library changes its bytes, and with them the digest of an image.

use crc32fast::Hasher;

/// The most bytes of a stored block: its length has 16 bits (RFC 1951, section 3.2.4).
const LARGEST_BLOCK: usize = 65_535;

/// The header (RFC 1952, section 2.3): deflate, no flags, no modification time, no extra flags, an unknown operating system.
const HEADER: [u8; 10] = [0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 255];

/// Passes the gzip file that contains the concatenated `parts` to `write`, in pieces, and each piece of its content also to
/// `content`. Nothing is copied.
///
/// A block does not cross the border between two parts. One part at least must have bytes: a file has a last block.
pub(crate) fn store(parts: [&[u8]; 3], mut write: impl FnMut(&[u8]), mut content: impl FnMut(&[u8])) {
    let mut checksum = Hasher::new();
    let mut size = 0_u32;
    write(&HEADER);
    let mut blocks = parts.iter().flat_map(|part| part.chunks(LARGEST_BLOCK)).peekable();
    while let Some(block) = blocks.next() {
        let is_last = u8::from(blocks.peek().is_none());
        let length = u16::try_from(block.len()).expect("a block is at most 65,535 bytes");
        let [low, high] = length.to_le_bytes();
        // Whether the block is the last one, stored, then the length and its complement (RFC 1951, sections 3.2.3 and 3.2.4).
        write(&[is_last, low, high, !low, !high]);
        write(block);
        content(block);
        checksum.update(block);
        // The size is stored modulo 2^32.
        size = size.wrapping_add(u32::from(length));
    }
    write(&checksum.finalize().to_le_bytes());
    write(&size.to_le_bytes());
}
