//! What is wrong with a module.

use crate::FilterType;
use crate::abi::EnvoyMinor;

/// What a module is checked against.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct LoadContext {
    /// The oldest Envoy that loads the module.
    pub envoy: EnvoyMinor,
    /// The chain that the module is used in, if known.
    pub filter_type: Option<FilterType>,
    /// Whether Envoy may run the module's precompiled section.
    pub allow_precompiled: bool,
}

/// One problem in a module.
#[derive(Debug, Clone)]
pub struct Finding {
    /// The rule that the module breaks.
    pub rule: Rule,
    /// Whether Envoy rejects the module.
    pub severity: Severity,
    /// The problem in one line. For [`Rule::NotWasm`] and [`Rule::BinaryVersion`] the line continues a sentence that starts with
    /// the file's name.
    pub message: String,
    /// The error that Envoy logs.
    pub envoy: Option<String>,
    /// Facts that explain the problem.
    pub notes: Vec<String>,
    /// How to fix the problem.
    pub help: Option<String>,
    /// When Envoy reaches the problem while it loads the module: the stage, then the number of the import or callback.
    pub(crate) order: (Stage, usize),
}

/// How bad a finding is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    /// Envoy rejects the module, or crashes.
    Error,
    /// Envoy loads the module, and the module misbehaves.
    Warning,
}

/// The rules that a module can break.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Rule {
    /// The bytes are not a WebAssembly module.
    NotWasm,
    /// The bytes are a component, or use another version of the binary format.
    BinaryVersion,
    /// Envoy's own reader cannot parse the sections.
    Corrupt,
    /// No exported function marks a Proxy-Wasm ABI version that Envoy knows.
    AbiMarker,
    /// V8 rejects the bytecode.
    InvalidBytecode,
    /// Envoy does not provide an import.
    MissingImport,
    /// Envoy provides an import with another type.
    ImportType,
    /// Envoy calls an export with another type.
    ExportType,
    /// The module exports no allocator.
    NoAllocator,
    /// The module exports no memory.
    NoMemory,
    /// V8 cannot instantiate the module.
    NoInstance,
    /// The oldest Envoy of the mesh lacks an imported function.
    HostVersion,
    /// The module exports no callback that sees traffic of its chain.
    NoTrafficCallback,
    /// The initial memory is larger than Envoy allows.
    MemorySize,
    /// The module carries native code.
    Precompiled,
    /// The module imports `poll_oneoff`, which fails in older Envoys.
    PollOneoff,
    /// Envoy's process crashes on the type of an import or export.
    Crash,
}

/// The steps in which Envoy loads a module (proxy-wasm-cpp-host, src/wasm.cc and src/v8/v8.cc).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Stage {
    AbiScan,
    NameScan,
    Compile,
    Link,
    Instantiate,
    Exports,
    /// Once the module runs.
    Run,
}

impl Finding {
    pub(crate) fn error(rule: Rule, stage: Stage, message: impl Into<String>, envoy: impl Into<String>) -> Self {
        Self { envoy: Some(envoy.into()), ..Self::new(rule, Severity::Error, stage, message.into()) }
    }

    pub(crate) fn warning(rule: Rule, message: impl Into<String>) -> Self {
        Self::new(rule, Severity::Warning, Stage::Run, message.into())
    }

    fn new(rule: Rule, severity: Severity, stage: Stage, message: String) -> Self {
        Self { rule, severity, message, envoy: None, notes: Vec::new(), help: None, order: (stage, 0) }
    }

    pub(crate) fn number(mut self, number: usize) -> Self {
        self.order.1 = number;
        self
    }

    pub(crate) fn note(mut self, note: impl Into<String>) -> Self {
        self.notes.push(note.into());
        self
    }

    pub(crate) fn help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }
}
