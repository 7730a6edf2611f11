//! What the user sees: diagnostics and progress on standard error, products on standard output.

use std::collections::BTreeSet;
use std::io::{self, Write as _};

use camino::Utf8Path;
use mesh_compile::diag::render::{Color, Format};
use mesh_compile::diag::{Code, Diagnostic, Severity, Sink, Sources, visible};
use mesh_compile::world::World;

use super::Outcome;

/// Writes diagnostics and progress as the global options ask.
#[derive(Debug)]
pub(super) struct Reporter<'w> {
    sources: &'w Sources,
    format: Format,
    color: Color,
    quiet: bool,
    verbose: bool,
}

impl<'w> Reporter<'w> {
    pub(super) const fn new(sources: &'w Sources, format: Format, color: Color, quiet: bool, verbose: bool) -> Self {
        Self { sources, format, color, quiet, verbose }
    }

    pub(super) const fn format(&self) -> Format {
        self.format
    }

    /// Writes the diagnostics and their number. The outcome is an error if there is one among them.
    pub(super) fn diagnostics(&self, sink: Sink) -> Outcome {
        let failed = sink.has_errors();
        stderr(&self.render(sink.into_sorted(self.sources)));
        if failed { Outcome::Error } else { Outcome::Success }
    }

    fn render(&self, mut found: Vec<Diagnostic>) -> String {
        if self.quiet {
            found.retain(|diagnostic| diagnostic.severity == Severity::Error);
        }
        let mut text = self.format.render(&found, self.sources, self.color);
        if matches!(self.format, Format::Text) && !found.is_empty() {
            let errors = found.iter().filter(|diagnostic| diagnostic.severity == Severity::Error).count();
            let counts = [(errors, "error"), (found.len() - errors, "warning")];
            let words: Vec<String> = counts.iter().filter(|(n, _)| *n > 0).map(|(n, word)| plural(*n, word)).collect();
            text.push_str(&format!("\n{}; for details, run {}\n", words.join(", "), explain(&found)));
        }
        text
    }

    /// Writes one line of progress. Only in the text format: programs read the others.
    pub(super) fn info(&self, line: &str) {
        if self.shows_progress() {
            stderr(&self::line(line));
        }
    }

    /// Writes one line of progress with `-v`.
    pub(super) fn verbose(&self, line: &str) {
        if self.verbose {
            self.info(line);
        }
    }

    /// Whether progress is shown.
    pub(super) const fn shows_progress(&self) -> bool {
        !self.quiet && matches!(self.format, Format::Text)
    }
}

/// The command that explains the codes, errors first: `mesh-compile explain CODE` (MC0115, MC0501)
fn explain(found: &[Diagnostic]) -> String {
    const NAMED: usize = 5;
    let codes: BTreeSet<_> = found.iter().map(|diagnostic| (diagnostic.severity, diagnostic.code)).collect();
    let mut codes: Vec<&str> = codes.iter().map(|(_, code)| code.as_str()).collect();
    // A code can have both severities.
    let mut seen = BTreeSet::new();
    codes.retain(|code| seen.insert(*code));
    match codes.as_slice() {
        [code] => format!("`mesh-compile explain {code}`"),
        _ => {
            let more = if codes.len() > NAMED { ", …" } else { "" };
            codes.truncate(NAMED);
            format!("`mesh-compile explain CODE` ({}{more})", codes.join(", "))
        }
    }
}

/// A line that can contain names from outside, ready to print.
pub(super) fn line(text: &str) -> String {
    format!("{}\n", visible(text))
}

/// `1 error`, `2 errors`.
pub(super) fn plural(count: usize, word: &str) -> String {
    format!("{count} {word}{}", if count == 1 { "" } else { "s" })
}

/// The columns of text on standard output: 80, or fewer on a narrower terminal.
pub(super) fn width() -> usize {
    let terminal = terminal_size::terminal_size_of(io::stdout());
    terminal.map_or(80, |(terminal_size::Width(columns), _)| usize::from(columns).clamp(40, 80))
}

fn stderr(text: &str) {
    // If standard error is closed, nobody can be told.
    let _ = io::stderr().lock().write_all(text.as_bytes());
}

/// Writes a product. A reader that stops early, such as `head`, is not an error.
pub(super) fn stdout(bytes: &[u8]) -> Outcome {
    let mut out = io::stdout().lock();
    match out.write_all(bytes).and_then(|()| out.flush()) {
        Ok(()) => Outcome::Success,
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Outcome::Success,
        Err(error) => {
            stderr(&format!("error: cannot write to standard output: {error}\n"));
            Outcome::Error
        }
    }
}

/// The error about an output file that cannot be written.
pub(super) fn cannot_write(world: &dyn World, path: &Utf8Path, error: &io::Error) -> Diagnostic {
    let diagnostic = Diagnostic::error(Code::MC0708, format!("cannot write `{path}`: {error}"));
    match path.parent().filter(|dir| *dir != "" && world.kind(dir).is_none()) {
        Some(dir) => diagnostic.help(format!("create the directory `{dir}` first")),
        None => diagnostic,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_of_progress_stays_one_line_without_hidden_characters() {
        assert_eq!(line("out\u{1b}[2J\n::error::a\u{202e}"), "out␛[2J␊::error::a\u{fffd}\n");
        assert_eq!(line("::error::a"), "\\::error::a\n");
    }
}
