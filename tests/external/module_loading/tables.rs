//! The Proxy-Wasm ABI, written independently of the tables in crates/module. Envoy proves both.
//!
//! In types, `i` is i32 and `l` is i64. Results follow `>`.

/// The name and the type of a function.
pub(crate) type Function = (&'static str, &'static str);

pub(crate) const ABIS: [&str; 3] = ["0_1_0", "0_2_0", "0_2_1"];

/// The host functions of every ABI, module `env`.
pub(crate) const HOST: [Function; 39] = [
    ("proxy_log", "iii>i"),
    ("proxy_get_status", "iii>i"),
    ("proxy_set_property", "iiii>i"),
    ("proxy_get_property", "iiii>i"),
    ("proxy_send_local_response", "iiiiiiii>i"),
    ("proxy_get_shared_data", "iiiii>i"),
    ("proxy_set_shared_data", "iiiii>i"),
    ("proxy_register_shared_queue", "iii>i"),
    ("proxy_resolve_shared_queue", "iiiii>i"),
    ("proxy_dequeue_shared_queue", "iii>i"),
    ("proxy_enqueue_shared_queue", "iii>i"),
    ("proxy_get_header_map_value", "iiiii>i"),
    ("proxy_add_header_map_value", "iiiii>i"),
    ("proxy_replace_header_map_value", "iiiii>i"),
    ("proxy_remove_header_map_value", "iii>i"),
    ("proxy_get_header_map_pairs", "iii>i"),
    ("proxy_set_header_map_pairs", "iii>i"),
    ("proxy_get_header_map_size", "ii>i"),
    ("proxy_get_buffer_status", "iii>i"),
    ("proxy_get_buffer_bytes", "iiiii>i"),
    ("proxy_set_buffer_bytes", "iiiii>i"),
    ("proxy_http_call", "iiiiiiiiii>i"),
    ("proxy_grpc_call", "iiiiiiiiiiii>i"),
    ("proxy_grpc_stream", "iiiiiiiii>i"),
    ("proxy_grpc_close", "i>i"),
    ("proxy_grpc_cancel", "i>i"),
    ("proxy_grpc_send", "iiii>i"),
    ("proxy_set_tick_period_milliseconds", "i>i"),
    ("proxy_get_current_time_nanoseconds", "i>i"),
    ("proxy_define_metric", "iiii>i"),
    ("proxy_increment_metric", "il>i"),
    ("proxy_record_metric", "il>i"),
    ("proxy_get_metric", "ii>i"),
    ("proxy_set_effective_context", "i>i"),
    ("proxy_done", ">i"),
    ("proxy_call_foreign_function", "iiiiii>i"),
    ("pthread_equal", "ii>i"),
    ("emscripten_notify_memory_growth", "i>"),
    ("envoy_resolve_dns", "iii>i"),
];

/// The host functions that only some ABIs have.
pub(crate) const HOST_OF: [(Function, &[&str]); 7] = [
    (("proxy_get_configuration", "ii>i"), &["0_1_0"]),
    (("proxy_continue_request", ">i"), &["0_1_0"]),
    (("proxy_continue_response", ">i"), &["0_1_0"]),
    (("proxy_clear_route_cache", ">i"), &["0_1_0"]),
    (("proxy_continue_stream", "i>i"), &["0_2_0", "0_2_1"]),
    (("proxy_close_stream", "i>i"), &["0_2_0", "0_2_1"]),
    (("proxy_get_log_level", "i>i"), &["0_2_1"]),
];

pub(crate) const WASI_MODULES: [&str; 2] = ["wasi_snapshot_preview1", "wasi_unstable"];

pub(crate) const WASI: [Function; 45] = [
    ("fd_write", "iiii>i"),
    ("fd_read", "iiii>i"),
    ("fd_seek", "ilii>i"),
    ("fd_close", "i>i"),
    ("fd_fdstat_get", "ii>i"),
    ("environ_get", "ii>i"),
    ("environ_sizes_get", "ii>i"),
    ("args_get", "ii>i"),
    ("args_sizes_get", "ii>i"),
    ("clock_time_get", "ili>i"),
    ("random_get", "ii>i"),
    ("proc_exit", "i>"),
    ("path_open", "iiiiillii>i"),
    ("fd_prestat_get", "ii>i"),
    ("fd_prestat_dir_name", "iii>i"),
    ("fd_fdstat_set_flags", "ii>i"),
    ("sched_yield", ">i"),
    ("poll_oneoff", "iiii>i"),
    ("clock_res_get", "ii>i"),
    ("fd_pwrite", "iiili>i"),
    ("fd_allocate", "ill>i"),
    ("fd_datasync", "i>i"),
    ("fd_sync", "i>i"),
    ("fd_tell", "ii>i"),
    ("fd_fdstat_set_rights", "ill>i"),
    ("fd_filestat_set_size", "il>i"),
    ("fd_filestat_set_times", "illi>i"),
    ("fd_advise", "illi>i"),
    ("fd_pread", "iiili>i"),
    ("fd_filestat_get", "ii>i"),
    ("fd_readdir", "iiili>i"),
    ("fd_renumber", "ii>i"),
    ("path_create_directory", "iii>i"),
    ("path_filestat_get", "iiiii>i"),
    ("path_filestat_set_times", "iiiilli>i"),
    ("path_link", "iiiiii>i"),
    ("path_readlink", "iiiiii>i"),
    ("path_remove_directory", "iii>i"),
    ("path_rename", "iiiiii>i"),
    ("path_symlink", "iiii>i"),
    ("path_unlink_file", "iii>i"),
    ("sock_accept", "iii>i"),
    ("sock_recv", "iiiiii>i"),
    ("sock_send", "iiiii>i"),
    ("sock_shutdown", "ii>i"),
];

