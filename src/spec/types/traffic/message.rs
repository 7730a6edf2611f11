//! The messages of a test: requests, and the responses of the workload and of other clusters.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::Deserialize;

use crate::spec::Spanned;
use crate::spec::decode::by_kind;

/// Headers or trailers, by name.
pub(crate) type Fields = BTreeMap<String, Spanned<Values>>;

/// The request to send.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default, rename_all = "kebab-case")]
pub(crate) struct Request {
    /// The method, `:method`. Default: `GET`.
    pub(crate) method: Option<Spanned<String>>,
    /// The path with the query, `:path`. Default: `/`.
    pub(crate) path: Option<Spanned<String>>,
    /// The host, `:authority`. Default: `mesh.test`.
    pub(crate) authority: Option<Spanned<String>>,
    /// The scheme, `:scheme`. Default: `http`.
    pub(crate) scheme: Option<Spanned<String>>,
    /// Additional headers, sent in alphabetical order.
    pub(crate) headers: Option<Spanned<Fields>>,
    /// The body, sent in one piece.
    pub(crate) body: Option<Spanned<Text>>,
    /// The body in several pieces. Filters see one piece after the other.
    pub(crate) chunks: Option<Spanned<Vec<Spanned<Text>>>>,
    /// Trailers after the body.
    pub(crate) trailers: Option<Spanned<Fields>>,
}

/// The workload's response.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default, rename_all = "kebab-case")]
pub(crate) struct Response {
    /// The status, `:status`. Default: 200.
    #[schemars(range(min = 200, max = 599))]
    pub(crate) status: Option<Spanned<u16>>,
    /// Additional headers, sent in alphabetical order.
    pub(crate) headers: Option<Spanned<Fields>>,
    /// The body, sent in one piece.
    pub(crate) body: Option<Spanned<Text>>,
    /// The body in several pieces. Filters see one piece after the other.
    pub(crate) chunks: Option<Spanned<Vec<Spanned<Text>>>>,
    /// Trailers after the body.
    pub(crate) trailers: Option<Spanned<Fields>>,
    /// Resets the connection instead of sending a response.
    pub(crate) reset: Option<Spanned<bool>>,
}

/// The response of a cluster to every callout, or a list of responses to successive callouts. The last response is repeated.
#[derive(Debug, JsonSchema)]
#[schemars(untagged)]
pub(crate) enum Callouts {
    /// The response to every callout.
    Always(Box<Callout>),
    /// The responses to successive callouts. The last one is repeated.
    InTurn(#[schemars(length(min = 1))] Vec<Spanned<Callout>>),
}

by_kind! { Callouts { table => Always, array => InTurn } }

/// The response of a cluster to a callout: an HTTP response, or a gRPC response if any of the gRPC keys is set.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default, rename_all = "kebab-case")]
pub(crate) struct Callout {
    /// The status, `:status`. Default: 200.
    #[schemars(range(min = 200, max = 599))]
    pub(crate) status: Option<Spanned<u16>>,
    /// Additional headers or initial metadata, in alphabetical order.
    pub(crate) headers: Option<Spanned<Fields>>,
    /// The body, sent in one piece.
    pub(crate) body: Option<Spanned<Text>>,
    /// The body in several pieces.
    pub(crate) chunks: Option<Spanned<Vec<Spanned<Text>>>>,
    /// Trailers after the body, or trailing metadata.
    pub(crate) trailers: Option<Spanned<Fields>>,
    /// How long the response takes: `50ms`, `5s`, `2m`. Default: no time.
    pub(crate) after: Option<Spanned<String>>,
    /// Resets the connection instead of sending a response.
    pub(crate) reset: Option<Spanned<bool>>,
    /// The gRPC status code. Setting it makes the response a gRPC response. Default: 0, OK.
    #[schemars(range(max = 16))]
    pub(crate) grpc_status: Option<Spanned<u16>>,
    /// The gRPC status message. Setting it makes the response a gRPC response. Default: none.
    pub(crate) grpc_message: Option<Spanned<String>>,
    /// The serialized gRPC messages. Setting them makes the response a gRPC response. Default: none.
    pub(crate) messages: Option<Spanned<Vec<Spanned<Text>>>>,
}

/// The value of a header, or its values if it is sent several times.
#[derive(Debug, JsonSchema)]
#[schemars(untagged)]
pub(crate) enum Values {
    /// One value.
    One(String),
    /// Several values, one header line each, in this order.
    Several(#[schemars(length(min = 1))] Vec<Spanned<String>>),
}

by_kind! { Values { string => One, array => Several } }

/// Bytes, as text or in base64.
#[derive(Debug, JsonSchema)]
#[schemars(untagged)]
pub(crate) enum Text {
    /// Text.
    Plain(String),
    /// Any bytes.
    Base64(Base64),
}

by_kind! { Text { string => Plain, table => Base64 } }

/// Any bytes.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(crate) struct Base64 {
    /// The bytes in base64, with padding.
    pub(crate) base64: Spanned<String>,
}
