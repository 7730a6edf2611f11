//! Header maps as bytes (proxy-wasm-cpp-host, src/pairs_util.cc): a count, the lengths of each name and value, then each name and value
//! followed by a NUL; integers are 32 bits, little-endian.

use crate::message::Fields;

/// Bytes of the longest serialized map (limits.h).
const MAX_BYTES: usize = 1 << 20;
/// Pairs of the largest map (limits.h).
const MAX_PAIRS: usize = 1024;

/// The map's bytes.
pub(crate) fn write<'a>(pairs: impl IntoIterator<Item = (&'a [u8], &'a [u8])> + Clone) -> Vec<u8> {
    let length = |bytes: &[u8]| u32::try_from(bytes.len()).unwrap_or(u32::MAX).to_le_bytes();
    let count = pairs.clone().into_iter().count();
    let mut bytes = u32::try_from(count).unwrap_or(u32::MAX).to_le_bytes().to_vec();
    for (name, value) in pairs.clone() {
        bytes.extend(length(name));
        bytes.extend(length(value));
    }
    for (name, value) in pairs {
        bytes.extend_from_slice(name);
        bytes.push(0);
        bytes.extend_from_slice(value);
        bytes.push(0);
    }
    bytes
}

/// The map that the bytes encode; empty if they do not encode exactly one. Names keep their case.
pub(crate) fn read(bytes: &[u8]) -> Vec<(&[u8], &[u8])> {
    try_read(bytes).unwrap_or_default()
}

fn try_read(bytes: &[u8]) -> Option<Vec<(&[u8], &[u8])>> {
    if bytes.len() > MAX_BYTES {
        return None;
    }
    let word = |at: usize| -> Option<usize> {
        let word = bytes.get(at..at.checked_add(4)?)?;
        usize::try_from(u32::from_le_bytes(word.try_into().ok()?)).ok()
    };
    let count = word(0)?;
    if count > MAX_PAIRS {
        return None;
    }
    let mut at = 4 + count * 8;
    // A text and the NUL after it.
    let mut text = |length: usize| -> Option<&[u8]> {
        let end = at.checked_add(length)?;
        let text = bytes.get(at..end)?;
        at = end + 1;
        (*bytes.get(end)? == 0).then_some(text)
    };
    let mut pairs = Vec::with_capacity(count);
    for i in 0..count {
        let (name, value) = (word(4 + i * 8)?, word(8 + i * 8)?);
        pairs.push((text(name)?, text(value)?));
    }
    (at == bytes.len()).then_some(pairs)
}

/// The map that the bytes encode, with names in lower case.
pub(crate) fn read_fields(bytes: &[u8]) -> Fields {
    read(bytes).into_iter().collect()
}

/// The bytes of header fields.
pub(crate) fn write_fields(fields: &Fields) -> Vec<u8> {
    write(fields.0.iter().map(|(name, value)| (name.as_slice(), value.as_slice())))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_map_survives_a_round_trip() {
        let fields: Fields = [("a", "1"), ("a", ""), (":path", "/x")].into_iter().collect();
        assert_eq!(read_fields(&write_fields(&fields)), fields);
        assert_eq!(write_fields(&Fields::default()), [0; 4]);
    }

    #[test]
    fn wrong_lengths_give_an_empty_map() {
        let good = write([(b"name".as_slice(), b"value".as_slice())]);
        assert_eq!(read(&good).len(), 1);
        for cut in 0..good.len() {
            assert!(read(&good[..cut]).is_empty(), "{cut}");
        }
        let mut longer = good.clone();
        longer.push(0);
        assert!(read(&longer).is_empty());
        for at in 0..12 {
            let mut lying = good.clone();
            lying[at] = 0xff;
            assert!(read(&lying).is_empty(), "{at}");
        }
    }

    #[test]
    fn a_map_over_the_limits_is_empty() {
        let pairs = |count: usize| vec![(b"".as_slice(), b"".as_slice()); count];
        assert_eq!(read(&write(pairs(1024))).len(), 1024);
        assert!(read(&write(pairs(1025))).is_empty());
    }
}
