//! Header compression of HTTP/2 (RFC 7541), as far as a server needs it that compresses nothing itself.

use mesh_compile_host::Fields;

use std::collections::VecDeque;

/// Bytes that the dynamic table may hold when nobody says otherwise, and each entry beside its texts.
const TABLE: usize = 4096;
const ENTRY: usize = 32;

/// The length of each byte's code, and last that of the code that ends a text. Codes of one length follow each other (appendix B).
const LENGTHS: [u8; 257] = [
    13, 23, 28, 28, 28, 28, 28, 28, 28, 24, 30, 28, 28, 30, 28, 28, 28, 28, 28, 28, 28, 28, 30, 28, 28, 28, 28, 28, 28,
    28, 28, 28, 6, 10, 10, 12, 13, 6, 8, 11, 10, 10, 8, 11, 8, 6, 6, 6, 5, 5, 5, 6, 6, 6, 6, 6, 6, 6, 7, 8, 15, 6, 12,
    10, 13, 6, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 8, 7, 8, 13, 19, 13, 14, 6, 15, 5, 6,
    5, 6, 5, 6, 6, 6, 5, 7, 7, 6, 6, 6, 5, 6, 7, 6, 5, 5, 6, 7, 7, 7, 7, 7, 15, 11, 14, 13, 28, 20, 22, 20, 20, 22, 22,
    22, 23, 22, 23, 23, 23, 23, 23, 24, 23, 24, 24, 22, 23, 24, 23, 23, 23, 23, 21, 22, 23, 22, 23, 23, 24, 22, 21, 20,
    22, 22, 23, 23, 21, 23, 22, 22, 24, 21, 22, 23, 23, 21, 21, 22, 21, 23, 22, 23, 23, 20, 22, 22, 22, 23, 22, 22, 23,
    26, 26, 20, 19, 22, 23, 22, 25, 26, 26, 26, 27, 27, 26, 24, 25, 19, 21, 26, 27, 27, 26, 27, 24, 21, 21, 26, 26, 28,
    27, 27, 27, 20, 24, 20, 21, 22, 21, 21, 23, 22, 22, 25, 25, 24, 24, 26, 23, 26, 27, 26, 26, 27, 27, 27, 27, 27, 28,
    27, 27, 27, 27, 27, 26, 30,
];

/// Appendix A.
const STATIC: [(&str, &str); 61] = [
    (":authority", ""),
    (":method", "GET"),
    (":method", "POST"),
    (":path", "/"),
    (":path", "/index.html"),
    (":scheme", "http"),
    (":scheme", "https"),
    (":status", "200"),
    (":status", "204"),
    (":status", "206"),
    (":status", "304"),
    (":status", "400"),
    (":status", "404"),
    (":status", "500"),
    ("accept-charset", ""),
    ("accept-encoding", "gzip, deflate"),
    ("accept-language", ""),
    ("accept-ranges", ""),
    ("accept", ""),
    ("access-control-allow-origin", ""),
    ("age", ""),
    ("allow", ""),
    ("authorization", ""),
    ("cache-control", ""),
    ("content-disposition", ""),
    ("content-encoding", ""),
    ("content-language", ""),
    ("content-length", ""),
    ("content-location", ""),
    ("content-range", ""),
    ("content-type", ""),
    ("cookie", ""),
    ("date", ""),
    ("etag", ""),
    ("expect", ""),
    ("expires", ""),
    ("from", ""),
    ("host", ""),
    ("if-match", ""),
    ("if-modified-since", ""),
    ("if-none-match", ""),
    ("if-range", ""),
    ("if-unmodified-since", ""),
    ("last-modified", ""),
    ("link", ""),
    ("location", ""),
    ("max-forwards", ""),
    ("proxy-authenticate", ""),
    ("proxy-authorization", ""),
    ("range", ""),
    ("referer", ""),
    ("refresh", ""),
    ("retry-after", ""),
    ("server", ""),
    ("set-cookie", ""),
    ("strict-transport-security", ""),
    ("transfer-encoding", ""),
    ("user-agent", ""),
    ("vary", ""),
    ("via", ""),
    ("www-authenticate", ""),
];

