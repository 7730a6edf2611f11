//! The Proxy-Wasm ABI as Envoy's host implements it: what a module can import, and what Envoy calls
//! (proxy-wasm/proxy-wasm-cpp-host, include/proxy-wasm/exports.h and src/wasm.cc).

use std::fmt;

use super::signature::{Signature, sig};

/// A version of the Proxy-Wasm ABI. The host has no 0.3.0: SDKs that call themselves 0.3.0-dev mark their modules as 0.2.1.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Abi {
    /// `proxy_abi_version_0_1_0`.
    V0_1_0,
    /// `proxy_abi_version_0_2_0`.
    V0_2_0,
    /// `proxy_abi_version_0_2_1`.
    V0_2_1,
}

impl Abi {
    /// The version that an exported function of this name marks.
    pub fn of_marker(name: &[u8]) -> Option<Self> {
        match name {
            b"proxy_abi_version_0_1_0" => Some(Self::V0_1_0),
            b"proxy_abi_version_0_2_0" => Some(Self::V0_2_0),
            b"proxy_abi_version_0_2_1" => Some(Self::V0_2_1),
            _ => None,
        }
    }
}

impl fmt::Display for Abi {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::V0_1_0 => "0.1.0",
            Self::V0_2_0 => "0.2.0",
            Self::V0_2_1 => "0.2.1",
        })
    }
}

/// The minor version of an Envoy: 33 for 1.33.
pub type EnvoyMinor = u32;

/// Istio 1.N ships Envoy 1.(N+8).
pub const ENVOY_AHEAD_OF_ISTIO: EnvoyMinor = 8;

/// A function that Envoy provides.
#[derive(Debug)]
pub struct HostFunction {
    /// The import's name.
    pub name: &'static str,
    /// Its type.
    pub signature: Signature,
    /// The first Envoy that provides it; 0 if every Envoy with the ABI does.
    pub since: EnvoyMinor,
}

const fn host(name: &'static str, signature: Signature) -> HostFunction {
    HostFunction { name, signature, since: 0 }
}

const fn host_since(name: &'static str, signature: Signature, since: EnvoyMinor) -> HostFunction {
    HostFunction { name, signature, since }
}

/// The host functions of every ABI, module `env`.
pub const PROXY: [HostFunction; 39] = [
    host("proxy_log", sig("iii>i")),
    host("proxy_get_status", sig("iii>i")),
    host("proxy_set_property", sig("iiii>i")),
    host("proxy_get_property", sig("iiii>i")),
    host("proxy_send_local_response", sig("iiiiiiii>i")),
    host("proxy_get_shared_data", sig("iiiii>i")),
    host("proxy_set_shared_data", sig("iiiii>i")),
    host("proxy_register_shared_queue", sig("iii>i")),
    host("proxy_resolve_shared_queue", sig("iiiii>i")),
    host("proxy_dequeue_shared_queue", sig("iii>i")),
    host("proxy_enqueue_shared_queue", sig("iii>i")),
    host("proxy_get_header_map_value", sig("iiiii>i")),
    host("proxy_add_header_map_value", sig("iiiii>i")),
    host("proxy_replace_header_map_value", sig("iiiii>i")),
    host("proxy_remove_header_map_value", sig("iii>i")),
    host("proxy_get_header_map_pairs", sig("iii>i")),
    host("proxy_set_header_map_pairs", sig("iii>i")),
    host("proxy_get_header_map_size", sig("ii>i")),
    host("proxy_get_buffer_status", sig("iii>i")),
    host("proxy_get_buffer_bytes", sig("iiiii>i")),
    host("proxy_set_buffer_bytes", sig("iiiii>i")),
    host("proxy_http_call", sig("iiiiiiiiii>i")),
    host("proxy_grpc_call", sig("iiiiiiiiiiii>i")),
    host("proxy_grpc_stream", sig("iiiiiiiii>i")),
    host("proxy_grpc_close", sig("i>i")),
    host("proxy_grpc_cancel", sig("i>i")),
    host("proxy_grpc_send", sig("iiii>i")),
    host("proxy_set_tick_period_milliseconds", sig("i>i")),
    host("proxy_get_current_time_nanoseconds", sig("i>i")),
    host("proxy_define_metric", sig("iiii>i")),
    host("proxy_increment_metric", sig("il>i")),
    host("proxy_record_metric", sig("il>i")),
    host("proxy_get_metric", sig("ii>i")),
    host("proxy_set_effective_context", sig("i>i")),
    host("proxy_done", sig(">i")),
    host("proxy_call_foreign_function", sig("iiiiii>i")),
    host("pthread_equal", sig("ii>i")),
    host_since("emscripten_notify_memory_growth", sig("i>"), 23),
    host("envoy_resolve_dns", sig("iii>i")),
];

