//! Invalid pointers, sizes, names and numbers as arguments of host functions.

use super::Case;
use super::guest::{AUTH, Guest, KEY, LARGE, MAP, RESULT, call, escaped, imports, map};
use super::nontermination::active;

const FINE: &[&str] = &[];
/// The name of the cluster is no name that mesh.toml declares.
const UNDECLARED: &[&str] = &["MC0608"];

pub(super) fn cases() -> Vec<Case> {
    let mut cases = arguments();
    cases.extend(maps());
    cases.extend(texts());
    cases.extend(allocators());
    cases.extend(vectors());
    cases
}

/// Every host function with the same number for every argument: pointer, size or id.
fn arguments() -> Vec<Case> {
    let mut cases = Vec::new();
    for (what, number, codes) in [
        ("-1", -1, FINE),
        ("0", 0, UNDECLARED),
        ("2^31", i32::MIN, FINE),
        ("2^31-1", i32::MAX, FINE),
        ("the last byte", 8_388_607, FINE),
        ("8", 8, UNDECLARED),
    ] {
        for callback in [
            "proxy_on_vm_start",
            "proxy_on_request_headers",
            "proxy_on_request_body",
            "proxy_on_response_trailers",
            "proxy_on_log",
        ] {
            // Without the functions that end or continue the stream.
            let calls = imports()
                .filter(|(name, _)| !name.starts_with("proxy_send") && !name.contains("_stream"))
                .fold(String::new(), |calls, (name, count)| {
                    calls + &call(name, &format!("(i32.const {number}) ").repeat(count))
                });
            let guest = active().on(callback, calls);
            cases.push(Case::new(format!("arguments/{what} everywhere in {callback}"), guest.text(), codes));
        }
    }
    // One argument is invalid, the others are valid.
    let calls = imports().filter(|(name, _)| !name.starts_with("proxy_send") && !name.contains("_stream")).fold(
        String::new(),
        |calls, (name, count)| {
            (0..count).fold(calls, |calls, invalid| {
                let arguments = (0..count).map(|at| if at == invalid { "(i32.const -1) " } else { "(i32.const 4) " });
                calls + &call(name, &arguments.collect::<String>())
            })
        },
    );
    let guest = active().on("proxy_on_request_body", calls);
    cases.push(Case::new("arguments/one invalid argument", guest.text(), UNDECLARED));
    cases
}

/// Header maps with invalid lengths.
fn maps() -> Vec<Case> {
    let good = map(&[("x-name", "value")]);
    let mut bytes = vec![("cut", good[..good.len() - 1].to_vec()), ("empty", Vec::new())];
    for (what, word) in [("counts", 0), ("lengths of names", 1), ("lengths of values", 2)] {
        for length in [u32::MAX, 0x7fff_ffff, 1024, 0] {
            let mut invalid = good.clone();
            invalid[word * 4..word * 4 + 4].copy_from_slice(&length.to_le_bytes());
            bytes.push((what, invalid));
        }
    }
    let calls = bytes.iter().enumerate().fold((String::new(), String::new()), |(data, calls), (number, (_, bytes))| {
        let at = 4096 + number * 64;
        let place = format!("(i32.const {at}) (i32.const {})", bytes.len());
        let calls = calls
            + &call("proxy_set_header_map_pairs", &format!("(i32.const 0) {place}"))
            + &call("proxy_http_call", &format!("{AUTH} {place} {KEY} {place} (i32.const 9) (i32.const 8)"));
        (data + &format!("(data (i32.const {at}) \"{}\")", escaped(bytes)), calls)
    });
    let guest = Guest::default().with(calls.0).on("proxy_on_request_headers", calls.1 + "(return (i32.const 0))");
    vec![Case::new("arguments/header maps", guest.text(), FINE)]
}

