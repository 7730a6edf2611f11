//! Properties: what a filter can ask about the stream and the proxy (Envoy's source/extensions/filters/common/expr/context.cc, and
//! `Context::findValue`).

use std::collections::BTreeMap;

use crate::context::{Context, ContextKind};
use crate::envoy_texts::{VIRTUAL_HOST, WORKLOAD_CLUSTER};
use crate::half::StreamHalf;
use crate::message::Fields;
use crate::pairs;
use crate::proxy_state::ProxyState;
use crate::scenario::Property;
use crate::status::Status;
use crate::stream::{Map, Stream};
use mesh_compile_module::abi::EnvoyMinor;

/// A value on the way to a filter.
#[derive(Debug, Clone)]
pub(super) enum Value {
    Bytes(Vec<u8>),
    /// A number, or a duration or time in nanoseconds.
    Int(i64),
    Bool(bool),
    Map(Vec<(Vec<u8>, Value)>),
}

/// Top-level properties that Envoy 1.33 removed, and their replacements.
const REMOVED: [(&str, &str); 8] = [
    ("node", "xds.node"),
    ("cluster_name", "xds.cluster_name"),
    ("cluster_metadata", "xds.cluster_metadata"),
    ("route_name", "xds.route_name"),
    ("route_metadata", "xds.route_metadata"),
    ("listener_direction", "xds.listener_direction"),
    ("listener_metadata", "xds.listener_metadata"),
    ("upstream_host_metadata", "xds.upstream_host_metadata"),
];

/// The Envoy version that removed them.
const REMOVED_IN: EnvoyMinor = 33;

/// The replacement of a property that Envoy removed.
pub(super) fn replacement(name: &str) -> Option<&'static str> {
    REMOVED.iter().find(|(removed, _)| *removed == name).map(|(_, new)| *new)
}

/// The address of the client, the listener and the workload.
const ADDRESS: &str = "127.0.0.1";
/// gRPC's UNKNOWN: the status of a response that is not a gRPC response.
const GRPC_UNKNOWN: i64 = 2;
/// The port of the client's connection.
const SOURCE_PORT: i64 = 40_000;
/// The port of a listener that no filter names.
const DEFAULT_PORT: i64 = 8080;
const CONNECTION_ID: i64 = 1;
/// The port of the workload.
const UPSTREAM_PORT: i64 = 8080;

impl From<&Property> for Value {
    fn from(property: &Property) -> Self {
        match property {
            Property::Text(text) => Self::Bytes(text.clone().into_bytes()),
            Property::Integer(number) => Self::Int(*number),
            Property::Boolean(value) => Self::Bool(*value),
        }
    }
}

impl Value {
    fn text(text: impl Into<Vec<u8>>) -> Self {
        Self::Bytes(text.into())
    }

    /// The bytes that reach the filter (Envoy's `serializeValue`).
    pub(super) fn serialize(&self) -> Vec<u8> {
        match self {
            Self::Bytes(bytes) => bytes.clone(),
            Self::Int(number) => number.to_le_bytes().to_vec(),
            Self::Bool(value) => vec![u8::from(*value)],
            Self::Map(entries) => {
                let entries: Vec<_> = entries.iter().map(|(key, value)| (key.clone(), value.serialize())).collect();
                pairs::write(entries.iter().map(|(key, value)| (key.as_slice(), value.as_slice())))
            }
        }
    }
}

/// The value at a path.
pub(super) fn get(proxy_state: &ProxyState, context: &Context, vm_id: &str, path: &[&[u8]]) -> Result<Value, Status> {
    let named: Vec<String> = path.iter().map(|part| String::from_utf8_lossy(part).into_owned()).collect();
    if let Some(value) = proxy_state.properties.get(&named) {
        return Ok(value.into());
    }
    let found = of_path(proxy_state, context, vm_id, &named);
    // An older Envoy knows the property by its old name.
    match (&found, named.first().and_then(|name| replacement(name))) {
        (Err(Status::NotFound), Some(new)) if proxy_state.envoy < REMOVED_IN => {
            let renamed: Vec<String> = new.split('.').map(str::to_owned).chain(named.into_iter().skip(1)).collect();
            of_path(proxy_state, context, vm_id, &renamed)
        }
        _ => found,
    }
}

