//! What runs of a pod: the Envoy of its sidecar, in a network and a mount namespace of its own, and the app.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io;
use std::net::{Ipv4Addr, TcpStream};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Mutex;
use std::time::Duration;

use serde_json::Value;

use super::http::Client;
use super::network::inside;
use super::upstream::Upstream;
use super::{lock, manifest};
use crate::control_plane::{Program, last_lines};
use crate::tools::tool;

/// Longer than a response takes on a busy machine.
const TIMEOUT: Duration = Duration::from_secs(10);

/// The running parts of a pod. Dropping it ends them, and the namespaces with them.
#[derive(Debug)]
pub(super) struct Sandbox {
    envoy: Mutex<Program>,
    address: Ipv4Addr,
    network: File,
    admin: PathBuf,
    _apps: Vec<Upstream>,
}

/// What a sandbox is made of.
pub(super) struct Plan<'a> {
    pub(super) pod: &'a Value,
    pub(super) address: Ipv4Addr,
    pub(super) bootstrap: Value,
    /// The directories of the volumes.
    pub(super) volumes: &'a BTreeMap<String, PathBuf>,
    /// The directory of the socket that leads to istiod.
    pub(super) xds: &'a Path,
    /// An empty directory.
    pub(super) dir: &'a Path,
}

impl Sandbox {
    pub(super) fn start(plan: &Plan<'_>) -> Result<Self, String> {
        let root = plan.dir.join("root");
        let write = || {
            fs::create_dir_all(&root)?;
            fs::write(root.join("bootstrap.json"), plan.bootstrap.to_string())
        };
        write().map_err(|error| format!("{}: {error}", root.display()))?;
        let ports = manifest::ports(plan.pod);
        let mut command = Command::new("unshare");
        command.args(["--net", "--mount", "sh", "-c", include_str!("sandbox.sh"), "sh", &plan.address.to_string()]);
        command.arg(&root).args(ports.iter().map(u16::to_string)).arg("--");
        for [options, source, target] in mounts(plan)? {
            command.args([options, source, target]);
        }
        command.args(["--", "/envoy", "-c", "/bootstrap.json", "--disable-hot-restart", "--concurrency", "1"]);
        command.args(["--log-level", "info"]);
        // The default `drainDuration` of Istio's ProxyConfig: https://istio.io/latest/docs/reference/config/istio.mesh.v1alpha1/.
        command.args(["--drain-time-s", "45"]);
        let mut envoy = Program::start("envoy", &command, plan.dir)?;
        let path = format!("/proc/{}/ns/net", envoy.id());
        let network = envoy.wait(|| own_network(&path).map_err(|error| error.to_string()))?;
        let apps = ports.iter().map(|port| Upstream::start(&network, *port)).collect::<io::Result<_>>();
        let apps = apps.map_err(|error| format!("the app of {}: {error}", plan.address))?;
        Ok(Self {
            envoy: Mutex::new(envoy),
            address: plan.address,
            network,
            admin: root.join("admin.sock"),
            _apps: apps,
        })
    }

    /// Connects to a port of the pod as from outside: through the sidecar.
    pub(super) fn connect(&self, port: u16) -> io::Result<TcpStream> {
        let address = (self.address, port).into();
        let stream = inside(&self.network, || TcpStream::connect_timeout(&address, TIMEOUT))?;
        stream.set_read_timeout(Some(TIMEOUT))?;
        Ok(stream)
    }

    /// What Envoy's admin interface responds.
    pub(super) fn admin(&self, path: &str) -> Result<String, String> {
        let get = || {
            let stream = UnixStream::connect(&self.admin)?;
            stream.set_read_timeout(Some(TIMEOUT))?;
            Client::new(stream).get("admin", path)
        };
        let response = get().map_err(|error| format!("Envoy's admin interface: {error}"))?;
        Ok(response.body().to_owned())
    }

    /// Envoy's counters and gauges whose names match a regular expression.
    pub(super) fn stats(&self, pattern: &str) -> Result<BTreeMap<String, u64>, String> {
        let text = self.admin(&format!("/stats?filter={pattern}"))?;
        let stats = text.lines().filter_map(|line| line.split_once(": "));
        Ok(stats.filter_map(|(name, value)| Some((name.to_owned(), value.parse().ok()?))).collect())
    }

    /// Whether pilot-agent would report the sidecar ready: Probe.checkConfigStatus and Probe.isEnvoyReady in
    /// pilot/cmd/pilot-agent/status/ready/probe.go of Istio.
    pub(super) fn is_ready(&self) -> bool {
        let accepted = ["cluster_manager.cds.update_success", "listener_manager.lds.update_success"];
        let stats = self.stats("update_success$|server.state$|workers_started$").unwrap_or_default();
        let is_positive = |name: &str| stats.get(name).is_some_and(|value| *value > 0);
        accepted.into_iter().all(is_positive)
            && is_positive("listener_manager.workers_started")
            && stats.get("server.state") == Some(&0)
    }

    /// The end of Envoy's log, if Envoy has ended.
    pub(super) fn failure(&self) -> Option<String> {
        let mut envoy = lock(&self.envoy);
        envoy.has_ended().then(|| last_lines(&envoy.log()))
    }

    pub(super) fn log(&self) -> String {
        lock(&self.envoy).log()
    }
}

/// The network of a process, once it is not that of the tests.
fn own_network(path: &str) -> io::Result<File> {
    if fs::read_link(path)? == fs::read_link("/proc/self/ns/net")? {
        return Err(io::Error::other("still in the network of the tests"));
    }
    File::open(path)
}

/// The mounts of the sidecar: options, source and target. Its root directory has only what Envoy needs and the volumes of the
/// container.
fn mounts(plan: &Plan<'_>) -> Result<Vec<[String; 3]>, String> {
    let mut mounts = Vec::new();
    let mut mount = |options: &str, source: &Path, target: &str| {
        mounts.push([options.to_owned(), source.display().to_string(), target.to_owned()]);
    };
    let envoy = fs::canonicalize(tool("envoy")).map_err(|error| error.to_string())?;
    mount("bind,ro", &envoy, "/envoy");
    mount("bind", plan.xds, "/xds");
    for dir in ["/lib", "/lib64", "/dev", "/proc"] {
        if Path::new(dir).exists() {
            mount("rbind", Path::new(dir), dir);
        }
    }
    for (name, options, path, sub_path) in manifest::proxy_mounts(plan.pod) {
        let volume = plan.volumes.get(name).ok_or_else(|| format!("{path} is a mount of no volume"))?;
        mount(options, &sub_path.map_or(volume.clone(), |sub_path| volume.join(sub_path)), path);
    }
    Ok(mounts)
}
