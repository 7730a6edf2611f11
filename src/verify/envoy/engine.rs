//! The running Envoy, and the replacement of its listeners and clusters.

use std::collections::BTreeMap;
use std::io;
use std::net::SocketAddr;
use std::process::ExitStatus;
use std::sync::Arc;
use std::time::Duration;

use camino::Utf8PathBuf;
use mesh_compile_host::outcome::PluginOutcome;
use mesh_compile_host::{Callout, Response};
use serde_json::Value;

use super::clock::Deadline;
use super::config::{self, Paths};
use super::find;
use super::journal::{Entry, Journal};
use super::marker::Marker;
use super::process::Process;
use super::upstream::{Observer, Protocol, Upstream};
use crate::diag::Diagnostic;
use crate::verify::outcome::Outcome;
use crate::verify::subject::{ChainEntry, Subject};

const LISTENER: &str = "type.googleapis.com/envoy.config.listener.v3.Listener";
const CLUSTER: &str = "type.googleapis.com/envoy.config.cluster.v3.Cluster";
/// How many timeouts the loading of modules may take.
const LOADING: u32 = 4;
/// How long the process may take to exit after its sockets close.
const EXIT: Duration = Duration::from_millis(500);

/// One Envoy for all subjects. If it fails, it is replaced.
pub(super) struct Engine {
    path: Utf8PathBuf,
    pub(super) timeout: Duration,
    pub(super) upstream: Upstream,
    envoy: Option<RunningEnvoy>,
    /// Outcomes of plugins, by their listeners. Other subjects may have the same plugins.
    pub(super) known: BTreeMap<String, Vec<PluginOutcome>>,
}

/// A running Envoy.
pub(super) struct RunningEnvoy {
    process: Process,
    pub(super) observer: Arc<Observer>,
    /// Its clusters.
    clusters: Vec<Value>,
    timeout: Duration,
}

/// Why Envoy cannot be used any longer.
#[derive(Debug)]
pub(super) enum EnvoyFailure {
    /// The process exited.
    Exited(ExitStatus),
    /// The process runs but does not respond in time.
    Hangs,
    Io(io::Error),
}

impl From<io::Error> for EnvoyFailure {
    fn from(error: io::Error) -> Self {
        Self::Io(error)
    }
}

impl Engine {
    pub(super) fn start(path: Utf8PathBuf, timeout: Duration) -> Result<Self, Box<Diagnostic>> {
        let upstream = Upstream::start().map_err(|error| find::not_started(&path, &error.into()))?;
        let mut engine = Self { path, timeout, upstream, envoy: None, known: BTreeMap::new() };
        engine.envoy().map(drop)?;
        engine.try_wasm()?;
        Ok(engine)
    }

    pub(super) fn verify(&mut self, subject: &Subject) -> Result<Outcome, Box<Diagnostic>> {
        let plugins = self.plugins(subject)?;
        let traffic = plugins.iter().all(|plugin| plugin.fault.is_none());
        let tests = if traffic { self.tests(subject)? } else { Vec::new() };
        Ok(Outcome { plugins, tests })
    }

    /// The running Envoy. Starts one if there is none.
    pub(super) fn envoy(&mut self) -> Result<&mut RunningEnvoy, Box<Diagnostic>> {
        if self.envoy.is_none() {
            let process = Process::start(&self.path, self.upstream.workload(), self.timeout)
                .map_err(|why| find::not_started(&self.path, &why))?;
            let marker = Marker::new(process.marker, self.timeout);
            let observer = Arc::new(Observer { journal: Arc::clone(&process.journal), marker });
            self.upstream.observe(Some(Arc::clone(&observer)));
            self.envoy = Some(RunningEnvoy { process, observer, clusters: Vec::new(), timeout: self.timeout });
        }
        Ok(self.envoy.as_mut().expect("it has just been put there"))
    }

