//! Nothing in a diagnostic can steer a terminal or a CI system, in any format.

use super::*;
use crate::diag::visible::tests::{HIDDEN, assert_safe, hostile};
use crate::diag::{Code, Diagnostic, Label, Location, Severity};

/// A diagnostic with a hostile string in every field that can have one.
fn diagnostic(sources: &Sources) -> Diagnostic {
    let hostile = hostile();
    let text: String = HIDDEN.iter().filter(|&&c| c != '\n').flat_map(|&c| ['x', c]).collect();
    let with_text = sources.add(format!("{hostile}.toml").as_str().into(), text.as_str());
    let named = sources.id(format!("{hostile}.wasm").as_str().into());
    let label = |location| Label { location, text: hostile.clone() };
    // Every field is named, so a new one does not compile until it is tested here.
    Diagnostic {
        code: Code::MC0708,
        severity: Severity::Error,
        message: hostile.clone(),
        primary: Some(label(Location::new(with_text, 0..text.len()))),
        related: vec![label(Location::whole(named)), label(Location::new(with_text, 4..9))],
        notes: vec![hostile.clone()],
        help: vec![hostile.clone()],
        detail: vec![hostile.clone(), format!("  {hostile}")],
        environments: vec![hostile.clone(), hostile.clone()],
    }
}

#[test]
fn text_shows_no_hidden_characters_and_starts_no_command() {
    let sources = Sources::new();
    let diagnostic = diagnostic(&sources);
    let named = Diagnostic { primary: diagnostic.related.first().cloned(), ..diagnostic.clone() };
    let found = [diagnostic, named];
    assert_safe(&Format::Text.render(&found, &sources, Color::Plain));
    let styled = Format::Text.render(&found, &sources, Color::Styled);
    assert_safe(&anstream::adapter::strip_str(&styled).to_string());
}

#[test]
fn github_has_one_command_per_diagnostic() {
    let sources = Sources::new();
    let rendered = Format::Github.render(&[diagnostic(&sources)], &sources, Color::Plain);
    let command = rendered.strip_prefix("::error file=").expect("a command");
    assert_safe(command);
    assert_eq!(rendered.lines().count(), 1);
    // The runner turns %0A into line breaks for the annotation, which is shown and not parsed again.
    assert_safe(&command.replace("%0A", "\n"));
}

#[test]
fn json_escapes_hidden_characters() {
    let sources = Sources::new();
    let diagnostic = diagnostic(&sources);
    let line = Format::Json.render(std::slice::from_ref(&diagnostic), &sources, Color::Plain);
    let line = line.strip_suffix('\n').expect("a line");
    assert!(!line.contains(crate::diag::visible::is_hidden), "{line:?}");
    let read: serde_json::Value = serde_json::from_str(line).expect("JSON");
    let read = &read["diagnostics"][0];
    assert_eq!(read["message"], diagnostic.message.as_str(), "programs get the original");
    assert_eq!(read["related"][0]["file"], sources.get(diagnostic.related[0].location.file).path.as_str());
    assert_eq!(read["detail"][1], diagnostic.detail[1].as_str());
}