const PROXY_0_1: [HostFunction; 4] = [
    host("proxy_get_configuration", sig("ii>i")),
    host("proxy_continue_request", sig(">i")),
    host("proxy_continue_response", sig(">i")),
    host("proxy_clear_route_cache", sig(">i")),
];

const PROXY_0_2: [HostFunction; 2] =
    [host("proxy_continue_stream", sig("i>i")), host("proxy_close_stream", sig("i>i"))];

const PROXY_0_2_1: [HostFunction; 1] = [host("proxy_get_log_level", sig("i>i"))];

/// The modules that WASI's functions are imported from.
pub const WASI_MODULES: [&str; 2] = ["wasi_snapshot_preview1", "wasi_unstable"];

/// Envoy 1.21 uses the host of 2021-11, 1.33 that of 2024-12-19, 1.38 that of 2026-04-06.
const WASI_2021: EnvoyMinor = 21;
const WASI_2024: EnvoyMinor = 33;
const WASI_2026: EnvoyMinor = 38;

/// WASI's functions as the host implements them. `path_link` and `path_symlink` differ from WASI.
pub const WASI: [HostFunction; 45] = [
    host("fd_write", sig("iiii>i")),
    host("fd_read", sig("iiii>i")),
    host("fd_seek", sig("ilii>i")),
    host("fd_close", sig("i>i")),
    host("fd_fdstat_get", sig("ii>i")),
    host("environ_get", sig("ii>i")),
    host("environ_sizes_get", sig("ii>i")),
    host("args_get", sig("ii>i")),
    host("args_sizes_get", sig("ii>i")),
    host("clock_time_get", sig("ili>i")),
    host("random_get", sig("ii>i")),
    host("proc_exit", sig("i>")),
    host_since("path_open", sig("iiiiillii>i"), WASI_2021),
    host_since("fd_prestat_get", sig("ii>i"), WASI_2021),
    host_since("fd_prestat_dir_name", sig("iii>i"), WASI_2021),
    host_since("fd_fdstat_set_flags", sig("ii>i"), WASI_2024),
    host_since("sched_yield", sig(">i"), WASI_2024),
    host_since("poll_oneoff", sig("iiii>i"), WASI_2024),
    host_since("clock_res_get", sig("ii>i"), WASI_2026),
    host_since("fd_pwrite", sig("iiili>i"), WASI_2026),
    host_since("fd_allocate", sig("ill>i"), WASI_2026),
    host_since("fd_datasync", sig("i>i"), WASI_2026),
    host_since("fd_sync", sig("i>i"), WASI_2026),
    host_since("fd_tell", sig("ii>i"), WASI_2026),
    host_since("fd_fdstat_set_rights", sig("ill>i"), WASI_2026),
    host_since("fd_filestat_set_size", sig("il>i"), WASI_2026),
    host_since("fd_filestat_set_times", sig("illi>i"), WASI_2026),
    host_since("fd_advise", sig("illi>i"), WASI_2026),
    host_since("fd_pread", sig("iiili>i"), WASI_2026),
    host_since("fd_filestat_get", sig("ii>i"), WASI_2026),
    host_since("fd_readdir", sig("iiili>i"), WASI_2026),
    host_since("fd_renumber", sig("ii>i"), WASI_2026),
    host_since("path_create_directory", sig("iii>i"), WASI_2026),
    host_since("path_filestat_get", sig("iiiii>i"), WASI_2026),
    host_since("path_filestat_set_times", sig("iiiilli>i"), WASI_2026),
    host_since("path_link", sig("iiiiii>i"), WASI_2026),
    host_since("path_readlink", sig("iiiiii>i"), WASI_2026),
    host_since("path_remove_directory", sig("iii>i"), WASI_2026),
    host_since("path_rename", sig("iiiiii>i"), WASI_2026),
    host_since("path_symlink", sig("iiii>i"), WASI_2026),
    host_since("path_unlink_file", sig("iii>i"), WASI_2026),
    host_since("sock_accept", sig("iii>i"), WASI_2026),
    host_since("sock_recv", sig("iiiiii>i"), WASI_2026),
    host_since("sock_send", sig("iiiii>i"), WASI_2026),
    host_since("sock_shutdown", sig("ii>i"), WASI_2026),
];

