//! The contexts of a VM, and what each one can access.

use crate::half::{ByHalf, StreamHalf};
use crate::message::{Fields, Message};
use crate::stream::{DataRef, Map};

/// What a context stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ContextKind {
    /// The VM itself, context 0.
    Vm,
    /// A plugin.
    Root,
    /// An HTTP stream.
    Http,
    /// A connection.
    Network,
}

/// A context (Envoy's `Context`), and what it can access now.
#[derive(Debug)]
pub(crate) struct Context {
    pub(crate) id: u32,
    /// Its own id for a root context.
    pub(crate) root: u32,
    /// The plugin's index in the configuration.
    pub(crate) plugin: Option<usize>,
    pub(crate) kind: ContextKind,
    /// Whether `proxy_on_context_create` was called for it.
    pub(crate) created: bool,
    /// The plugin's configuration, which only `proxy_on_configure` can read.
    pub(crate) configuration: Option<Vec<u8>>,
    pub(crate) views: ByHalf<View>,
    pub(crate) end_of_stream: bool,
    /// Whether `proxy_on_log` is running, which accesses other maps.
    pub(crate) access_log: bool,
    /// The bytes that a network filter can read and write.
    pub(crate) bytes: ByHalf<Option<Vec<u8>>>,
    /// Whether a network filter has resumed its connection.
    pub(crate) resumed: bool,
    /// Of a root context: the response to an HTTP call while `proxy_on_http_call_response` runs.
    pub(crate) call: Option<Message>,
    /// Of a root context: the part of a gRPC response that the running callback is about.
    pub(crate) grpc: GrpcResponse,
    /// Of a root context: status and message of a gRPC call.
    pub(crate) status: (u32, Vec<u8>),
}

/// The parts of one half of the stream that a context can access.
#[derive(Debug, Default)]
pub(crate) struct View {
    pub(crate) headers: bool,
    pub(crate) trailers: bool,
    pub(crate) body: Option<DataRef>,
    /// Whether the filter buffers the body, and so accesses all of it.
    pub(crate) buffering: bool,
}

/// A part of a gRPC response.
#[derive(Debug, Default)]
pub(crate) struct GrpcResponse {
    pub(crate) initial: Option<Fields>,
    pub(crate) trailing: Option<Fields>,
    pub(crate) message: Option<Vec<u8>>,
}

impl Context {
    pub(crate) fn new(id: u32, root: u32, plugin: Option<usize>, kind: ContextKind) -> Self {
        Self {
            id,
            root,
            plugin,
            kind,
            created: false,
            configuration: None,
            views: ByHalf::default(),
            end_of_stream: false,
            access_log: false,
            bytes: ByHalf::default(),
            resumed: false,
            call: None,
            grpc: GrpcResponse::default(),
            status: (0, Vec::new()),
        }
    }

    /// Whether the context can access a map of the stream.
    pub(crate) fn sees(&self, map: Map) -> bool {
        let ByHalf { request, response } = &self.views;
        match map {
            Map::Headers(StreamHalf::Request) => request.headers || self.access_log,
            Map::Trailers(StreamHalf::Request) => request.trailers && !self.access_log,
            Map::Headers(StreamHalf::Response) => response.headers || self.access_log,
            Map::Trailers(StreamHalf::Response) => response.trailers || self.access_log,
            _ => false,
        }
    }
}
