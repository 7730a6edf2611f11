//! Value types of all sorts where the host sees them: in imported and exported functions.

use crate::case::{Case, Text};

const TYPES: [&str; 25] = [
    "i32",
    "i64",
    "f32",
    "f64",
    "v128",
    "funcref",
    "externref",
    "anyref",
    "eqref",
    "i31ref",
    "structref",
    "arrayref",
    "exnref",
    "nullref",
    "nullfuncref",
    "nullexternref",
    "nullexnref",
    "(ref func)",
    "(ref null nofunc)",
    "(ref extern)",
    "(ref any)",
    "(ref i31)",
    "(ref exn)",
    "(ref null $function)",
    "(ref $struct)",
];

/// The types that some of the value types are of.
const DEFINED: &str = "(type $function (func)) (type $struct (struct (field i32)))";

pub(crate) fn cases() -> Vec<Case> {
    let mut cases = Vec::new();
    for ty in TYPES {
        let with = |imports: String, rest: String, name: &str| {
            let text = Text::default().imports(format!("{DEFINED} {imports}")).rest(rest);
            // The names that the assembler writes down are not what this is about.
            Case::new(format!("type/{ty}, {name}"), without_names(&text.bytes()))
        };
        let import = |name: &str, signature: &str| format!(r#"(import "env" "{name}" (func {signature}))"#);
        let export = |name: &str, signature: &str| format!(r#"(func (export "{name}") {signature} unreachable)"#);
        let none = String::new;
        cases.extend([
            with(import("proxy_log", &format!("(param {ty} i32 i32) (result i32)")), none(), "imported parameter"),
            with(import("proxy_done", &format!("(result {ty})")), none(), "imported result"),
            with(import("x", &format!("(param {ty})")), none(), "parameter of a missing import"),
            with(none(), export("proxy_on_tick", &format!("(param {ty})")), "exported parameter"),
            with(none(), export("proxy_on_done", &format!("(param i32) (result {ty})")), "exported result"),
            with(none(), export("free", &format!("(param {ty}) (result {ty})")), "of a function that nobody asks for"),
            with(import("x", "") + &import("y", &format!("(param {ty})")), none(), "behind a missing import"),
            with(import("x", ""), export("free", &format!("(param {ty})")), "exported, and a missing import"),
            with(
                none(),
                export("free", &format!("(param {ty})")) + r#"(data (i32.const 65536) "x")"#,
                "exported, and a segment beyond",
            ),
            with(
                none(),
                export("proxy_on_log", "") + &export("free", &format!("(param {ty})")),
                "exported, and a wrong callback",
            ),
            with(none(), format!("(func (param {ty}) (result {ty}) unreachable)"), "inside"),
        ]);
    }
    cases
}

fn without_names(bytes: &[u8]) -> Vec<u8> {
    let sections = crate::case::sections(bytes);
    let kept: Vec<Vec<u8>> = sections.into_iter().filter(|section| section[0] != 0).collect();
    crate::case::assemble(&kept)
}
