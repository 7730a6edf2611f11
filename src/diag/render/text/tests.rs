mod limits;

use super::*;
use crate::diag::{Code, FileId, Location};

static SOURCES: Sources = Sources::new();

fn source(path: &str, text: &str) -> FileId {
    SOURCES.add(path.into(), text)
}

/// The `nth` occurrence of `part` in a text, counted from 0.
fn find(source: FileId, part: &str, nth: usize) -> Location {
    let (start, _) = SOURCES.get(source).text.match_indices(part).nth(nth).expect("is there");
    Location::new(source, start..start + part.len())
}

#[track_caller]
fn check(diagnostic: Diagnostic, expected: &str) {
    let got = render(&[diagnostic], &SOURCES, Color::Plain);
    assert_eq!(got, expected, "\n{got}");
}

const MESH: &str = "\
[filters.auth]
module = \"a.wasm\"

# The next one
[filters.demo]
module = \"a.wasm\"
";

#[test]
fn both_sides_of_a_conflict_share_an_excerpt() {
    let mesh = source("mesh.toml", MESH);
    check(
        Diagnostic::error(Code::MC0102, "two filters under one key")
            .at_label(find(mesh, "\"a.wasm\"", 1), "again here")
            .related(find(mesh, "\"a.wasm\"", 0), "first here")
            .note("the key is the file's name\nin the container")
            .note("a second fact")
            .help("rename one"),
        r#"error[MC0102]: two filters under one key
 --> mesh.toml:6:10
  |
2 | module = "a.wasm"
  |          -------- first here
...
6 | module = "a.wasm"
  |          ^^^^^^^^ again here
  |
  = note: the key is the file's name
          in the container
  = note: a second fact
  = help: rename one
"#,
    );
}

#[test]
fn each_file_has_its_own_excerpt() {
    let mesh = source("mesh.toml", MESH);
    let base = source("base/app.yaml", "kind: Deployment\n");
    check(
        Diagnostic::warning(Code::MC0501, "no such workload")
            .at(find(mesh, "demo", 0))
            .related(find(base, "Deployment", 0), "the base")
            .related(Location::whole(source("a.wasm", "")), "")
            .related(Location::whole(source("b.wasm", "")), "is empty")
            .help("add it"),
        "\
warning[MC0501]: no such workload
 --> mesh.toml:5:10
  |
5 | [filters.demo]
  |          ^^^^
  |
 ::: base/app.yaml:1:7
  |
1 | kind: Deployment
  |       ---------- the base
  |
 ::: a.wasm
  |
  = note: b.wasm: is empty
  = help: add it
",
    );
}

#[test]
fn a_whole_file_is_shown_as_its_path() {
    let mesh = source("mesh.toml", MESH);
    let whole = Diagnostic::error(Code::MC0401, "too big").at(Location::whole(mesh));
    check(whole, "error[MC0401]: too big\n--> mesh.toml\n");
    let empty = Location::new(source("empty.toml", ""), 0..0);
    check(
        Diagnostic::error(Code::MC0101, "nothing in it").at_label(empty, "what the label says").help("add [mesh]"),
        "\
error[MC0101]: nothing in it
--> empty.toml
 |
 = note: what the label says
 = help: add [mesh]
",
    );
}

#[test]
fn a_diagnostic_can_have_no_place() {
    check(Diagnostic::error(Code::MC0708, "m"), "error[MC0708]: m\n");
    let related = Diagnostic::error(Code::MC0708, "m").related(find(source("a", "b"), "b", 0), "t");
    check(related, "error[MC0708]: m\n --> a:1:1\n  |\n1 | b\n  | - t\n");
}

#[test]
fn a_blank_line_separates_diagnostics() {
    let found = [Diagnostic::error(Code::MC0101, "a"), Diagnostic::warning(Code::MC0102, "b")];
    assert_eq!(render(&found, &SOURCES, Color::Plain), "error[MC0101]: a\n\nwarning[MC0102]: b\n");
    assert_eq!(render(&[], &SOURCES, Color::Plain), "");
}

