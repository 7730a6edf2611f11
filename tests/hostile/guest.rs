//! Builds guests in the WebAssembly text format: all host functions are imported under their names.

use std::fmt::Write as _;

/// The host functions and their parameters. All return an `i32`.
const IMPORTS: [(&str, &str); 36] = [
    ("proxy_log", "iii"),
    ("proxy_get_status", "iii"),
    ("proxy_set_property", "iiii"),
    ("proxy_get_property", "iiii"),
    ("proxy_send_local_response", "iiiiiiii"),
    ("proxy_get_shared_data", "iiiii"),
    ("proxy_set_shared_data", "iiiii"),
    ("proxy_register_shared_queue", "iii"),
    ("proxy_resolve_shared_queue", "iiiii"),
    ("proxy_dequeue_shared_queue", "iii"),
    ("proxy_enqueue_shared_queue", "iii"),
    ("proxy_get_header_map_value", "iiiii"),
    ("proxy_add_header_map_value", "iiiii"),
    ("proxy_replace_header_map_value", "iiiii"),
    ("proxy_remove_header_map_value", "iii"),
    ("proxy_get_header_map_pairs", "iii"),
    ("proxy_set_header_map_pairs", "iii"),
    ("proxy_get_header_map_size", "ii"),
    ("proxy_get_buffer_status", "iii"),
    ("proxy_get_buffer_bytes", "iiiii"),
    ("proxy_set_buffer_bytes", "iiiii"),
    ("proxy_http_call", "iiiiiiiiii"),
    ("proxy_grpc_call", "iiiiiiiiiiii"),
    ("proxy_grpc_stream", "iiiiiiiii"),
    ("proxy_grpc_send", "iiii"),
    ("proxy_set_tick_period_milliseconds", "i"),
    ("proxy_get_current_time_nanoseconds", "i"),
    ("proxy_define_metric", "iiii"),
    ("proxy_set_effective_context", "i"),
    ("proxy_call_foreign_function", "iiiiii"),
    ("envoy_resolve_dns", "iii"),
    ("proxy_continue_stream", "i"),
    ("proxy_close_stream", "i"),
    ("proxy_get_log_level", "i"),
    ("proxy_done", ""),
    ("proxy_grpc_cancel", "i"),
];

const WASI: [(&str, &str); 4] = [("fd_write", "iiii"), ("random_get", "ii"), ("environ_get", "ii"), ("args_get", "ii")];

/// Every import with its number of parameters.
pub(crate) fn imports() -> impl Iterator<Item = (&'static str, usize)> {
    IMPORTS.iter().chain(&WASI).map(|(name, parameters)| (*name, parameters.len()))
}

/// Addresses and lengths of `auth`, `grpc`, a key, the path `request\0headers`, and a map with the headers of a call.
pub(crate) const AUTH: &str = "(i32.const 16) (i32.const 4)";
pub(crate) const GRPC: &str = "(i32.const 24) (i32.const 4)";
pub(crate) const KEY: &str = "(i32.const 32) (i32.const 4)";
pub(crate) const REQUEST_HEADERS: &str = "(i32.const 48) (i32.const 15)";
pub(crate) const MAP: &str = "(i32.const 128) (i32.const 61)";
/// 64 KiB of zeros, and the addresses for results.
pub(crate) const LARGE: &str = "(i32.const 1048576) (i32.const 65536)";
pub(crate) const RESULT: &str = "(i32.const 8) (i32.const 12)";
const ALLOCATED: u32 = 2 << 20;

pub(crate) fn map(pairs: &[(&str, &str)]) -> Vec<u8> {
    let length = |length: usize| u32::try_from(length).expect("short").to_le_bytes();
    let mut bytes = length(pairs.len()).to_vec();
    pairs.iter().for_each(|(name, value)| bytes.extend([length(name.len()), length(value.len())].concat()));
    pairs.iter().for_each(|(name, value)| bytes.extend([name.as_bytes(), b"\0", value.as_bytes(), b"\0"].concat()));
    bytes
}

pub(crate) fn escaped(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        _ = write!(text, "\\{byte:02x}");
        text
    })
}

