//! Builds modules from WebAssembly text, with the declarations that every filter needs.

use regex::{Captures, Regex};

const PRELUDE: &str = r#"
  (import "env" "proxy_log" (func $log (param i32 i32 i32) (result i32)))
  (import "env" "proxy_add_header_map_value" (func $add (param i32 i32 i32 i32 i32) (result i32)))
  (import "env" "proxy_send_local_response" (func $reply (param i32 i32 i32 i32 i32 i32 i32 i32) (result i32)))
  (import "env" "proxy_http_call" (func $call (param i32 i32 i32 i32 i32 i32 i32 i32 i32 i32) (result i32)))
  (import "env" "proxy_grpc_call" (func $grpc (param i32 i32 i32 i32 i32 i32 i32 i32 i32 i32 i32 i32) (result i32)))
  (import "env" "proxy_get_status" (func $status (param i32 i32 i32) (result i32)))
  (import "env" "proxy_continue_stream" (func $continue (param i32) (result i32)))
  (import "env" "proxy_set_effective_context" (func $context (param i32) (result i32)))
  (import "env" "proxy_set_tick_period_milliseconds" (func $tick (param i32) (result i32)))
  (import "env" "proxy_set_shared_data" (func $share (param i32 i32 i32 i32 i32) (result i32)))
  (import "env" "proxy_get_shared_data" (func $shared (param i32 i32 i32 i32 i32) (result i32)))
  (import "env" "proxy_define_metric" (func $metric (param i32 i32 i32 i32) (result i32)))
  (import "env" "proxy_increment_metric" (func $increment (param i32 i64) (result i32)))
  (import "env" "proxy_record_metric" (func $record (param i32 i64) (result i32)))
  (import "env" "proxy_get_buffer_bytes" (func $buffer (param i32 i32 i32 i32 i32) (result i32)))
  (import "env" "proxy_set_buffer_bytes" (func $set-buffer (param i32 i32 i32 i32 i32) (result i32)))
  (import "env" "proxy_remove_header_map_value" (func $remove (param i32 i32 i32) (result i32)))
  (import "env" "proxy_get_header_map_value" (func $header (param i32 i32 i32 i32 i32) (result i32)))
  (import "env" "proxy_get_property" (func $property (param i32 i32 i32 i32) (result i32)))
  (memory (export "memory") 2)
  (global $stream (mut i32) (i32.const 0))
  (global $free (mut i32) (i32.const 65536))
  (func (export "proxy_abi_version_0_2_1"))
  (func $allocate (export "malloc") (param $size i32) (result i32)
    (global.get $free)
    (global.set $free (i32.add (global.get $free) (local.get $size))))
  (func $say (param $text i32) (param $length i32)
    (drop (call $log (i32.const 2) (local.get $text) (local.get $length))))
  ;; Logs the bytes whose address a host function wrote to 0 and whose length it wrote to 4.
  (func $say-found (call $say (i32.load (i32.const 0)) (i32.load (i32.const 4))))
"#;

/// The module with these functions. In them, `@"text"` stands for the text's address and length, and `@[a=1;b=2]` for those of header pairs.
pub(super) fn module(functions: &str) -> Vec<u8> {
    let mut data = Vec::new();
    let mut place = |bytes: &[u8]| {
        let at = 1024 + data.len();
        data.extend_from_slice(bytes);
        format!("(i32.const {at}) (i32.const {})", bytes.len())
    };
    let texts = Regex::new(r#"@"([^"]*)"|@\[([^\]]*)\]"#).expect("an expression");
    let functions = texts.replace_all(functions, |found: &Captures<'_>| match found.get(1) {
        // The parts of a property's path are separated by NUL.
        Some(text) if text.as_str().starts_with("xds.") => place(text.as_str().replace('.', "\0").as_bytes()),
        Some(text) => place(text.as_str().as_bytes()),
        None => place(&pairs(&found[2])),
    });
    let data: String = data.iter().map(|byte| format!("\\{byte:02x}")).collect();
    let text = format!("(module {PRELUDE} {functions} (data (i32.const 1024) \"{data}\"))");
    wat::parse_str(&text).unwrap_or_else(|error| panic!("{error}"))
}

fn pairs(text: &str) -> Vec<u8> {
    let pairs: Vec<(&str, &str)> = text.split(';').filter_map(|pair| pair.split_once('=')).collect();
    let number = |length: usize| u32::try_from(length).expect("short").to_le_bytes();
    let mut bytes = number(pairs.len()).to_vec();
    pairs.iter().for_each(|(name, value)| bytes.extend([number(name.len()), number(value.len())].concat()));
    for text in pairs.iter().flat_map(|(name, value)| [name, value]) {
        bytes.extend_from_slice(text.as_bytes());
        bytes.push(0);
    }
    bytes
}

/// A callback like `proxy_on_request_headers` with this many parameters. The body leaves the result.
pub(super) fn callback(name: &str, parameters: usize, body: &str) -> String {
    let parameters = " i32".repeat(parameters);
    format!("(func (export \"proxy_on_{name}\") (param{parameters}) (result i32) {body})\n")
}

/// A callback without a result.
pub(super) fn notice(name: &str, parameters: usize, body: &str) -> String {
    let parameters = " i32".repeat(parameters);
    format!("(func (export \"proxy_on_{name}\") (param{parameters}) {body})\n")
}

pub(super) fn headers(body: &str) -> String {
    callback("request_headers", 3, body)
}

/// Callbacks that log each chunk of a body, and its end.
pub(super) fn logs_bodies() -> String {
    let body = |kind: &str, buffer: u8| {
        let read = format!(
            "(drop (call $buffer (i32.const {buffer}) (i32.const 0) (local.get 1) (i32.const 0) (i32.const 4)))"
        );
        let says = format!("(if (local.get 1) (then {read} (call $say-found)))");
        let last = format!("(if (local.get 2) (then (call $say @\"{kind} ends\")))");
        callback(&format!("{kind}_body"), 3, &format!("{says} {last} (i32.const 0)"))
    };
    let trailers = |kind: &str| {
        callback(&format!("{kind}_trailers"), 2, &format!("(call $say @\"{kind} trailers\") (i32.const 0)"))
    };
    [body("request", 0), body("response", 1), trailers("request"), trailers("response")].concat()
}
