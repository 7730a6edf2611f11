//! A pod's proxy: the real Envoy with the listeners that istiod would send and the files that the injector would mount.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::Duration;

use serde_json::{Value, json};
use tempfile::TempDir;

use super::chain::{Context, Listener, Protocol};
use super::http::{self, Request, Response, Upstream};
use super::rendered::{Objects, Pod};
use super::{items, poll, text};
use crate::tools::tool;

/// How long Envoy may take to start, or a line to get into its log. It takes a third of a second.
const PATIENCE: Duration = Duration::from_secs(30);
/// What the injector sets when the pod says nothing.
const COMPONENT_LOG_LEVEL: &str = "misc:error";

/// What Envoy would be started with.
#[derive(Debug)]
pub(crate) struct Sidecar {
    listeners: Vec<Listener>,
    /// Of the proxy and of istiod.
    istio: String,
    environment: Vec<(String, String)>,
    log_level: String,
    envoy_filters: Vec<Value>,
    files: BTreeMap<PathBuf, Vec<u8>>,
}

/// A running Envoy; it ends with the value.
pub(crate) struct Envoy {
    child: Child,
    folder: TempDir,
    listeners: Vec<Listener>,
    addresses: BTreeMap<String, SocketAddr>,
}

impl Sidecar {
    /// The proxy of a pod, with no listener yet.
    pub(crate) fn of(objects: &Objects, pod: &Pod) -> Self {
        let level = pod.annotations.get("sidecar.istio.io/componentLogLevel");
        Self {
            listeners: Vec::new(),
            istio: "1.32.0".to_owned(),
            environment: Vec::new(),
            log_level: level.map_or(COMPONENT_LOG_LEVEL, String::as_str).to_owned(),
            envoy_filters: objects.envoy_filters(pod).into_iter().cloned().collect(),
            files: objects.files(pod),
        }
    }

    /// An inbound HTTP listener, of a container that listens on the port.
    pub(crate) fn inbound(self, port: u16) -> Self {
        self.listener(Context::Inbound, port, Protocol::Http)
    }

    pub(crate) fn listener(mut self, context: Context, port: u16, protocol: Protocol) -> Self {
        self.listeners.push(Listener { context, port, protocol });
        self
    }

    /// The version of the proxy and of istiod.
    pub(crate) fn istio(self, version: &str) -> Self {
        Self { istio: version.to_owned(), ..self }
    }

    /// Mounts these bytes in place of each module.
    pub(crate) fn with_module(mut self, bytes: &[u8]) -> Self {
        self.files.values_mut().for_each(|file| *file = bytes.to_vec());
        self
    }

    /// A variable of the proxy container's environment.
    pub(crate) fn environment(mut self, name: &str, value: &str) -> Self {
        self.environment.push((name.to_owned(), value.to_owned()));
        self
    }

    /// Other bytes in the mounted file of this name.
    ///
    /// # Panics
    /// If there is none, or more than one.
    pub(crate) fn mounted(mut self, name: &str, bytes: &[u8]) -> Self {
        let paths: Vec<PathBuf> = self.files.keys().filter(|path| path.ends_with(name)).cloned().collect();
        let [path] = &paths[..] else { panic!("mounted as {name}: {paths:?}") };
        self.files.insert(path.clone(), bytes.to_vec());
        self
    }

    /// The names of the network filters and, after the connection manager's, of the HTTP filters in it.
    pub(crate) fn chain(&self, port: u16) -> Vec<String> {
        let listener = self.listeners.iter().find(|listener| listener.port == port).expect("a listener with the port");
        let envoy_filters: Vec<&Value> = self.envoy_filters.iter().collect();
        let chain = listener.chain(&envoy_filters, &self.istio);
        let filters = chain.iter().flat_map(|it| std::iter::once(it).chain(items(it, "/typed_config/http_filters")));
        filters.map(|filter| text(filter, "/name").to_owned()).collect()
    }

