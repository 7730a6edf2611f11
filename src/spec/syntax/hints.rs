//! How to fix the commonest syntax errors, where the text at the error leaves no doubt.

/// The starts of the parser's messages about a value that is not quoted.
const VALUE: [&str; 5] =
    ["string values must be quoted", "invalid boolean", "invalid float", "invalid integer", "invalid mantissa"];

/// The help for an error of the parser at a byte of the text.
pub(super) fn hint(text: &str, message: &str, at: usize) -> Option<String> {
    if message.starts_with("key with no value") && text[..at].trim_end_matches([' ', '\t']).ends_with(':') {
        return Some("TOML uses `=`, not `:`".to_owned());
    }
    if message.starts_with("missing escaped value") {
        let literal = literal(text, at)?;
        return Some(format!("single quotes preserve backslashes: `{literal}`"));
    }
    let value = VALUE.iter().any(|start| message.starts_with(start)).then(|| value(text, at))?;
    match value.to_ascii_lowercase().as_str() {
        "true" | "false" => Some("`true` and `false` are lowercase".to_owned()),
        "null" | "none" | "nil" => Some("TOML has no null: remove the key".to_owned()),
        _ => is_text(value).then(|| format!("quote the string: `\"{value}\"`")),
    }
}

/// The value around `at`: up to the end of its line, a comment, or the delimiter of an array or an inline table.
fn value(text: &str, at: usize) -> &str {
    let start = text[..at].rfind(['=', '[', '{', ',', '\n']).map_or(0, |before| before + 1);
    let end = text[at..].find([',', ']', '}', '#', '\r', '\n']).map_or(text.len(), |length| at + length);
    text[start..end].trim()
}

/// Whether the value can only be a string. A misspelled number, such as `08` or `0x_1`, is none.
fn is_text(value: &str) -> bool {
    let is_number = value.starts_with(|c: char| c.is_ascii_digit() || matches!(c, '+' | '-'))
        && value.matches('.').count() < 2
        && (value.starts_with("0x") || !value.contains(|c: char| c.is_alphabetic() && !"eobEOB".contains(c)));
    !value.is_empty() && !is_number && !value.contains(['"', '\'', '`', '\\', '=', '[', '{'])
}

/// The string on one line around `at` in single quotes, if they change nothing but the backslashes that the parser rejects.
fn literal(text: &str, at: usize) -> Option<String> {
    let line = text[..at].rfind('\n').map_or(0, |before| before + 1);
    let open = text[line..at].rfind('"').map(|quote| line + quote)?;
    let content = &text[open + 1..];
    let content = content[..content.find('\n').unwrap_or(content.len())].split('"').next()?;
    let is_plain = open + 1 + content.len() < text.len()
        && text[open + 1 + content.len()..].starts_with('"')
        && !text[..open].ends_with(['"', '\\'])
        && !content.contains("\\\\")
        && !content.ends_with('\\')
        && !content.contains(['\'', '`']);
    is_plain.then(|| format!("'{content}'"))
}
