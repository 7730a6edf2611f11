//! Foreign functions (Envoy's source/extensions/common/wasm/foreign.cc): those that work without a real proxy.

use crate::guest::{Guest, name_of};
use crate::outcome::Remark;
use crate::status::{Failure, Reply, Status};

/// Functions of Envoy that this host does not simulate.
const NOT_SIMULATED: [&str; 5] = ["verify_signature", "sign", "expr_create", "expr_evaluate", "expr_delete"];
/// Units of fuel per byte of input and output.
const FUEL_OF_A_BYTE: u64 = 8;
/// The zlib level of Envoy.
const LEVEL: u8 = 2;
/// Bytes that `uncompress` may return.
const UNCOMPRESSED: usize = 16 << 20;

pub(super) fn call(
    guest: &mut Guest<'_>,
    name: u32,
    name_size: u32,
    arguments: u32,
    arguments_size: u32,
    results: u32,
    results_size: u32,
) -> Reply {
    let name = guest.read(name, name_size)?;
    let arguments = guest.read(arguments, arguments_size)?;
    let name = name_of(&name);
    let result = run(guest, &name, &arguments)?;
    let (mut at, length) = (0, u32::try_from(result.len()).unwrap_or(u32::MAX));
    if results != 0 {
        if !result.is_empty() {
            at = guest.allocate(result.len())?;
            guest.write(at, &result)?;
        }
        guest.write_u32(results, at)?;
    }
    if results_size != 0 {
        guest.write_u32(results_size, length)?;
    }
    Ok(())
}

fn run(guest: &mut Guest<'_>, name: &str, arguments: &[u8]) -> Result<Vec<u8>, Failure> {
    match name {
        "compress" => {
            guest.spend(arguments.len() as u64 * FUEL_OF_A_BYTE)?;
            Ok(miniz_oxide::deflate::compress_to_vec_zlib(arguments, LEVEL))
        }
        "uncompress" => {
            let text = miniz_oxide::inflate::decompress_to_vec_zlib_with_limit(arguments, UNCOMPRESSED);
            let bytes = text.as_ref().map_or_else(|failure| failure.output.len(), Vec::len);
            guest.spend((bytes + arguments.len()) as u64 * FUEL_OF_A_BYTE)?;
            text.map_err(|_| Status::SerializationFailure.into())
        }
        "clear_route_cache" => {
            guest.record(|| "clear the route cache".into());
            Ok(Vec::new())
        }
        // A declaration affects only the types of values, and this host keeps all values as bytes.
        "declare_property" => Ok(Vec::new()),
        "set_envoy_filter_state" if names_filter_state(arguments) => Ok(Vec::new()),
        "set_envoy_filter_state" => Err(Status::NotFound.into()),
        _ if NOT_SIMULATED.contains(&name) && arguments.is_empty() => Err(Status::BadArgument.into()),
        _ if NOT_SIMULATED.contains(&name) => {
            let plugin = guest.context()?.plugin;
            guest.proxy_state().remark(plugin, Remark::NotSimulated(format!("calls the foreign function `{name}`")));
            Err(Status::InternalFailure.into())
        }
        _ => Err(Status::NotFound.into()),
    }
}

/// Whether the path, the first field of `SetEnvoyFilterStateArguments`, is one of Envoy's own: only those have factories.
fn names_filter_state(arguments: &[u8]) -> bool {
    arguments.first() == Some(&0x0a) && arguments.get(2..).is_some_and(|path| path.starts_with(b"envoy."))
}