#[test]
fn of_many_diagnostics_with_one_code_and_place_a_few_are_shown() {
    let mesh = source("mesh.toml", MESH);
    let at = |nth| find(mesh, "\"a.wasm\"", nth);
    let mut many: Vec<_> =
        (0..9).map(|number| Diagnostic::error(Code::MC0526, format!("{number}")).at(at(0))).collect();
    many.push(Diagnostic::error(Code::MC0526, "elsewhere").at(at(1)));
    let text = render(&many, &SOURCES, Color::Plain);
    let shown: Vec<&str> = text.lines().filter(|line| line.starts_with(['e', '…'])).collect();
    assert_eq!(shown.len(), 7, "{text}");
    assert_eq!(shown[5], "… and 4 more MC0526 at this place; `--format json` shows all");
    assert_eq!(shown[6], "error[MC0526]: elsewhere");
}

#[test]
fn a_long_span_is_folded() {
    let text = format!("a = [\n{}]\nb = 1\n", "  1,\n".repeat(20));
    let list = source("mesh.toml", &text);
    check(
        Diagnostic::error(Code::MC0101, "m").at_label(Location::new(list, 4..108), "too long"),
        "\
error[MC0101]: m
  --> mesh.toml:1:5
   |
 1 |   a = [
   |  _____^
 2 | |   1,
 3 | |   1,
 4 | |   1,
...  |
21 | |   1,
22 | | ]
   | |_^ too long
",
    );
}

#[test]
fn the_line_end_of_a_span_is_not_underlined() {
    let mesh = source("mesh.toml", MESH);
    check(
        Diagnostic::error(Code::MC0101, "m").at(Location::new(mesh, 0..15)),
        "\
error[MC0101]: m
 --> mesh.toml:1:1
  |
1 | [filters.auth]
  | ^^^^^^^^^^^^^^
",
    );
}

#[test]
fn underlines_fit_tabs_line_ends_and_wide_characters() {
    let mesh = source("mesh.toml", "a = 1\r\n\tb = \"漢字\" # é\u{301}\r\nc = 2\r\n");
    check(
        Diagnostic::error(Code::MC0101, "m")
            .at_label(find(mesh, "\"漢字\"", 0), "wide")
            .related(find(mesh, "c", 0), "c"),
        "\
error[MC0101]: m
 --> mesh.toml:2:6
  |
2 |     b = \"漢字\" # é\u{301}
  |         ^^^^^^ wide
3 | c = 2
  | - c
",
    );
}

#[test]
fn an_empty_span_has_one_mark_also_at_the_end_of_the_text() {
    let mesh = source("mesh.toml", "\n\n\n\n\n\n\n\na = \n");
    let at = |offset| Location::new(mesh, offset..offset);
    check(
        Diagnostic::error(Code::MC0101, "m")
            .at_label(at(12), "a value")
            .related(at(13), "the end")
            .related(at(7), "nothing"),
        "\
error[MC0101]: m
  --> mesh.toml:9:5
   |
 8 |
   | - nothing
 9 | a =
   |     ^ a value
10 |
   | - the end
",
    );
    let end = Diagnostic::error(Code::MC0101, "m").at(at(13));
    check(end, "error[MC0101]: m\n  --> mesh.toml:10:1\n   |\n10 |\n   | ^\n");
    let cut = Diagnostic::error(Code::MC0101, "m").at(find(source("a", "b = "), "", 4));
    check(cut, "error[MC0101]: m\n --> a:1:5\n  |\n1 | b =\n  |     ^\n");
}

#[test]
fn control_characters_are_shown() {
    let mesh = source("a\u{1b}.toml", "k = \"\u{1b}[2J\u{9b}2J\u{202e}\0\"\n");
    check(
        Diagnostic::error(Code::MC0101, "\u{1b}[31m\u{9b}")
            .at_label(find(mesh, "\0", 0), "\u{1b}\ttext")
            .note("a\u{7f}\r\nb\u{2066}"),
        "\
error[MC0101]: ␛[31m�
 --> a␛.toml:1:14
  |
1 | k = \"␛[2J·2J�␀\"
  |              ^ ␛ text
  |
  = note: a␡
          b�
",
    );
}

#[test]
fn styles_do_not_change_the_text() {
    let mesh = source("mesh.toml", MESH);
    let found = [Diagnostic::error(Code::MC0101, "m").at_label(find(mesh, "demo", 0), "here").help("h")];
    let styled = render(&found, &SOURCES, Color::Styled);
    let stripped = anstream::adapter::strip_str(&styled).to_string();
    assert_eq!(stripped, render(&found, &SOURCES, Color::Plain));
    assert!(styled.starts_with("\u{1b}[1m\u{1b}[91merror[MC0101]\u{1b}[0m"));
}
