//! The proxy of a pod: Envoy with the listeners that istiod would send and the files that the injector would mount.

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

/// The time limit for Envoy to start or to log a line. Usually it takes a third of a second.
const TIMEOUT: Duration = Duration::from_secs(30);
/// The default of the injector.
const COMPONENT_LOG_LEVEL: &str = "misc:error";

/// The configuration of a proxy.
#[derive(Debug)]
pub(crate) struct Sidecar {
    listeners: Vec<Listener>,
    /// The version of the proxy and of istiod.
    istio: String,
    environment: Vec<(String, String)>,
    log_level: String,
    envoy_filters: Vec<Value>,
    files: BTreeMap<PathBuf, Vec<u8>>,
}

/// A running Envoy. It stops when the value is dropped.
pub(crate) struct Envoy {
    child: Child,
    dir: TempDir,
    listeners: Vec<Listener>,
    addresses: BTreeMap<String, SocketAddr>,
}

impl Sidecar {
    /// The proxy of a pod, without listeners.
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

    /// Adds an inbound HTTP listener for the port of a container.
    pub(crate) fn inbound(self, port: u16) -> Self {
        self.listener(Context::Inbound, port, Protocol::Http)
    }

    pub(crate) fn listener(mut self, context: Context, port: u16, protocol: Protocol) -> Self {
        self.listeners.push(Listener { context, port, protocol });
        self
    }

    /// Sets the version of the proxy and of istiod.
    pub(crate) fn istio(self, version: &str) -> Self {
        Self { istio: version.to_owned(), ..self }
    }

    /// Mounts other bytes in place of every module.
    pub(crate) fn with_module(mut self, bytes: &[u8]) -> Self {
        self.files.values_mut().for_each(|file| *file = bytes.to_vec());
        self
    }

    /// Adds an environment variable of the proxy.
    pub(crate) fn environment(mut self, name: &str, value: &str) -> Self {
        self.environment.push((name.to_owned(), value.to_owned()));
        self
    }

    /// Mounts other bytes in place of the file with this name.
    ///
    /// # Panics
    /// If there is not exactly one such file.
    pub(crate) fn mounted(mut self, name: &str, bytes: &[u8]) -> Self {
        let paths: Vec<PathBuf> = self.files.keys().filter(|path| path.ends_with(name)).cloned().collect();
        let [path] = &paths[..] else { panic!("mounted as {name}: {paths:?}") };
        self.files.insert(path.clone(), bytes.to_vec());
        self
    }

    /// The names of the network filters. The HTTP filters follow the connection manager.
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
    /// With the log of Envoy if it does not start.
    pub(crate) fn start(self) -> Envoy {
        let dir = self.lay_out();
        let child = self.command(&dir).spawn().expect("Envoy can be started");
        let mut envoy = Envoy { child, dir, listeners: self.listeners, addresses: BTreeMap::new() };
        let mut ended = None;
        let addresses = poll(TIMEOUT, || {
            ended = envoy.child.try_wait().expect("the child is ours");
            if ended.is_some() { Some(None) } else { envoy.serving().map(Some) }
        });
        let Some(Some(addresses)) = addresses else {
            panic!("Envoy does not serve ({ended:?}). Its log:\n{}", envoy.log());
        };
        envoy.addresses = addresses;
        envoy
    }

    /// Runs `envoy --mode validate`, which also loads the modules. Returns the exit status and the log.
    pub(crate) fn validate(&self) -> (ExitStatus, String) {
        let dir = self.lay_out();
        let status = self.command(&dir).args(["--mode", "validate"]).status().expect("Envoy can be started");
        (status, log(&dir))
    }

    /// Writes the bootstrap and the mounted files to a new directory.
    fn lay_out(&self) -> TempDir {
        let dir = TempDir::new().expect("a temporary directory");
        let root = dir.path().join("root");
        for (path, bytes) in &self.files {
            let path = below(&root, path);
            fs::create_dir_all(path.parent().expect("a file has a directory")).expect("the directory can be made");
            fs::write(&path, bytes).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        }
        let bootstrap = self.bootstrap(&root).to_string();
        fs::write(dir.path().join("bootstrap.json"), bootstrap).expect("the directory is ours");
        dir
    }

    fn command(&self, dir: &TempDir) -> Command {
        let file = |name: &str| dir.path().join(name);
        let log = File::create(file("log")).expect("the directory is ours");
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

/// Prepends `root` to the file names of modules.
///
/// # Panics
/// If the file is not mounted: Envoy would reject the listener.
fn rebase(value: &mut Value, root: &Path) {
    if let Some(filename) = value.pointer_mut("/code/local/filename") {
        let path = below(root, Path::new(filename.as_str().expect("a file name is a text")));
        assert!(path.is_file(), "no file is mounted as {filename}");
        *filename = path.to_str().expect("temporary directories have UTF-8 names").into();
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

fn log(dir: &TempDir) -> String {
    String::from_utf8_lossy(&fs::read(dir.path().join("log")).unwrap_or_default()).into_owned()
}

impl Envoy {
    /// The addresses of all listeners, when Envoy is ready.
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

    /// The response of the admin interface, when it is available.
    fn ask(&self, path: &str) -> Option<Vec<u8>> {
        let admin = fs::read_to_string(self.dir.path().join("admin")).ok()?.parse().ok()?;
        let response = Request { path, ..Request::default() }.send(admin).ok()?;
        (response.status == 200).then_some(response.body)
    }

    /// The response of the admin interface for a path such as `/stats`.
    pub(crate) fn admin(&self, path: &str) -> String {
        String::from_utf8(self.ask(path).expect("a response")).expect("UTF-8")
    }

    /// The address of the listener with this port in istiod.
    pub(crate) fn address(&self, port: u16) -> SocketAddr {
        let listener = self.listeners.iter().find(|listener| listener.port == port).expect("a listener with the port");
        self.addresses[&listener.name()]
    }

    /// The response of the listener.
    ///
    /// # Panics
    /// With the log of Envoy if there is no response.
    pub(crate) fn send(&self, port: u16, request: &Request<'_>) -> Response {
        request.send(self.address(port)).unwrap_or_else(|error| panic!("{error}. Envoy's log:\n{}", self.log()))
    }

    /// The response to a GET request, and the request as the workload received it.
    pub(crate) fn get(&self, port: u16) -> (Response, Upstream) {
        let response = self.send(port, &Request::default());
        assert_eq!(response.status, 200, "Envoy's log:\n{}", self.log());
        let upstream = response.upstream();
        (response, upstream)
    }

    /// The log of Envoy.
    pub(crate) fn log(&self) -> String {
        log(&self.dir)
    }

    /// Waits until the log contains the text, and returns the log.
    ///
    /// # Panics
    /// If the text does not appear in time.
    pub(crate) fn logged(&self, text: &str) -> String {
        poll(TIMEOUT, || Some(self.log()).filter(|log| log.contains(text)))
            .unwrap_or_else(|| panic!("Envoy's log has no {text:?}:\n{}", self.log()))
    }
}

impl Drop for Envoy {
    fn drop(&mut self) {
        // Fails if Envoy has already exited.
        _ = self.child.kill();
        _ = self.child.wait();
    }
}
