//! The running Envoy, and how it gets other listeners and clusters.

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
use super::upstream::{Protocol, Upstream, Watched};
use crate::diag::Diagnostic;
use crate::verify::outcome::Outcome;
use crate::verify::subject::{Placed, Subject};

const LISTENER: &str = "type.googleapis.com/envoy.config.listener.v3.Listener";
const CLUSTER: &str = "type.googleapis.com/envoy.config.cluster.v3.Cluster";
/// How much longer than an answer the loading of modules may take.
const LOADING: u32 = 4;
/// How long a process may take to end.
const ENDING: Duration = Duration::from_millis(500);

/// An Envoy for all subjects. One that hangs or breaks down is replaced.
pub(super) struct Engine {
    path: Utf8PathBuf,
    pub(super) patience: Duration,
    pub(super) upstream: Upstream,
    envoy: Option<Running>,
    /// What came of plugins that other subjects have too, by their listeners.
    pub(super) known: BTreeMap<String, Vec<PluginOutcome>>,
}

/// A process and what watches it.
pub(super) struct Running {
    process: Process,
    pub(super) watched: Arc<Watched>,
    /// The clusters that it has.
    clusters: Vec<Value>,
    patience: Duration,
}

/// Why Envoy does not come back. It is of no use any more.
#[derive(Debug)]
pub(super) enum Lost {
    /// Its process has ended.
    Ended(ExitStatus),
    /// It runs, and has not done in time what it was to do.
    Hangs,
    Io(io::Error),
}

impl From<io::Error> for Lost {
    fn from(error: io::Error) -> Self {
        Self::Io(error)
    }
}

impl Engine {
    pub(super) fn start(path: Utf8PathBuf, patience: Duration) -> Result<Self, Box<Diagnostic>> {
        let upstream = Upstream::start().map_err(|error| find::not_started(&path, &error.into()))?;
        let mut engine = Self { path, patience, upstream, envoy: None, known: BTreeMap::new() };
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

    /// The running Envoy; a new one where there is none.
    pub(super) fn envoy(&mut self) -> Result<&mut Running, Box<Diagnostic>> {
        if self.envoy.is_none() {
            let process = Process::start(&self.path, self.upstream.workload(), self.patience)
                .map_err(|why| find::not_started(&self.path, &why))?;
            let marker = Marker::new(process.marker, self.patience);
            let watched = Arc::new(Watched { journal: Arc::clone(&process.journal), marker });
            self.upstream.watch(Some(Arc::clone(&watched)));
            self.envoy = Some(Running { process, watched, clusters: Vec::new(), patience: self.patience });
        }
        Ok(self.envoy.as_mut().expect("it has just been put there"))
    }

    /// The running Envoy and the servers that it talks to.
    pub(super) fn both(&mut self) -> Result<(&mut Running, &Upstream), Box<Diagnostic>> {
        self.envoy()?;
        Ok((self.envoy.as_mut().expect("it runs"), &self.upstream))
    }

    /// Ends an Envoy that is of no use any more.
    pub(super) fn discard(&mut self) {
        self.upstream.watch(None);
        self.envoy = None;
    }

    fn try_wasm(&mut self) -> Result<(), Box<Diagnostic>> {
        let path = self.path.clone();
        let envoy = self.envoy()?;
        let says = envoy.try_wasm();
        says.map_or(Ok(()), |says| Err(find::without_wasm(&path, &says)))
    }

    /// The clusters that filters call, each with its endpoint.
    pub(super) fn clusters(&mut self, callouts: &BTreeMap<String, Vec<Callout>>) -> io::Result<Vec<Value>> {
        let cluster = |(name, script): (&String, &Vec<Callout>)| {
            let http2 = script.iter().any(is_grpc);
            let protocol = if http2 { Protocol::Http2 } else { Protocol::Http1 };
            Ok(config::cluster(name, self.upstream.cluster(name, protocol)?, http2))
        };
        callouts.iter().map(cluster).collect()
    }
}

/// Whether it is the answer to a gRPC call.
fn is_grpc(callout: &Callout) -> bool {
    let Response::Message(answer) = &callout.response else { return false };
    answer.trailers.iter().chain([&answer.headers]).any(|fields| fields.first("grpc-status").is_some())
}

impl Running {
    pub(super) fn paths(&self) -> Paths<'_> {
        self.process.paths()
    }

    pub(super) fn journal(&self) -> &Journal {
        &self.watched.journal
    }

    pub(super) fn access_log(&self) -> Vec<String> {
        self.process.access_log()
    }

