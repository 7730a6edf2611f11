//! Value types in imported and exported functions.

use crate::module_loading::case::{Case, Text, assemble, sections};

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

/// The type definitions that some value types refer to.
const DEFINED: &str = "(type $function (func)) (type $struct (struct (field i32)))";

pub(crate) fn cases() -> Vec<Case> {
    let mut cases: Vec<Case> = TYPES.into_iter().flat_map(places).collect();
    cases.extend(["f32", "v128", "exnref"].into_iter().flat_map(orders));
    cases
}

fn case(ty: &str, imports: &str, rest: &str, name: &str) -> Case {
    let text = Text::default().imports(format!("{DEFINED} {imports}")).rest(rest);
    // Without the name section that the assembler adds.
    Case::new(format!("type/{ty}, {name}"), without_names(&text.bytes()))
}

fn import(name: &str, signature: &str) -> String {
    format!(r#"(import "env" "{name}" (func {signature}))"#)
}

fn export(name: &str, signature: &str) -> String {
    format!(r#"(func (export "{name}") {signature} unreachable)"#)
}

fn places(ty: &str) -> [Case; 5] {
    let parameter = import("proxy_log", &format!("(param {ty} i32 i32) (result i32)"));
    [
        case(ty, &parameter, "", "imported parameter"),
        case(ty, &import("proxy_done", &format!("(result {ty})")), "", "imported result"),
        case(ty, "", &export("proxy_on_tick", &format!("(param {ty})")), "exported parameter"),
        case(ty, "", &export("free", &format!("(result {ty})")), "result of a function that nobody asks for"),
        case(ty, "", &format!("(func (param {ty}) (result {ty}) unreachable)"), "inside"),
    ]
}

/// With another error before or after.
fn orders(ty: &str) -> [Case; 5] {
    let (missing, typed) = (import("x", ""), format!("(param {ty})"));
    let exported = export("free", &typed);
    let beyond = r#"(data (i32.const 65536) "x")"#;
    [
        case(ty, &import("x", &typed), "", "parameter of a missing import"),
        case(ty, &[missing.clone(), import("y", &typed)].concat(), "", "after a missing import"),
        case(ty, &missing, &exported, "exported, and a missing import"),
        case(ty, "", &[exported.as_str(), beyond].concat(), "exported, and a segment beyond"),
        case(ty, "", &[export("proxy_on_log", ""), exported].concat(), "exported, and a wrong callback"),
    ]
}

fn without_names(bytes: &[u8]) -> Vec<u8> {
    let sections = sections(bytes);
    let kept: Vec<Vec<u8>> = sections.into_iter().filter(|section| section[0] != 0).collect();
    assemble(&kept)
}
