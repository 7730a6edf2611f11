//! The limits of V8: modules that reach them and modules that exceed them by one.

use crate::module_loading::case::{Case, Text, assemble, custom, least, leb, section, sections};

pub(crate) fn cases() -> Vec<Case> {
    [functions(), counts(), lengths()].concat()
}

fn pair(name: &str, limit: usize, module: impl Fn(usize) -> Vec<u8>) -> [Case; 2] {
    [limit, limit + 1].map(|count| Case::new(format!("limit/{count} {name}"), module(count)))
}

fn rest(rest: String) -> Vec<u8> {
    Text::default().rest(rest).bytes()
}

fn functions() -> Vec<Case> {
    [
        pair("parameters", 1000, |count| rest(format!("(func (param{}))", " i32".repeat(count)))),
        pair("results", 1000, |count| {
            rest(format!("(func (result{}){})", " i32".repeat(count), "(i32.const 0)".repeat(count)))
        }),
        pair("locals", 50_000, |count| rest(format!("(func (local{}))", " i32".repeat(count)))),
        pair("locals and parameters", 50_000, |count| {
            rest(format!("(func (param i32 i32) (local{}))", " i64".repeat(count - 2)))
        }),
        pair("entries of a br_table", 65_520, |count| {
            rest(format!("(func (block (br_table{} 0 (i32.const 0))))", " 0".repeat(count)))
        }),
        pair("bytes of a body", 7_654_321, body),
        pair("elements of array.new_fixed", 10_000, |count| {
            let values = "(i32.const 0)".repeat(count);
            rest(format!("(type (array i32)) (func (drop (array.new_fixed 0 {count} {values})))"))
        }),
        pair("operands of select", 1, |count| {
            let types = " i32".repeat(count);
            rest(format!("(func (drop (select (result{types}) (i32.const 0) (i32.const 0) (i32.const 0))))"))
        }),
        pair("catches of a try_table", 65_520, |count| {
            rest(format!("(func (block (try_table {})))", "(catch_all 0)".repeat(count)))
        }),
        pair("blocks in each other", 5_000, |count| {
            rest(format!("(func {}{})", "block ".repeat(count), "end ".repeat(count)))
        }),
    ]
    .concat()
}

/// A module with a function body of this length: declarations of locals, nops, and the end.
fn body(length: usize) -> Vec<u8> {
    let mut all = sections(&Text::default().rest("(func nop)").bytes());
    let own = all.iter().position(|section| section[0] == 10).expect("a code section");
    let kept = all[own][2..].strip_suffix(&[3, 0, 1, 0x0b]).expect("the last function").to_vec();
    let nops = vec![1; length - 2];
    all[own] = section(10, &[&kept[..], &leb(length), &[0], &nops, &[0x0b]].concat());
    assemble(&all)
}

fn counts() -> Vec<Case> {
    [
        pair("memories", 100, |count| rest("(memory 0)".repeat(count - 1))),
        pair("tables", 100, |count| rest("(table 0 funcref)".repeat(count))),
        pair("data segments", 100_000, |count| rest("(data)".repeat(count))),
        pair("fields of a struct", 10_000, |count| rest(format!("(type (struct{}))", "(field i32)".repeat(count)))),
        pair("subtypes of each other", 63, |count| {
            let deeper: String = (0..count).map(|number| format!("(type (sub {number} (struct)))")).collect();
            let text = format!("(type (sub (struct))) {deeper}");
            Text::default().imports(text).bytes()
        }),
    ]
    .concat()
}

fn lengths() -> Vec<Case> {
    let export = |name: &str| rest(format!(r#"(func (export "{name}"))"#));
    let import =
        |module: &str, name: &str| Text::default().imports(format!(r#"(import "{module}" "{name}" (func))"#)).bytes();
    [
        pair("bytes of an export's name", 100_000, |count| export(&"x".repeat(count))),
        pair("bytes of an import's name", 100_000, |count| import("env", &"x".repeat(count))),
        pair("bytes of a module's name", 100_000, |count| import(&"x".repeat(count), "x")),
        pair("bytes of a custom section's name", 100_000, |count| [least(), custom(&"x".repeat(count), b"")].concat()),
    ]
    .concat()
}
