//! The workloads of a base that filters can be given to, for a proposal of mesh.toml.

use super::index::{Index, kind_of};
use super::pod::Pod;
use super::ports::{self, Protocol};
use crate::base::{Base, Value};

/// A workload that mesh.toml can declare.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Candidate {
    /// Such as `Deployment`.
    pub kind: &'static str,
    /// `None` if its manifest sets none.
    pub namespace: Option<String>,
    /// Its name in Kubernetes.
    pub name: String,
    /// Whether a Service or a gateway sends HTTP requests to it.
    pub is_http: bool,
}

/// Those that receive HTTP requests come first, gateways after other workloads.
pub(crate) fn candidates(base: &Base) -> Vec<Candidate> {
    let index = Index::new(base, "default");
    let mut found: Vec<((bool, bool), Candidate)> = Vec::new();
    for object in &base.objects {
        let Some(kind) = kind_of(object) else { continue };
        let Some(pod) = Pod::of(object, kind) else { continue };
        let is_gateway = pod.gateway().is_some();
        let accepts = |protocol| matches!(protocol, Protocol::Http | Protocol::Detected);
        let is_http = is_gateway || ports::of(&index, object, pod).iter().any(|port| accepts(port.protocol));
        let (namespace, name) = (object.namespace.clone(), object.name.clone());
        let rank = (!gets_sidecar(pod), is_gateway);
        found.push((rank, Candidate { kind: kind.as_str(), namespace, name, is_http }));
    }
    found.sort_by_key(|(rank, it)| (!it.is_http, *rank, it.name.clone(), it.namespace.clone(), it.kind));
    found.into_iter().map(|(_, candidate)| candidate).collect()
}

/// Whether nothing in the pod template keeps the sidecar away.
fn gets_sidecar(pod: Pod<'_>) -> bool {
    const INJECT: &str = "sidecar.istio.io/inject";
    let declined = [pod.label(INJECT), pod.annotation(INJECT)].into_iter().flatten().any(|text| text.value == "false");
    let on_host = pod.spec("hostNetwork").is_some_and(|entry| matches!(entry.value.value, Value::Boolean(true)));
    !declined && !on_host
}
