//! Strings that YAML parsers are known to read as something else, and strategies that generate more of them.

use proptest::prelude::*;

/// Valid values of Kubernetes labels that some parser reads as another type without quotes.
#[rustfmt::skip] // a table
pub(crate) const LABEL_VALUES: &[&str] = &[
    "", "true", "True", "TRUE", "false", "False", "FALSE", "null", "Null", "NULL", "yes", "Yes", "YES", "no", "No",
    "NO", "on", "On", "ON", "off", "Off", "OFF", "y", "Y", "n", "N", "t", "f", "nan", "NaN", "inf", "Inf",
    "Infinity", "0", "1", "00", "08", "010", "0o7", "0o_7", "0x1", "0x_1", "0xdeadbeef", "0b1", "0b_1", "1_000",
    "0_8", "1e3", "1E3", "1e-3", "1e_3", "123e456", "1e999", "1.5", "1.2.3", "1__0", "5e", "2001-01-01", "2001-1-1",
    "18446744073709551616", "9223372036854775808", "012345678901234567890123456789012345678901234567890123456789012",
    "6e10123456789012345678901234567890123456789", "9080-tcp", "10s", "1Mi", "0x", "0b", "0o", "a.b", "a_b", "a-b",
];

/// Other strings that are easy to write wrong: values of other types, syntax, spaces, and characters that need an escape.
#[rustfmt::skip] // a table
pub(crate) const STRINGS: &[&str] = &[
    "~", "tRUE", "nULL", ".5", "5.", "+1", "-1", "-0", "+0x1", "-0b1", "-0o7", "1e+3", "-1e3", "+.5", "1,000",
    ".inf", "-.inf", "+.Inf", ".INF", ".nan", ".NaN", ".NAN", "-Infinity", "1:20", "-1:20", "190:20:30",
    "190:20:30.15", "2001-12-14t21:59:43.10-05:00", "2001-12-14 21:59:43.10 -5", "2001-12-15 2:59:43.10",
    "2001-12-14T21:59:43Z", "<<", "=", "-", "--", "- a", "-a", "---", "--- a", "...", "... a", "?", "? a", "?a", ":",
    ": a", ":a", "a:", "a: b", "a :b", "a : b", "a::b", "a:b", "a,b", ",", ",a", "[", "]", "[]", "[a", "a]", "{",
    "}", "{}", "{a", "a}", "#", "#a", "a #b", "a# b", "a#b", "&", "&a", "*", "*a", "!", "!a", "!!str a",
    "!!binary aGk=", "|", "|-", "|2", ">", ">+", "'", "''", "'a'", "it's", "\"", "\"\"", "\"a\"", "a\"b", "\\",
    "\\n", "a\\", "%", "%YAML 1.2", "@", "@type", "`", "`a", " ", "  ", " a", "a ", "a  b", "a b", "\t", "\ta",
    "a\t", "a\tb", "a:\tb", "a\t#b", "\n", "\n\n", "a\n", "\na", "a\nb", "a\n\nb", "a\n b", " a\nb", "a\n---\nb",
    "a\n...\nb", "a\n# b", "a: b\nc: d", "\r", "\r\n", "a\rb", "a\r\nb", "\0", "a\0b", "\x01", "\x07", "\x08",
    "\x0b", "\x0c", "\x1b[31m", "\x7f", "\u{80}", "\u{85}", "a\u{85}b", "\u{9f}", "\u{a0}", "\u{a0}a\u{a0}",
    "\u{ad}", "\u{200b}", "\u{200d}", "\u{2028}", "a\u{2028}b", "\u{2029}", "a\u{2029}b", "\u{202e}", "\u{2066}",
    "\u{3000}", "\u{d7ff}", "\u{e000}", "\u{feff}", "\u{feff}a", "a\u{feff}", "\u{fffd}", "\u{fffe}", "\u{ffff}",
    "\u{10000}", "\u{1f600}", "\u{1fffe}", "\u{10ffff}", "é", "e\u{301}", "日本", "{\"a\": [1, 2]}", "{{ a }}",
    "{% a %}", "${a}", "$(A)", "apps/v1", "sidecar.istio.io/userVolume", "/etc/wasm/a.wasm", "//", "/",
    "https://example.org:8080/a?b=c#d", "sha256:0123456789abcdef", "_", "_1", "_a", "e10",
    "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855", "not a boolean (at all)", "AGFzbQEAAAA=",
];

/// Several pieces of YAML syntax.
fn pieces() -> impl Strategy<Value = String> {
    let piece = prop::sample::select(vec![
        " ",
        " ",
        ":",
        ": ",
        " #",
        "#",
        "-",
        "- ",
        "?",
        "? ",
        ",",
        ".",
        "_",
        "+",
        "/",
        "=",
        "@",
        "'",
        "\"",
        "\\",
        "&",
        "*",
        "!",
        "|",
        ">",
        "%",
        "~",
        "<<",
        "[",
        "]",
        "{",
        "}",
        "0",
        "1",
        "7",
        "9",
        "12",
        "0x",
        "0o",
        "0b",
        "e",
        "E",
        "a",
        "b",
        "f",
        "y",
        "n",
        "on",
        "no",
        "off",
        "true",
        "null",
        "inf",
        "nan",
        "T",
        "Z",
        "\n",
        "\n\n",
        "\r",
        "\t",
        "\0",
        "\u{85}",
        "\u{2028}",
        "\u{feff}",
        "\u{a0}",
        "\u{1f600}",
        "é",
    ]);
    prop::collection::vec(piece, 0..8).prop_map(|pieces| pieces.concat())
}

/// Digits, signs and other characters of numbers and timestamps.
fn numeric() -> impl Strategy<Value = String> {
    let char = prop::sample::select("0123456789001122+-._:eExXobTZ ".chars().collect::<Vec<_>>());
    prop::collection::vec(char, 1..12).prop_map(|chars| chars.into_iter().collect())
}

/// Any string, often one that is easy to write wrong.
pub(crate) fn text() -> impl Strategy<Value = String> {
    prop_oneof![
        1 => any::<String>(),
        1 => prop::collection::vec(any::<char>(), 0..16).prop_map(|chars| chars.into_iter().collect()),
        1 => prop::collection::vec(0..0x300_u32, 0..8)
            .prop_map(|codes| codes.into_iter().filter_map(char::from_u32).collect()),
        2 => numeric(),
        4 => pieces(),
        1 => prop::sample::select(STRINGS).prop_map(str::to_owned),
        1 => prop::sample::select(LABEL_VALUES).prop_map(str::to_owned),
    ]
}