    /// The running Envoy and the servers that it talks to.
    pub(super) fn envoy_and_upstream(&mut self) -> Result<(&mut RunningEnvoy, &Upstream), Box<Diagnostic>> {
        self.envoy()?;
        Ok((self.envoy.as_mut().expect("it runs"), &self.upstream))
    }

    /// Kills an Envoy that failed.
    pub(super) fn discard(&mut self) {
        self.upstream.observe(None);
        self.envoy = None;
    }

    fn try_wasm(&mut self) -> Result<(), Box<Diagnostic>> {
        let path = self.path.clone();
        let envoy = self.envoy()?;
        let rejection = envoy.try_wasm();
        rejection.map_or(Ok(()), |reason| Err(find::without_wasm(&path, &reason)))
    }

    /// The clusters that filters call, with their endpoints.
    pub(super) fn clusters(&mut self, callouts: &BTreeMap<String, Vec<Callout>>) -> io::Result<Vec<Value>> {
        let cluster = |(name, script): (&String, &Vec<Callout>)| {
            let http2 = script.iter().any(is_grpc);
            let protocol = if http2 { Protocol::Http2 } else { Protocol::Http1 };
            Ok(config::cluster(name, self.upstream.cluster(name, protocol)?, http2))
        };
        callouts.iter().map(cluster).collect()
    }
}

/// Whether the scripted response is one to a gRPC call.
fn is_grpc(callout: &Callout) -> bool {
    let Response::Message(response) = &callout.response else { return false };
    response.trailers.iter().chain([&response.headers]).any(|fields| fields.first("grpc-status").is_some())
}

