//! How a string is written: plain, 'single-quoted' or "double-quoted".
//!
//! Every reader, of YAML 1.1 and of 1.2, must read a plain string as a string. The rule is therefore narrower than that of
//! either standard: a string that some reader might resolve to another type is quoted.

use std::io::Write as _;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

/// Words that some reader resolves to a boolean, a null or a float, in any case.
///
/// From the types of YAML 1.1 (`y`, `on`, ...), the core schema (`true`, `null`) and the words that number parsers accept.
const RESERVED: &[&str] = &["true", "false", "null", "yes", "no", "on", "off", "y", "n", "nan", "inf", "infinity"];

/// Appends `text` in the first of the three styles that can represent it. Always one line: LF is escaped.
pub(super) fn string(text: &str, out: &mut Vec<u8>) {
    if is_plain(text) {
        out.extend_from_slice(text.as_bytes());
    } else if !text.is_empty() && text.chars().all(is_visible) {
        single_quoted(text, out);
    } else {
        double_quoted(text, out);
    }
}

/// Appends `bytes` as base64, without an intermediate copy: a module may have megabytes.
pub(super) fn base64(bytes: &[u8], out: &mut Vec<u8>) {
    if bytes.is_empty() {
        return string("", out);
    }
    let start = out.len();
    let length = base64::encoded_len(bytes.len(), true).expect("a slice is at most isize::MAX bytes");
    out.resize(start + length, 0);
    STANDARD.encode_slice(bytes, &mut out[start..]).expect("the buffer was sized by encoded_len");
    // In this alphabet only the first character and the whole word decide, so the rest of the text is not examined.
    if !opens_plain(&out[start..]) || is_reserved(&out[start..]) {
        out.insert(start, b'\'');
        out.push(b'\'');
    }
}

/// Whether every reader reads the bare `text` as this string.
/// Whether every reader gets the text back from a literal block: its indentation is that of its first line, and it ends with one
/// line break.
pub(super) fn fits_block(text: &str) -> bool {
    let Some(lines) = text.strip_suffix('\n') else { return false };
    !lines.starts_with([' ', '\n'])
        && !lines.is_empty()
        && !lines.ends_with('\n')
        && lines.chars().all(|char| char == '\n' || is_visible(char))
        && !lines.split('\n').any(|line| line.ends_with(' '))
}

fn is_plain(text: &str) -> bool {
    // An empty word means a separator at either end or two in a row: that covers `: `, ` :` and a trailing colon or space.
    opens_plain(text.as_bytes())
        && !is_reserved(text.as_bytes())
        && text.split([' ', ':']).all(|word| !word.is_empty() && word.bytes().all(is_word_byte))
}

/// Numbers and timestamps begin with a digit, a sign or a dot, and every indicator is punctuation. A string that begins with a
/// letter can only be a reserved word, and nothing else begins with a slash.
fn opens_plain(text: &[u8]) -> bool {
    text.first().is_some_and(|&byte| byte.is_ascii_alphabetic() || byte == b'/')
}

fn is_reserved(text: &[u8]) -> bool {
    RESERVED.iter().any(|word| text.eq_ignore_ascii_case(word.as_bytes()))
}

fn is_word_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"-_./+=,@()".contains(&byte)
}

/// Whether `char` may appear unescaped: YAML's printable set without line breaks, tabs, and characters that a reviewer of the
/// manifest would not see (zero-width and bidirectional controls).
///
/// The ranges are listed here because the Unicode tables of the standard library, and so the bytes, change with the compiler.
fn is_visible(char: char) -> bool {
    !matches!(
        char,
        '\0'..='\x1f'
            | '\x7f'..='\u{9f}'
            | '\u{61c}'
            | '\u{200b}'..='\u{200f}'
            | '\u{2028}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}'
            | '\u{feff}'
            | '\u{fffe}'..='\u{ffff}'
    )
}

fn single_quoted(text: &str, out: &mut Vec<u8>) {
    out.push(b'\'');
    for byte in text.bytes() {
        out.push(byte);
        if byte == b'\'' {
            out.push(b'\'');
        }
    }
    out.push(b'\'');
}

fn double_quoted(text: &str, out: &mut Vec<u8>) {
    out.push(b'"');
    for char in text.chars() {
        match char {
            '"' => out.extend_from_slice(b"\\\""),
            '\\' => out.extend_from_slice(b"\\\\"),
            '\n' => out.extend_from_slice(b"\\n"),
            '\r' => out.extend_from_slice(b"\\r"),
            '\t' => out.extend_from_slice(b"\\t"),
            visible if is_visible(visible) => {
                out.extend_from_slice(visible.encode_utf8(&mut [0; 4]).as_bytes());
            }
            hidden => escape(hidden, out),
        }
    }
    out.push(b'"');
}

