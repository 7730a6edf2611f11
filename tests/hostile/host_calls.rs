//! Host calls in an infinite loop. Each call stores something in the host or makes it work.

use super::Case;
use super::guest::{AUTH, GRPC, Guest, KEY, LARGE, MAP, NEXT_KEY, REQUEST_HEADERS, RESULT, call};

/// The time limit or the memory limit.
const LIMITS: &[&str] = &["MC0605", "MC0606"];

fn looped(name: &str, calls: &str) -> Case {
    Case::new(format!("host calls/{name}"), Guest::looped(calls), LIMITS)
}

pub(super) fn cases() -> Vec<Case> {
    let mut cases = headers();
    cases.extend(bodies());
    cases.extend(kept());
    cases.extend(calls());
    cases.extend(asked());
    cases.extend(streams());
    cases
}

fn headers() -> Vec<Case> {
    let add = |map: u32, key: &str, value: &str| {
        call("proxy_add_header_map_value", &format!("(i32.const {map}) {key} {value}"))
    };
    let each = |function: &str, arguments: &str| call(function, arguments);
    let pairs = each("proxy_get_header_map_pairs", &format!("(i32.const 0) {RESULT}"));
    let value = each("proxy_get_header_map_value", &format!("(i32.const 0) {KEY} {RESULT}"));
    let size = each("proxy_get_header_map_size", "(i32.const 0) (i32.const 8)");
    let property = each("proxy_get_property", &format!("{REQUEST_HEADERS} {RESULT}"));
    let none = "(i32.const 0) (i32.const 0)";
    let filled = |then: &str| {
        let fill = add(0, KEY, none);
        format!("(if (i32.lt_u (local.get $i) (i32.const 100000)) (then {NEXT_KEY} {fill}) (else {then}))")
    };
    vec![
        looped("add_header with one name", &add(0, KEY, KEY)),
        looped("add_header with new names", &format!("{NEXT_KEY} {}", add(0, KEY, KEY))),
        looped("add_header with empty names", &add(0, none, none)),
        looped("add_header with values that are joined", &add(0, "(i32.const 128) (i32.const 0)", LARGE)),
        looped("add_header with large values", &add(0, KEY, LARGE)),
        looped("add_header of pseudo-headers", &{
            let colon = "(i32.store8 (i32.const 31) (i32.const 58))";
            format!("{NEXT_KEY} {colon} {}", add(0, "(i32.const 31) (i32.const 5)", none))
        }),
        looped("get_pairs of many", &filled(&pairs)),
        looped("get_value among many", &filled(&value)),
        looped("get_size of many", &filled(&size)),
        looped("request.headers of many", &filled(&property)),
        looped("get_pairs", &pairs),
        looped("request.headers", &property),
        looped("set_pairs", &call("proxy_set_header_map_pairs", &format!("(i32.const 0) {MAP}"))),
        looped("set_pairs of an invalid map", &call("proxy_set_header_map_pairs", &format!("(i32.const 0) {LARGE}"))),
        looped("replace", &call("proxy_replace_header_map_value", &format!("(i32.const 0) {KEY} {KEY}"))),
        looped("remove", &call("proxy_remove_header_map_value", &format!("(i32.const 0) {KEY}"))),
        Case::new("host calls/headers in a chain of 50 filters", Guest::default().on("proxy_on_request_headers", format!(
            "(local.set $i (i32.const 5000)) (loop $l {} (br_if $l (local.tee $i (i32.sub (local.get $i) (i32.const 1)))))",
            add(0, KEY, KEY))).text(), LIMITS).in_chain_of(50),
    ]
}

fn bodies() -> Vec<Case> {
    let set = |start: i32, length: i32, data: &str| {
        call("proxy_set_buffer_bytes", &format!("(i32.const 0) (i32.const {start}) (i32.const {length}) {data}"))
    };
    let in_body = |does: &str| Guest::default().on("proxy_on_request_body", format!("(loop $l {does} (br $l))")).text();
    let body = |name: &str, does: &str| Case::new(format!("host calls/{name}"), in_body(does), LIMITS);
    let get = call("proxy_get_buffer_bytes", &format!("(i32.const 0) (i32.const 0) (i32.const -1) {RESULT}"));
    let append = set(i32::MAX, 0, LARGE);
    let grown = |then: &str| {
        format!(
            "(if (i32.lt_u (local.get $i) (i32.const 900)) (then {append} (local.set $i (i32.add (local.get $i) (i32.const 1)))) \
             (else {then}))"
        )
    };
    // Each of 50 filters writes one byte of a body of 32 MiB.
    let each = Guest::default().on(
        "proxy_on_request_body",
        format!(
            "(if (i32.lt_u (local.get 1) (i32.const 1000)) (then (local.set $i (i32.const 500)) (loop $l {append} \
             (br_if $l (local.tee $i (i32.sub (local.get $i) (i32.const 1))))))) {}",
            set(0, 1, KEY)
        ),
    );
    vec![
        body("set_buffer_bytes that appends", &append),
        body("set_buffer_bytes that prepends", &set(0, 0, LARGE)),
        body("set_buffer_bytes of one byte of a large body", &grown(&set(0, 1, "(i32.const 32) (i32.const 1)"))),
        body("get_buffer_bytes", &get),
        body("get_buffer_bytes of a large body", &grown(&get)),
        body("get_buffer_status", &call("proxy_get_buffer_status", &format!("(i32.const 0) {RESULT}"))),
        Case::new("host calls/a large body through 50 filters", each.text(), &["MC0605", "MC0606"]).in_chain_of(50),
    ]
}

