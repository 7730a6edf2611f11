//! A tar archive with one file.

/// Archives consist of blocks of this many bytes.
pub(crate) const BLOCK: usize = 512;

/// The largest file, in bytes: its size has eleven octal digits.
const LARGEST: usize = 0o77_777_777_777;

/// The mode of the file: everyone may read it, because the sidecar runs as a user that the image does not know.
const MODE: u32 = 0o644;

/// The header of a regular file, as POSIX.1-1988 (`ustar`) defines it. The file belongs to user and group 0, without names, and was
/// modified at the start of 1970.
///
/// The fields: <https://pubs.opengroup.org/onlinepubs/9799919799/utilities/pax.html#tag_20_94_13_06>
///
/// # Panics
/// If the name is longer than 100 bytes, or the file is 8 GiB or larger.
pub(crate) fn header(name: &str, size: usize) -> [u8; BLOCK] {
    assert!(size <= LARGEST, "a file of {size} bytes does not fit into a tar archive");
    let mut header = [0; BLOCK];
    let mut set = |at: usize, value: &[u8]| header[at..at + value.len()].copy_from_slice(value);
    assert!(name.len() <= 100, "the name `{name}` does not fit into a tar header");
    set(0, name.as_bytes());
    set(100, format!("{MODE:07o}\0").as_bytes());
    set(108, b"0000000\0"); // uid
    set(116, b"0000000\0"); // gid
    set(124, format!("{size:011o}\0").as_bytes());
    set(136, b"00000000000\0"); // mtime
    set(148, b"        "); // The checksum counts as spaces.
    set(156, b"0"); // A regular file.
    set(257, b"ustar\x0000"); // magic and version
    set(329, b"0000000\0"); // devmajor
    set(337, b"0000000\0"); // devminor
    let checksum: u32 = header.iter().map(|&byte| u32::from(byte)).sum();
    header[148..156].copy_from_slice(format!("{checksum:06o}\0 ").as_bytes());
    header
}

/// What follows a file of `size` bytes at the end of an archive: zeros up to a whole block, and two blocks of zeros.
pub(crate) fn trailer(size: usize) -> Vec<u8> {
    vec![0; size.next_multiple_of(BLOCK) - size + 2 * BLOCK]
}
