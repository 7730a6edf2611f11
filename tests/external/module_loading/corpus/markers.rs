//! The functions that declare the version of the ABI.

use crate::module_loading::case::{Case, Text, malloc, marker, replaced};
use crate::module_loading::tables::{ABIS, import};

pub(crate) fn cases() -> Vec<Case> {
    [versions(), orders(), not_functions(), odd()].concat()
}

fn versions() -> Vec<Case> {
    let known = ABIS.into_iter().map(|abi| Text::abi(abi).case(format!("marker/{abi}")));
    let unknown = ["0_3_0", "0_1_1", "1_0_0", "0_2", "0_2_10", "0_2_1 ", "", "0.2.1"];
    let unknown = unknown.into_iter().map(|version| Text::abi(version).case(format!("marker/unknown {version:?}")));
    known.chain(unknown).collect()
}

/// Two versions, with a function that only the newest one has.
fn orders() -> Vec<Case> {
    let mut cases = Vec::new();
    for first in ABIS.into_iter().chain(["0_3_0"]) {
        for second in ABIS {
            let both = Text::default().marker([marker(first), marker(second)].concat());
            let needy = both.imports(import("env", "proxy_get_log_level", "i>i"));
            if first != second {
                cases.push(needy.case(format!("marker/{first} before {second}")));
            }
        }
    }
    let last = Text::default().marker("").rest(marker("0_2_1"));
    cases.push(last.case("marker/after other exports"));
    cases
}

fn not_functions() -> Vec<Case> {
    let name = "proxy_abi_version_0_2_1";
    let items = [
        ("global", format!(r#"(global (export "{name}") i32 (i32.const 0))"#)),
        ("table", format!(r#"(table (export "{name}") 1 funcref)"#)),
        ("tag", format!(r#"(tag (export "{name}"))"#)),
    ];
    let mut cases = Vec::new();
    for (kind, item) in items {
        cases.push(Text::default().marker(&item).case(format!("marker/a {kind}")));
        let both = Text::default().marker([item, marker("0_1_0")].concat());
        cases.push(both.case(format!("marker/a {kind} before a function of another version")));
    }
    let memory = format!(r#"(memory (export "{name}") 1)"#);
    cases.push(Text::default().memory(&memory).marker("").case("marker/the memory"));
    cases.push(Text::default().memory(memory).marker(marker("0_2_0")).case("marker/the memory, and a function"));
    cases
}

fn odd() -> Vec<Case> {
    let name = r#"export "proxy_abi_version_0_2_1""#;
    let text = Text::default;
    let doubled = Text::default().marker([marker("0_2_1"), marker("0_2_0")].concat()).bytes();
    vec![
        text().marker("").case("marker/none"),
        text().marker("").malloc("").memory("").case("marker/nothing at all"),
        text().marker("").malloc("").memory("").rest("(func)").case("marker/no exports"),
        text().marker("(func)").case("marker/none, but a function"),
        text()
            .marker(format!("(func ({name}) (param i64) (result i32) (i32.const 0))"))
            .case("marker/a function of any type"),
        text().marker(r#"(func (export "PROXY_ABI_VERSION_0_2_1"))"#).case("marker/upper case"),
        text().marker(r#"(func (export "proxy_abi_version_0_2_1\00"))"#).case("marker/NUL at the end"),
        text()
            .imports(import("env", "proxy_done", ">i"))
            .marker(format!("({name} (func 0))"))
            .case("marker/an imported function"),
        text().marker(["(func)".to_owned(), marker("0_2_1"), malloc("x")].concat()).case("marker/between functions"),
        Case::new("marker/twice", replaced(&doubled, b"version_0_2_0", b"version_0_2_1")),
    ]
}