/// Calls that store data in the host.
fn kept() -> Vec<Case> {
    let none = "(i32.const 0) (i32.const 0)";
    vec![
        looped("proxy_log", &call("proxy_log", &format!("(i32.const 2) {KEY}"))),
        looped("proxy_log of nothing", &call("proxy_log", &format!("(i32.const 2) {none}"))),
        looped("proxy_log of 64 KiB", &call("proxy_log", &format!("(i32.const 2) {LARGE}"))),
        looped("proxy_log with an invalid level", &call("proxy_log", &format!("(i32.const 9) {LARGE}"))),
        looped(
            "set_shared_data under one key",
            &call("proxy_set_shared_data", &format!("{KEY} {LARGE} (i32.const 0)")),
        ),
        looped(
            "set_shared_data under new keys",
            &format!("{NEXT_KEY} {}", call("proxy_set_shared_data", &format!("{KEY} {none} (i32.const 0)"))),
        ),
        looped(
            "get_shared_data",
            &format!(
                "{} (loop $m {} (br $m))",
                call("proxy_set_shared_data", &format!("{KEY} {LARGE} (i32.const 0)")),
                call("proxy_get_shared_data", &format!("{KEY} {RESULT} (i32.const 4)"))
            ),
        ),
        looped(
            "register_shared_queue",
            &format!("{NEXT_KEY} {}", call("proxy_register_shared_queue", &format!("{KEY} (i32.const 4)"))),
        ),
        looped(
            "enqueue",
            &format!(
                "{} (loop $m {} (br $m))",
                call("proxy_register_shared_queue", &format!("{KEY} (i32.const 4)")),
                call("proxy_enqueue_shared_queue", &format!("(i32.load (i32.const 4)) {none}"))
            ),
        ),
        looped(
            "define_metric under one name",
            &call("proxy_define_metric", &format!("(i32.const 0) {KEY} (i32.const 8)")),
        ),
        looped(
            "define_metric under new names",
            &format!("{NEXT_KEY} {}", call("proxy_define_metric", &format!("(i32.const 0) {KEY} (i32.const 8)"))),
        ),
    ]
}

/// Callouts to other clusters.
fn calls() -> Vec<Case> {
    let none = "(i32.const 0) (i32.const 0)";
    let http = |cluster: &str, headers: &str, body: &str| {
        call("proxy_http_call", &format!("{cluster} {headers} {body} {none} (i32.const 9) (i32.const 8)"))
    };
    let grpc = |cluster: &str| {
        call("proxy_grpc_call", &format!("{cluster} {KEY} {KEY} {none} {LARGE} (i32.const 9) (i32.const 8)"))
    };
    let send = format!(
        "{} (loop $m {} (br $m))",
        call("proxy_grpc_stream", &format!("{GRPC} {KEY} {KEY} {none} (i32.const 8)")),
        call("proxy_grpc_send", &format!("(i32.load (i32.const 8)) {KEY} (i32.const 0)"))
    );
    vec![
        looped("http_call", &http(AUTH, MAP, none)),
        looped("http_call with a body", &http(AUTH, MAP, LARGE)),
        looped("http_call to unknown clusters", &format!("{NEXT_KEY} {}", http(KEY, MAP, none))),
        looped("http_call to a cluster of 4 MiB", &http("(i32.const 1048576) (i32.const 4194304)", MAP, none)),
        looped("grpc_call", &grpc(GRPC)),
        looped("grpc_call to unknown clusters", &format!("{NEXT_KEY} {}", grpc(KEY))),
        looped("grpc_send", &send),
        looped("resolve_dns", &format!("{NEXT_KEY} {}", call("envoy_resolve_dns", &format!("{KEY} (i32.const 8)")))),
    ]
}