/// A guest under construction: the body of each callback.
#[derive(Default)]
pub(crate) struct Guest {
    callbacks: Vec<(&'static str, String)>,
    pub(crate) more: String,
    /// The body of the allocator. By default it returns the same address every time.
    pub(crate) malloc: Option<String>,
}

/// Callbacks: parameters and default result.
const CALLBACKS: [(&str, &str, &str); 25] = [
    ("_initialize", "", ""),
    ("_start", "", ""),
    ("main", "ii", "0"),
    ("proxy_on_context_create", "ii", ""),
    ("proxy_on_vm_start", "ii", "1"),
    ("proxy_on_configure", "ii", "1"),
    ("proxy_on_request_headers", "iii", "0"),
    ("proxy_on_request_body", "iii", "0"),
    ("proxy_on_request_trailers", "ii", "0"),
    ("proxy_on_response_headers", "iii", "0"),
    ("proxy_on_response_body", "iii", "0"),
    ("proxy_on_response_trailers", "ii", "0"),
    ("proxy_on_http_call_response", "iiiii", ""),
    ("proxy_on_grpc_receive", "iii", ""),
    ("proxy_on_grpc_close", "iii", ""),
    ("proxy_on_grpc_receive_initial_metadata", "iii", ""),
    ("proxy_on_grpc_receive_trailing_metadata", "iii", ""),
    ("proxy_on_queue_ready", "ii", ""),
    ("proxy_on_tick", "i", ""),
    ("proxy_on_done", "i", "1"),
    ("proxy_on_log", "i", ""),
    ("proxy_on_delete", "i", ""),
    ("proxy_on_new_connection", "i", "0"),
    ("proxy_on_downstream_data", "iii", "0"),
    ("proxy_on_foreign_function", "iii", ""),
];

impl Guest {
    pub(crate) fn on(mut self, callback: &'static str, does: impl Into<String>) -> Self {
        self.callbacks.retain(|(other, _)| *other != callback);
        self.callbacks.push((callback, does.into()));
        self
    }

    pub(crate) fn with(mut self, more: impl Into<String>) -> Self {
        self.more = more.into();
        self
    }

    /// Makes the calls in an infinite loop when a request arrives.
    pub(crate) fn looped(calls: &str) -> String {
        Self::default().on("proxy_on_request_headers", format!("(loop $l {calls} (br $l))")).text()
    }

    /// Makes the calls once when a request arrives.
    pub(crate) fn once(calls: &str) -> String {
        Self::default().on("proxy_on_request_headers", calls).text()
    }

    pub(crate) fn text(self) -> String {
        let mut text = "(module\n".to_owned();
        let parameters = |letters: &str| "i32 ".repeat(letters.len());
        for (module, table) in [("env", &IMPORTS[..]), ("wasi_snapshot_preview1", &WASI[..])] {
            for (name, letters) in table {
                let parameters = parameters(letters);
                _ = writeln!(text, "(import \"{module}\" \"{name}\" (func ${name} (param {parameters}) (result i32)))");
            }
        }
        let headers = map(&[(":method", "GET"), (":path", "/"), (":authority", "a")]);
        assert_eq!(headers.len(), 61, "the length in MAP");
        let headers = escaped(&headers);
        let malloc = self.malloc.unwrap_or_else(|| format!("(i32.const {ALLOCATED})"));
        _ = writeln!(
            text,
            r#"(memory (export "memory") 128)
            (data (i32.const 16) "auth") (data (i32.const 24) "grpc") (data (i32.const 32) "key1")
            (data (i32.const 48) "request\00headers") (data (i32.const 128) "{headers}")
            (func (export "proxy_abi_version_0_2_1"))
            (func $malloc (export "proxy_on_memory_allocate") (param i32) (result i32) (local $i i32) {malloc})
            {}"#,
            self.more
        );
        let own = self.callbacks.iter().any(|(name, _)| name.starts_with("proxy_on_request_headers"));
        let filler = [("proxy_on_request_headers", String::new())];
        for (name, does) in self.callbacks.iter().chain(filler.iter().filter(|_| !own)) {
            let (_, letters, returns) =
                CALLBACKS.iter().find(|(other, ..)| other == name).expect("a callback of the ABI");
            let parameters = parameters(letters);
            let (result, value) = match *returns {
                "" => ("", String::new()),
                value => ("(result i32)", format!("(i32.const {value})")),
            };
            _ = writeln!(
                text,
                "(func (export \"{name}\") (param {parameters}) {result} (local $i i32) (local $j i32) {does} {value})"
            );
        }
        text.push(')');
        text
    }
}

/// A call that drops the result.
pub(crate) fn call(name: &str, arguments: &str) -> String {
    format!("(drop (call ${name} {arguments}))")
}

/// Writes the loop counter to the key, and increments the counter.
pub(crate) const NEXT_KEY: &str =
    "(i32.store (i32.const 32) (local.get $i)) (local.set $i (i32.add (local.get $i) (i32.const 1)))";
