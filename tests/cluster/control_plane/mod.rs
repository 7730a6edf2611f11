//! etcd, kube-apiserver, kube-controller-manager and istiod on free ports of the loopback address, with Istio's own charts,
//! webhooks and custom resources.
//!
//! Most tests are about what happens to an object on its way into the cluster. They create objects with `--dry-run=server`,
//! except for namespaces and service accounts. Tests that run pods create everything, in namespaces of their own, and the
//! kubelet of the tests runs the pods.

mod istio;
mod program;

use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::OnceLock;

use serde_json::{Value, json};

use self::program::free_ports;
pub(crate) use self::program::{Program, last_lines};
use crate::kubelet::{ASKS_FOR_PODS, Kubelet, Pod};
use crate::project::Ran;
use crate::tools::tool;

/// A running control plane. Dropping it ends its programs and deletes its files.
#[derive(Debug)]
pub(crate) struct ControlPlane {
    // Dropped in this order: a program whose server is gone only logs.
    kubelet: OnceLock<Result<Kubelet, String>>,
    _programs: Vec<Program>,
    kubeconfig: PathBuf,
    /// The port where istiod serves sidecars without TLS.
    xds: u16,
    /// The port where istiod tells what it knows.
    debug: u16,
    _dir: tempfile::TempDir,
}

impl ControlPlane {
    /// Starts the control plane and waits until its webhooks answer.
    ///
    /// # Errors
    /// If a program is missing, or does not start.
    pub(crate) fn start() -> Result<Self, String> {
        let dir = tempfile::tempdir().map_err(|error| error.to_string())?;
        let path = dir.path();
        let [etcd_port, port] = free_ports()?;
        let etcd = etcd(path, etcd_port)?;
        let mut api_server = api_server(path, etcd_port, port)?;
        let kubeconfig = path.join("kubeconfig");
        write(&kubeconfig, kubeconfig_of(path, port).to_string())?;
        let mut this =
            Self { kubelet: OnceLock::new(), _programs: vec![etcd], kubeconfig, xds: 0, debug: 0, _dir: dir };
        api_server.wait(|| this.kubectl(&["get", "--raw", "/readyz"], "").success().map(drop))?;
        this._programs.push(api_server);
        this._programs.push(controllers(&this.kubeconfig)?);
        let (istiod, xds, debug) = istio::start(&this)?;
        this._programs.push(istiod);
        (this.xds, this.debug) = (xds, debug);
        Ok(this)
    }

    /// The kubelet, which starts with the first test that needs it.
    ///
    /// # Panics
    /// If it does not start: a test that passes without its pods proves nothing.
    pub(crate) fn kubelet(&self) -> &Kubelet {
        let start = || {
            let dir = self.kubeconfig.with_file_name("pods");
            fs::create_dir_all(&dir).map_err(|error| error.to_string())?;
            Kubelet::start(&self.kubeconfig, &dir, self.xds)
        };
        self.kubelet.get_or_init(start).as_ref().unwrap_or_else(|error| panic!("the kubelet did not start: {error}"))
    }

    /// Runs kubectl as an administrator.
    pub(crate) fn kubectl(&self, arguments: &[&str], input: &str) -> Ran {
        let mut command = Command::new(tool("kubectl"));
        command.arg("--kubeconfig").arg(&self.kubeconfig).arg("--request-timeout=60s").args(arguments);
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().expect("kubectl starts");
        let mut stdin = child.stdin.take().expect("a pipe");
        let output = std::thread::scope(|scope| {
            // Fails if kubectl does not read its input, which its exit status then tells.
            scope.spawn(move || stdin.write_all(input.as_bytes()));
            child.wait_with_output().expect("kubectl ends")
        });
        Ran::of(&output)
    }

    /// What istiod sends to a pod's proxy: Envoy's `ConfigDump`, without the names of the extensions that it asks for.
    ///
    /// # Errors
    /// If the proxy is not connected.
    pub(crate) fn sent_to(&self, pod: &Pod) -> Result<Value, String> {
        let path = format!("/debug/config_dump?proxyID={}.{}", pod.name(), pod.namespace());
        let server = format!("http://127.0.0.1:{}", self.debug);
        let dump = self.kubectl(&["--server", &server, "get", "--raw", &path], "").success()?;
        serde_json::from_str(&dump).map_err(|error| format!("{error}: {dump}"))
    }

    /// Creates namespaces, into whose pods istiod injects the sidecar, and their service accounts, as the controller manager
    /// would. Those that exist are kept.
    pub(crate) fn create_namespaces(&self, names: &[&str]) -> Result<(), String> {
        self.create(names, &json!({ "istio-injection": "enabled" }))
    }

    /// The same with a namespace whose pods the kubelet runs.
    pub(crate) fn create_namespace_with_pods(&self, name: &str) -> Result<(), String> {
        self.create(&[name], &json!({ "istio-injection": "enabled", ASKS_FOR_PODS: "enabled" }))
    }

    /// Ends the pods of a namespace: what no test asks anymore should not slow down the others.
    pub(crate) fn end_pods(&self, namespace: &str) {
        self.kubectl(&["label", "namespace", namespace, &format!("{ASKS_FOR_PODS}-")], "").ends(0, &[]);
    }

