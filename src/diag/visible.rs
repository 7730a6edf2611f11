//! Text from outside, made safe to print.
//!
//! Names in a module, paths, configuration values and log messages can contain characters that control a terminal, reorder or
//! hide text, or start a line that a CI system executes. Every such string passes through [`visible`] or [`visible_lines`]
//! where it enters a line of output.

use std::borrow::Cow;

/// The text on one line, with every hidden character replaced by a visible one.
#[must_use]
pub fn visible(text: &str) -> Cow<'_, str> {
    match replaced(text) {
        Cow::Borrowed(text) if text.contains('\n') => Cow::Owned(text.replace('\n', "\u{240a}")),
        Cow::Borrowed(text) => Cow::Borrowed(text),
        Cow::Owned(text) => Cow::Owned(text.replace('\n', "\u{240a}")),
    }
}

/// Like [`visible`], but keeps the line breaks.
#[must_use]
pub fn visible_lines(text: &str) -> Cow<'_, str> {
    let text = replaced(text);
    if !text.contains("\n") {
        return text;
    }
    let lines: Vec<Cow<'_, str>> = text.split('\n').map(|line| without_command(line.into())).collect();
    Cow::Owned(lines.join("\n"))
}

/// Whether a character is invisible or changes how others are shown: controls (Unicode's category Cc), the invisible format
/// characters of Cf, the separators of lines and paragraphs, and letters that are shown as nothing.
#[must_use]
pub(crate) const fn is_hidden(c: char) -> bool {
    matches!(c,
        '\0'..='\u{1f}' | '\u{7f}'..='\u{9f}'
        | '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{115f}'..='\u{1160}' | '\u{17b4}'..='\u{17b5}' | '\u{180e}'
        | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}'
        | '\u{3164}' | '\u{feff}' | '\u{ffa0}' | '\u{fff9}'..='\u{fffb}'
        | '\u{1bca0}'..='\u{1bca3}' | '\u{1d173}'..='\u{1d17a}' | '\u{e0000}'..='\u{e007f}')
}

/// The replacement of a hidden character: the picture of a C0 control or of DEL, otherwise U+FFFD.
fn shown(c: char) -> char {
    match c {
        '\t' => ' ',
        '\u{7f}' => '\u{2421}',
        // U+2400 starts the pictures of the C0 controls, in the controls' order.
        '\0'..='\u{1f}' => char::from_u32(0x2400 + u32::from(c)).unwrap_or(char::REPLACEMENT_CHARACTER),
        _ => char::REPLACEMENT_CHARACTER,
    }
}

/// The text with hidden characters replaced, except line feeds.
fn replaced(text: &str) -> Cow<'_, str> {
    let is_hidden = |c: char| is_hidden(c) && c != '\n';
    let text = if text.contains(is_hidden) {
        let show = |c: char| if is_hidden(c) { shown(c) } else { c };
        Cow::Owned(text.replace("\r\n", "\n").chars().map(show).collect())
    } else {
        Cow::Borrowed(text)
    };
    without_command(text)
}

/// The text without workflow commands of GitHub Actions. Its runner executes a line that starts with `::` after white space, and
/// `##[` anywhere (actions/runner, `src/Runner.Common/ActionCommand.cs`).
fn without_command(text: Cow<'_, str>) -> Cow<'_, str> {
    let start = text.trim_start();
    if !start.starts_with("::") && !text.contains("##[") {
        return text;
    }
    let escape = if start.starts_with("::") { "\\" } else { "" };
    let indent = &text[..text.len() - start.len()];
    Cow::Owned(format!("{indent}{escape}{}", start.replace("##[", "## [")))
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// A character of every hidden category, with its neighbors where the category is a range.
    pub(crate) const HIDDEN: &[char] = &[
        '\0',
        '\u{7}',
        '\u{8}',
        '\t',
        '\n',
        '\u{b}',
        '\u{c}',
        '\r',
        '\u{1b}',
        '\u{1f}',
        '\u{7f}',
        '\u{80}',
        '\u{85}',
        '\u{9b}',
        '\u{9f}',
        '\u{ad}',
        '\u{34f}',
        '\u{61c}',
        '\u{1160}',
        '\u{17b4}',
        '\u{180e}',
        '\u{200b}',
        '\u{200c}',
        '\u{200d}',
        '\u{200e}',
        '\u{200f}',
        '\u{2028}',
        '\u{2029}',
        '\u{202a}',
        '\u{202e}',
        '\u{2060}',
        '\u{2064}',
        '\u{2066}',
        '\u{2069}',
        '\u{206f}',
        '\u{3164}',
        '\u{feff}',
        '\u{ffa0}',
        '\u{fff9}',
        '\u{fffb}',
        '\u{1bca0}',
        '\u{1d173}',
        '\u{e0001}',
        '\u{e007f}',
    ];

    /// A string with everything that must not reach an output as it is.
    pub(crate) fn hostile() -> String {
        let hidden: String = HIDDEN.iter().flat_map(|&c| ['x', c]).collect();
        format!("::error::a{hidden}\n::warning::b\r\n  ::error file=c::c\r::error::d##[add-mask]e")
    }

    /// Checks lines of output: nothing hidden, and no line that starts a workflow command.
    #[track_caller]
    pub(crate) fn assert_safe(output: &str) {
        let hidden: Vec<char> = output.chars().filter(|&c| is_hidden(c) && c != '\n').collect();
        assert!(hidden.is_empty(), "{hidden:?} in {output:?}");
        // ` ::: path` is how the text format starts an excerpt of another file; the runner has no command of that name.
        let is_command = |line: &&str| line.trim_start().starts_with("::") && !line.trim_start().starts_with("::: ");
        let commands: Vec<&str> = output.lines().filter(|line| is_command(line) || line.contains("##[")).collect();
        assert!(commands.is_empty(), "{commands:#?} in {output:?}");
    }

    #[test]
    fn hidden_characters_have_a_visible_replacement() {
        assert!(HIDDEN.iter().all(|&c| is_hidden(c)));
        assert_eq!(visible("a\u{1b}[31m\u{7f}\tb\n\r\u{9b}\u{202e}\u{feff}"), "a␛[31m␡ b␊␍\u{fffd}\u{fffd}\u{fffd}");
        assert_eq!(visible_lines("a\r\nb\u{7}\nc"), "a\nb␇\nc");
    }

    #[test]
    fn text_without_hidden_characters_stays_as_it_is() {
        for text in ["", "mesh.toml", "a::b", "漢 é\u{301} 🦀", "# [x]"] {
            assert!(matches!(visible(text), Cow::Borrowed(same) if same == text));
            assert!(matches!(visible_lines(text), Cow::Borrowed(same) if same == text));
        }
    }

    #[test]
    fn no_line_starts_a_workflow_command() {
        assert_eq!(visible("::error::a"), "\\::error::a");
        assert_eq!(visible_lines("a\n \t::error::b\n##[group]"), "a\n  \\::error::b\n## [group]");
        assert_safe(&visible(&hostile()));
        assert_safe(&visible_lines(&hostile()));
    }
}
