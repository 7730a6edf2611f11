//! The tests of a workload, `[[workloads.NAME.tests]]`: what is sent through its filters, what answers, what is to come of it.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::Deserialize;

/// A test of a workload's whole chain of filters: one exchange, or several as `steps`.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(crate) struct Test {
    /// What it shows, unique among the workload's tests.
    pub(crate) name: String,
    /// Which listener the requests come to. Default: the workload's direction, `inbound` for `any`.
    pub(crate) direction: Option<TestDirection>,
    /// The port of that listener. Default: the one port that the workload's filters name, or none; needed where they name several.
    #[schemars(range(min = 1))]
    pub(crate) port: Option<u16>,
    /// When the filters' clock starts, as RFC 3339 writes it. Default: `2025-01-01T00:00:00Z`.
    pub(crate) time: Option<String>,
    /// What the filters' random numbers are made from. Default: 0.
    pub(crate) seed: Option<u64>,
    /// Properties that filters can read beside those of the request itself, by their path with dots: `source.address`.
    #[serde(default)]
    pub(crate) properties: BTreeMap<String, PropertyValue>,
    /// What other clusters answer to the calls that filters make, by the cluster's name.
    #[serde(default)]
    pub(crate) callouts: BTreeMap<String, Callouts>,
    /// How far the clock goes on before the request: `50ms`, `5s`, `2m`. Default: not at all.
    pub(crate) after: Option<String>,
    /// What is sent. Default: `GET /` without a body.
    pub(crate) request: Option<Request>,
    /// What the workload answers. Default: 200 with an empty body.
    pub(crate) upstream: Option<Answer>,
    /// What is to come of it. What is not said is not looked at.
    pub(crate) expect: Option<Expect>,
    /// Several exchanges on the same VMs, one after the other, in place of `after`, `request`, `upstream` and `expect`.
    #[schemars(length(min = 1))]
    pub(crate) steps: Option<Vec<Step>>,
}

/// Which listener the requests of a test come to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum TestDirection {
    /// The sidecar's, for what comes to the workload.
    Inbound,
    /// The sidecar's, for what the workload sends.
    Outbound,
    /// A gateway's.
    Gateway,
}

/// One of several exchanges of a test.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(crate) struct Step {
    /// How far the clock goes on before the request: `50ms`, `5s`, `2m`. Default: not at all.
    pub(crate) after: Option<String>,
    /// What is sent. Default: `GET /` without a body.
    pub(crate) request: Option<Request>,
    /// What the workload answers. Default: 200 with an empty body.
    pub(crate) upstream: Option<Answer>,
    /// What is to come of it. What is not said is not looked at.
    pub(crate) expect: Option<Expect>,
}

/// The value of a property.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(untagged)]
pub(crate) enum PropertyValue {
    /// A text, which the filter gets as it is.
    Text(String),
    /// An integer, which the filter gets as 8 bytes, little-endian.
    Integer(i64),
    /// `true` or `false`, which the filter gets as one byte.
    Boolean(bool),
}

/// What is sent.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default, rename_all = "kebab-case")]
pub(crate) struct Request {
    /// `:method`. Default: `GET`.
    pub(crate) method: Option<String>,
    /// `:path`, the query with it. Default: `/`.
    pub(crate) path: Option<String>,
    /// `:authority`, the host. Default: `mesh.test`.
    pub(crate) authority: Option<String>,
    /// `:scheme`. Default: `http`.
    pub(crate) scheme: Option<String>,
    /// Further headers, sent in the order of their names.
    pub(crate) headers: BTreeMap<String, Values>,
    /// The body, in one piece.
    pub(crate) body: Option<Text>,
    /// The body in several pieces: filters see one after the other.
    pub(crate) chunks: Option<Vec<Text>>,
    /// Trailers behind the body.
    pub(crate) trailers: BTreeMap<String, Values>,
}

/// What the workload answers.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default, rename_all = "kebab-case")]
pub(crate) struct Answer {
    /// `:status`. Default: 200.
    #[schemars(range(min = 200, max = 599))]
    pub(crate) status: Option<u16>,
    /// Further headers, sent in the order of their names.
    pub(crate) headers: BTreeMap<String, Values>,
    /// The body, in one piece.
    pub(crate) body: Option<Text>,
    /// The body in several pieces: filters see one after the other.
    pub(crate) chunks: Option<Vec<Text>>,
    /// Trailers behind the body.
    pub(crate) trailers: BTreeMap<String, Values>,
    /// The connection breaks before any of it.
    pub(crate) reset: Option<bool>,
}

