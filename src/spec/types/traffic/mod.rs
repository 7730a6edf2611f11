//! The tests of a workload, `[[workloads.NAME.tests]]`: the requests to send through its filters, and the expected results.

mod expect;
mod message;

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::Deserialize;

pub(crate) use expect::{
    Expect, ExpectedBody, ExpectedCall, ExpectedFields, ExpectedLocalReply, ExpectedRequest, ExpectedUpstream,
    ExpectedValues, Pattern,
};
pub(crate) use message::{Callout, Callouts, Fields, Request, Response, Text, Values};

use crate::spec::Spanned;
use crate::spec::decode::by_kind;

/// A test of a workload's whole filter chain: one exchange, or several exchanges as `steps`.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(crate) struct Test {
    /// The behavior that the test shows, in one line. Unique among the workload's tests.
    pub(crate) name: Spanned<String>,
    /// The listener that receives the requests. Default: the workload's direction, `inbound` for `any`.
    pub(crate) direction: Option<Spanned<TestDirection>>,
    /// The port of that listener. Required if the workload's filters set several ports. Default: the one port that they set, if
    /// any.
    #[schemars(range(min = 1))]
    pub(crate) port: Option<u16>,
    /// The time at which the filters' clock starts, in RFC 3339 form. Default: `2025-01-01T00:00:00Z`.
    pub(crate) time: Option<Spanned<String>>,
    /// The seed of the filters' random numbers. Default: 0.
    pub(crate) seed: Option<u64>,
    /// Properties that the filters can read in addition to those of the request, by their dotted path: `source.address`.
    #[serde(default)]
    pub(crate) properties: BTreeMap<String, Spanned<PropertyValue>>,
    /// The responses of other clusters to the filters' callouts, by the name of the cluster.
    #[serde(default)]
    pub(crate) callouts: BTreeMap<String, Spanned<Callouts>>,
    /// What the proxy gets instead of a filter's configuration, by the name of the filter. Default: the filter is loaded.
    #[serde(default)]
    pub(crate) loading: BTreeMap<String, Spanned<Loading>>,
    /// How far to advance the clock before sending the request: `50ms`, `5s`, `2m`. Default: not at all.
    pub(crate) after: Option<Spanned<String>>,
    /// The request to send. Default: `GET /` without a body.
    pub(crate) request: Option<Spanned<Request>>,
    /// The workload's response. Default: status 200 with an empty body.
    pub(crate) upstream: Option<Spanned<Response>>,
    /// The expected result. Only the keys that are set are checked.
    pub(crate) expect: Option<Spanned<Expect>>,
    /// Several exchanges on the same VMs, one after the other. They replace `after`, `request`, `upstream` and `expect`.
    #[schemars(length(min = 1))]
    pub(crate) steps: Option<Spanned<Vec<Spanned<Step>>>>,
}

/// The listener that receives the requests of a test.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum TestDirection {
    /// The sidecar's listener for requests to the workload.
    Inbound,
    /// The sidecar's listener for requests from the workload.
    Outbound,
    /// A gateway's listener.
    Gateway,
}

/// What a proxy gets for a filter.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Loading {
    /// The configuration as rendered, and the module.
    Good,
    /// The configuration, but no file at the path of the module.
    Missing,
    /// A configuration that the module does not accept.
    Refused,
}

/// One of several exchanges of a test.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(crate) struct Step {
    /// What the proxy gets for a filter before the request, by the name of the filter. Default: nothing new.
    #[serde(default)]
    pub(crate) loading: BTreeMap<String, Spanned<Loading>>,
    /// How far to advance the clock before sending the request: `50ms`, `5s`, `2m`. Default: not at all.
    pub(crate) after: Option<Spanned<String>>,
    /// The request to send. Default: `GET /` without a body.
    pub(crate) request: Option<Spanned<Request>>,
    /// The workload's response. Default: status 200 with an empty body.
    pub(crate) upstream: Option<Spanned<Response>>,
    /// The expected result. Only the keys that are set are checked.
    pub(crate) expect: Option<Spanned<Expect>>,
}

/// The value of a property.
#[derive(Debug, Clone, JsonSchema)]
#[schemars(untagged)]
pub(crate) enum PropertyValue {
    /// A string. The filter reads its bytes.
    Text(String),
    /// An integer. The filter reads 8 bytes, little-endian.
    Integer(i64),
    /// `true` or `false`. The filter reads one byte.
    Boolean(bool),
}

by_kind! { PropertyValue { string => Text, integer => Integer, boolean => Boolean } }