fn of_path(proxy_state: &ProxyState, context: &Context, vm_id: &str, named: &[String]) -> Result<Value, Status> {
    let stream = proxy_state.stream.as_ref().filter(|_| context.kind == ContextKind::Http);
    let parts: Vec<&str> = named.iter().map(String::as_str).collect();
    // Envoy cannot serialize a whole group of properties, nor an empty path.
    if let []
    | [""]
    | ["request" | "response" | "connection" | "upstream" | "source" | "destination" | "xds" | "filter_state"] =
        parts[..]
        && (stream.is_some() || parts.concat().is_empty())
    {
        return Err(Status::SerializationFailure);
    }
    let found = match parts.as_slice() {
        ["plugin_name"] => plugin(proxy_state, context).map(|names| Value::text(names.name.as_str())),
        ["plugin_root_id"] => plugin(proxy_state, context).map(|names| Value::text(names.root_id.as_str())),
        ["plugin_vm_id"] => Some(Value::text(vm_id)),
        ["connection_id"] => stream.map(|_| Value::Int(CONNECTION_ID)),
        [top, rest @ ..] => stream.and_then(|stream| of_stream(proxy_state, stream, context, top, rest)),
        [] => None,
    };
    found.ok_or(Status::NotFound)
}

/// The fuel for finding the property: the host searches all header fields.
pub(super) fn cost(proxy_state: &ProxyState, path: &[&[u8]]) -> u64 {
    let Some(stream) = proxy_state.stream.as_ref().filter(|_| matches!(path, [b"request" | b"response", ..])) else {
        return 0;
    };
    let maps = [&stream.request.headers, &stream.response.headers, &stream.response.trailers];
    maps.into_iter().flatten().map(|fields| 20 * fields.0.len() as u64).sum()
}

fn plugin<'a>(proxy_state: &'a ProxyState, context: &Context) -> Option<&'a crate::proxy_state::PluginNames> {
    proxy_state.plugins.get(context.plugin?)
}

fn of_stream(proxy_state: &ProxyState, stream: &Stream, context: &Context, top: &str, rest: &[&str]) -> Option<Value> {
    let port = |port: i64| Some(Value::Int(port));
    let address = |port: i64| Some(Value::text(format!("{ADDRESS}:{port}")));
    match (top, rest) {
        ("request", rest) => request(stream, context, rest),
        ("response", rest) => response(stream, context, rest),
        ("source", ["address"]) => address(SOURCE_PORT),
        ("source", ["port"]) => port(SOURCE_PORT),
        ("destination", ["address"]) => address(proxy_state.port.map_or(DEFAULT_PORT, i64::from)),
        ("destination", ["port"]) => port(proxy_state.port.map_or(DEFAULT_PORT, i64::from)),
        ("connection", ["id"]) => Some(Value::Int(CONNECTION_ID)),
        ("connection", ["mtls"]) => Some(Value::Bool(false)),
        ("connection", ["requested_server_name"]) => Some(Value::text("")),
        ("upstream", ["address"]) if stream.info.upstream => address(UPSTREAM_PORT),
        ("upstream", ["port"]) if stream.info.upstream => port(UPSTREAM_PORT),
        ("xds", ["route_name"]) => Some(Value::text(stream.info.route_name.as_str())),
        ("xds", ["cluster_name"]) => Some(Value::text(WORKLOAD_CLUSTER)),
        ("xds", ["virtual_host_name"]) => Some(Value::text(VIRTUAL_HOST)),
        ("xds", ["filter_chain_name"]) => Some(Value::text("")),
        ("xds", ["node", "id"]) => Some(Value::text("mesh-compile")),
        ("xds", ["node", "cluster"]) => Some(Value::text("mesh-compile")),
        ("xds", ["listener_direction"]) => Some(Value::Int(proxy_state.direction)),
        ("metadata", []) => Some(Value::text("")),
        ("filter_state", [name]) => {
            let path = name.strip_prefix("wasm.")?;
            stream.filter_state.get(path.as_bytes()).map(|value| Value::Bytes(value.clone()))
        }
        (name, []) => stream.filter_state.get(name.as_bytes()).map(|value| Value::Bytes(value.clone())),
        _ => None,
    }
}

