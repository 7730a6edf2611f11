//! The log of what happened, below the diagnostic, with the colors of a diff.

use super::Color;
use crate::diag::visible;

const BOLD: &str = "\x1b[1m";
const GREEN: &str = "\x1b[32m";
const RED: &str = "\x1b[31m";
const RESET: &str = "\x1b[0m";

/// Writes the lines with indentation, after an empty line.
pub(super) fn write(lines: &[String], color: Color, out: &mut String) {
    if lines.is_empty() {
        return;
    }
    out.push('\n');
    for line in lines {
        // A message that a filter logs stays on its line.
        let line = visible(line);
        let line = line.trim_end();
        match style(line).filter(|_| color == Color::Styled) {
            Some(style) => out.extend(["    ", style, line, RESET, "\n"]),
            None if line.is_empty() => out.push('\n'),
            None => out.extend(["    ", line, "\n"]),
        }
    }
}

fn style(line: &str) -> Option<&'static str> {
    let text = line.trim_start();
    match text.get(..2) {
        Some("+ ") => Some(GREEN),
        Some("- ") => Some(RED),
        _ if !text.is_empty() && text.len() == line.len() => Some(BOLD),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::super::render;
    use super::*;
    use crate::diag::{Code, Diagnostic, Sources};

    const LINES: [&str; 5] =
        ["auth, proxy_on_request_headers: Continue", "  + x-a: 1", "  - x-b: 2", "  a\nb\x1b[31m", ""];

    fn rendered(color: Color) -> String {
        render(&[Diagnostic::error(Code::MC0610, "no").detail(LINES.map(str::to_owned))], &Sources::new(), color)
    }

    #[test]
    fn lines_are_indented() {
        let expected = "error[MC0610]: no\n\n    auth, proxy_on_request_headers: Continue\n      + x-a: 1\n      - x-b: 2\n      a\u{240a}b\u{241b}[31m\n\n";
        assert_eq!(rendered(Color::Plain), expected);
    }

    #[test]
    fn added_and_removed_lines_are_colored() {
        let text = rendered(Color::Styled);
        for part in
            ["    \x1b[1mauth, ", "\x1b[32m  + x-a: 1\x1b[0m\n", "\x1b[31m  - x-b: 2\x1b[0m\n", "      a\u{240a}b"]
        {
            assert!(text.contains(part), "{part:?} is not in {text:?}");
        }
    }
}