fn functions() -> impl Iterator<Item = &'static HostFunction> {
    let tables: [&'static [HostFunction]; 5] = [&PROXY, &PROXY_0_1, &PROXY_0_2, &PROXY_0_2_1, &WASI];
    tables.into_iter().flatten()
}

/// The host functions that an Envoy adds to those of older versions.
pub fn added_in(envoy: EnvoyMinor) -> impl Iterator<Item = &'static str> {
    functions().filter(move |function| function.since == envoy).map(|function| function.name)
}

/// A host function that only a newer Envoy has.
pub fn added_after(envoy: EnvoyMinor) -> Option<&'static str> {
    functions().find(|function| function.since > envoy).map(|function| function.name)
}

/// The function that Envoy provides for an import of a module with this ABI, if there is one.
pub fn host_function(abi: Abi, module: &str, name: &str) -> Option<&'static HostFunction> {
    let tables: &[&'static [HostFunction]] = match (module, abi) {
        ("env", Abi::V0_1_0) => &[&PROXY, &PROXY_0_1],
        ("env", Abi::V0_2_0) => &[&PROXY, &PROXY_0_2],
        ("env", Abi::V0_2_1) => &[&PROXY, &PROXY_0_2, &PROXY_0_2_1],
        _ if WASI_MODULES.contains(&module) => &[&WASI],
        _ => &[],
    };
    tables.iter().copied().flatten().find(|function| function.name == name)
}

/// A function that Envoy calls if the module exports it.
#[derive(Debug)]
pub struct Callback {
    /// The export's name.
    pub name: &'static str,
    /// Its type.
    pub signature: Signature,
}

const fn callback(name: &'static str, signature: Signature) -> Callback {
    Callback { name, signature }
}

/// Starts a module, if it exports this function.
pub const INIT: Callback = callback("_initialize", sig(">"));
/// What Envoy calls after [`INIT`]: the first that the module exports.
pub const AFTER_INIT: [Callback; 2] = [callback("main", sig("ii>i")), callback("__main_void", sig(">i"))];
/// Starts a module that has no [`INIT`].
pub const START: Callback = callback("_start", sig(">"));
/// How the host allocates memory in the module: the first that the module exports.
pub const MALLOC: [Callback; 2] = [callback("malloc", sig("i>i")), callback("proxy_on_memory_allocate", sig("i>i"))];