fn texts() -> Vec<Case> {
    let status = |code: i64| {
        let code = call(
            "proxy_send_local_response",
            &format!("(i32.const {code}) {KEY} {KEY} (i32.const 4096) (i32.const 64) (i32.const 99)"),
        );
        Guest::default().on("proxy_on_request_headers", code)
    };
    let mut cases = Vec::new();
    for code in [0, 1, 99, 100, 101, 204, 304, 600, 999, 1000, 65_536, -1] {
        cases.push(Case::new(format!("arguments/a local reply of {code}"), status(code).text(), FINE));
    }
    for (what, name, value) in [
        ("a line end in a value", "x-a", "a\r\nset-cookie: b"),
        ("a line end in a name", "x\r\ny", "a"),
        ("an escape", "x-\u{1b}[31m", "\u{1b}]0;title\u{7}"),
        ("a NUL", "x\0y", "a\0b"),
        ("nothing", "", ""),
        ("a space", " ", " "),
        ("a colon", ":", ":"),
        ("an unknown pseudo-header", ":nonsense", "1"),
        ("a status that is a word", ":status", "fine"),
        ("a status that is too large", ":status", "99999999999999999999"),
        ("a negative status", ":status", "-1"),
        ("an empty status", ":status", ""),
        ("an empty path", ":path", ""),
        ("an empty method", ":method", ""),
        ("a length", "content-length", "99999999999999999999"),
        ("a coding", "transfer-encoding", "gzip, chunked, chunked"),
    ] {
        let data = format!(
            "(data (i32.const 4096) \"{}\") (data (i32.const 4352) \"{}\")",
            escaped(name.as_bytes()),
            escaped(value.as_bytes())
        );
        let set = |function: &str, map: u32| {
            let place =
                format!("(i32.const 4096) (i32.const {}) (i32.const 4352) (i32.const {})", name.len(), value.len());
            call(function, &format!("(i32.const {map}) {place}"))
        };
        for function in ["proxy_add_header_map_value", "proxy_replace_header_map_value"] {
            let guest = Guest::default()
                .with(data.clone())
                .on("proxy_on_request_headers", set(function, 0))
                .on("proxy_on_request_trailers", set(function, 1))
                .on("proxy_on_response_headers", set(function, 2))
                .on("proxy_on_response_trailers", set(function, 3));
            let name = format!("arguments/{what} with {function}");
            // A response that Envoy sends instead of the workload is not an error.
            cases.push(Case::new(name, guest.text(), FINE));
        }
    }
    let bad = "\\ff\\fe\\00\\1b[2J\\c3\\28\\0a\\0d";
    let place = "(i32.const 4096) (i32.const 11)";
    let everywhere = imports()
        .filter(|(name, _)| {
            ["log", "property", "shared", "metric", "http_call", "grpc_call", "foreign", "dns", "queue"]
                .iter()
                .any(|part| name.contains(part))
        })
        .fold(String::new(), |calls, (name, count)| {
            let first = if name.contains("log") || name.contains("define") { "(i32.const 1) " } else { "" };
            let mut given = count - usize::from(!first.is_empty());
            let mut arguments = first.to_owned();
            while given >= 2 {
                arguments += place;
                given -= 2;
            }
            calls + &call(name, &(arguments + &"(i32.const 8)".repeat(given)))
        });
    let guest =
        |callback| Guest::default().with(format!("(data (i32.const 4096) \"{bad}\")")).on(callback, everywhere.clone());
    cases.push(Case::new("arguments/invalid UTF-8 everywhere", guest("proxy_on_request_headers").text(), UNDECLARED));
    cases.push(Case::new(
        "arguments/invalid UTF-8 everywhere, then a trap",
        guest("proxy_on_request_headers").on("proxy_on_request_body", "unreachable").text(),
        &["MC0603"],
    ));
    cases
}

/// Allocators of the guest that misbehave.
fn allocators() -> Vec<Case> {
    let get = call("proxy_get_header_map_pairs", &format!("(i32.const 0) {RESULT}"));
    let restricted = call("proxy_get_header_map_pairs", &format!("(i32.const 0) {RESULT}"));
    let log = call("proxy_log", &format!("(i32.const 1) {KEY}"));
    let of = |name: &str, malloc: &str, codes| {
        let mut guest = Guest::default().on("proxy_on_request_headers", get.clone());
        guest.malloc = Some(malloc.to_owned());
        Case::new(format!("arguments/malloc {name}"), guest.text(), codes)
    };
    let log = format!("{log} (i32.const 4096)");
    vec![
        of("that returns 0", "(i32.const 0)", FINE),
        of("that returns the last byte", "(i32.const 8388607)", FINE),
        of("that returns -1", "(i32.const -1)", FINE),
        of("that traps", "unreachable", &["MC0603"]),
        of("that calls itself", "(call $malloc (local.get 0))", &["MC0603", "MC0606"]),
        of("that calls the host, which allocates", &format!("{restricted} (i32.const 4096)"), &["MC0604"]),
        of("that logs", &log, FINE),
        of(
            "that logs in an infinite loop",
            &format!("(loop $l {} (br $l)) (i32.const 4096)", call("proxy_log", &format!("(i32.const 1) {KEY}"))),
            &["MC0605", "MC0606"],
        ),
        of("that grows its memory", "(i32.mul (memory.grow (i32.const 100)) (i32.const 65536))", FINE),
        of(
            "that grows its memory in an infinite loop",
            "(loop $l (drop (memory.grow (i32.const 1))) (br $l)) (i32.const 1)",
            &["MC0605", "MC0606"],
        ),
    ]
}

fn vectors() -> Vec<Case> {
    let write = |vectors: u32, count: i32| {
        call("fd_write", &format!("(i32.const 1) (i32.const {vectors}) (i32.const {count}) (i32.const 8)"))
    };
    // Memory is zero there, so every vector is empty.
    vec![
        Case::new("arguments/2^32-1 vectors", Guest::once(&write(2_000_000, -1)), &[]),
        Case::new("arguments/1 million empty vectors", Guest::once(&write(0, 1_000_000)), FINE),
        Case::new(
            "arguments/vectors of all of memory",
            Guest::once(&format!(
                "(i32.store (i32.const 5000) (i32.const 0)) (i32.store (i32.const 5004) (i32.const 8388608)) {}",
                write(5000, 1)
            )),
            &["MC0606"],
        ),
        Case::new(
            "arguments/random_get of 1 GiB",
            Guest::once(&call("random_get", "(i32.const 0) (i32.const 1073741824)")),
            FINE,
        ),
        Case::new(
            "arguments/random_get at the end",
            Guest::once(&call("random_get", "(i32.const 8388600) (i32.const 65536)")),
            FINE,
        ),
        Case::new(
            "arguments/a call of 8 MiB",
            Guest::once(&call(
                "proxy_http_call",
                &format!("{AUTH} {MAP} (i32.const 0) (i32.const 8388608) {LARGE} (i32.const -1) (i32.const 8)"),
            )),
            FINE,
        ),
        Case::new(
            "arguments/a call after 2^31 ms",
            Guest::once(&call(
                "proxy_http_call",
                &format!("{AUTH} {MAP} {KEY} (i32.const 0) (i32.const 0) (i32.const 2147483647) (i32.const 8)"),
            )),
            FINE,
        ),
    ]
}