/// Decodes the header blocks of a connection, in their order.
#[derive(Debug)]
pub(super) struct Decoder {
    /// The newest first.
    dynamic: VecDeque<(Vec<u8>, Vec<u8>)>,
    most: usize,
}

impl Default for Decoder {
    fn default() -> Self {
        Self { dynamic: VecDeque::new(), most: TABLE }
    }
}

impl Decoder {
    /// The fields of a block. `None`: it is damaged, and the connection of no use any more.
    pub(super) fn decode(&mut self, mut block: &[u8]) -> Option<Fields> {
        let mut fields = Fields::default();
        while let Some(first) = block.first() {
            let (name, value) = match first {
                0x80.. => {
                    let index = integer(&mut block, 7)?;
                    self.entry(index)?
                }
                0x40.. => {
                    let field = self.literal(&mut block, 6)?;
                    self.insert(field.clone());
                    field
                }
                0x20.. => {
                    self.most = integer(&mut block, 5)?;
                    self.evict();
                    continue;
                }
                _ => self.literal(&mut block, 4)?,
            };
            fields.add(name, value);
        }
        Some(fields)
    }

    fn literal(&self, block: &mut &[u8], prefix: u32) -> Option<(Vec<u8>, Vec<u8>)> {
        let name = match integer(block, prefix)? {
            0 => text(block)?,
            index => self.entry(index)?.0,
        };
        Some((name, text(block)?))
    }

    fn entry(&self, index: usize) -> Option<(Vec<u8>, Vec<u8>)> {
        let index = index.checked_sub(1)?;
        match STATIC.get(index) {
            Some((name, value)) => Some((name.as_bytes().to_vec(), value.as_bytes().to_vec())),
            None => self.dynamic.get(index - STATIC.len()).cloned(),
        }
    }

    fn insert(&mut self, field: (Vec<u8>, Vec<u8>)) {
        self.dynamic.push_front(field);
        self.evict();
    }

    fn evict(&mut self) {
        let size = |(name, value): &(Vec<u8>, Vec<u8>)| name.len() + value.len() + ENTRY;
        while self.dynamic.iter().map(size).sum::<usize>() > self.most {
            self.dynamic.pop_back();
        }
    }
}

/// Writes fields as they are.
pub(super) fn encode(fields: &Fields) -> Vec<u8> {
    let mut block = Vec::new();
    for (name, value) in &fields.0 {
        block.push(0);
        for text in [name, value] {
            length(text.len(), &mut block);
            block.extend_from_slice(text);
        }
    }
    block
}

/// A length, without Huffman's bit.
fn length(mut length: usize, block: &mut Vec<u8>) {
    let byte = |number: usize| u8::try_from(number).expect("under a byte's bound");
    if length < 0x7f {
        return block.push(byte(length));
    }
    block.push(0x7f);
    length -= 0x7f;
    while length >= 0x80 {
        block.push(byte(length % 0x80) | 0x80);
        length /= 0x80;
    }
    block.push(byte(length));
}

/// A number that begins in the last `prefix` bits of a byte.
fn integer(block: &mut &[u8], prefix: u32) -> Option<usize> {
    let mask = (1 << prefix) - 1;
    let mut number = usize::from(take(block)? & mask);
    if number < usize::from(mask) {
        return Some(number);
    }
    for shift in (0..28).step_by(7) {
        let byte = take(block)?;
        number += usize::from(byte & 0x7f) << shift;
        if byte & 0x80 == 0 {
            return Some(number);
        }
    }
    None
}

fn take(block: &mut &[u8]) -> Option<u8> {
    let (first, rest) = block.split_first()?;
    *block = rest;
    Some(*first)
}