    fn create(&self, names: &[&str], labels: &Value) -> Result<(), String> {
        let objects: Vec<_> = names
            .iter()
            .flat_map(|name| {
                let metadata = json!({ "name": name, "labels": labels });
                let namespace = json!({ "apiVersion": "v1", "kind": "Namespace", "metadata": metadata });
                [namespace, service_account(name, "default")]
            })
            .collect();
        self.apply(&objects)
    }

    /// Creates or changes objects for good.
    pub(crate) fn apply(&self, objects: &[Value]) -> Result<(), String> {
        if objects.is_empty() {
            return Ok(());
        }
        let list = json!({ "apiVersion": "v1", "kind": "List", "items": objects }).to_string();
        self.kubectl(&["apply", "--server-side", "-f", "-"], &list).success().map(drop)
    }
}

impl Ran {
    /// What the program printed.
    ///
    /// # Errors
    /// What it said if it failed.
    pub(crate) fn success(self) -> Result<String, String> {
        if self.code == Some(0) { Ok(self.stdout) } else { Err(self.stderr) }
    }
}

pub(crate) fn service_account(namespace: &str, name: &str) -> Value {
    json!({ "apiVersion": "v1", "kind": "ServiceAccount", "metadata": { "name": name, "namespace": namespace } })
}

fn etcd(dir: &Path, port: u16) -> Result<Program, String> {
    let url = format!("http://127.0.0.1:{port}");
    let mut command = program("kubernetes/etcd")?;
    command.arg("--data-dir").arg(dir.join("etcd")).args([
        "--listen-client-urls",
        &url,
        "--advertise-client-urls",
        &url,
    ]);
    command.args(["--listen-peer-urls", "http://127.0.0.1:0", "--unsafe-no-fsync"]);
    Program::start("etcd", &command, dir)
}

fn api_server(dir: &Path, etcd_port: u16, port: u16) -> Result<Program, String> {
    write(&dir.join("tokens.csv"), format!("{},admin,admin,system:masters\n", token(dir)))?;
    // The server creates this pair on its first start, before it reads the keys for the tokens of service accounts.
    let certificates = dir.join("apiserver");
    let key = certificates.join("apiserver.key");
    let mut command = program("kubernetes/kube-apiserver")?;
    let mut argument = |name: &str, value: &Path| {
        command.arg(format!("--{name}={}", value.display()));
    };
    argument("cert-dir", &certificates);
    argument("service-account-key-file", &key);
    argument("service-account-signing-key-file", &key);
    argument("token-auth-file", &dir.join("tokens.csv"));
    command.args(["--bind-address=127.0.0.1", &format!("--secure-port={port}")]);
    command.arg(format!("--etcd-servers=http://127.0.0.1:{etcd_port}"));
    command.args(["--service-account-issuer=https://kubernetes.default.svc", "--authorization-mode=RBAC"]);
    command.args(["--service-cluster-ip-range=10.96.0.0/16", "--endpoint-reconciler-type=none"]);
    Program::start("kube-apiserver", &command, dir)
}

/// The controllers that make pods of Deployments, delete them with their Deployments, and provide the ConfigMap that every pod
/// mounts beside its token.
fn controllers(kubeconfig: &Path) -> Result<Program, String> {
    const CONTROLLERS: [&str; 4] = [
        "deployment-controller",
        "garbage-collector-controller",
        "replicaset-controller",
        "root-ca-certificate-publisher-controller",
    ];
    let dir = kubeconfig.parent().expect("a directory");
    let mut command = program("kubernetes/kube-controller-manager")?;
    command.arg("--kubeconfig").arg(kubeconfig).arg("--root-ca-file").arg(dir.join("apiserver/apiserver.crt"));
    command.arg(format!("--controllers={}", CONTROLLERS.join(",")));
    command.args(["--leader-elect=false", "--secure-port=0"]);
    Program::start("kube-controller-manager", &command, dir)
}

fn kubeconfig_of(dir: &Path, port: u16) -> Value {
    let cluster = json!({ "server": format!("https://127.0.0.1:{port}"), "insecure-skip-tls-verify": true });
    json!({
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{ "name": "test", "cluster": cluster }],
        "users": [{ "name": "admin", "user": { "token": token(dir) } }],
        "contexts": [{ "name": "test", "context": { "cluster": "test", "user": "admin" } }],
        "current-context": "test",
    })
}

/// The administrator's token: the name of the directory, which is random.
fn token(dir: &Path) -> String {
    dir.file_name().expect("a temporary directory has a name").to_string_lossy().trim_start_matches('.').to_owned()
}

/// A file that scripts/setup-cluster provides.
fn part(path: &str) -> Result<PathBuf, String> {
    let path = tool("kubectl").with_file_name("../cluster").join(path);
    if path.exists() {
        Ok(path)
    } else {
        Err(format!("{} is missing: run ./scripts/setup-cluster first", path.display()))
    }
}

fn program(path: &str) -> Result<Command, String> {
    part(path).map(Command::new)
}

fn write(path: &Path, text: impl AsRef<[u8]>) -> Result<(), String> {
    fs::write(path, text).map_err(|error| format!("{}: {error}", path.display()))
}