    /// Starts Envoy and waits until it serves.
    ///
    /// # Panics
    /// With Envoy's log if it does not.
    pub(crate) fn start(self) -> Envoy {
        let folder = self.lay_out();
        let child = self.command(&folder).spawn().expect("Envoy can be started");
        let mut envoy = Envoy { child, folder, listeners: self.listeners, addresses: BTreeMap::new() };
        let mut ended = None;
        let addresses = poll(PATIENCE, || {
            ended = envoy.child.try_wait().expect("the child is ours");
            if ended.is_some() { Some(None) } else { envoy.serving().map(Some) }
        });
        let Some(Some(addresses)) = addresses else {
            panic!("Envoy does not serve ({ended:?}). Its log:\n{}", envoy.log());
        };
        envoy.addresses = addresses;
        envoy
    }

    /// Has Envoy check its configuration, modules included: the exit status and the log.
    pub(crate) fn validate(&self) -> (ExitStatus, String) {
        let folder = self.lay_out();
        let status = self.command(&folder).args(["--mode", "validate"]).status().expect("Envoy can be started");
        (status, log(&folder))
    }

    /// Puts the bootstrap and the mounted files into a new folder.
    fn lay_out(&self) -> TempDir {
        let folder = TempDir::new().expect("a temporary folder");
        let root = folder.path().join("root");
        for (path, bytes) in &self.files {
            let path = below(&root, path);
            fs::create_dir_all(path.parent().expect("a file has a folder")).expect("the folder can be made");
            fs::write(&path, bytes).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        }
        let bootstrap = self.bootstrap(&root).to_string();
        fs::write(folder.path().join("bootstrap.json"), bootstrap).expect("the folder is ours");
        folder
    }

    fn command(&self, folder: &TempDir) -> Command {
        let file = |name: &str| folder.path().join(name);
        let log = File::create(file("log")).expect("the folder is ours");
        let mut command = Command::new(tool("envoy"));
        command
            .args(["--disable-hot-restart", "--use-dynamic-base-id", "--concurrency", "1", "--log-level", "warning"])
            .args(["--component-log-level", &self.log_level])
            .arg("--config-path")
            .arg(file("bootstrap.json"))
            .arg("--admin-address-path")
            .arg(file("admin"))
            .envs(self.environment.iter().map(|(name, value)| (name, value)))
            .stdout(Stdio::null())
            .stderr(log);
        command
    }

    fn bootstrap(&self, root: &Path) -> Value {
        let address = |address: SocketAddr| json!({ "socket_address": { "address": address.ip().to_string(), "port_value": address.port() } });
        let free_port = SocketAddr::from(([127, 0, 0, 1], 0));
        let envoy_filters: Vec<&Value> = self.envoy_filters.iter().collect();
        let listener = |listener: &Listener| {
            let mut filters = listener.chain(&envoy_filters, &self.istio);
            filters.iter_mut().for_each(|filter| rebase(filter, root));
            json!({
                "name": listener.name(),
                "address": address(free_port),
                "filter_chains": [{ "filters": filters }],
            })
        };
        let cluster = |name: &str, endpoint: SocketAddr| {
            let endpoints = json!([{ "lb_endpoints": [{ "endpoint": { "address": address(endpoint) } }] }]);
            json!({
                "name": name,
                "type": "STATIC",
                "connect_timeout": "5s",
                "load_assignment": { "cluster_name": name, "endpoints": endpoints },
            })
        };
        json!({
            "node": { "id": "test", "cluster": "test" },
            "admin": { "address": address(free_port) },
            "static_resources": {
                "listeners": self.listeners.iter().map(listener).collect::<Vec<_>>(),
                "clusters": [cluster("http", http::workload()), cluster("tcp", http::tcp_workload())],
            },
        })
    }
}

