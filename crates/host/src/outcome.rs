//! What filters did.

use std::collections::BTreeMap;
use std::fmt;

use crate::callback::Callback;
use crate::message::{Fields, Message};

/// The outcome of a run.
#[derive(Debug, Clone, Default)]
pub struct RunOutcome {
    /// How each plugin started, in the order of the configuration.
    pub plugins: Vec<PluginOutcome>,
    /// The outcome of each exchange. If a plugin did not start, every exchange is reset.
    pub exchanges: Vec<ExchangeOutcome>,
}

/// How a plugin started.
#[derive(Debug, Clone, Default)]
pub struct PluginOutcome {
    /// Whether Envoy loads the module. `None`: not known, because the host cannot run the module.
    pub loads: Option<bool>,
    /// Whether the plugin starts. `None`: not tried.
    pub starts: Option<bool>,
    /// Whether the plugin accepts its configuration. `None`: not tried.
    pub configures: Option<bool>,
    /// What went wrong.
    pub fault: Option<Fault>,
    /// The lines that the plugin logged until it was configured.
    pub log: Vec<LogLine>,
    /// Behavior that is probably unintended.
    pub remarks: Vec<Remark>,
    /// The clusters that the plugin called until it was configured.
    pub calls: Vec<String>,
}

/// The outcome of one exchange. Plugins are numbered by their place in the configuration.
#[derive(Debug, Clone, Default)]
pub struct ExchangeOutcome {
    /// The response as the client received it, as far as it came. `None`: the client received nothing.
    pub response: Option<Message>,
    /// The request as the workload received it.
    pub upstream: Option<Message>,
    /// How the exchange ended.
    pub end: End,
    /// The calls to other clusters, in the order in which filters made them.
    pub calls: Vec<Call>,
    /// The lines that filters logged.
    pub log: Vec<LogLine>,
    /// Every counter and gauge that filters have defined so far, by name.
    pub metrics: BTreeMap<String, u64>,
    /// Plugins whose VM failed during the exchange.
    pub faults: Vec<(usize, Fault)>,
    /// What each callback did, in the order of the calls.
    pub effects: Vec<Effect>,
    /// Behavior that is probably unintended, by plugin.
    pub remarks: Vec<(usize, Remark)>,
}

/// How an exchange ended.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum End {
    /// The workload's response reached the client.
    #[default]
    Complete,
    /// The proxy or a filter responded in the workload's place, with these response code details.
    LocalReply(String),
    /// The stream was reset.
    Reset,
    /// A filter paused the exchange, and nothing was left to resume it. The plugin, if it is known.
    Stalled(Option<usize>),
}

/// A call to another cluster.
#[derive(Debug, Clone)]
pub struct Call {
    /// The cluster's name.
    pub cluster: String,
    /// The request as the cluster received it. For a gRPC call, `:path` is `/service/method`, and each chunk of the body is one
    /// message.
    pub request: Message,
}

/// A line of the log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogLine {
    /// How severe it is.
    pub level: Level,
    /// The plugin that logged it, if it is known.
    pub plugin: Option<usize>,
    /// The text.
    pub message: String,
}

/// A log level of proxy-wasm, numbered as in the ABI.
#[expect(missing_docs, reason = "the names are the levels")]
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Level {
    Trace,
    Debug,
    Info,
    Warn,
    Error,
    Critical,
}

/// What one callback of a plugin did.
#[derive(Debug, Clone)]
pub struct Effect {
    /// The plugin.
    pub plugin: usize,
    /// The callback.
    pub callback: Callback,
    /// What the callback returned.
    pub returned: Returned,
    /// The headers or trailers before and after the callback, if it changed them.
    pub fields: Option<(Fields, Fields)>,
    /// The body before and after the callback, if it changed it.
    pub body: Option<(Vec<u8>, Vec<u8>)>,
    /// The callback's other actions, in words: `local reply 403`, `property a.b set`.
    pub actions: Vec<String>,
}

/// What a callback returned, in the names of Envoy's filter statuses.
#[expect(missing_docs, reason = "the names are Envoy's")]
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Returned {
    /// The callback returns no status.
    Nothing,
    /// The callback trapped.
    Trap,
    Continue,
    StopIteration,
    StopAllIterationAndBuffer,
    StopAllIterationAndWatermark,
    StopIterationAndBuffer,
    StopIterationAndWatermark,
    StopIterationNoBuffer,
}

impl Returned {
    /// Whether the callback stopped the stream.
    #[must_use]
    pub const fn stops(self) -> bool {
        !matches!(self, Self::Nothing | Self::Trap | Self::Continue)
    }

    /// The status by its name, `trapped`, or an empty text for nothing.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Nothing => "",
            Self::Trap => "trapped",
            Self::Continue => "Continue",
            Self::StopIteration => "StopIteration",
            Self::StopAllIterationAndBuffer => "StopAllIterationAndBuffer",
            Self::StopAllIterationAndWatermark => "StopAllIterationAndWatermark",
            Self::StopIterationAndBuffer => "StopIterationAndBuffer",
            Self::StopIterationAndWatermark => "StopIterationAndWatermark",
            Self::StopIterationNoBuffer => "StopIterationNoBuffer",
        }
    }
}

impl fmt::Display for Returned {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Why a plugin stopped working.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    /// What went wrong.
    pub kind: FaultKind,
    /// The error as Envoy logs it, if Envoy logs one:
    /// `Function: proxy_on_configure failed: Uncaught RuntimeError: unreachable`.
    pub message: String,
}

/// The kinds of faults.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum FaultKind {
    /// Envoy does not load the module.
    Load,
    /// `_initialize`, `_start` or `proxy_on_vm_start` failed.
    Start,
    /// `proxy_on_configure` returned 0 or trapped.
    Configure,
    /// A callback trapped while traffic passed through the filter.
    Trap,
    /// Envoy's process crashes on what the filter did.
    Crash,
    /// The module made a host call that Envoy restricts while the module starts.
    Restricted,
    /// The module ran for longer than the host allows.
    Endless,
    /// The module exceeded the host's limits on memory, tables, logs or data.
    Limits,
    /// The module needs something that this host does not support. Envoy may run it.
    Unsupported,
    /// The engine itself failed.
    Engine,
}

/// Behavior that is not a fault, but probably not intended.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Remark {
    /// A filter called a cluster that the proxy does not know.
    UnknownCluster(String),
    /// A filter read a property that Envoy has removed. The text names the property and its replacement.
    RemovedProperty(String),
    /// A body whose length differs from `content-length`: 6 B with `content-length: 5` in the response.
    WrongLength(String),
    /// A filter used a feature that this host does not simulate.
    NotSimulated(String),
}
