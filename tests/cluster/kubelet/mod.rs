//! A kubelet for tests. It runs the pods of namespaces that ask for it, with one real Envoy each, which gets its configuration
//! from istiod.
//!
//! A pod is ready when pilot-agent would report it ready. A request to a pod is made in the pod's own network, where iptables
//! redirects it to the sidecar, which passes it to the app: a thread of the tests that responds with what it received. Nothing
//! connects one pod to another.
//!
//! | file | contains |
//! |---|---|
//! | `node.rs` | the loop: lists the pods, and starts, reports and ends them |
//! | `volumes.rs` | the volumes of a pod, and what it waits for |
//! | `sandbox.rs`, `sandbox.sh` | the namespaces, the mounts and the programs of a pod |
//! | `bootstrap.rs`, `status.rs` | Envoy's bootstrap, and the status of the pod |
//! | `pod.rs` | a pod, as tests see it |
//! | `http.rs`, `api.rs`, `network.rs`, `forward.rs`, `upstream.rs` | the connections between all of these |

mod api;
mod bootstrap;
mod forward;
mod http;
mod manifest;
mod network;
mod node;
mod pod;
mod requirements;
mod sandbox;
mod status;
mod upstream;
mod volumes;

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, mpsc};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use self::api::Api;
pub(crate) use self::bootstrap::WITHOUT_CLUSTERS;
use self::node::{Node, Shared};
pub(crate) use self::pod::{Connection, Pod};
pub(crate) use self::requirements::is_skipped;
use crate::control_plane::last_lines;

/// The label of namespaces that ask for pods.
pub(crate) const ASKS_FOR_PODS: &str = "mesh-compile.dev/test-kubelet";

/// The time between two rounds of the loop.
const ROUND: Duration = Duration::from_millis(200);

/// How long a test waits for something that takes seconds on an idle machine.
const PATIENCE: Duration = Duration::from_secs(120);

/// A running kubelet. Dropping it ends its pods.
#[derive(Debug)]
pub(crate) struct Kubelet {
    shared: Arc<Shared>,
    /// Dropped to end the loop.
    stop: Option<mpsc::Sender<()>>,
    node: Option<JoinHandle<()>>,
}

impl Kubelet {
    /// Starts the kubelet, with its files in a directory and istiod's plain-text gRPC on a port.
    ///
    /// # Errors
    /// If the machine cannot run pods: what to install or to do.
    pub(crate) fn start(kubeconfig: &Path, dir: &Path, istiod: u16) -> Result<Self, String> {
        requirements::check()?;
        let xds = dir.join("xds");
        let forward = || {
            fs::create_dir_all(&xds)?;
            forward::forward(&xds.join("xds.sock"), istiod)
        };
        forward().map_err(|error| format!("{}: {error}", xds.display()))?;
        let shared = Arc::new(Shared::default());
        let (stop, stopped) = mpsc::channel();
        let (started, start) = mpsc::channel();
        let (kubeconfig, dir, of_node) = (kubeconfig.to_owned(), dir.to_owned(), Arc::clone(&shared));
        // The programs of the pods end with the thread that starts them, so there is one thread for all.
        let node = std::thread::spawn(move || {
            let api = Api::start(&kubeconfig, &dir);
            let node = api.map(|api| Node::new(api, &dir, of_node));
            let (result, node) = node.map_or_else(|error| (Err(error), None), |node| (Ok(()), Some(node)));
            let _ = started.send(result);
            let Some(mut node) = node else { return };
            while stopped.recv_timeout(ROUND) == Err(mpsc::RecvTimeoutError::Timeout) {
                node.round();
            }
            node.stop();
        });
        start.recv().map_err(|_| "the kubelet panicked".to_owned())??;
        Ok(Self { shared, stop: Some(stop), node: Some(node) })
    }

    /// Lets volumes of type `image` with a reference have the content of a directory.
    pub(crate) fn provide_image(&self, reference: &str, dir: impl Into<PathBuf>) {
        lock(&self.shared.images).insert(reference.to_owned(), dir.into());
    }

    /// The pods of a namespace that are not being deleted, by name.
    pub(crate) fn pods(&self, namespace: &str) -> Vec<Arc<Pod>> {
        let mut pods: Vec<_> = lock(&self.shared.pods).values().cloned().collect();
        pods.retain(|pod| pod.namespace() == namespace && pod.state().leaves_since.is_none());
        pods.sort_by(|a, b| a.name().cmp(b.name()));
        pods
    }

    /// Waits until a namespace has exactly as many pods as given and all of them are ready.
    #[track_caller]
    pub(crate) fn ready_pods(&self, namespace: &str, count: usize) -> Vec<Arc<Pod>> {
        wait_until(&format!("{namespace} has {count} ready pods"), || {
            let pods = self.pods(namespace);
            if pods.len() == count && pods.iter().all(|pod| pod.is_ready()) {
                Ok(pods)
            } else {
                Err(self.describe(&pods))
            }
        })
    }

    /// What there is to say about pods that are not as expected.
    pub(crate) fn describe(&self, pods: &[Arc<Pod>]) -> String {
        let describe = |pod: &Arc<Pod>| {
            let waits = pod.waits_for();
            let state = if pod.is_ready() { Some("is ready".to_owned()) } else { waits };
            format!("{pod}: {}", state.unwrap_or_else(|| last_lines(&pod.log())))
        };
        let mut lines: Vec<_> = pods.iter().map(describe).collect();
        lines.extend(lock(&self.shared.failure).clone());
        lines.join("\n")
    }
}

impl Drop for Kubelet {
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(node) = self.node.take() {
            // Its panic was printed.
            let _ = node.join();
        }
    }
}

/// Waits until a probe returns a value.
///
/// # Panics
/// After two minutes, with what the probe said last.
#[track_caller]
pub(crate) fn wait_until<T>(what: &str, mut probe: impl FnMut() -> Result<T, String>) -> T {
    let start = Instant::now();
    loop {
        match probe() {
            Ok(value) => return value,
            Err(why) => assert!(start.elapsed() < PATIENCE, "after {} s still not: {what}\n{why}", PATIENCE.as_secs()),
        }
        std::thread::sleep(Duration::from_millis(100));
    }
}

/// What a mutex protects. What a thread that panicked left is whole: it changes by single assignments.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
