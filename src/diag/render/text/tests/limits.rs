//! Lines that are too long for a screen, and arbitrary text.

use proptest::prelude::*;

use super::*;
use crate::diag::{Code, Location};

#[test]
fn a_long_line_is_cut_around_the_underline() {
    let x = "x".repeat(3000);
    let mesh = source("mesh.toml", &format!("a = \"{x}!{x}\" # end\n"));
    check(
        Diagnostic::error(Code::MC0101, "m")
            .at_label(find(mesh, "!", 0), "here")
            .related(find(mesh, "end", 0), "and there"),
        &format!(
            "\
error[MC0101]: m
 --> mesh.toml:1:3006
  |
1 | ...{}!{}...
  |    {}^ here
  |
 ::: mesh.toml:1:6011
  |
1 | ...{}\" # end
  |    {}--- and there
",
            "x".repeat(52),
            "x".repeat(57),
            " ".repeat(52),
            "x".repeat(44),
            " ".repeat(48),
        ),
    );
}

#[test]
fn places_far_apart_have_their_own_excerpts() {
    let mesh = source("mesh.toml", &format!("a = 1\n{}b = 2\n", "# filler\n".repeat(10_000)));
    check(
        Diagnostic::error(Code::MC0101, "m")
            .at_label(find(mesh, "b = 2", 0), "here")
            .related(find(mesh, "a = 1", 0), "and there"),
        "\
error[MC0101]: m
     --> mesh.toml:10002:1
      |
10002 | b = 2
      | ^^^^^ here
      |
     ::: mesh.toml:1:1
      |
    1 | a = 1
      | ----- and there
",
    );
}

#[test]
fn a_long_line_of_wide_characters_is_cut() {
    let wide = "漢".repeat(500);
    let mesh = source("mesh.toml", &format!("{wide}!{wide}\n"));
    check(
        Diagnostic::error(Code::MC0101, "m").at_label(find(mesh, "!", 0), "here"),
        &format!(
            "\
error[MC0101]: m
 --> mesh.toml:1:501
  |
1 | ... {}!{}...
  |     {}^ here
",
            "漢".repeat(25),
            "漢".repeat(28),
            " ".repeat(50),
        ),
    );
}

#[test]
fn a_long_span_is_cut() {
    let mesh = source("mesh.toml", &format!("a = \"{}\"\n", "x".repeat(3000)));
    let whole = Location::new(mesh, 4..3006);
    check(
        Diagnostic::error(Code::MC0101, "m").at_label(whole, "long"),
        &format!(
            "\
error[MC0101]: m
 --> mesh.toml:1:5
  |
1 | a = \"{}...
  |     {} long
",
            "x".repeat(108),
            "^".repeat(100),
        ),
    );
}

proptest! {
    /// Any text and any spans: no panic, no long line, no control character, and the right place.
    #[test]
    fn any_text_and_any_spans(
        text in "([a=\\[\\]\"\t 漢é\u{301}\u{200d}\u{9b}\0\r\n]|\r\n|x{150}|漢{90}){0,30}",
        spans in proptest::collection::vec((0..900_usize, 0..400_usize), 1..5),
    ) {
        let mesh = source("mesh.toml", &text);
        let mut places = spans.iter().map(|&(start, length)| {
            Location::new(mesh, start..start + length)
        });
        let primary = places.next().expect("one span at least");
        let mut found = Diagnostic::error(Code::MC0101, "m").at_label(primary, "label");
        for place in places {
            found = found.related(place, "label");
        }
        let shown = SOURCES.show(primary);
        let got = render(&[found], &SOURCES, Color::Plain);
        prop_assert!(got.contains(&format!("--> {shown}\n")), "{shown}\n{got}");
        for line in got.lines() {
            prop_assert!(line.chars().count() < WIDTH + 40, "{line}");
            prop_assert!(!line.contains(char::is_control), "{line:?}");
        }
    }
}
