//! Imported functions of Envoy and of WASI, with valid and invalid types.

use crate::module_loading::case::{Case, Text};
use crate::module_loading::tables::{
    ABIS, Function, HOST, HOST_OF, WASI, WASI_MODULES, import, other_param, other_result,
};

pub(crate) fn cases() -> Vec<Case> {
    [host(), host_of_some(), wasi(), unknown(), orders()].concat()
}

fn of(abi: &str, imports: String, name: String) -> Case {
    Text::abi(abi).imports(imports).case(name)
}

fn all(module: &str, functions: &[Function]) -> String {
    functions.iter().map(|(name, letters)| import(module, name, letters)).collect()
}

/// All functions of every ABI at once, then invalid ones one by one, with each ABI in turn.
fn host() -> Vec<Case> {
    let mut cases: Vec<Case> =
        ABIS.into_iter().map(|abi| of(abi, all("env", &HOST), format!("host/{abi}/all"))).collect();
    for ((name, letters), abi) in HOST.iter().zip(ABIS.into_iter().cycle()) {
        for (what, wrong) in [("a parameter", other_param(letters)), ("the result", other_result(letters))] {
            cases.push(of(abi, import("env", name, &wrong), format!("host/{abi}/{name}, {what} wrong")));
        }
    }
    // Without the prefix, with another prefix, and with one more letter.
    for ((name, letters), abi) in HOST.iter().zip(ABIS.into_iter().cycle()).step_by(4) {
        for name in [format!("{name}2"), name.replace("proxy_", ""), format!("envoy_{name}")] {
            if !HOST.iter().any(|(known, _)| *known == name) {
                cases.push(of(abi, import("env", &name, letters), format!("host/{abi}/{name}, not there")));
            }
        }
    }
    cases
}

fn host_of_some() -> Vec<Case> {
    let mut cases = Vec::new();
    for abi in ABIS {
        for ((name, letters), _) in HOST_OF {
            cases.push(of(abi, import("env", name, letters), format!("host/{abi}/{name}")));
        }
    }
    for ((name, letters), abis) in HOST_OF {
        for (what, wrong) in [("a parameter", other_param(letters)), ("the result", other_result(letters))] {
            cases.push(of(abis[0], import("env", name, &wrong), format!("host/{}/{name}, {what} wrong", abis[0])));
        }
    }
    cases
}

/// All functions at once, and invalid ones in both modules.
fn wasi() -> Vec<Case> {
    let mut cases = Vec::new();
    for module in WASI_MODULES {
        for abi in ABIS {
            cases.push(of(abi, all(module, &WASI), format!("wasi/{abi}/{module}, all")));
        }
        for (name, letters) in WASI {
            let wrong = import(module, name, &other_param(letters));
            cases.push(of("0_2_1", wrong, format!("wasi/{module}/{name}, a parameter wrong")));
        }
    }
    for ((name, letters), module) in WASI.into_iter().zip(WASI_MODULES.into_iter().cycle()) {
        let wrong = import(module, name, &other_result(letters));
        cases.push(of("0_2_0", wrong, format!("wasi/{module}/{name}, the result wrong")));
    }
    let standard = [("path_link", "iiiiiii>i"), ("path_symlink", "iiiii>i"), ("fd_renumber", "ii>i")];
    cases.extend(standard.map(|(name, letters)| {
        of("0_2_1", import(WASI_MODULES[0], name, letters), format!("wasi/{name} as the standard has it"))
    }));
    cases
}

fn unknown() -> Vec<Case> {
    [
        ("wasi_snapshot_preview1", "proc_raise", "i>i"),
        ("wasi_snapshot_preview1", "fd_writev", "iiii>i"),
        ("wasi_unstable", "thread-spawn", "i>i"),
        ("wasi_snapshot_preview1", "", ">"),
        ("wasi", "thread-spawn", "i>i"),
        ("wasi_snapshot_preview2", "fd_write", "iiii>i"),
        ("wasi_unstable", "proxy_log", "iii>i"),
        ("env", "fd_write", "iiii>i"),
        ("env", "", ">"),
        ("", "proxy_log", "iii>i"),
        ("env.proxy_log", "", "iii>i"),
        ("", "env.proxy_log", "iii>i"),
        ("en", "v.proxy_log", "iii>i"),
        ("ENV", "proxy_log", "iii>i"),
        ("env", "proxy_log ", "iii>i"),
        ("env", "abort", "iiii>"),
        ("env", "memory", ">"),
        ("env", "dns: é 日本", ">"),
        ("wasm:js-string", "length", "i>i"),
        ("go", "runtime.wasmExit", "i>"),
        ("__wbindgen_placeholder__", "__wbindgen_throw", "ii>"),
        ("env.proxy_log", "proxy_log", "iii>i"),
    ]
    .map(|(module, name, letters)| {
        of("0_2_1", import(module, name, letters), format!("import/unknown {module:?} {name:?}"))
    })
    .to_vec()
}

/// Envoy reports the first of several errors.
fn orders() -> Vec<Case> {
    let missing = |name: &str| import("env", name, ">");
    let wrong = import("env", "proxy_log", "i>i");
    let fine = import("env", "proxy_log", "iii>i");
    let global = r#"(import "env" "g" (global i32))"#.to_owned();
    [
        ("two missing", vec![missing("a"), missing("b")]),
        ("two missing, the other way round", vec![missing("b"), missing("a")]),
        ("missing, then wrong", vec![missing("a"), wrong.clone()]),
        ("wrong, then missing", vec![wrong.clone(), missing("a")]),
        ("a global, then missing", vec![global.clone(), missing("a")]),
        ("missing, then a global", vec![missing("a"), global]),
        ("the same twice", vec![fine.clone(), fine.clone()]),
        ("the same twice, once wrong", vec![fine, wrong]),
    ]
    .map(|(name, imports)| of("0_2_1", imports.concat(), format!("import/{name}")))
    .to_vec()
}
