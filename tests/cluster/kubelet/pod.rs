//! A pod that the kubelet runs, as the tests see it.

use std::collections::BTreeMap;
use std::fmt;
use std::io;
use std::net::{Ipv4Addr, TcpStream};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Instant;

use serde_json::Value;

use super::http::{Client, Response};
use super::lock;
use super::manifest::{ports, text};
use super::sandbox::Sandbox;
use super::status::Progress;

/// A pod. It stays what it is when the cluster's pod is deleted: then it neither is ready nor responds.
#[derive(Debug)]
pub(crate) struct Pod {
    pub(super) manifest: Value,
    pub(super) address: Ipv4Addr,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
pub(super) struct State {
    /// What was reported last.
    pub(super) progress: Option<Progress>,
    pub(super) sandbox: Option<Arc<Sandbox>>,
    /// When its deletion was noticed.
    pub(super) leaves_since: Option<Instant>,
}

impl Pod {
    pub(super) fn new(manifest: Value, address: Ipv4Addr) -> Self {
        Self { manifest, address, state: Mutex::default() }
    }

    pub(super) fn state(&self) -> MutexGuard<'_, State> {
        lock(&self.state)
    }

    pub(super) fn sandbox(&self) -> Option<Arc<Sandbox>> {
        self.state().sandbox.clone()
    }

    pub(crate) fn name(&self) -> &str {
        text(&self.manifest, "name")
    }

    pub(crate) fn namespace(&self) -> &str {
        text(&self.manifest, "namespace")
    }

    pub(crate) fn label(&self, key: &str) -> Option<&str> {
        self.manifest["metadata"]["labels"][key].as_str()
    }

    /// Whether the kubelet reported it ready, and it is not being deleted.
    pub(crate) fn is_ready(&self) -> bool {
        let state = self.state();
        state.leaves_since.is_none() && state.progress == Some(Progress::Ready)
    }

    /// The reason and the message that the status gives for its containers not running.
    pub(crate) fn waits_for(&self) -> Option<String> {
        match &self.state().progress {
            Some(Progress::Waiting(why)) => Some(format!("{}: {}", why.reason, why.message)),
            _ => None,
        }
    }

    /// Asks the app, on its first port, through the sidecar and over a connection of its own.
    pub(crate) fn get(&self, path: &str) -> Result<Response, String> {
        self.keep_alive()?.get(path).map_err(|error| format!("{self}: {path}: {error}"))
    }

    /// A connection to the first port of the app, through the sidecar.
    pub(crate) fn keep_alive(&self) -> Result<Connection, String> {
        let [port, ..] = ports(&self.manifest)[..] else { return Err(format!("{self}: it has no app")) };
        self.connect(port)
    }

    /// A connection to a port.
    pub(crate) fn connect(&self, port: u16) -> Result<Connection, String> {
        let connect = || {
            let sandbox = self.sandbox().ok_or("it does not run")?;
            sandbox.connect(port).map_err(|error| format!("port {port}: {error}"))
        };
        let stream = connect().map_err(|why| format!("{self}: {why}"))?;
        Ok(Connection { client: Client::new(stream), is_closed: false })
    }

    /// The counters and gauges of its Envoy whose names begin with a prefix.
    pub(crate) fn stats(&self, prefix: &str) -> Result<BTreeMap<String, u64>, String> {
        let mut stats = self.envoy(|sandbox| sandbox.stats(""))?;
        stats.retain(|name, _| name.starts_with(prefix));
        Ok(stats)
    }

    /// The configuration of its Envoy: <https://www.envoyproxy.io/docs/envoy/latest/operations/admin>.
    pub(crate) fn config_dump(&self) -> Result<Value, String> {
        let text = self.envoy(|sandbox| sandbox.admin("/config_dump"))?;
        serde_json::from_str(&text).map_err(|error| error.to_string())
    }

    /// The log of its Envoy.
    pub(crate) fn log(&self) -> String {
        self.sandbox().map(|sandbox| sandbox.log()).unwrap_or_default()
    }

    fn envoy<T>(&self, ask: impl FnOnce(&Sandbox) -> Result<T, String>) -> Result<T, String> {
        let sandbox = self.sandbox().ok_or_else(|| "it does not run".to_owned());
        sandbox.and_then(|sandbox| ask(&sandbox)).map_err(|error| format!("{self}: {error}"))
    }
}

impl fmt::Display for Pod {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "the pod {}/{}", self.namespace(), self.name())
    }
}

/// A connection that carries one request after the other, until the sidecar closes it.
#[derive(Debug)]
pub(crate) struct Connection {
    client: Client<TcpStream>,
    is_closed: bool,
}

impl Connection {
    /// Sends a request. Fails if the connection was closed before.
    pub(crate) fn get(&mut self, path: &str) -> io::Result<Response> {
        let response = self.client.get("app", path);
        // Envoy announces that it closes the connection, which the client must not use again.
        self.is_closed = response.as_ref().map_or(true, |response| response.header("connection") == Some("close"));
        response
    }

    /// Whether the sidecar closed the connection during the last request, or announced that it does.
    pub(crate) fn is_closed(&self) -> bool {
        self.is_closed
    }
}
