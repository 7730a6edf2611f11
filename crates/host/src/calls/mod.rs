//! The host functions that a guest can import. Each follows its namesake in proxy-wasm-cpp-host's src/exports.cc.

mod buffers;
mod callouts;
mod foreign;
mod grpc;
mod headers;
mod metrics;
mod plugin;
mod properties;
mod shared;
mod streams;
mod wasi;

use wasmi::{Caller, Engine, Error, Linker};

use super::guest::Guest;
use super::state::State;
use super::status::{Failure, Reply, Status};
use mesh_compile_module::abi::{Abi, WASI_MODULES};

/// What a proxy function returns if the plugin's capabilities deny it.
const DENIED: u32 = Status::InternalFailure as u32;
/// What a WASI function returns if the capabilities deny it: ENOTCAPABLE.
const DENIED_WASI: u32 = 76;

/// Runs a host function, unless the capabilities or the phase deny it.
fn call(
    caller: Caller<'_, State>,
    (module, name): (&'static str, &'static str),
    function: impl FnOnce(&mut Guest<'_>) -> Reply,
) -> Result<u32, Error> {
    let mut guest = Guest::new(caller);
    match guest.enter(module, name).and_then(|()| denied(&mut guest, module, name)).and_then(|()| function(&mut guest))
    {
        Ok(()) => Ok(0),
        Err(Failure::Status(status)) => Ok(status),
        Err(Failure::Trap(error)) => Err(error),
    }
}

fn denied(guest: &mut Guest<'_>, module: &str, name: &'static str) -> Reply {
    let exempt = module == "env" && !name.starts_with("proxy_");
    if exempt || guest.state().settings.allows(name) {
        return Ok(());
    }
    guest.record(|| format!("{name}: denied by the capabilities"));
    Err(Failure::Status(if module == "env" { DENIED } else { DENIED_WASI }))
}

/// Defines functions of 32-bit parameters: `"proxy_log"(level, message, size) => plugin::log`.
macro_rules! define {
    ($linker:expr, $module:expr; $($name:literal($($argument:ident $(: $type:ty)?),*) => $function:path;)*) => {$(
        $linker.func_wrap(
            $module,
            $name,
            |caller: Caller<'_, State>, $($argument: define!(@type $($type)?)),*| -> Result<u32, Error> {
                call(caller, ($module, $name), |guest| $function(guest, $($argument),*))
            },
        )?;
    )*};
    (@type) => { u32 };
    (@type $type:ty) => { $type };
}
use define;

/// All functions that a module of this ABI can import. An old Envoy may lack some of them: the rules check that, not the linker.
pub(super) fn linker(engine: &Engine, abi: Abi) -> Result<Linker<State>, Error> {
    let mut linker = Linker::new(engine);
    proxy(&mut linker)?;
    match abi {
        Abi::V0_1_0 => abi_0_1(&mut linker)?,
        Abi::V0_2_0 => abi_0_2(&mut linker)?,
        Abi::V0_2_1 => {
            abi_0_2(&mut linker)?;
            define!(linker, "env"; "proxy_get_log_level"(level) => plugin::get_log_level;);
        }
    }
    wasi::define_preview1(&mut linker)?;
    let [preview1, unstable] = WASI_MODULES;
    linker.alias_module(preview1, unstable)?;
    Ok(linker)
}

