//! Memories, tables, globals and tags, imported and defined.
//!
//! There is no module that imports two memories or two tables: Envoy uses one of them after it is freed, with random results.

use crate::module_loading::case::{Case, Text};

pub(crate) fn cases() -> Vec<Case> {
    [own_memories(), imported_memories(), import_names(), tables(), globals_and_tags()].concat()
}

fn own_memories() -> Vec<Case> {
    let mut cases: Vec<Case> = [
        ("none", ""),
        ("not exported", "(memory 1)"),
        ("exported twice", r#"(memory (export "memory") (export "mem") 1)"#),
        ("another name", r#"(memory (export "heap") 1)"#),
        ("two, both exported", r#"(memory (export "memory") 1) (memory (export "other") 1)"#),
        ("two, the second exported", r#"(memory 1) (memory (export "memory") 1)"#),
        ("two, none exported", "(memory 1) (memory 2)"),
        ("64 bits", r#"(memory (export "memory") i64 1)"#),
        ("64 bits, 16384 pages", r#"(memory (export "memory") i64 16384)"#),
        ("64 bits, 16385 pages", r#"(memory (export "memory") i64 16385)"#),
        ("64 bits, 262144 pages", r#"(memory (export "memory") i64 262144)"#),
        ("64 bits, 262145 pages", r#"(memory (export "memory") i64 262145)"#),
        ("64 bits, at most 2^48", r#"(memory (export "memory") i64 1 0x1000000000000)"#),
        ("64 bits, at most 2^48 + 1", r#"(memory (export "memory") i64 1 0x1000000000001)"#),
        ("shared", r#"(memory (export "memory") 1 2 shared)"#),
        ("shared, 16384 pages", r#"(memory (export "memory") 1 16384 shared)"#),
        ("shared, 16385 pages at most", r#"(memory (export "memory") 1 16385 shared)"#),
        ("shared, 65536 pages at most", r#"(memory (export "memory") 1 65536 shared)"#),
        ("shared, 64 bits", r#"(memory (export "memory") i64 1 2 shared)"#),
        ("64 bits, at most 16384", r#"(memory (export "memory") i64 1 16384)"#),
        ("64 bits, at most 65536", r#"(memory (export "memory") i64 1 65536)"#),
        ("64 bits, at most 65537", r#"(memory (export "memory") i64 1 65537)"#),
        ("64 bits, at most 262144", r#"(memory (export "memory") i64 1 262144)"#),
        ("64 bits, at most 262145", r#"(memory (export "memory") i64 1 262145)"#),
        ("64 bits, at most 2^31 - 1", r#"(memory (export "memory") i64 1 2147483647)"#),
        ("64 bits, at most 2^31", r#"(memory (export "memory") i64 1 2147483648)"#),
        ("64 bits, at most 2^32 - 1", r#"(memory (export "memory") i64 1 4294967295)"#),
        ("64 bits, at most 2^32", r#"(memory (export "memory") i64 1 4294967296)"#),
        ("64 bits, at most 2^37", r#"(memory (export "memory") i64 1 0x2000000000)"#),
        ("64 bits, at most 2^47", r#"(memory (export "memory") i64 1 0x800000000000)"#),
        ("64 bits, at most 2^48 - 1", r#"(memory (export "memory") i64 1 0xffffffffffff)"#),
        ("64 bits, for itself, at most 2^48 - 1", r#"(memory i64 1 0xffffffffffff)"#),
        ("64 bits, at most 2^47, for itself", r#"(memory i64 1 0x800000000000)"#),
        ("two of 16384 pages", "(memory 16384) (memory 16384)"),
        ("two of 16384 pages, exported", r#"(memory (export "a") 16384) (memory (export "b") 16384)"#),
        ("the second too large", "(memory 1) (memory 16385)"),
        ("shared, 16385 pages", r#"(memory (export "memory") 16385 16385 shared)"#),
        ("pages of one byte", r#"(memory (export "memory") 1 (pagesize 1))"#),
        ("pages of 65536 bytes, explicitly", r#"(memory (export "memory") 1 (pagesize 65536))"#),
    ]
    .into_iter()
    .map(|(name, memory)| Text::default().memory(memory).case(format!("memory/{name}")))
    .collect();
    for (least, most) in [
        ("0", ""),
        ("0", "0"),
        ("1", "1"),
        ("2", "1"),
        ("1", "16384"),
        ("1", "16385"),
        ("1", "65536"),
        ("1", "65537"),
        ("16383", ""),
        ("16384", ""),
        ("16384", "16384"),
        ("16384", "65536"),
        ("16385", ""),
        ("16385", "16385"),
        ("65535", ""),
        ("65536", ""),
        ("65537", ""),
    ] {
        let memory = format!(r#"(memory (export "memory") {least} {most})"#);
        cases.push(Text::default().memory(memory).case(format!("memory/{least} to {most:?} pages")));
    }
    cases
}

fn imported_memories() -> Vec<Case> {
    let own = r#"(memory (export "memory") 1)"#;
    let import = |limits: &str| format!(r#"(import "env" "memory" (memory {limits}))"#);
    let mut cases: Vec<Case> =
        ["0", "1", "1 1", "1 16384", "1 16385", "1 65536", "16384", "16385", "65536", "i64 1", "1 2 shared", "2 1"]
            .into_iter()
            .map(|limits| Text::default().imports(import(limits)).memory("").case(format!("memory/imported, {limits}")))
            .collect();
    let exported = r#"(import "env" "memory" (memory 1)) (export "memory" (memory 0))"#;
    let missing = r#"(import "env" "memory" (memory 1)) (import "env" "x" (func))"#;
    cases.extend([
        Text::default()
            .imports(format!("{}{missing}", import("16385"), missing = r#"(import "env" "x" (func))"#))
            .memory("")
            .case("memory/imported too large, then a missing function"),
        Text::default()
            .imports(format!("{missing}{}", import("16385"), missing = r#"(import "env" "x" (func))"#))
            .memory("")
            .case("memory/imported too large, before it a missing function"),
        Text::default()
            .imports(format!("{}{missing}", import("i64 1"), missing = r#"(import "env" "x" (func))"#))
            .memory("")
            .case("memory/imported of 64 bits, then a missing function"),
        Text::default()
            .imports([import("1"), import("16385")].concat())
            .memory("")
            .case("memory/two imported, the second too large"),
        Text::default()
            .imports(import("1"))
            .memory(r#"(memory (export "memory") 16385)"#)
            .case("memory/imported, and an own one too large"),
        Text::default().imports(import("1")).memory(own).case("memory/imported, and an own one"),
        Text::default().imports(import("1")).memory("(memory 1)").case("memory/imported, and an own one for itself"),
        Text::default().imports(exported).memory("").case("memory/imported and exported"),
        Text::default().imports(missing).memory("").case("memory/imported, then a missing function"),
        Text::default()
            .imports(r#"(import "" "" (memory 1))"#)
            .memory("")
            .case("memory/imported from a module without a name"),
    ]);
    cases
}

/// Numbers are not valid names. Of two imports with the same name, the later one counts.
fn import_names() -> Vec<Case> {
    let import = |names: &str, item: &str| format!("(import {names} ({item}))");
    let names = [
        r#""env" "0""#,
        r#""7" "memory""#,
        r#""env" "07""#,
        r#""env" "4294967294""#,
        r#""env" "4294967295""#,
        r#""env" "-1""#,
        r#""env" "+1""#,
        r#""env" "1.5""#,
        r#""__proto__" "constructor""#,
    ];
    let mut cases = Vec::new();
    for names in names {
        cases
            .push(Text::default().imports(import(names, "memory 1")).memory("").case(format!("import/memory {names}")));
        cases.push(Text::default().imports(import(names, "table 1 funcref")).case(format!("import/table {names}")));
    }
    let pairs = [
        ("table 1 funcref", "memory 1"),
        ("memory 1", "table 1 funcref"),
        ("func (result i32)", "memory 1"),
        ("memory 1", "func (result i32)"),
        ("func (result i32)", "table 1 funcref"),
    ];
    cases.extend(pairs.map(|(first, second)| {
        let names = r#""env" "proxy_done""#;
        let imports = [import(names, first), import(names, second)].concat();
        Text::default().imports(imports).memory("").case(format!("import/{first}, then {second} of the same name"))
    }));
    cases
}

fn tables() -> Vec<Case> {
    let own = [
        "1 funcref",
        "1 externref",
        "0 funcref",
        "0 0 funcref",
        "1 1 funcref",
        "2 1 funcref",
        "10000000 funcref",
        "10000001 funcref",
        "1 10000001 funcref",
        "1 4294967295 funcref",
        "i64 1 funcref",
        "i64 1 0x100000000 funcref",
        "i64 10000000 funcref",
        "i64 10000001 funcref",
        "1 2147483647 funcref",
        "1 2147483648 funcref",
        "i64 1 2147483647 funcref",
        "i64 1 2147483648 funcref",
        "i64 1 0xffffffffffffffff funcref",
        "1 exnref",
        "1 anyref",
        "1 i31ref",
        "1 nullfuncref",
        "1 (ref null extern)",
        "1 1 (ref func) (ref.func 0)",
        "1 (ref func)",
    ];
    let mut cases = Vec::new();
    for table in own {
        cases.push(Text::default().rest(format!("(table {table})")).case(format!("table/{table}")));
        let exported = format!(r#"(table (export "t") {table})"#);
        cases.push(Text::default().rest(exported).case(format!("table/exported, {table}")));
    }
    let imported = [
        "0 funcref",
        "1 funcref",
        "1 1 funcref",
        "1 externref",
        "10000000 funcref",
        "10000001 funcref",
        "2 1 funcref",
        "i64 1 funcref",
        "1 10000001 funcref",
        "1 2147483647 funcref",
        "1 2147483648 funcref",
        "1 4294967295 funcref",
        "1 (ref func)",
        "1 anyref",
        "1 exnref",
        "1 (ref null extern)",
    ];
    for table in imported {
        let import = format!(r#"(import "env" "__indirect_function_table" (table {table}))"#);
        cases.push(Text::default().imports(import).case(format!("table/imported, {table}")));
    }
    let import = r#"(import "env" "t" (table 1 funcref))"#;
    cases.extend([
        Text::default().imports(import).rest("(table 1 funcref)").case("table/imported, and an own one"),
        Text::default().rest("(table 1 funcref) (table 2 externref)").case("table/two"),
        Text::default().imports(import).rest(r#"(export "t" (table 0))"#).case("table/imported and exported"),
        Text::default().imports(import).rest("(elem (i32.const 0) func 0)").case("table/imported, and filled"),
    ]);
    cases
}

fn globals_and_tags() -> Vec<Case> {
    let imported = [
        "i32",
        "(mut i32)",
        "i64",
        "f32",
        "f64",
        "v128",
        "externref",
        "funcref",
        "(ref null any)",
        "(mut v128)",
        "exnref",
        "(ref func)",
    ];
    let mut cases: Vec<Case> = imported
        .into_iter()
        .map(|ty| {
            let import = format!(r#"(import "env" "g" (global {ty}))"#);
            Text::default().imports(import).case(format!("global/imported, {ty}"))
        })
        .collect();
    let exported = [
        ("i32", "i32.const 0"),
        ("(mut i32)", "i32.const 0"),
        ("v128", "v128.const i64x2 0 0"),
        ("funcref", "ref.null func"),
        ("externref", "ref.null extern"),
        ("anyref", "ref.null any"),
        ("exnref", "ref.null exn"),
        ("(ref func)", "ref.func 0"),
        ("i31ref", "ref.null i31"),
        ("(ref i31)", "(ref.i31 (i32.const 1))"),
        ("nullref", "ref.null none"),
    ];
    for (ty, value) in exported {
        let value =
            format!("({})", value.trim_matches(['(', ')']).replace("ref.i31 (i32.const 1", "ref.i31 (i32.const 1)"));
        cases.push(
            Text::default()
                .rest(format!(r#"(global (export "g") {ty} {value})"#))
                .case(format!("global/exported, {ty}")),
        );
        cases.push(Text::default().rest(format!("(global {ty} {value})")).case(format!("global/{ty}")));
    }
    let tag = r#"(import "env" "t" (tag (param i32)))"#;
    cases.extend([
        Text::default().imports(tag).case("tag/imported"),
        Text::default()
            .imports(format!(r#"{tag} (import "env" "x" (func))"#))
            .case("tag/imported, then a missing function"),
        Text::default().rest("(tag)").case("tag/own"),
        Text::default().rest(r#"(tag (export "t") (param i64))"#).case("tag/exported"),
        Text::default().rest("(tag (result i32))").case("tag/with a result"),
    ]);
    cases
}
