//! The node: a loop that brings what runs in line with the pods of the API server, and reports it.

use std::collections::{BTreeMap, BTreeSet};
use std::net::Ipv4Addr;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::{Duration, Instant};

use serde_json::Value;

use super::api::Api;
use super::bootstrap::bootstrap;
use super::manifest::{proxy, text};
use super::pod::Pod;
use super::sandbox::{Plan, Sandbox};
use super::status::{Progress, status};
use super::volumes::{Sources, Waiting};
use super::{ASKS_FOR_PODS, lock};

/// How long a deleted pod still responds, as during a `preStop` hook, so that no caller that has just chosen it fails.
const GRACE: Duration = Duration::from_secs(1);

/// The first address of a pod. All are of this network, which no interface of the machine has.
const FIRST_ADDRESS: u32 = u32::from_be_bytes([10, 244, 0, 1]);

/// What the tests share with the loop.
#[derive(Debug, Default)]
pub(super) struct Shared {
    /// The pods by their `uid`.
    pub(super) pods: Mutex<BTreeMap<String, Arc<Pod>>>,
    /// The directories that stand for images, by reference.
    pub(super) images: Mutex<BTreeMap<String, PathBuf>>,
    /// What failed during the last round, if something did.
    pub(super) failure: Mutex<Option<String>>,
}

/// The state of the loop. Its thread must live as long as the pods, whose programs end with it.
pub(super) struct Node {
    api: Api,
    /// Where the pods and the socket of istiod are.
    dir: PathBuf,
    shared: Arc<Shared>,
    addresses: u32,
}

impl Node {
    pub(super) fn new(api: Api, dir: &Path, shared: Arc<Shared>) -> Self {
        Self { api, dir: dir.to_owned(), shared, addresses: 0 }
    }

    /// One round over all pods.
    pub(super) fn round(&mut self) {
        let result = self.list().and_then(|pods| {
            self.forget_missing(&pods);
            // A pod that fails does not keep the others waiting.
            let results: Vec<_> = pods.iter().map(|pod| self.sync(pod)).collect();
            results.into_iter().collect::<Result<(), _>>()
        });
        *lock(&self.shared.failure) = result.err();
    }

    /// Ends all pods.
    pub(super) fn stop(&self) {
        for pod in std::mem::take(&mut *self.pods()).into_values() {
            pod.state().sandbox = None;
        }
    }

    fn list(&self) -> Result<Vec<Value>, String> {
        let namespaces = self.api.list(&format!("/api/v1/namespaces?labelSelector={ASKS_FOR_PODS}"))?;
        let pods = namespaces.iter().map(|it| self.api.list(&format!("/api/v1/namespaces/{}/pods", text(it, "name"))));
        Ok(pods.collect::<Result<Vec<_>, _>>()?.concat())
    }

    fn pods(&self) -> MutexGuard<'_, BTreeMap<String, Arc<Pod>>> {
        lock(&self.shared.pods)
    }

    /// Ends the pods that were deleted without notice.
    fn forget_missing(&self, pods: &[Value]) {
        let uids: BTreeSet<_> = pods.iter().map(|pod| text(pod, "uid")).collect();
        self.pods().retain(|uid, pod| {
            let exists = uids.contains(uid.as_str());
            if !exists {
                pod.state().sandbox = None;
            }
            exists
        });
    }

    fn sync(&mut self, manifest: &Value) -> Result<(), String> {
        let uid = text(manifest, "uid");
        let path = format!("/api/v1/namespaces/{}/pods/{}", text(manifest, "namespace"), text(manifest, "name"));
        let known = self.pods().get(uid).cloned();
        if manifest["metadata"]["deletionTimestamp"].is_string() {
            return self.remove(known.as_deref(), &path, uid);
        }
        let pod = match known {
            Some(pod) => pod,
            None => self.admit(manifest, &path)?,
        };
        let progress = self.advance(&pod);
        let address = pod.sandbox().map(|_| pod.address);
        if pod.state().progress.as_ref() != Some(&progress) {
            self.api.report(&path, &status(manifest, &progress, address))?;
            pod.state().progress = Some(progress);
        }
        Ok(())
    }

    /// Ends a pod after its grace period.
    fn remove(&self, pod: Option<&Pod>, path: &str, uid: &str) -> Result<(), String> {
        if let Some(pod) = pod {
            let mut state = pod.state();
            let since = *state.leaves_since.get_or_insert_with(Instant::now);
            if state.sandbox.is_some() && since.elapsed() < GRACE {
                return Ok(());
            }
            state.sandbox = None;
        }
        self.api.delete(path, uid)
    }

    fn admit(&mut self, manifest: &Value, path: &str) -> Result<Arc<Pod>, String> {
        if manifest["spec"]["nodeName"].is_null() {
            self.api.bind((path, text(manifest, "name")))?;
        }
        let address = Ipv4Addr::from(FIRST_ADDRESS + self.addresses);
        self.addresses += 1;
        let pod = Arc::new(Pod::new(manifest.clone(), address));
        self.pods().insert(text(manifest, "uid").to_owned(), Arc::clone(&pod));
        Ok(pod)
    }

    /// Starts a pod if it can start, and tells how far it is.
    fn advance(&self, pod: &Pod) -> Progress {
        match pod.sandbox() {
            Some(sandbox) => match sandbox.failure() {
                Some(message) => Progress::Waiting(Waiting { reason: "CrashLoopBackOff", message }),
                None if sandbox.is_ready() => Progress::Ready,
                None => Progress::Started,
            },
            None => match self.start(pod) {
                Ok(sandbox) => {
                    pod.state().sandbox = Some(Arc::new(sandbox));
                    Progress::Started
                }
                Err(waiting) => Progress::Waiting(waiting),
            },
        }
    }

    fn start(&self, pod: &Pod) -> Result<Sandbox, Waiting> {
        let failed = |message: String| Waiting { reason: "CreateContainerError", message };
        if proxy(&pod.manifest).is_none() {
            return Err(failed("the kubelet of the tests runs only pods with a proxy".to_owned()));
        }
        // Short: the path of a socket has at most 107 bytes.
        let dir = self.dir.join(pod.address.to_string());
        let images = lock(&self.shared.images).clone();
        let sources = Sources { api: &self.api, images: &images, namespace: pod.namespace() };
        let volumes = sources.provide(&pod.manifest, &dir.join("volumes"))?;
        let plan = Plan {
            pod: &pod.manifest,
            address: pod.address,
            bootstrap: bootstrap(&pod.manifest, pod.address),
            volumes: &volumes,
            xds: &self.dir.join("xds"),
            dir: &dir,
        };
        Sandbox::start(&plan).map_err(failed)
    }
}