/// The functions that start a module and allocate memory, in the order in which the host looks them up.
pub(crate) const LIFE: [Function; 6] = [
    ("_initialize", ">"),
    ("main", "ii>i"),
    ("__main_void", ">i"),
    ("_start", ">"),
    ("malloc", "i>i"),
    ("proxy_on_memory_allocate", "i>i"),
];

/// The callbacks of every ABI, in the order in which the host looks them up.
pub(crate) const CALLBACKS: [Function; 25] = [
    ("proxy_validate_configuration", "ii>i"),
    ("proxy_on_vm_start", "ii>i"),
    ("proxy_on_configure", "ii>i"),
    ("proxy_on_tick", "i>"),
    ("proxy_on_context_create", "ii>"),
    ("proxy_on_new_connection", "i>i"),
    ("proxy_on_downstream_data", "iii>i"),
    ("proxy_on_upstream_data", "iii>i"),
    ("proxy_on_downstream_connection_close", "ii>"),
    ("proxy_on_upstream_connection_close", "ii>"),
    ("proxy_on_request_body", "iii>i"),
    ("proxy_on_request_trailers", "ii>i"),
    ("proxy_on_request_metadata", "ii>i"),
    ("proxy_on_response_body", "iii>i"),
    ("proxy_on_response_trailers", "ii>i"),
    ("proxy_on_response_metadata", "ii>i"),
    ("proxy_on_http_call_response", "iiiii>"),
    ("proxy_on_grpc_receive", "iii>"),
    ("proxy_on_grpc_close", "iii>"),
    ("proxy_on_grpc_receive_initial_metadata", "iii>"),
    ("proxy_on_grpc_receive_trailing_metadata", "iii>"),
    ("proxy_on_queue_ready", "ii>"),
    ("proxy_on_done", "i>i"),
    ("proxy_on_log", "i>"),
    ("proxy_on_delete", "i>"),
];

/// The other callbacks of ABI 0.1.0.
pub(crate) const CALLBACKS_0_1: [Function; 2] =
    [("proxy_on_request_headers", "ii>i"), ("proxy_on_response_headers", "ii>i")];

/// The other callbacks of the ABIs 0.2.0 and 0.2.1.
pub(crate) const CALLBACKS_0_2: [Function; 3] = [
    ("proxy_on_request_headers", "iii>i"),
    ("proxy_on_response_headers", "iii>i"),
    ("proxy_on_foreign_function", "iii>"),
];

/// The callbacks that Envoy looks up after the host.
pub(crate) const CALLBACKS_OF_ENVOY: [Function; 2] =
    [("envoy_on_resolve_dns", "iii>"), ("envoy_on_stats_update", "ii>")];

/// All callbacks of an ABI in the order of the lookups.
pub(crate) fn callbacks(abi: &str) -> Vec<Function> {
    let own: &[Function] = if abi == "0_1_0" { &CALLBACKS_0_1 } else { &CALLBACKS_0_2 };
    [&CALLBACKS, own, &CALLBACKS_OF_ENVOY].concat()
}

/// A type in the WebAssembly text format: `(param i32 i64) (result i32)`.
pub(crate) fn typed(letters: &str) -> String {
    let (params, results) = letters.split_once('>').expect("a type has both sides");
    let words = |letters: &str| -> String {
        letters.chars().map(|letter| if letter == 'l' { " i64" } else { " i32" }).collect()
    };
    format!("(param{}) (result{})", words(params), words(results))
}

/// Another type: the last parameter has the other width, or there is one if there was none.
pub(crate) fn other_param(letters: &str) -> String {
    let (params, results) = letters.split_once('>').expect("a type has both sides");
    let mut params = params.to_owned();
    let last = params.pop();
    params.push(if last == Some('i') { 'l' } else { 'i' });
    format!("{params}>{results}")
}

/// Another type: without the result, or with one if there was none.
pub(crate) fn other_result(letters: &str) -> String {
    let (params, results) = letters.split_once('>').expect("a type has both sides");
    format!("{params}>{}", if results.is_empty() { "i" } else { "" })
}

/// A function import.
pub(crate) fn import(module: &str, name: &str, letters: &str) -> String {
    format!(r#"(import "{module}" "{name}" (func {}))"#, typed(letters))
}

/// An exported function that returns ones.
pub(crate) fn export(name: &str, letters: &str) -> String {
    let results = letters.split_once('>').expect("a type has both sides").1;
    let ones: String =
        results.chars().map(|letter| if letter == 'l' { "(i64.const 1)" } else { "(i32.const 1)" }).collect();
    format!(r#"(func (export "{name}") {} {ones})"#, typed(letters))
}
