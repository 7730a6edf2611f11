//! What came of a dry run, the same for both engines.

use std::collections::BTreeMap;

use super::message::{Fields, Message};

/// What an engine found out of one workload.
#[derive(Debug, Clone, Default)]
pub(crate) struct Outcome {
    /// One for each plugin of the subject, in its order.
    pub(crate) plugins: Vec<PluginOutcome>,
    /// One for each test of the subject, in its order. Empty where a plugin did not get as far as traffic.
    pub(crate) tests: Vec<TestOutcome>,
}

/// Whether a plugin loads, starts and takes its configuration.
#[derive(Debug, Clone, Default)]
pub(crate) struct PluginOutcome {
    /// Each `None` where it was not tried because the one before failed, or where it cannot be told.
    pub(crate) loads: Option<bool>,
    pub(crate) starts: Option<bool>,
    pub(crate) configures: Option<bool>,
    /// What went wrong, in Envoy's words where it has some.
    pub(crate) fault: Option<Fault>,
    /// What it logged until it was configured.
    pub(crate) log: Vec<LogLine>,
    pub(crate) remarks: Vec<Remark>,
}

/// What came of a test.
#[derive(Debug, Clone, Default)]
pub(crate) struct TestOutcome {
    /// One for each step that was gone through.
    pub(crate) steps: Vec<StepOutcome>,
    /// What kept it from being run at all.
    pub(crate) fault: Option<Fault>,
}

/// What came of one exchange.
#[derive(Debug, Clone, Default)]
pub(crate) struct StepOutcome {
    /// The answer as the client got it, as far as it got. `None`: nothing came.
    pub(crate) response: Option<Message>,
    /// The request as the workload got it.
    pub(crate) upstream: Option<Message>,
    pub(crate) end: End,
    /// Calls to other clusters in the order in which they were made.
    pub(crate) calls: Vec<Call>,
    pub(crate) log: Vec<LogLine>,
    /// All metrics that filters defined, by name; a histogram has none.
    pub(crate) metrics: BTreeMap<String, u64>,
    /// VMs that failed during the exchange, or before.
    pub(crate) faults: Vec<(usize, Fault)>,
    /// What each callback did, in the order of the calls. Only the embedded engine sees it.
    pub(crate) effects: Vec<Effect>,
    pub(crate) remarks: Vec<(usize, Remark)>,
}

/// How an exchange ended.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) enum End {
    /// The workload's answer came through.
    #[default]
    Complete,
    /// The proxy or a filter answered in the workload's place, with these response code details.
    LocalReply(String),
    /// The stream was reset.
    Reset,
    /// Nothing more would have happened: a filter, by its place among the subject's plugins where that is known, holds it.
    Stalled(Option<usize>),
}

/// A call to another cluster.
#[derive(Debug, Clone)]
pub(crate) struct Call {
    pub(crate) cluster: String,
    /// As it reached the cluster; of a gRPC call, `:path` is `/service/method` and each chunk of the body a message.
    pub(crate) request: Message,
}

/// A line of the log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct LogLine {
    pub(crate) level: Level,
    /// Whose it is, by its place among the subject's plugins, where that is known.
    pub(crate) plugin: Option<usize>,
    pub(crate) message: String,
}

/// A level of proxy-wasm's log.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Level {
    Trace,
    Debug,
    Info,
    Warn,
    Error,
    Critical,
}

/// What a callback of a plugin did.
#[derive(Debug, Clone)]
pub(crate) struct Effect {
    /// Its place among the subject's plugins.
    pub(crate) plugin: usize,
    /// `proxy_on_request_headers`.
    pub(crate) callback: &'static str,
    /// What it returned, in words: `Continue`, `StopIteration`; empty where it returns nothing.
    pub(crate) returned: String,
    /// The headers or trailers before and after, where they differ.
    pub(crate) fields: Option<(Fields, Fields)>,
    /// The body before and after, where they differ.
    pub(crate) body: Option<(Vec<u8>, Vec<u8>)>,
    /// What it did beside: `local reply 403`, `http_call to auth`, `property a.b set`.
    pub(crate) acts: Vec<String>,
}

/// Why a plugin does not go on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Fault {
    pub(crate) kind: FaultKind,
    /// In Envoy's words where it has some: `Function: proxy_on_configure failed: Uncaught RuntimeError: unreachable`.
    pub(crate) message: String,
}

/// The kinds of faults; each has a code of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum FaultKind {
    /// Envoy would not load the module.
    Load,
    /// `_initialize`, `_start` or `proxy_on_vm_start` did not go well.
    Start,
    /// `proxy_on_configure` returned 0 or trapped.
    Configure,
    /// A trap while requests go through it.
    Trap,
    /// What it does ends Envoy's process.
    Crash,
    /// A host call that Envoy restricts during initialisation.
    Restricted,
    /// It ran for longer than the dry run lets it: fuel or time.
    Endless,
    /// Memory, tables, log or call depth over the dry run's limits.
    Limits,
    /// It needs what the embedded engine does not have. The module may be fine.
    Unsupported,
    /// The engine itself could not be used.
    Engine,
}

/// Something that is no fault of itself, and probably not what is wanted.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Remark {
    /// A call to a cluster that the test has no `callouts` for: the proxy would not know it.
    UnknownCluster(String),
    /// A property that Envoy has removed, and what stands in its place.
    RemovedProperty(String),
    /// A body that has not the length that its headers say: `content-length: 5` on 6 B of the answer.
    WrongLength(String),
    /// A function that the dry run has no counterpart of.
    NotSimulated(String),
}