fn proxy(linker: &mut Linker<State>) -> Result<(), Error> {
    define!(linker, "env";
        "proxy_log"(level, message, size) => plugin::log;
        "proxy_get_status"(code, message, size) => callouts::get_status;
        "proxy_set_tick_period_milliseconds"(period) => plugin::set_tick_period;
        "proxy_get_current_time_nanoseconds"(time) => plugin::get_current_time;
        "proxy_set_effective_context"(context) => plugin::set_effective_context;
        "proxy_done"() => plugin::done;
        "proxy_call_foreign_function"(name, name_size, arguments, arguments_size, results, results_size) => foreign::call;
        "proxy_set_property"(path, path_size, value, value_size) => properties::set;
        "proxy_get_property"(path, path_size, value, value_size) => properties::get;
        "proxy_send_local_response"(code, details, details_size, body, body_size, headers, headers_size, grpc) => streams::send_local_response;
        "proxy_get_shared_data"(key, key_size, value, value_size, cas) => shared::get;
        "proxy_set_shared_data"(key, key_size, value, value_size, cas) => shared::set;
        "proxy_register_shared_queue"(name, size, token) => shared::register;
        "proxy_resolve_shared_queue"(vm, vm_size, name, name_size, token) => shared::resolve;
        "proxy_dequeue_shared_queue"(token, data, size) => shared::dequeue;
        "proxy_enqueue_shared_queue"(token, data, size) => shared::enqueue;
        "proxy_get_header_map_value"(map, key, key_size, value, value_size) => headers::get_value;
        "proxy_add_header_map_value"(map, key, key_size, value, value_size) => headers::add_value;
        "proxy_replace_header_map_value"(map, key, key_size, value, value_size) => headers::replace_value;
        "proxy_remove_header_map_value"(map, key, key_size) => headers::remove_value;
        "proxy_get_header_map_pairs"(map, pairs, size) => headers::get_pairs;
        "proxy_set_header_map_pairs"(map, pairs, size) => headers::set_pairs;
        "proxy_get_header_map_size"(map, size) => headers::get_size;
        "proxy_get_buffer_status"(buffer, length, flags) => buffers::get_status;
        "proxy_get_buffer_bytes"(buffer, start, length, data, size) => buffers::get_bytes;
        "proxy_set_buffer_bytes"(buffer, start, length, data, size) => buffers::set_bytes;
        "proxy_http_call"(cluster, cluster_size, headers, headers_size, body, body_size, trailers, trailers_size, timeout, token) => callouts::http_call;
        "proxy_grpc_call"(service, service_size, name, name_size, method, method_size, metadata, metadata_size, message, message_size, timeout, token) => grpc::call;
        "proxy_grpc_stream"(service, service_size, name, name_size, method, method_size, metadata, metadata_size, token) => grpc::stream;
        "proxy_grpc_close"(token) => grpc::close;
        "proxy_grpc_cancel"(token) => grpc::cancel;
        "proxy_grpc_send"(token, message, size, end) => grpc::send;
        "proxy_define_metric"(kind, name, size, id) => metrics::define;
        "proxy_increment_metric"(id, offset: i64) => metrics::increment;
        "proxy_record_metric"(id, value: u64) => metrics::record;
        "proxy_get_metric"(id, value) => metrics::get;
        "pthread_equal"(left, right) => plugin::pthread_equal;
        "envoy_resolve_dns"(name, size, token) => callouts::resolve_dns;
    );
    linker.func_wrap(
        "env",
        "emscripten_notify_memory_growth",
        |caller: Caller<'_, State>, _memory: u32| -> Result<(), Error> {
            call(caller, ("env", "emscripten_notify_memory_growth"), |_| Ok(())).map(|_| ())
        },
    )?;
    Ok(())
}

fn abi_0_1(linker: &mut Linker<State>) -> Result<(), Error> {
    define!(linker, "env";
        "proxy_get_configuration"(value, size) => buffers::get_configuration;
        "proxy_continue_request"() => streams::continue_request;
        "proxy_continue_response"() => streams::continue_response;
        "proxy_clear_route_cache"() => streams::clear_route_cache;
    );
    Ok(())
}

fn abi_0_2(linker: &mut Linker<State>) -> Result<(), Error> {
    define!(linker, "env";
        "proxy_continue_stream"(stream) => streams::continue_stream;
        "proxy_close_stream"(stream) => streams::close_stream;
    );
    Ok(())
}
