//! Exported functions with valid and invalid types.

use crate::module_loading::case::{Case, Text, malloc};
use crate::module_loading::tables::{ABIS, Function, LIFE, callbacks, export, other_param, other_result};

pub(crate) fn cases() -> Vec<Case> {
    [all_callbacks(), wrong_callbacks(), orders(), other_abis(), life(), memory_functions(), not_functions()].concat()
}

fn of(abi: &str, rest: String, name: String) -> Case {
    Text::abi(abi).rest(rest).case(name)
}

fn all_callbacks() -> Vec<Case> {
    let all = |abi: &str| -> String { callbacks(abi).iter().map(|(name, letters)| export(name, letters)).collect() };
    ABIS.into_iter().map(|abi| of(abi, all(abi), format!("export/{abi}/all callbacks"))).collect()
}

fn wrong_callbacks() -> Vec<Case> {
    let mut cases = Vec::new();
    for abi in ["0_1_0", "0_2_0"] {
        for (name, letters) in callbacks(abi) {
            let wrong = export(name, &other_param(letters));
            cases.push(of(abi, wrong, format!("export/{abi}/{name}, a parameter wrong")));
        }
    }
    for abi in ["0_2_1"] {
        for (name, letters) in callbacks(abi) {
            let wrong = export(name, &other_result(letters));
            cases.push(of(abi, wrong, format!("export/{abi}/{name}, the result wrong")));
        }
    }
    cases
}

/// The callback has the wrong type, and so do all later ones, which are defined before it.
fn orders() -> Vec<Case> {
    let mut cases = Vec::new();
    for abi in ["0_1_0", "0_2_0"] {
        let callbacks = callbacks(abi);
        for (number, (name, _)) in callbacks.iter().enumerate() {
            let wrong = callbacks[number..].iter().rev().map(|(name, letters)| export(name, &other_param(letters)));
            cases.push(of(abi, wrong.collect(), format!("export/{abi}/{name} and all later ones wrong")));
        }
    }
    cases
}

/// Envoy ignores callbacks of other versions.
fn other_abis() -> Vec<Case> {
    let three = [export("proxy_on_request_headers", "iii>i"), export("proxy_on_response_headers", "iii>i")].concat();
    let two = [export("proxy_on_request_headers", "ii>i"), export("proxy_on_response_headers", "ii>i")].concat();
    let foreign = export("proxy_on_foreign_function", "iii>i");
    let unknown = [export("proxy_on_whatever", "l>"), export("proxy_on_http_call", ">"), export("on_tick", "l>l")];
    let unknown = unknown.concat();
    let mut cases = Vec::new();
    for abi in ABIS {
        for (what, rest) in [
            ("header callbacks with three parameters", &three),
            ("header callbacks with two parameters", &two),
            ("a foreign function's callback with a result", &foreign),
            ("callbacks that nobody knows", &unknown),
        ] {
            cases.push(of(abi, rest.clone(), format!("export/{abi}/{what}")));
        }
    }
    cases
}

fn life_function(name: &str) -> Function {
    LIFE.into_iter().find(|(known, _)| *known == name).expect("a known function")
}

/// Envoy looks up `main` and `__main_void` only with `_initialize`, and `_start` only without it.
fn life() -> Vec<Case> {
    let right = |name: &str| export(name, life_function(name).1);
    let wrong = |name: &str| export(name, &other_param(life_function(name).1));
    let result = |name: &str| export(name, &other_result(life_function(name).1));
    let alone = ["_initialize", "main", "__main_void", "_start"];
    let mut cases = Vec::new();
    for name in alone {
        cases.push(of("0_2_1", right(name), format!("export/{name}")));
        cases.push(of("0_2_1", wrong(name), format!("export/{name}, a parameter wrong")));
        cases.push(of("0_2_1", result(name), format!("export/{name}, the result wrong")));
        let beside = [right("_initialize"), wrong(name)].concat();
        if name != "_initialize" {
            cases.push(of("0_2_1", beside, format!("export/_initialize, and {name} wrong")));
        }
    }
    let all = |wrong_ones: &[&str]| -> String {
        alone.iter().map(|name| if wrong_ones.contains(name) { wrong(name) } else { right(name) }).collect()
    };
    for wrong_ones in
        [&[][..], &["_start"], &["_initialize", "_start"], &["_initialize", "main"], &["main", "__main_void"]]
    {
        cases.push(of("0_2_1", all(wrong_ones), format!("export/all that start a module, wrong: {wrong_ones:?}")));
    }
    cases
}

fn memory_functions() -> Vec<Case> {
    let with = |malloc: String, name: &str| Text::default().malloc(malloc).case(format!("malloc/{name}"));
    let (old, new) = (malloc("malloc"), malloc("proxy_on_memory_allocate"));
    let wrong = |name: &str, letters: &str| export(name, letters);
    let mut cases = vec![
        with(String::new(), "none"),
        with(new.clone(), "the other name"),
        with([old.clone(), new.clone()].concat(), "both"),
        with([old.clone(), wrong("proxy_on_memory_allocate", "l>i")].concat(), "both, the other one wrong"),
        with([new.clone(), wrong("malloc", "l>i")].concat(), "both, malloc wrong"),
        with(wrong("malloc", "l>i") + &wrong("proxy_on_memory_allocate", "ii>i"), "both wrong"),
        with(r#"(global (export "malloc") i32 (i32.const 0))"#.to_owned(), "a global"),
        with(format!(r#"(global (export "malloc") i32 (i32.const 0)) {new}"#), "a global, and the other name"),
        with(malloc("Malloc"), "upper case"),
        with([malloc("free"), malloc("realloc"), malloc("proxy_malloc")].concat(), "other names"),
        with(wrong("proxy_on_tick", "l>"), "none, and a callback wrong"),
        with(wrong("_initialize", "l>"), "none, and _initialize wrong"),
    ];
    for name in ["malloc", "proxy_on_memory_allocate"] {
        for letters in ["l>i", "i>l", "i>", ">i", "ii>i", ">", "i>ii"] {
            cases.push(with(wrong(name, letters), &format!("{name} {letters}")));
        }
    }
    cases
}

/// Envoy ignores exports that are not functions. A function can have several names.
fn not_functions() -> Vec<Case> {
    let global = |name: &str| format!(r#"(global (export "{name}") i32 (i32.const 0))"#);
    let table = |name: &str| format!(r#"(table (export "{name}") 1 funcref)"#);
    let with = |rest: String, name: &str| Text::default().rest(rest).case(format!("export/{name}"));
    vec![
        with(global("proxy_on_tick"), "a global as proxy_on_tick"),
        with(table("proxy_on_request_headers"), "a table as proxy_on_request_headers"),
        with(global("_initialize") + &export("_start", "l>"), "a global as _initialize, and _start wrong"),
        with(global("_initialize") + &export("main", "l>"), "a global as _initialize, and main wrong"),
        with(
            r#"(func (export "proxy_on_log") (export "proxy_on_delete") (param i32))"#.to_owned(),
            "one function, two names",
        ),
        with(
            r#"(func (export "proxy_on_log") (export "proxy_on_done") (param i32))"#.to_owned(),
            "one function, one name wrong",
        ),
        with(export("proxy_on_tick", "iiiiiiiiiiiiiiiiiiii>"), "a callback of many parameters"),
        with(export("proxy_on_tick", "i>iiilll"), "a callback of many results"),
        with(export("", ">"), "an empty name"),
        with(export("é 日本", ">"), "a name beyond ASCII"),
    ]
}
