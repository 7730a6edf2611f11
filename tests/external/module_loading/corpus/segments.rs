//! Data and element segments that fit into their memory or table, and segments that do not.

use crate::module_loading::case::{Case, Text, assemble, section, sections};

pub(crate) fn cases() -> Vec<Case> {
    [data(), elements(), counts(), orders()].concat()
}

fn data() -> Vec<Case> {
    [
        ("at the end", r#"(data (i32.const 65535) "x")"#),
        ("one beyond", r#"(data (i32.const 65536) "x")"#),
        ("across the end", r#"(data (i32.const 65535) "xy")"#),
        ("empty at the end", r#"(data (i32.const 65536) "")"#),
        ("empty beyond the end", r#"(data (i32.const 65537) "")"#),
        ("at a negative offset", r#"(data (i32.const -1) "x")"#),
        ("empty at a negative offset", r#"(data (i32.const -1) "")"#),
        ("passive", r#"(data "x")"#),
        ("first fits, second does not", r#"(data (i32.const 0) "x") (data (i32.const 65536) "x")"#),
        ("of a memory that is not there", r#"(data (memory 1) (i32.const 0) "x")"#),
        ("of the second memory", r#"(memory 1) (data (memory 1) (i32.const 0) "x")"#),
        ("beyond the second memory", r#"(memory 0) (data (memory 1) (i32.const 0) "x")"#),
        ("an offset of 64 bits", r#"(data (i64.const 0) "x")"#),
        ("an offset of a global", r#"(global i32 (i32.const 9)) (data (global.get 0) "x")"#),
        ("an offset of a global, beyond", r#"(global i32 (i32.const 65536)) (data (global.get 0) "x")"#),
        ("an offset of a mutable global", r#"(global (mut i32) (i32.const 9)) (data (global.get 0) "x")"#),
        ("an offset of a sum", r#"(data (i32.add (i32.const 65535) (i32.const 0)) "x")"#),
        ("an offset of a sum, beyond", r#"(data (i32.add (i32.const 65535) (i32.const 1)) "x")"#),
        ("an offset of a product, beyond", r#"(data (i32.mul (i32.const 65536) (i32.const 2)) "x")"#),
        ("an offset of a difference, beyond", r#"(data (i32.sub (i32.const 0) (i32.const 1)) "x")"#),
    ]
    .into_iter()
    .map(|(name, rest)| Text::default().rest(rest).case(format!("data/{name}")))
    .chain([
        Text::default().memory("").rest(r#"(data (i32.const 0) "x")"#).case("data/without a memory"),
        Text::default().memory("").rest(r#"(data "x")"#).case("data/passive without a memory"),
        imported_memory("1").rest(r#"(data (i32.const 65535) "x")"#).case("data/of an imported memory"),
        imported_memory("0").rest(r#"(data (i32.const 0) "x")"#).case("data/beyond an imported memory"),
        wide(r#"(data (i64.const 65535) "x")"#).case("data/of a memory of 64 bits"),
        wide(r#"(data (i64.const 65536) "x")"#).case("data/beyond a memory of 64 bits"),
        wide(r#"(data (i64.const 0x7fffffffffffffff) "x")"#).case("data/far beyond a memory of 64 bits"),
        wide(r#"(data (i32.const 0) "x")"#).case("data/an offset of 32 bits in a memory of 64"),
    ])
    .collect()
}

fn imported_memory(limits: &str) -> Text {
    Text::default().imports(format!(r#"(import "env" "memory" (memory {limits}))"#)).memory("")
}

fn wide(rest: &str) -> Text {
    Text::default().memory(r#"(memory (export "memory") i64 1)"#).rest(rest)
}

fn elements() -> Vec<Case> {
    [
        ("at the end", "(table 2 funcref) (elem (i32.const 1) func 0)"),
        ("one beyond", "(table 2 funcref) (elem (i32.const 2) func 0)"),
        ("across the end", "(table 2 funcref) (elem (i32.const 1) func 0 1)"),
        ("empty at the end", "(table 2 funcref) (elem (i32.const 2) func)"),
        ("empty beyond the end", "(table 2 funcref) (elem (i32.const 3) func)"),
        ("at a negative offset", "(table 2 funcref) (elem (i32.const -1) func 0)"),
        ("without a table", "(elem (i32.const 0) func 0)"),
        ("passive", "(elem func 0)"),
        ("declared", "(elem declare func 0)"),
        ("of the second table", "(table 0 funcref) (table 1 funcref) (elem (table 1) (i32.const 0) func 0)"),
        ("beyond the second table", "(table 1 funcref) (table 0 funcref) (elem (table 1) (i32.const 0) func 0)"),
        ("of an unknown function", "(table 1 funcref) (elem (i32.const 0) func 99)"),
        ("expressions", "(table 2 funcref) (elem (i32.const 0) funcref (ref.func 0) (ref.null func))"),
        ("expressions beyond", "(table 1 funcref) (elem (i32.const 0) funcref (ref.func 0) (ref.null func))"),
        ("functions in a table of externref", "(table 1 externref) (elem (i32.const 0) func 0)"),
        ("externref", "(table 1 externref) (elem (i32.const 0) externref (ref.null extern))"),
        ("a table that can grow", "(table 1 9 funcref) (elem (i32.const 1) func 0)"),
        ("a table of 64 bits", "(table i64 1 funcref) (elem (i64.const 0) func 0)"),
        ("beyond a table of 64 bits", "(table i64 1 funcref) (elem (i64.const 1) func 0)"),
        ("an offset of a global, beyond", "(global i32 (i32.const 5)) (table 1 funcref) (elem (global.get 0) func 0)"),
        ("an offset of a sum", "(table 1 funcref) (elem (i32.add (i32.const 1) (i32.const -1)) func 0)"),
        ("both beyond", r#"(table 1 funcref) (elem (i32.const 5) func 0) (data (i32.const 65536) "x")"#),
    ]
    .map(|(name, rest)| Text::default().rest(rest).case(format!("element/{name}")))
    .to_vec()
}

/// The data count section.
fn counts() -> Vec<Case> {
    let rest = r#"(data "x") (func (data.drop 0))"#;
    let all = sections(&Text::default().rest(rest).bytes());
    let own = all.iter().position(|section| section[0] == 12).expect("a data count section");
    let with = |replacement: Option<Vec<u8>>, name: &str| {
        let mut all = all.clone();
        all.splice(own..=own, replacement);
        Case::new(format!("data/{name}"), assemble(&all))
    };
    vec![
        with(Some(section(12, &[1])), "count right"),
        with(Some(section(12, &[0])), "count too small"),
        with(Some(section(12, &[2])), "count too large"),
        with(None, "count missing"),
        with(Some(section(12, &[])), "count empty"),
        with(Some(section(12, &[1, 1])), "count with one more byte"),
    ]
}

/// Envoy writes segments after it resolves imports and before it looks up exports.
fn orders() -> Vec<Case> {
    let beyond = r#"(data (i32.const 65536) "x")"#;
    vec![
        Text::default().imports(r#"(import "env" "x" (func))"#).rest(beyond).case("data/beyond, and a missing import"),
        Text::default().malloc("").rest(beyond).case("data/beyond, and no malloc"),
        Text::default()
            .rest(format!(r#"{beyond} (func (export "proxy_on_tick"))"#))
            .case("data/beyond, and a wrong export"),
        Text::default().marker("").rest(beyond).case("data/beyond, and no marker"),
        Text::default().rest(format!("{beyond} (func (result i32))")).case("data/beyond, and an invalid function"),
    ]
}