/// Header fields as a map, with the values of one name joined by commas.
fn headers(fields: &Fields, rest: &[&str]) -> Option<Value> {
    let joined = |name: &[u8]| {
        let values: Vec<&[u8]> =
            fields.0.iter().filter(|(key, _)| key == name).map(|(_, value)| value.as_slice()).collect();
        (!values.is_empty()).then(|| values.join(&b","[..]))
    };
    match rest {
        [] => {
            // In the order of the first occurrences.
            let mut values: Vec<(&Vec<u8>, Vec<&[u8]>)> = Vec::new();
            let mut places: BTreeMap<&Vec<u8>, usize> = BTreeMap::new();
            for (name, value) in &fields.0 {
                let place = *places.entry(name).or_insert(values.len());
                if place == values.len() {
                    values.push((name, Vec::new()));
                }
                values[place].1.push(value);
            }
            let entry = |(name, values): (&Vec<u8>, Vec<&[u8]>)| (name.clone(), Value::Bytes(values.join(&b","[..])));
            Some(Value::Map(values.into_iter().map(entry).collect()))
        }
        [name] => joined(name.to_ascii_lowercase().as_bytes()).map(Value::Bytes),
        _ => None,
    }
}

fn bytes_of(fields: Option<&Fields>) -> u64 {
    let fields = fields.map_or(&[][..], |fields| &fields.0);
    fields.iter().map(|(name, value)| (name.len() + value.len()) as u64).sum()
}

fn signed(number: u64) -> Value {
    Value::Int(i64::try_from(number).unwrap_or(i64::MAX))
}

fn request(stream: &Stream, context: &Context, rest: &[&str]) -> Option<Value> {
    // Only while the context can access them (Envoy's `activation_request_headers_`).
    let fields = stream.request.headers.as_ref().filter(|_| context.sees(Map::Headers(StreamHalf::Request)));
    let header = |name: &str| fields?.first(name).map(|value| Value::Bytes(value.to_vec()));
    let path = || fields?.first(":path");
    let split = |path: &[u8]| {
        let at = path.iter().position(|byte| *byte == b'?').unwrap_or(path.len());
        (path[..at].to_vec(), path.get(at + 1..).unwrap_or_default().to_vec())
    };
    match rest {
        ["time"] => Some(signed(stream.info.start)),
        ["duration"] => stream.info.end.map(|end| signed(end.saturating_sub(stream.info.start))),
        ["protocol"] => Some(Value::text("HTTP/1.1")),
        ["size"] => {
            let written =
                fields.and_then(|fields| std::str::from_utf8(fields.first("content-length")?).ok()?.parse().ok());
            Some(signed(written.unwrap_or(stream.request.size)))
        }
        ["total_size"] => Some(signed(stream.request.size + bytes_of(fields))),
        ["headers", rest @ ..] => headers(fields?, rest),
        ["path"] => header(":path"),
        ["url_path"] => path().map(|path| Value::Bytes(split(path).0)),
        ["query"] => path().map(|path| Value::Bytes(split(path).1)),
        ["host"] => header(":authority"),
        ["scheme"] => header(":scheme"),
        ["method"] => header(":method"),
        ["referer"] => header("referer"),
        ["useragent"] => header("user-agent"),
        ["id"] => header("x-request-id"),
        _ => None,
    }
}

fn response(stream: &Stream, context: &Context, rest: &[&str]) -> Option<Value> {
    let fields = stream.response.headers.as_ref().filter(|_| context.sees(Map::Headers(StreamHalf::Response)));
    let trailers = stream.response.trailers.as_ref().filter(|_| context.sees(Map::Trailers(StreamHalf::Response)));
    match rest {
        ["code"] => stream.info.code.map(|code| Value::Int(code.into())),
        ["code_details"] => stream.info.details.as_ref().map(|details| Value::text(details.as_str())),
        ["size"] => Some(signed(stream.response.size)),
        ["total_size"] => Some(signed(stream.response.size + bytes_of(fields) + bytes_of(trailers))),
        ["flags"] => Some(Value::Int(0)),
        ["headers", rest @ ..] => headers(fields?, rest),
        ["trailers", rest @ ..] => headers(trailers?, rest),
        ["grpc_status"] => {
            let status = trailers.and_then(|it| it.first("grpc-status")).or_else(|| fields?.first("grpc-status"));
            let status = status.and_then(|status| std::str::from_utf8(status).ok()?.parse().ok());
            Some(Value::Int(status.unwrap_or(GRPC_UNKNOWN)))
        }
        _ => None,
    }
}
