//! What the user is told: findings and progress on standard error, products on standard output.

use std::io::{self, Write};

use mesh_compile::diag::render::{Color, Format};
use mesh_compile::diag::{Diagnostic, Severity, Sink, Sources};

use super::Outcome;

/// Writes to the user as the command line asks.
pub(super) struct Reporter<'w> {
    /// Where the findings' places are looked up.
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

    /// Writes the findings and how many there are. The outcome is `Failed` with an error among them, `Fine` otherwise.
    pub(super) fn findings(&self, sink: Sink) -> Outcome {
        let failed = sink.has_errors();
        self.write(sink.into_sorted(self.sources));
        if failed { Outcome::Failed } else { Outcome::Fine }
    }

    fn write(&self, mut found: Vec<Diagnostic>) {
        if self.quiet {
            found.retain(|finding| finding.severity == Severity::Error);
        }
        let mut text = self.format.render(&found, self.sources, self.color);
        if matches!(self.format, Format::Text) && !found.is_empty() {
            let errors = found.iter().filter(|finding| finding.severity == Severity::Error).count();
            let counts = [(errors, "error"), (found.len() - errors, "warning")];
            let words: Vec<String> = counts.iter().filter(|(n, _)| *n > 0).map(|(n, word)| plural(*n, word)).collect();
            let gravest = found.iter().min_by_key(|finding| finding.severity);
            let code = gravest.map_or("", |finding| finding.code.as_str());
            text.push_str(&format!("\n{}; `mesh-compile explain {code}` says more\n", words.join(", ")));
        }
        stderr(&text);
    }

    /// One line of progress, in the text format only: the others are read by programs.
    pub(super) fn note(&self, line: &str) {
        if !self.quiet && matches!(self.format, Format::Text) {
            stderr(&format!("{line}\n"));
        }
    }

    /// Whether a bar may be drawn.
    pub(super) const fn shows_progress(&self) -> bool {
        !self.quiet && matches!(self.format, Format::Text)
    }

    /// One line of progress that is asked for with `-v`.
    pub(super) fn detail(&self, line: &str) {
        if self.verbose {
            self.note(line);
        }
    }
}

/// `1 error`, `2 errors`.
pub(super) fn plural(count: usize, word: &str) -> String {
    format!("{count} {word}{}", if count == 1 { "" } else { "s" })
}

fn stderr(text: &str) {
    // Nobody is left to be told that nobody reads standard error.
    let _ = io::stderr().lock().write_all(text.as_bytes());
}

/// Writes a product. A reader that has seen enough (`| head`) is no error.
pub(super) fn stdout(bytes: &[u8]) -> Outcome {
    let mut out = io::stdout().lock();
    match out.write_all(bytes).and_then(|()| out.flush()) {
        Ok(()) => Outcome::Fine,
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Outcome::Fine,
        Err(error) => {
            stderr(&format!("error: cannot write to standard output: {error}\n"));
            Outcome::Failed
        }
    }
}