impl RunningEnvoy {
    pub(super) fn paths(&self) -> Paths<'_> {
        self.process.paths()
    }

    pub(super) fn journal(&self) -> &Journal {
        &self.observer.journal
    }

    pub(super) fn access_log(&self) -> Vec<String> {
        self.process.access_log()
    }

    /// Writes the modules that listeners will name.
    pub(super) fn write_modules<'a>(&self, plugins: impl Iterator<Item = &'a ChainEntry>) -> io::Result<()> {
        for chain_entry in plugins {
            let path = self.paths().module(&chain_entry.plugin);
            self.process.module(&path, &chain_entry.plugin.module.bytes)?;
        }
        Ok(())
    }

    /// Writes a module, unless the file exists.
    pub(super) fn write_module(&self, path: &str, bytes: &[u8]) -> Result<(), EnvoyFailure> {
        Ok(self.process.module(path, bytes)?)
    }

    /// Replaces a file that Envoy watches or will read.
    pub(super) fn replace(&self, name: &str, value: &Value) -> Result<(), EnvoyFailure> {
        Ok(self.process.replace(name, value)?)
    }

    /// Removes all listeners, and waits until their VMs are gone too.
    pub(super) fn remove_listeners(&mut self) -> Result<(), EnvoyFailure> {
        self.set_listeners(Vec::new())?;
        let gone = |envoy: &mut Self| {
            let stats = envoy
                .process
                .admin
                .stats(r"^(wasm\.envoy\.wasm\.runtime\.v8\.active|listener_manager\.total_listeners_draining)$")?;
            stats.values().all(|value| *value == 0).then_some(())
        };
        self.wait(gone)?;
        self.journal().clear();
        Ok(())
    }

    /// Replaces the clusters.
    pub(super) fn set_clusters(&mut self, clusters: Vec<Value>) -> Result<(), EnvoyFailure> {
        if clusters == self.clusters {
            return Ok(());
        }
        self.update("cds.json", &config::resources(CLUSTER, clusters.clone()), r"cluster_manager\.cds")?;
        self.clusters = clusters;
        Ok(())
    }

    /// Replaces the listeners.
    pub(super) fn set_listeners(&mut self, listeners: Vec<Value>) -> Result<(), EnvoyFailure> {
        self.update("lds.json", &config::resources(LISTENER, listeners), r"listener_manager\.lds")
    }

    /// The address of a listener, if Envoy accepted it.
    pub(super) fn address(&self, name: &str) -> Option<SocketAddr> {
        self.process.admin.listeners()?.get(name).copied()
    }

    /// The counters and gauges that filters defined, by the names that the filters use. Envoy drops them with the VMs.
    pub(super) fn metrics(&self) -> BTreeMap<String, u64> {
        const PREFIX: &str = "wasmcustom.";
        let stats = self.process.admin.stats(r"^wasmcustom\.").unwrap_or_default();
        stats.into_iter().filter_map(|(name, value)| Some((name.strip_prefix(PREFIX)?.to_owned(), value))).collect()
    }

    /// Why the marker does not respond.
    pub(super) fn failure(&mut self) -> EnvoyFailure {
        // The sockets close shortly before the process exits.
        let exited = Deadline::after(EXIT).poll(|| self.process.exit_status());
        exited.map_or(EnvoyFailure::Hangs, EnvoyFailure::Exited)
    }

    /// Waits until a listener has its address: one whose filters are discovered waits for them first.
    pub(super) fn await_address(&self, name: &str) -> Option<SocketAddr> {
        Deadline::after(self.timeout).poll(|| self.address(name))
    }

    pub(super) fn update(&mut self, file: &str, value: &Value, stats: &str) -> Result<(), EnvoyFailure> {
        let expression = format!("^{stats}\\.update_(success|rejected)$");
        let count = |envoy: &mut Self| envoy.process.admin.stats(&expression).map(|stats| stats.values().sum::<u64>());
        let before = self.wait(count)?;
        self.process.replace(file, value)?;
        self.wait(|envoy| count(envoy).filter(|now| *now > before).map(drop))
    }

    fn wait<T>(&mut self, mut look: impl FnMut(&mut Self) -> Option<T>) -> Result<T, EnvoyFailure> {
        let mut exited = None;
        let found = Deadline::after(self.timeout.saturating_mul(LOADING)).poll(|| {
            exited = self.process.exit_status();
            if exited.is_some() { Some(None) } else { look(self).map(Some) }
        });
        match (found, exited) {
            (Some(Some(found)), _) => Ok(found),
            (_, Some(status)) => Err(EnvoyFailure::Exited(status)),
            _ => Err(EnvoyFailure::Hangs),
        }
    }

    /// Loads a minimal module. Returns why Envoy rejected it, if it did.
    fn try_wasm(&mut self) -> Option<String> {
        let file = self.paths().file("smallest.wasm");
        let listener = config::listener_to_try("try", &file, &self.paths());
        let tried = self.process.module(&file, config::SMALLEST).map_err(EnvoyFailure::from);
        let tried = tried.and_then(|()| self.set_listeners(vec![listener]));
        let loaded = self.address("try").is_some();
        let entries = self.journal().take();
        match tried {
            Ok(()) if loaded => None,
            Ok(()) => {
                let rejected = entries.iter().find_map(|entry| entry.rejected("try"));
                Some(rejected.unwrap_or("nothing, but it does not load a minimal module").to_owned())
            }
            Err(failure) => Some(failure.to_string()),
        }
    }
}

impl std::fmt::Display for EnvoyFailure {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Exited(status) => write!(f, "Envoy's process exited: {status}"),
            Self::Hangs => f.write_str("Envoy stopped responding"),
            Self::Io(error) => write!(f, "{error}"),
        }
    }
}

impl Entry {
    /// Why Envoy rejected the listener, if this entry says so.
    pub(super) fn rejected(&self, listener: &str) -> Option<&str> {
        self.line.text.strip_prefix(&format!("lds: listener '{listener}' config rejected: "))
    }

    /// Whether Envoy accepted the listener here.
    pub(super) fn accepted(&self, listener: &str) -> bool {
        self.line.text == format!("lds: add/update listener '{listener}'")
    }
}
