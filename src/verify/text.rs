//! Renders bytes and expectations for messages.

use std::fmt::Write as _;

use regex::bytes::Regex;

use crate::resolve::traffic::suite::Matcher;

/// Bytes shown of a value.
const LONGEST: usize = 120;
/// Bytes shown before the first difference.
const BEFORE: usize = 40;
/// Names listed.
const NAMES: usize = 8;
/// Lines shown of a log.
const LINES: usize = 10;

/// Bytes as one line of text. Invalid UTF-8 and control characters are escaped, and long values are cut.
pub(super) fn show(bytes: &[u8]) -> String {
    window(bytes, 0)
}

/// Bytes as one line of text in backticks.
pub(super) fn quoted(bytes: &[u8]) -> String {
    format!("`{}`", show(bytes))
}

/// The names, separated by commas. A long list is cut.
pub(super) fn list<'a>(names: impl Iterator<Item = &'a str>) -> String {
    let names: Vec<_> = names.map(|name| quoted(name.as_bytes())).collect();
    let shown = names.iter().take(NAMES).cloned().collect::<Vec<_>>().join(", ");
    if names.len() > NAMES { format!("{shown} and {} more", names.len() - NAMES) } else { shown }
}

/// The last lines of a log.
pub(super) fn lines<'a>(lines: impl Iterator<Item = &'a str>) -> String {
    let lines: Vec<_> = lines.map(|line| show(line.as_bytes())).collect();
    let skipped = lines.len().saturating_sub(LINES);
    let shown = lines[skipped..].join("\n");
    if skipped > 0 { format!("… {skipped} earlier lines\n{shown}") } else { shown }
}

/// A regular expression in backticks.
pub(super) fn expression(regex: &Regex) -> String {
    quoted(regex.as_str().as_bytes())
}

/// The expected value.
pub(super) fn wanted(matcher: &Matcher) -> String {
    match matcher {
        Matcher::Is(text) => quoted(text),
        Matcher::Matches(regex) => format!("matching {}", expression(regex)),
    }
}

/// The end of a sentence that starts with the found value.
pub(super) fn not(matcher: &Matcher) -> String {
    match matcher {
        Matcher::Is(text) => format!("not {}", quoted(text)),
        Matcher::Matches(regex) => format!("which {} does not match", expression(regex)),
    }
}

/// The first difference of two texts, and an excerpt of both around it. `None` if both are short enough to be shown whole.
pub(super) fn difference(expected: &[u8], found: &[u8]) -> Option<(String, String, String)> {
    let is_short = |text: &[u8]| text.len() <= LONGEST / 2 && !text.contains(&b'\n');
    if is_short(expected) && is_short(found) || expected.is_empty() {
        return None;
    }
    let at = expected.iter().zip(found).take_while(|(a, b)| a == b).count();
    let before = &found[..at];
    let line = before.iter().filter(|byte| **byte == b'\n').count() + 1;
    let start = before.iter().rposition(|byte| *byte == b'\n').map_or(0, |newline| newline + 1);
    let column = String::from_utf8_lossy(&before[start..]).chars().count() + 1;
    let how = if found.is_empty() {
        "it is empty".to_owned()
    } else if at == found.len() {
        format!("it ends after {at} of {} bytes", expected.len())
    } else if at == expected.len() {
        format!("it continues after the expected {at} bytes")
    } else {
        format!("the first difference is at byte {at} (line {line}, column {column})")
    };
    let start = at.saturating_sub(BEFORE);
    Some((how, window(expected, start), window(found, start)))
}

/// An excerpt that begins near `start`.
fn window(bytes: &[u8], start: usize) -> String {
    let inside = |at: &usize| bytes.get(*at).is_some_and(|byte| byte & 0xc0 == 0x80);
    // A character has at most four bytes; a longer run of continuation bytes is not UTF-8.
    let whole = |at: usize| (at..at + 4).find(|at| !inside(at)).unwrap_or(at);
    let start = whole(start.min(bytes.len()));
    let end = whole((start + LONGEST).min(bytes.len()));
    let mut text = String::new();
    text.push_str(if start > 0 { "…" } else { "" });
    escape(&bytes[start..end], &mut text);
    text.push_str(if end < bytes.len() { "…" } else { "" });
    text
}

fn escape(bytes: &[u8], text: &mut String) {
    for chunk in bytes.utf8_chunks() {
        for c in chunk.valid().chars() {
            if c.is_control() { text.extend(c.escape_default()) } else { text.push(c) }
        }
        for byte in chunk.invalid() {
            // Writing to a String cannot fail.
            let _ = write!(text, "\\x{byte:02x}");
        }
    }
}
