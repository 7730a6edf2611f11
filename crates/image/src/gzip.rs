//! A gzip stream of stored blocks (RFC 1951 and 1952): no compressor decides about its bytes.

use crc32fast::Hasher;

/// The most bytes that a stored block holds (RFC 1951, 3.2.4).
const LONGEST: usize = 65_535;

/// ID, deflate, no flags, no time, no extra flags, unknown operating system (RFC 1952, 2.3).
const HEADER: [u8; 10] = [0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 0xff];

/// The stream of some parts. Each part is in blocks of its own, so that nothing is copied.
#[derive(Debug)]
pub(crate) struct Stored<'a> {
    /// Blocks, at least one.
    blocks: Vec<&'a [u8]>,
}

impl<'a> Stored<'a> {
    pub(crate) fn new(parts: &[&'a [u8]]) -> Self {
        let mut blocks: Vec<&[u8]> = parts.iter().flat_map(|part| part.chunks(LONGEST)).collect();
        if blocks.is_empty() {
            blocks.push(&[]);
        }
        Self { blocks }
    }

    /// Calls `write` with the pieces of the stream, in order.
    pub(crate) fn for_each(&self, mut write: impl FnMut(&[u8])) {
        let (mut checksum, mut size) = (Hasher::new(), 0_usize);
        write(&HEADER);
        for (number, block) in (1..).zip(&self.blocks) {
            let is_last = number == self.blocks.len();
            let length = u16::try_from(block.len()).expect("a block has at most 65,535 bytes");
            let [low, high] = length.to_le_bytes();
            write(&[u8::from(is_last), low, high, !low, !high]);
            write(block);
            checksum.update(block);
            size += block.len();
        }
        write(&checksum.finalize().to_le_bytes());
        // The size is modulo 2^32.
        let size = u32::try_from(size & 0xffff_ffff).expect("four bytes");
        write(&size.to_le_bytes());
    }
}

#[cfg(test)]
mod tests {
    use std::io::Read as _;

    use super::*;

    fn stream(parts: &[&[u8]]) -> Vec<u8> {
        let mut stream = Vec::new();
        Stored::new(parts).for_each(|bytes| stream.extend_from_slice(bytes));
        stream
    }

    #[test]
    fn a_stream_is_unpacked_to_its_parts() {
        for size in [0, 1, 65_534, 65_535, 65_536, 131_070, 131_071, 300_000] {
            let content: Vec<u8> = (0..size).map(|n: u32| n.to_le_bytes()[n as usize % 3]).collect();
            let mut unpacked = Vec::new();
            flate2::read::GzDecoder::new(&*stream(&[b"head", &content, b""])).read_to_end(&mut unpacked).unwrap();
            assert_eq!(unpacked, [b"head", &*content].concat(), "{size}");
        }
        let mut unpacked = Vec::new();
        flate2::read::GzDecoder::new(&*stream(&[])).read_to_end(&mut unpacked).unwrap();
        assert!(unpacked.is_empty());
    }
}
