//! What filters run in: the clock, the other clusters, the requests.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::message::Message;

/// Where the virtual clock starts by default: 2025-01-01T00:00:00Z, in nanoseconds since 1970.
pub const DEFAULT_TIME: u64 = 1_735_689_600_000_000_000;

/// Everything around the requests that filters can observe.
#[derive(Debug, Clone)]
pub struct Scenario {
    /// Nanoseconds since 1970 at which the virtual clock starts.
    pub time: u64,
    /// The seed of all random numbers.
    pub seed: u64,
    /// Properties, by their path, that replace or add to those of the request itself.
    pub properties: BTreeMap<Vec<String>, Property>,
    /// The clusters that the proxy knows, each with its responses in turn; the last one repeats.
    pub callouts: BTreeMap<String, Vec<Callout>>,
    /// Whether the proxy knows every other cluster too. None of these responds.
    pub any_cluster: bool,
}

impl Default for Scenario {
    fn default() -> Self {
        Self { time: DEFAULT_TIME, seed: 0, properties: BTreeMap::new(), callouts: BTreeMap::new(), any_cluster: false }
    }
}

/// A request, and the response of the workload.
#[derive(Debug, Clone)]
pub struct Exchange {
    /// How far to advance the clock before sending the request.
    pub after: Duration,
    /// What the client sends.
    pub request: Message,
    /// What the workload responds.
    pub upstream: Response,
}

impl Exchange {
    /// A GET request to `mesh.test`, and an empty response with the status 200.
    #[must_use]
    pub fn get(path: &str) -> Self {
        let request = [(":authority", "mesh.test"), (":path", path), (":method", "GET"), (":scheme", "http")];
        let headers =
            |fields: &[(&str, &str)]| Message { headers: fields.iter().copied().collect(), ..Message::default() };
        let upstream = Response::Message(headers(&[(":status", "200")]));
        Self { after: Duration::ZERO, request: headers(&request), upstream }
    }
}

/// What the workload or another cluster responds.
#[derive(Debug, Clone)]
pub enum Response {
    /// A message with `:status` among its headers.
    Message(Message),
    /// The connection breaks before any response.
    Reset,
}

/// What a cluster responds to one call.
#[derive(Debug, Clone)]
pub struct Callout {
    /// How long the response takes.
    pub after: Duration,
    /// The response to an HTTP call. For a gRPC call, `grpc-status` and `grpc-message` are in the trailers, or in the headers of a
    /// message without a body; each chunk of the body is one gRPC message without its frame.
    pub response: Response,
}

/// The value of a property.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Property {
    /// Reaches the filter as it is.
    Text(String),
    /// Reaches the filter as 8 bytes, little-endian.
    Integer(i64),
    /// Reaches the filter as one byte.
    Boolean(bool),
}
