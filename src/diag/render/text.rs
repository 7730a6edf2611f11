//! Diagnostics in the style of rustc: the source line, an underline, labels, notes and help.

mod detail;
mod excerpt;
#[cfg(test)]
mod tests;

use std::borrow::Cow;

use annotate_snippets::{Group, Level, Message, Origin, Padding, Renderer};

use self::excerpt::{Excerpt, Kind, Mark};
use super::Color;
use crate::diag::{Diagnostic, Files, Label, Severity, Sources, visible, visible_lines};

/// The columns of a source line. A longer line is cut around the underline. Independent of the terminal, so that a log is the
/// same on every machine.
const WIDTH: usize = 120;

/// The diagnostics that are shown of one code at one place. A binding can cause thousands.
const ALIKE: usize = 5;

/// The diagnostics, separated by blank lines.
#[must_use]
pub fn render(diagnostics: &[Diagnostic], sources: &Sources, color: Color) -> String {
    let files = sources.files();
    let renderer = match color {
        Color::Plain => Renderer::plain(),
        Color::Styled => Renderer::styled(),
    }
    .term_width(WIDTH);
    let mut out = String::new();
    for alike in diagnostics.chunk_by(is_alike) {
        for diagnostic in &alike[..alike.len().min(ALIKE)] {
            if !out.is_empty() {
                out.push('\n');
            }
            for line in renderer.render(&[group(diagnostic, &files)]).lines() {
                out.push_str(line.trim_end());
                out.push('\n');
            }
            detail::write(&diagnostic.detail, color, &mut out);
        }
        if alike.len() > ALIKE {
            let more = alike.len() - ALIKE;
            out.push_str(&format!("\n… and {more} more {} at this place; `--format json` shows all\n", alike[0].code));
        }
    }
    out
}

/// Whether two diagnostics say the same about two workloads of one binding: they have the same code and place.
fn is_alike(a: &Diagnostic, b: &Diagnostic) -> bool {
    let place = |it: &Diagnostic| it.primary.as_ref().map(|label| label.location);
    a.code == b.code && place(a) == place(b) && place(a).is_some_and(|location| location.range.is_some())
}

/// A part of a diagnostic between its message and its notes.
enum Part<'a> {
    /// `--> path`, without lines.
    File(&'a str),
    /// Lines of a file, with underlines.
    Excerpt(Excerpt<'a>),
}

fn group<'a>(diagnostic: &'a Diagnostic, files: &'a Files) -> Group<'a> {
    let level = match diagnostic.severity {
        Severity::Error => Level::ERROR,
        Severity::Warning => Level::WARNING,
    };
    let title = level.primary_title(visible(&diagnostic.message));
    let mut group = Group::with_title(title.id(diagnostic.code.as_str()));
    let notes = notes(diagnostic, files);
    // The crate separates its elements with an empty `|`, except around a path without lines.
    let mut after_lines = false;
    let mut after_path = false;
    for part in parts(diagnostic, files) {
        if after_lines && matches!(part, Part::File(_)) {
            group = group.element(Padding);
        }
        after_lines = matches!(part, Part::Excerpt(_));
        after_path = !after_lines;
        group = match part {
            Part::File(path) => group.element(Origin::path(visible(path))),
            Part::Excerpt(excerpt) => group.element(excerpt.into_snippet()),
        };
    }
    if after_path && !notes.is_empty() {
        group = group.element(Padding);
    }
    group.elements(notes)
}

/// The places in order. Those that fit into one excerpt share it.
fn parts<'a>(diagnostic: &'a Diagnostic, files: &'a Files) -> Vec<Part<'a>> {
    let mut parts: Vec<Part<'a>> = Vec::new();
    let primary = diagnostic.primary.iter().map(|l| (l, Kind::Primary));
    let related = diagnostic.related.iter().map(|l| (l, Kind::Context));
    for (label, kind) in primary.chain(related) {
        let source = &files[label.location.file];
        let Some(mark) = Mark::new(label, source, kind) else {
            // A related file with a text becomes a note.
            if kind == Kind::Primary || label.text.is_empty() {
                parts.push(Part::File(source.path.as_str()));
            }
            continue;
        };
        let mut excerpts = parts.iter_mut().filter_map(|part| match part {
            Part::Excerpt(excerpt) => Some(excerpt),
            Part::File(_) => None,
        });
        match excerpts.find(|excerpt| excerpt.takes(source, &mark)) {
            Some(excerpt) => excerpt.push(mark),
            None => parts.push(Part::Excerpt(Excerpt::new(source, mark))),
        }
    }
    parts
}

/// The labels without a line to show, then the notes, then the help.
fn notes<'a>(diagnostic: &'a Diagnostic, files: &Files) -> Vec<Message<'a>> {
    let without_line =
        |label: &&Label| files[label.location.file].span(label.location).is_none() && !label.text.is_empty();
    let primary = diagnostic.primary.iter().filter(without_line);
    let primary = primary.map(|label| visible_lines(&label.text));
    let related = diagnostic.related.iter().filter(without_line);
    let related = related.map(|Label { location, text }| {
        let place = files[location.file].show(*location);
        Cow::Owned(format!("{}: {}", visible(&place), visible_lines(text)))
    });
    let facts = diagnostic.notes.iter().map(|note| visible_lines(note));
    let help = diagnostic.help.iter().map(|help| visible_lines(help));
    let environments = diagnostic.environments_note().map(|note| Cow::Owned(visible_lines(&note).into_owned()));
    let facts = primary.chain(related).chain(facts).chain(environments);
    facts.map(|text| Level::NOTE.message(text)).chain(help.map(|text| Level::HELP.message(text))).collect()
}