/// Moves the file names of modules below `root`, wherever a filter has one.
///
/// # Panics
/// If the file is not among the mounted ones: Envoy would refuse the listener.
fn rebase(value: &mut Value, root: &Path) {
    if let Some(filename) = value.pointer_mut("/code/local/filename") {
        let path = below(root, Path::new(filename.as_str().expect("a file name is a text")));
        assert!(path.is_file(), "no file is mounted as {filename}");
        *filename = path.to_str().expect("temporary folders have UTF-8 names").into();
    }
    match value {
        Value::Array(items) => items.iter_mut().for_each(|item| rebase(item, root)),
        Value::Object(entries) => entries.values_mut().for_each(|item| rebase(item, root)),
        _ => {}
    }
}

fn below(root: &Path, path: &Path) -> PathBuf {
    root.join(path.strip_prefix("/").unwrap_or_else(|_| panic!("{} is not absolute", path.display())))
}

fn log(folder: &TempDir) -> String {
    String::from_utf8_lossy(&fs::read(folder.path().join("log")).unwrap_or_default()).into_owned()
}

impl Envoy {
    /// The real addresses of all listeners, once Envoy is ready.
    fn serving(&self) -> Option<BTreeMap<String, SocketAddr>> {
        self.ask("/ready")?;
        let listeners: Value = serde_json::from_slice(&self.ask("/listeners?format=json")?).ok()?;
        let address = |status: &Value| {
            let socket = status.pointer("/local_address/socket_address")?;
            let port = u16::try_from(socket["port_value"].as_u64()?).ok().filter(|port| *port != 0)?;
            Some((text(status, "/name").to_owned(), format!("{}:{port}", text(socket, "/address")).parse().ok()?))
        };
        let addresses: BTreeMap<_, _> = items(&listeners, "/listener_statuses").iter().filter_map(address).collect();
        (addresses.len() == self.listeners.len()).then_some(addresses)
    }

    /// What the admin interface answers, once there is one.
    fn ask(&self, path: &str) -> Option<Vec<u8>> {
        let admin = fs::read_to_string(self.folder.path().join("admin")).ok()?.parse().ok()?;
        let response = Request { path, ..Request::default() }.send(admin).ok()?;
        (response.status == 200).then_some(response.body)
    }

    /// What the admin interface answers, as `/stats`.
    pub(crate) fn admin(&self, path: &str) -> String {
        String::from_utf8(self.ask(path).expect("an answer")).expect("UTF-8")
    }

    /// Where the listener with the port that istiod knows really listens.
    pub(crate) fn address(&self, port: u16) -> SocketAddr {
        let listener = self.listeners.iter().find(|listener| listener.port == port).expect("a listener with the port");
        self.addresses[&listener.name()]
    }

    /// What the listener answers.
    ///
    /// # Panics
    /// With Envoy's log if there is no answer.
    pub(crate) fn send(&self, port: u16, request: &Request<'_>) -> Response {
        request.send(self.address(port)).unwrap_or_else(|error| panic!("{error}. Envoy's log:\n{}", self.log()))
    }

    /// A plain GET's answer, and what of it reached the workload.
    pub(crate) fn get(&self, port: u16) -> (Response, Upstream) {
        let response = self.send(port, &Request::default());
        assert_eq!(response.status, 200, "Envoy's log:\n{}", self.log());
        let upstream = response.upstream();
        (response, upstream)
    }

    /// What Envoy has logged up to now.
    pub(crate) fn log(&self) -> String {
        log(&self.folder)
    }

    /// The log, once it has the text.
    ///
    /// # Panics
    /// If the text does not come.
    pub(crate) fn logged(&self, text: &str) -> String {
        poll(PATIENCE, || Some(self.log()).filter(|log| log.contains(text)))
            .unwrap_or_else(|| panic!("Envoy's log has no {text:?}:\n{}", self.log()))
    }
}

impl Drop for Envoy {
    fn drop(&mut self) {
        // It may have ended by itself; then there is nothing to end.
        _ = self.child.kill();
        _ = self.child.wait();
    }
}