/// What a cluster answers to every call, or to one call after the other; the last answer is repeated.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(untagged)]
pub(crate) enum Callouts {
    /// The same to every call.
    Always(Box<Callout>),
    /// One after the other, the last one repeated.
    InTurn(#[schemars(length(min = 1))] Vec<Callout>),
}

/// What a cluster answers to a call: HTTP, or gRPC with any of its keys.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default, rename_all = "kebab-case")]
pub(crate) struct Callout {
    /// `:status`. Default: 200.
    #[schemars(range(min = 200, max = 599))]
    pub(crate) status: Option<u16>,
    /// Further headers, or initial metadata, in the order of their names.
    pub(crate) headers: BTreeMap<String, Values>,
    /// The body, in one piece.
    pub(crate) body: Option<Text>,
    /// The body in several pieces.
    pub(crate) chunks: Option<Vec<Text>>,
    /// Trailers behind the body, or trailing metadata.
    pub(crate) trailers: BTreeMap<String, Values>,
    /// How long the answer takes: `50ms`, `5s`, `2m`. Default: no time.
    pub(crate) after: Option<String>,
    /// The connection breaks before any of it.
    pub(crate) reset: Option<bool>,
    /// Makes it a gRPC answer: the status that ends the call. Default: 0, which is OK.
    #[schemars(range(max = 16))]
    pub(crate) grpc_status: Option<u16>,
    /// Makes it a gRPC answer: the text beside the status. Default: none.
    pub(crate) grpc_message: Option<String>,
    /// Makes it a gRPC answer: its messages, serialised. Default: none.
    pub(crate) messages: Option<Vec<Text>>,
}

/// The value of a header, or its values where it stands several times.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(untagged)]
pub(crate) enum Values {
    /// One value.
    One(String),
    /// Several values, one line each, in their order.
    Several(#[schemars(length(min = 1))] Vec<String>),
}

/// Bytes: a text, or what base64 stands for.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(untagged)]
pub(crate) enum Text {
    /// A text.
    Plain(String),
    /// Any bytes.
    Base64(Base64),
}

/// Any bytes.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(crate) struct Base64 {
    /// The bytes in base64, with padding.
    pub(crate) base64: String,
}

/// What is to come of an exchange. What is not said is not looked at.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default, rename_all = "kebab-case")]
pub(crate) struct Expect {
    /// The status of the answer.
    #[schemars(range(min = 200, max = 599))]
    pub(crate) status: Option<u16>,
    /// Headers of the answer: each must have exactly these values.
    pub(crate) headers: BTreeMap<String, ExpectedValues>,
    /// Headers that the answer must not have.
    pub(crate) no_headers: Vec<String>,
    /// The body of the answer.
    pub(crate) body: Option<ExpectedBody>,
    /// Trailers of the answer: each must have exactly these values.
    pub(crate) trailers: BTreeMap<String, ExpectedValues>,
    /// The request as it reaches the workload, or `false` where nothing may reach it.
    pub(crate) upstream: Option<ExpectedUpstream>,
    /// Whether a filter answers in the workload's place.
    pub(crate) local_reply: Option<ExpectedLocalReply>,
    /// Whether the stream is reset, before an answer or in the middle of it. Default: it must not be.
    pub(crate) reset: Option<bool>,
    /// Regular expressions, each of which must match a line of the filters' log.
    pub(crate) log: Vec<String>,
    /// Regular expressions, none of which may match a line of the filters' log.
    pub(crate) no_log: Vec<String>,
    /// Values of metrics after the exchange, by the name that the filter defines them with.
    pub(crate) metrics: BTreeMap<String, u64>,
    /// The calls to other clusters during the exchange: all of them, in their order.
    pub(crate) calls: Option<Vec<ExpectedCall>>,
}

/// The values that a header must have: exactly these, in their order.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(untagged)]
pub(crate) enum ExpectedValues {
    /// Exactly this.
    Is(String),
    /// Anything that an expression is found in.
    Like(Matches),
    /// Several values, in their order.
    Several(#[schemars(length(min = 1))] Vec<Pattern>),
}

/// A text as it must be.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(untagged)]
pub(crate) enum Pattern {
    /// Exactly this.
    Is(String),
    /// Anything that an expression is found in.
    Like(Matches),
}

/// Anything that an expression is found in.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(crate) struct Matches {
    /// A regular expression that must be found in the value; `^` and `$` tie it to its ends.
    pub(crate) matches: String,
}

/// A body as it must be.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(untagged)]
pub(crate) enum ExpectedBody {
    /// Exactly this text.
    Is(String),
    /// Exactly these bytes, or anything that an expression is found in.
    Like(BodyPattern),
}

/// A body as it must be: one of the two.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(crate) struct BodyPattern {
    /// A regular expression that must be found in the body; `^` and `$` tie it to its ends.
    pub(crate) matches: Option<String>,
    /// The bytes in base64, with padding.
    pub(crate) base64: Option<String>,
}

/// Whether a request reaches the workload, or the request as it must reach it.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(untagged)]
pub(crate) enum ExpectedUpstream {
    /// `false`: nothing may reach it. `true`: a request must, whatever it looks like.
    Reached(bool),
    /// The request as it must reach it.
    Request(ExpectedRequest),
}

/// The request as it must reach the workload.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default, rename_all = "kebab-case")]
pub(crate) struct ExpectedRequest {
    /// Its headers: each must have exactly these values. `:method`, `:path`, `:authority` and `:scheme` are among them.
    pub(crate) headers: BTreeMap<String, ExpectedValues>,
    /// Headers that it must not have.
    pub(crate) no_headers: Vec<String>,
    /// Its body.
    pub(crate) body: Option<ExpectedBody>,
    /// Its trailers: each must have exactly these values.
    pub(crate) trailers: BTreeMap<String, ExpectedValues>,
}

/// Whether a filter answers in the workload's place, or with which details.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(untagged)]
pub(crate) enum ExpectedLocalReply {
    /// Whether one does.
    Sent(bool),
    /// One does, with these details.
    With(LocalReplyDetails),
}

/// A local reply's details.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(crate) struct LocalReplyDetails {
    /// Envoy's response code details: `RESPONSE_CODE_DETAILS` of its access log.
    pub(crate) details: Pattern,
}

/// A call to another cluster that a filter must make.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(crate) struct ExpectedCall {
    /// The cluster that is called.
    pub(crate) cluster: String,
    /// Its headers: each must have exactly these values. `:method`, `:path`, `:authority` and `:scheme` are among them.
    #[serde(default)]
    pub(crate) headers: BTreeMap<String, ExpectedValues>,
    /// Its body; for gRPC, the message.
    pub(crate) body: Option<ExpectedBody>,
}