    /// Lays out the modules that listeners will name.
    pub(super) fn lay_out<'a>(&self, plugins: impl Iterator<Item = &'a Placed>) -> io::Result<()> {
        for placed in plugins {
            let path = self.paths().module(&placed.plugin);
            self.process.module(&path, &placed.plugin.module.bytes)?;
        }
        Ok(())
    }

    /// Takes all listeners away, and waits until the VMs have gone too.
    pub(super) fn clear(&mut self) -> Result<(), Lost> {
        self.set_listeners(Vec::new())?;
        let gone = |envoy: &mut Self| {
            let stats = envoy
                .process
                .admin
                .stats(r"^(wasm\.envoy\.wasm\.runtime\.v8\.active|listener_manager\.total_listeners_draining)$")?;
            stats.values().all(|value| *value == 0).then_some(())
        };
        self.wait(gone)?;
        self.journal().forget();
        Ok(())
    }

    /// Gives it these clusters in place of others.
    pub(super) fn set_clusters(&mut self, clusters: Vec<Value>) -> Result<(), Lost> {
        if clusters == self.clusters {
            return Ok(());
        }
        self.update("cds.json", &config::resources(CLUSTER, clusters.clone()), "cluster_manager.cds")?;
        self.clusters = clusters;
        Ok(())
    }

    /// Gives it these listeners in place of others.
    pub(super) fn set_listeners(&mut self, listeners: Vec<Value>) -> Result<(), Lost> {
        self.update("lds.json", &config::resources(LISTENER, listeners), "listener_manager.lds")
    }

    /// Where the listener of the name listens, if Envoy has taken it.
    pub(super) fn address(&self, name: &str) -> Option<SocketAddr> {
        self.process.admin.listeners()?.get(name).copied()
    }

    /// Counters and gauges that filters have defined, by the filters' own names. Envoy drops them with the VMs.
    pub(super) fn metrics(&self) -> BTreeMap<String, u64> {
        const PREFIX: &str = "wasmcustom.";
        let stats = self.process.admin.stats(r"^wasmcustom\.").unwrap_or_default();
        stats.into_iter().filter_map(|(name, value)| Some((name.strip_prefix(PREFIX)?.to_owned(), value))).collect()
    }

    /// Why a marker is not reached.
    pub(super) fn lost(&mut self) -> Lost {
        // Its sockets end a little before it does.
        let ended = Deadline::after(ENDING).poll(|| self.process.ended());
        ended.map_or(Lost::Hangs, Lost::Ended)
    }

    fn update(&mut self, file: &str, value: &Value, stats: &str) -> Result<(), Lost> {
        let expression = format!("^{}\\.update_(success|rejected)$", stats.replace('.', "\\."));
        let count = |envoy: &mut Self| envoy.process.admin.stats(&expression).map(|stats| stats.values().sum::<u64>());
        let before = self.wait(count)?;
        self.process.replace(file, value)?;
        self.wait(|envoy| count(envoy).filter(|now| *now > before).map(drop))
    }

    fn wait<T>(&mut self, mut look: impl FnMut(&mut Self) -> Option<T>) -> Result<T, Lost> {
        let mut ended = None;
        let found = Deadline::after(self.patience.saturating_mul(LOADING)).poll(|| {
            ended = self.process.ended();
            if ended.is_some() { Some(None) } else { look(self).map(Some) }
        });
        match (found, ended) {
            (Some(Some(found)), _) => Ok(found),
            (_, Some(status)) => Err(Lost::Ended(status)),
            _ => Err(Lost::Hangs),
        }
    }

    /// Has Envoy load the smallest module there is. What it says if it does not.
    fn try_wasm(&mut self) -> Option<String> {
        let file = self.paths().file("smallest.wasm");
        let listener = config::listener_to_try("try", &file, &self.paths());
        let tried = self.process.module(&file, config::SMALLEST).map_err(Lost::from);
        let tried = tried.and_then(|()| self.set_listeners(vec![listener]));
        let loaded = self.address("try").is_some();
        let entries = self.journal().take();
        match tried {
            Ok(()) if loaded => None,
            Ok(()) => {
                let rejected = entries.iter().find_map(|entry| entry.rejected("try"));
                Some(rejected.unwrap_or("nothing, and does not load the smallest module").to_owned())
            }
            Err(lost) => Some(lost.to_string()),
        }
    }
}

impl std::fmt::Display for Lost {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Ended(status) => write!(f, "Envoy's process has ended: {status}"),
            Self::Hangs => f.write_str("Envoy does not answer any more"),
            Self::Io(error) => write!(f, "{error}"),
        }
    }
}

impl Entry {
    /// What Envoy says against the listener, if this is where it refuses it.
    pub(super) fn rejected(&self, listener: &str) -> Option<&str> {
        self.line.text.strip_prefix(&format!("lds: listener '{listener}' config rejected: "))
    }

    /// Whether this is where Envoy takes the listener.
    pub(super) fn accepted(&self, listener: &str) -> bool {
        self.line.text == format!("lds: add/update listener '{listener}'")
    }
}