/// Only characters of the basic plane are escaped, so four digits suffice.
fn escape(char: char, out: &mut Vec<u8>) {
    let code = u32::from(char);
    let written = if code <= 0xff { write!(out, "\\x{code:02X}") } else { write!(out, "\\u{code:04X}") };
    written.expect("writing to a Vec cannot fail");
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(text: &str) -> String {
        let mut out = Vec::new();
        string(text, &mut out);
        String::from_utf8(out).expect("the writer writes UTF-8")
    }

    fn encoded(bytes: &[u8]) -> String {
        let mut out = b"x: ".to_vec();
        base64(bytes, &mut out);
        String::from_utf8(out.split_off(3)).expect("base64 is ASCII")
    }

    /// The bytes of a base64 text.
    fn decoded(text: &str) -> Vec<u8> {
        STANDARD.decode(text).expect("the table contains base64")
    }

    #[rustfmt::skip] // a table
    const NAMES: &[&str] = &[
        "a", "v1", "apps/v1", "EnvoyFilter", "sidecar.istio.io/userVolume", "envoy.filters.http.router",
        "type.googleapis.com/envoy.extensions.filters.http.wasm.v3.Wasm", "/var/lib/wasm/module.wasm",
        "registry.example/a:1.2.3", "https://example.org/a", "sha256:0123", "name@example.org",
        "e3b0c44298fc1c149afbf4c8996fb924", "e10", "f1_000", "not a boolean (at all)", "yes-sir", "noon", "nullable",
        "a - b", "a=b,c+d",
    ];

    #[test]
    fn names_are_plain() {
        for text in NAMES {
            assert_eq!(written(text), *text);
        }
    }

    #[rustfmt::skip] // a table
    const TYPED: &[&str] = &[
        "~", "true", "True", "TRUE", "tRuE", "false", "null", "Null", "NULL", "yes", "Yes", "no", "NO", "on", "On",
        "off", "OFF", "y", "Y", "n", "N", "nan", "NaN", "inf", "Infinity", ".inf", "-.inf", "+.INF", ".nan", ".NaN",
        "0", "1", "-1", "+1", "1_000", "0_8", "010", "0o7", "0x1", "0x_1", "0b1", "1e3", "1e_3", "1.5", ".5", "5.",
        "1.", "1:20", "190:20:30.15", "123e456", "0123456789", "2001-01-01", "2001-12-14t21:59:43.10-05:00",
        "2001-12-14 21:59:43.10 -5", "<<", "=", "1.2.3", "9080-tcp", "10s", "1Mi",
    ];

    #[test]
    fn strings_that_some_reader_resolves_to_another_type_are_quoted() {
        for text in TYPED {
            assert_eq!(written(text), format!("'{text}'"));
        }
    }

    #[rustfmt::skip] // a table
    const SYNTAX: &[&str] = &[
        "-", "- a", "-a", "--- a", "---", "...", "?", "? a", ":", ": a", ":a", ",a", "[a", "]a", "[]", "{a", "}a",
        "{}", "#a", "&a", "*a", "!a", "!!str a", "|", "|-", ">", ">+", "\"a\"", "%a", "@type", "`a", "a: b", "a:",
        "a :b", "a::b", "a #b", "a# b", " a", "a ", "  ", "a  b", "_a", "a[0]", "a\\b", "{\"a\": 1}", "é", "日本",
        "\u{a0}", "\u{1f600}", "\u{1fffe}",
    ];

    #[test]
    fn strings_that_some_reader_parses_as_syntax_are_quoted() {
        for text in SYNTAX {
            assert_eq!(written(text), format!("'{text}'"));
        }
        assert_eq!(written("it's"), "'it''s'");
        assert_eq!(written("'"), "''''");
    }

    #[test]
    fn invisible_characters_are_escaped() {
        for (text, expected) in [
            ("", r#""""#),
            ("\n", r#""\n""#),
            ("a\nb: 'c'\n", r#""a\nb: 'c'\n""#),
            ("a\r\n\tb", r#""a\r\n\tb""#),
            ("\"\\\n", r#""\"\\\n""#),
            ("\0\x07\x1b\x7f", r#""\x00\x07\x1B\x7F""#),
            ("\u{80}\u{85}\u{9f}", r#""\x80\x85\x9F""#),
            ("\u{2028}\u{2029}", r#""\u2028\u2029""#),
            ("\u{feff}a", r#""\uFEFFa""#),
            ("\u{fffe}\u{ffff}", r#""\uFFFE\uFFFF""#),
            ("\u{202e}\u{200d}\u{2066}\u{61c}", r#""\u202E\u200D\u2066\u061C""#),
            ("é\t\u{1f600}\u{10ffff}", "\"é\\t\u{1f600}\u{10ffff}\""),
        ] {
            assert_eq!(written(text), expected);
        }
    }

    #[test]
    fn base64_is_plain_unless_some_reader_resolves_it_to_another_type() {
        assert_eq!(encoded(b""), "\"\"");
        assert_eq!(encoded(b"\0asm\x01\0\0\0"), "AGFzbQEAAAA=");
        for text in ["AAAA", "yes+", "null////", "/w==", "////", "trueAAAA", "e123"] {
            assert_eq!(encoded(&decoded(text)), text);
        }
        for text in [
            "true",
            "TRUE",
            "True",
            "null",
            "Null",
            "NULL",
            "1234",
            "0123",
            "1e10",
            "0x12",
            "+123",
            "+w==",
            "1A==",
            "012345678901234567890123",
        ] {
            assert_eq!(encoded(&decoded(text)), format!("'{text}'"));
        }
    }
}
