//! Callbacks and events that do not terminate.

use super::Case;
use super::guest::{AUTH, GRPC, Guest, KEY, MAP, RESULT, call};

const TIME_LIMIT: &[&str] = &["MC0605"];
const FOREVER: &str = "(loop $l (br $l))";

/// A guest that receives every callback: it sets a timer, makes calls and writes to its own queue.
pub(crate) fn active() -> Guest {
    let started = [
        call("proxy_set_tick_period_milliseconds", "(i32.const 100)"),
        call("proxy_register_shared_queue", &format!("{KEY} (i32.const 4)")),
    ];
    let request = [
        call("proxy_http_call", &format!("{AUTH} {MAP} {KEY} (i32.const 0) (i32.const 0) (i32.const 9) (i32.const 8)")),
        call(
            "proxy_grpc_call",
            &format!("{GRPC} {KEY} {KEY} (i32.const 0) (i32.const 0) {KEY} (i32.const 9) (i32.const 8)"),
        ),
        call("proxy_grpc_stream", &format!("{GRPC} {KEY} {KEY} (i32.const 0) (i32.const 0) (i32.const 8)")),
        call("proxy_enqueue_shared_queue", &format!("(i32.load (i32.const 4)) {KEY}")),
        call("proxy_get_property", &format!("(i32.const 48) (i32.const 15) {RESULT}")),
    ];
    Guest::default().on("proxy_on_vm_start", started.concat()).on("proxy_on_request_headers", request.concat())
}

pub(super) fn cases() -> Vec<Case> {
    let mut cases = vec![Case::new("nontermination/an active filter that terminates", active().text(), &[])];
    for callback in [
        "proxy_on_context_create",
        "proxy_on_vm_start",
        "proxy_on_configure",
        "proxy_on_request_headers",
        "proxy_on_request_body",
        "proxy_on_request_trailers",
        "proxy_on_response_headers",
        "proxy_on_response_body",
        "proxy_on_response_trailers",
        "proxy_on_http_call_response",
        "proxy_on_grpc_receive",
        "proxy_on_grpc_close",
        "proxy_on_grpc_receive_initial_metadata",
        "proxy_on_grpc_receive_trailing_metadata",
        "proxy_on_queue_ready",
        "proxy_on_tick",
        "proxy_on_done",
        "proxy_on_log",
        "proxy_on_delete",
        "_initialize",
        "_start",
    ] {
        // While a stream waits, the timer fires and the calls receive responses.
        cases.push(Case::new(format!("nontermination/{callback}"), active().on(callback, FOREVER).text(), TIME_LIMIT));
    }
    let main = Guest::default().on("_initialize", "").on("main", FOREVER);
    cases.push(Case::new("nontermination/main", main.text(), TIME_LIMIT));
    let start = Guest::default().with(format!("(func $s {FOREVER}) (start $s)"));
    cases.push(Case::new("nontermination/the start function", start.text(), TIME_LIMIT));
    let mut malloc = active();
    malloc.malloc = Some(format!("{FOREVER} (i32.const 0)"));
    cases.push(Case::new("nontermination/malloc", malloc.text(), TIME_LIMIT));
    cases.extend(heavy());
    cases.extend(events());
    cases
}

/// Instructions that cost the interpreter much time and little fuel.
fn heavy() -> Vec<Case> {
    let locals = "i64 ".repeat(30_000);
    let many = format!("(func $f (local {locals}))");
    let forever = "(loop $l (call $f) (br $l))";
    let sliced = Guest::default().with(many.clone()).on("proxy_on_request_headers", forever);
    let started = Guest::default().with(format!("{many} (func $s {forever}) (start $s)"));
    let grow = "(table $t 1 funcref) (func $g (drop (table.grow $t (ref.null func) (i32.const 0))))";
    let growing = Guest::default().with(format!("{many} {grow}")).on("proxy_on_request_headers", forever);
    let mut malloc = active().with(many);
    malloc.malloc = Some(format!("{forever} (i32.const 0)"));
    vec![
        Case::new("nontermination/calls with 30,000 locals", sliced.text(), TIME_LIMIT),
        Case::new("nontermination/calls with 30,000 locals in malloc", malloc.text(), TIME_LIMIT),
        Case::new("nontermination/calls with 30,000 locals in the start function", started.text(), &["MC0611"]),
        Case::new("nontermination/calls with 30,000 locals beside table.grow", growing.text(), &["MC0611"]),
    ]
}

/// Callbacks that terminate, and events that never stop.
fn events() -> Vec<Case> {
    let tick = |period: u32| call("proxy_set_tick_period_milliseconds", &format!("(i32.const {period})"));
    let started = |does: String| Guest::default().on("proxy_on_vm_start", does);
    let work = "(local.set $i (i32.const 100000000)) \
        (loop $l (br_if $l (local.tee $i (i32.sub (local.get $i) (i32.const 1)))))";
    let log = call("proxy_log", &format!("(i32.const 2) {KEY}"));
    let queue = call("proxy_register_shared_queue", &format!("{KEY} (i32.const 4)"));
    let enqueue = call("proxy_enqueue_shared_queue", &format!("(i32.load (i32.const 4)) {KEY}"));
    let http =
        call("proxy_http_call", &format!("{AUTH} {MAP} {KEY} (i32.const 0) (i32.const 0) (i32.const 9) (i32.const 8)"));
    let hold = |guest: Guest| {
        let held = "(return (i32.const 1))";
        guest.on("proxy_on_request_headers", format!("{http} {held}"))
    };
    vec![
        Case::new(
            "nontermination/a timer per millisecond that computes",
            started(tick(1)).on("proxy_on_tick", work).text(),
            TIME_LIMIT,
        ),
        Case::new(
            "nontermination/a timer per millisecond that logs",
            started(tick(1)).on("proxy_on_tick", log).text(),
            &[],
        ),
        Case::new(
            "nontermination/a timer that sets its period",
            started(tick(1)).on("proxy_on_tick", tick(1)).text(),
            &[],
        ),
        Case::new(
            "nontermination/a callback that enqueues",
            started(queue + &enqueue).on("proxy_on_queue_ready", enqueue.clone()).text(),
            &["MC0605", "MC0606"],
        ),
        Case::new(
            "nontermination/a call per response",
            hold(Guest::default().on("proxy_on_http_call_response", http.clone())).text(),
            &["MC0605", "MC0606"],
        ),
        Case::new(
            "nontermination/computation in each of 50 filters",
            Guest::default().on("proxy_on_request_headers", work).text(),
            TIME_LIMIT,
        )
        .in_chain_of(50),
    ]
}
