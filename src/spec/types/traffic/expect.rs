//! The expected results of a test.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::Deserialize;

use crate::spec::Spanned;
use crate::spec::decode::by_kind;

/// Expected headers or trailers, by name.
pub(crate) type ExpectedFields = BTreeMap<String, Spanned<ExpectedValues>>;

/// The expected result of an exchange. Only the keys that are set are checked.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default, rename_all = "kebab-case")]
pub(crate) struct Expect {
    /// The status of the response.
    #[schemars(range(min = 200, max = 599))]
    pub(crate) status: Option<Spanned<u16>>,
    /// Headers of the response. Each must have exactly these values.
    pub(crate) headers: ExpectedFields,
    /// Headers that the response must not have.
    pub(crate) no_headers: Vec<Spanned<String>>,
    /// The body of the response.
    pub(crate) body: Option<Spanned<ExpectedBody>>,
    /// Trailers of the response. Each must have exactly these values.
    pub(crate) trailers: ExpectedFields,
    /// The request that the workload receives, or `false` if it must receive none.
    pub(crate) upstream: Option<Spanned<ExpectedUpstream>>,
    /// Whether a filter sends a local reply instead of the workload's response.
    pub(crate) local_reply: Option<Spanned<ExpectedLocalReply>>,
    /// Whether the stream is reset, before or during the response. Default: the stream must not be reset.
    pub(crate) reset: Option<Spanned<bool>>,
    /// Regular expressions that must each match a line of the filters' log.
    pub(crate) log: Vec<Spanned<String>>,
    /// Regular expressions that must not match any line of the filters' log.
    pub(crate) no_log: Vec<Spanned<String>>,
    /// The values of metrics after the exchange, by the name that the filter defines.
    pub(crate) metrics: BTreeMap<String, Spanned<u64>>,
    /// All callouts to other clusters during the exchange, in order.
    pub(crate) calls: Option<Spanned<Vec<ExpectedCall>>>,
}

/// The exact values of a header, in order.
#[derive(Debug, JsonSchema)]
#[schemars(untagged)]
pub(crate) enum ExpectedValues {
    /// Exactly this value.
    Is(String),
    /// A value that matches a regular expression.
    Like(Matches),
    /// Several values, in order.
    Several(#[schemars(length(min = 1))] Vec<Pattern>),
}

by_kind! { ExpectedValues { string => Is, table => Like, array => Several } }

/// An expected text.
#[derive(Debug, JsonSchema)]
#[schemars(untagged)]
pub(crate) enum Pattern {
    /// Exactly this text.
    Is(String),
    /// A text that matches a regular expression.
    Like(Matches),
}

by_kind! { Pattern { string => Is, table => Like } }

/// A text that matches a regular expression.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(crate) struct Matches {
    /// A regular expression that must match a part of the value. `^` and `$` anchor it to the start and the end.
    pub(crate) matches: Spanned<String>,
}

/// An expected body.
#[derive(Debug, JsonSchema)]
#[schemars(untagged)]
pub(crate) enum ExpectedBody {
    /// Exactly this text.
    Is(String),
    /// Exactly these bytes, or a body that matches a regular expression.
    Like(BodyPattern),
}

by_kind! { ExpectedBody { string => Is, table => Like } }

/// An expected body: one of the two keys.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(crate) struct BodyPattern {
    /// A regular expression that must match a part of the body. `^` and `$` anchor it to the start and the end.
    pub(crate) matches: Option<Spanned<String>>,
    /// The bytes in base64, with padding.
    pub(crate) base64: Option<Spanned<String>>,
}

/// Whether the workload receives a request, or the request that it must receive.
#[derive(Debug, JsonSchema)]
#[schemars(untagged)]
pub(crate) enum ExpectedUpstream {
    /// `false`: the workload must not receive a request. `true`: it must receive one, whatever its content.
    Reached(bool),
    /// The request that the workload must receive.
    Request(Box<ExpectedRequest>),
}

by_kind! { ExpectedUpstream { boolean => Reached, table => Request } }

/// The request that the workload must receive.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default, rename_all = "kebab-case")]
pub(crate) struct ExpectedRequest {
    /// Headers of the request, including `:method`, `:path`, `:authority` and `:scheme`. Each must have exactly these values.
    pub(crate) headers: ExpectedFields,
    /// Headers that the request must not have.
    pub(crate) no_headers: Vec<Spanned<String>>,
    /// The body of the request.
    pub(crate) body: Option<Spanned<ExpectedBody>>,
    /// Trailers of the request. Each must have exactly these values.
    pub(crate) trailers: ExpectedFields,
}

/// Whether a filter sends a local reply, or the details of the local reply.
#[derive(Debug, JsonSchema)]
#[schemars(untagged)]
pub(crate) enum ExpectedLocalReply {
    /// Whether a filter sends a local reply.
    Sent(bool),
    /// A filter sends a local reply with these details.
    With(LocalReplyDetails),
}

by_kind! { ExpectedLocalReply { boolean => Sent, table => With } }

/// The details of a local reply.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(crate) struct LocalReplyDetails {
    /// Envoy's response code details, `RESPONSE_CODE_DETAILS` in its access log.
    pub(crate) details: Pattern,
}

/// A callout that a filter must make.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(crate) struct ExpectedCall {
    /// The called cluster.
    pub(crate) cluster: Spanned<String>,
    /// Headers of the callout, including `:method`, `:path`, `:authority` and `:scheme`. Each must have exactly these values.
    #[serde(default)]
    pub(crate) headers: ExpectedFields,
    /// The body of the callout. For gRPC, the message.
    pub(crate) body: Option<Spanned<ExpectedBody>>,
}