/// The callbacks of every ABI.
pub const CALLBACKS: [Callback; 25] = [
    callback("proxy_validate_configuration", sig("ii>i")),
    callback("proxy_on_vm_start", sig("ii>i")),
    callback("proxy_on_configure", sig("ii>i")),
    callback("proxy_on_tick", sig("i>")),
    callback("proxy_on_context_create", sig("ii>")),
    callback("proxy_on_new_connection", sig("i>i")),
    callback("proxy_on_downstream_data", sig("iii>i")),
    callback("proxy_on_upstream_data", sig("iii>i")),
    callback("proxy_on_downstream_connection_close", sig("ii>")),
    callback("proxy_on_upstream_connection_close", sig("ii>")),
    callback("proxy_on_request_body", sig("iii>i")),
    callback("proxy_on_request_trailers", sig("ii>i")),
    callback("proxy_on_request_metadata", sig("ii>i")),
    callback("proxy_on_response_body", sig("iii>i")),
    callback("proxy_on_response_trailers", sig("ii>i")),
    callback("proxy_on_response_metadata", sig("ii>i")),
    callback("proxy_on_http_call_response", sig("iiiii>")),
    callback("proxy_on_grpc_receive", sig("iii>")),
    callback("proxy_on_grpc_close", sig("iii>")),
    callback("proxy_on_grpc_receive_initial_metadata", sig("iii>")),
    callback("proxy_on_grpc_receive_trailing_metadata", sig("iii>")),
    callback("proxy_on_queue_ready", sig("ii>")),
    callback("proxy_on_done", sig("i>i")),
    callback("proxy_on_log", sig("i>")),
    callback("proxy_on_delete", sig("i>")),
];

const CALLBACKS_0_1: [Callback; 2] =
    [callback("proxy_on_request_headers", sig("ii>i")), callback("proxy_on_response_headers", sig("ii>i"))];

const CALLBACKS_0_2: [Callback; 3] = [
    callback("proxy_on_request_headers", sig("iii>i")),
    callback("proxy_on_response_headers", sig("iii>i")),
    callback("proxy_on_foreign_function", sig("iii>")),
];

/// Callbacks that only Envoy knows.
const CALLBACKS_OF_ENVOY: [Callback; 2] =
    [callback("envoy_on_resolve_dns", sig("iii>")), callback("envoy_on_stats_update", sig("ii>"))];

/// The callbacks that Envoy looks up in a module with this ABI, in Envoy's order.
pub fn callbacks(abi: Abi) -> impl Iterator<Item = &'static Callback> {
    let own: &'static [Callback] = match abi {
        Abi::V0_1_0 => &CALLBACKS_0_1,
        Abi::V0_2_0 | Abi::V0_2_1 => &CALLBACKS_0_2,
    };
    CALLBACKS.iter().chain(own).chain(&CALLBACKS_OF_ENVOY)
}

/// All names that a list of capabilities can contain.
pub fn all_names() -> impl Iterator<Item = &'static str> {
    let functions = functions().map(|function| function.name);
    let callbacks = CALLBACKS.iter().chain(&CALLBACKS_0_2).map(|callback| callback.name);
    functions
        .chain(callbacks)
        .filter(|name| !name.starts_with("envoy_") && !name.starts_with("emscripten_") && *name != "pthread_equal")
}

/// The callbacks for HTTP streams. An HTTP filter without any of them does nothing.
pub const HTTP_CALLBACKS: [&str; 8] = [
    "proxy_on_request_headers",
    "proxy_on_request_body",
    "proxy_on_request_trailers",
    "proxy_on_request_metadata",
    "proxy_on_response_headers",
    "proxy_on_response_body",
    "proxy_on_response_trailers",
    "proxy_on_response_metadata",
];

/// The callbacks for connections.
pub const NETWORK_CALLBACKS: [&str; 5] = [
    "proxy_on_new_connection",
    "proxy_on_downstream_data",
    "proxy_on_upstream_data",
    "proxy_on_downstream_connection_close",
    "proxy_on_upstream_connection_close",
];

/// Callbacks that are useful in any chain.
pub const OTHER_CALLBACKS: [&str; 4] =
    ["proxy_on_tick", "proxy_on_log", "proxy_on_queue_ready", "proxy_on_foreign_function"];