fn text(block: &mut &[u8]) -> Option<Vec<u8>> {
    let compressed = block.first()? & 0x80 != 0;
    let length = integer(block, 7)?;
    let (text, rest) = block.split_at_checked(length)?;
    *block = rest;
    if compressed { decompress(text) } else { Some(text.to_vec()) }
}

/// Undoes Huffman's code: a code is found by its length and its place among those of that length.
fn decompress(bytes: &[u8]) -> Option<Vec<u8>> {
    let mut symbols: Vec<(u8, u16)> = LENGTHS.iter().copied().zip(0..).collect();
    symbols.sort_unstable();
    let mut text = Vec::new();
    let (mut code, mut bits) = (0_u32, 0_u8);
    for bit in bytes.iter().flat_map(|byte| (0..8).rev().map(move |at| byte >> at & 1)) {
        code = code << 1 | u32::from(bit);
        bits += 1;
        if let Some(symbol) = symbol(&symbols, code, bits) {
            text.push(u8::try_from(symbol).ok()?);
            (code, bits) = (0, 0);
        }
        if bits > 30 {
            return None;
        }
    }
    Some(text)
}

/// The symbol of a code of this length, if it is a whole one.
fn symbol(symbols: &[(u8, u16)], code: u32, bits: u8) -> Option<u16> {
    let (mut first, mut at) = (0_u32, 0_usize);
    for length in 1..=bits {
        let count = symbols[at..].iter().take_while(|(of, _)| *of == length).count();
        if length == bits {
            let place = usize::try_from(code.checked_sub(first)?).ok()?;
            return symbols.get(at + place).filter(|_| place < count).map(|(_, symbol)| *symbol);
        }
        first = (first + u32::try_from(count).ok()?) << 1;
        at += count;
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bytes(hex: &str) -> Vec<u8> {
        let digits: Vec<u8> = hex.bytes().filter(u8::is_ascii_hexdigit).collect();
        let byte = |pair: &[u8]| u8::from_str_radix(std::str::from_utf8(pair).expect("ASCII"), 16).expect("hex");
        digits.chunks(2).map(byte).collect()
    }

    fn fields(fields: &[(&str, &str)]) -> Option<Fields> {
        Some(fields.iter().copied().collect())
    }

    /// Appendix C.4: three requests with Huffman's code, which use what came before.
    #[test]
    fn requests_of_the_standard_are_decoded() {
        let mut decoder = Decoder::default();
        let common = [(":method", "GET"), (":scheme", "http"), (":path", "/"), (":authority", "www.example.com")];
        let first = decoder.decode(&bytes("828684418cf1e3c2e5f23a6ba0ab90f4ff"));
        assert_eq!(first, fields(&common));
        let second = decoder.decode(&bytes("828684be5886a8eb10649cbf"));
        assert_eq!(second, fields(&[&common[..], &[("cache-control", "no-cache")]].concat()));
        let third = decoder.decode(&bytes("828785bf408825a849e95ba97d7f8925a849e95bb8e8b4bf"));
        let expected = [
            (":method", "GET"),
            (":scheme", "https"),
            (":path", "/index.html"),
            (":authority", "www.example.com"),
            ("custom-key", "custom-value"),
        ];
        assert_eq!(third, fields(&expected));
        assert_eq!(decoder.decode(&[0x80]), None);
        assert_eq!(decoder.decode(&[0xff, 0xff, 0xff, 0xff, 0xff, 0xff]), None);
        assert_eq!(decoder.decode(&[0x00, 0x05, b'a']), None);
    }

    #[test]
    fn what_is_encoded_is_decoded() {
        let long = "x".repeat(1000);
        let all: Fields = [(":status", "200"), ("a", ""), ("long", &long), ("b", &long[..127])].into_iter().collect();
        assert_eq!(Decoder::default().decode(&encode(&all)), Some(all));
    }
}