/// Calls that query the host.
fn asked() -> Vec<Case> {
    let none = "(i32.const 0) (i32.const 0)";
    let foreign = |name: &str| {
        call("proxy_call_foreign_function", &format!("(i32.const 312) (i32.const {}) {LARGE} {RESULT}", name.len()))
            .to_string()
    };
    let with_name = |case: &str, name: &str| {
        let data = format!("(data (i32.const 312) \"{name}\")");
        let guest = Guest::default().with(data);
        let guest = guest.on("proxy_on_request_headers", format!("(loop $l {} (br $l))", foreign(name)));
        Case::new(format!("host calls/{case}"), guest.text(), LIMITS)
    };
    vec![
        looped("get_property", &call("proxy_get_property", &format!("{KEY} {RESULT}"))),
        looped(
            "get_property of a path of 4 MiB",
            &call("proxy_get_property", &format!("(i32.const 1048576) (i32.const 4194304) {RESULT}")),
        ),
        looped(
            "set_property under new paths",
            &format!("{NEXT_KEY} {}", call("proxy_set_property", &format!("{KEY} {none}"))),
        ),
        looped("set_property of 64 KiB", &call("proxy_set_property", &format!("{LARGE} {LARGE}"))),
        looped("set_tick_period", &call("proxy_set_tick_period_milliseconds", "(i32.const 1)")),
        looped(
            "set_effective_context",
            &format!("{NEXT_KEY} {}", call("proxy_set_effective_context", "(local.get $i)")),
        ),
        looped("random_get", &call("random_get", LARGE)),
        looped(
            "fd_write",
            &format!(
                "(i32.store (i32.const 400) (i32.const 32)) (i32.store (i32.const 404) (i32.const 4)) {}",
                call("fd_write", "(i32.const 1) (i32.const 400) (i32.const 1) (i32.const 8)")
            ),
        ),
        looped(
            "fd_write of no vectors",
            &call("fd_write", "(i32.const 1) (i32.const 400) (i32.const 0) (i32.const 8)"),
        ),
        with_name("compress", "compress"),
        with_name("uncompress", "uncompress"),
        with_name("a foreign function that is not simulated", "sign"),
    ]
}

fn streams() -> Vec<Case> {
    let proceed = |side: u32| call("proxy_continue_stream", &format!("(i32.const {side})"));
    let none = "(i32.const 0) (i32.const 0)";
    let reply = |body: &str, headers: &str| {
        call("proxy_send_local_response", &format!("(i32.const 403) {KEY} {body} {headers} (i32.const -1)"))
    };
    let held = "(return (i32.const 3))";
    let in_tick = |does: &str, then: &str| {
        Guest::default()
            .on("proxy_on_context_create", "(i32.store (i32.const 20) (local.get 0))")
            .on("proxy_on_vm_start", call("proxy_set_tick_period_milliseconds", "(i32.const 10)"))
            .on("proxy_on_request_headers", held)
            .on("proxy_on_tick", format!("{} {does}", call("proxy_set_effective_context", "(i32.load (i32.const 20))")))
            .on("proxy_on_request_body", then)
    };
    let both = proceed(0) + &proceed(1);
    let some = format!(
        "(local.set $i (i32.const 200)) (loop $l {} (br_if $l (local.tee $i (i32.sub (local.get $i) (i32.const 1)))))",
        proceed(0)
    );
    vec![
        looped("continue_stream", &proceed(0)),
        looped("continue_stream both ways", &both),
        looped("close_stream", &call("proxy_close_stream", "(i32.const 0)")),
        looped("send_local_response", &reply(none, none)),
        looped("send_local_response with a body", &reply(LARGE, none)),
        looped("send_local_response with headers", &reply(none, MAP)),
        looped(
            "send_local_response with details of 4 MiB",
            &call(
                "proxy_send_local_response",
                &format!("(i32.const 403) (i32.const 1048576) (i32.const 4194304) {none} {none} (i32.const -1)"),
            ),
        ),
        Case::new("host calls/200 calls of continue_stream", Guest::once(&some), &[]).in_chain_of(50),
        Case::new(
            "host calls/continue_stream in the body callback",
            in_tick(&proceed(0), &format!("{} (return (i32.const 1))", proceed(0))).text(),
            &["MC0603"],
        ),
        Case::new(
            "host calls/continue_stream in the body callback of 50 filters",
            in_tick(&proceed(0), &format!("{} (return (i32.const 1))", proceed(0))).text(),
            &["MC0603"],
        )
        .in_chain_of(50),
        Case::new(
            "host calls/a local reply in every callback",
            super::nontermination::active()
                .on("proxy_on_request_headers", reply(LARGE, MAP))
                .on("proxy_on_response_headers", reply(LARGE, MAP))
                .on("proxy_on_response_body", reply(LARGE, MAP))
                .on("proxy_on_response_trailers", reply(LARGE, MAP))
                .on("proxy_on_log", reply(LARGE, MAP))
                .on("proxy_on_done", reply(LARGE, MAP))
                .text(),
            &["MC0618"],
        )
        .in_chain_of(3),
        // Each of 200 filters pauses headers and body, and continues with the trailers.
        Case::new(
            "host calls/200 filters that pause until the trailers",
            Guest::default()
                .on("proxy_on_request_headers", "(return (i32.const 1))")
                .on("proxy_on_request_body", "(return (i32.const 1))")
                .on("proxy_on_response_headers", "(return (i32.const 1))")
                .on("proxy_on_response_body", "(return (i32.const 1))")
                .text(),
            &["MC0607"],
        )
        .in_chain_of(200),
    ]
}
