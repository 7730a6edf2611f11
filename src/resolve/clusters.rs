//! `[clusters]`: what filters call.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::time::Duration;

use super::traffic::values::duration;
use crate::diag::{Code, Diagnostic, Location, Sink};
use crate::domain::names;
use crate::spec::types::Cluster as Written;
use crate::spec::{Spanned, Spec};

/// The clusters by their names in mesh.toml.
pub(crate) type Clusters = BTreeMap<String, Cluster>;

/// A cluster that filters call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Cluster {
    /// One that the proxies have, by its name there.
    Existing(String),
    /// One that an EnvoyFilter adds.
    Host(Host),
}

/// A host outside of the mesh.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Host {
    pub(crate) host: String,
    pub(crate) is_address: bool,
    pub(crate) port: u16,
    pub(crate) tls: bool,
    pub(crate) http2: bool,
    pub(crate) timeout: Duration,
}

impl Cluster {
    /// The name in the proxies of a workload that uses the filter. Each filter adds clusters of its own: two objects that add one of
    /// the same name to a proxy would be in each other's way, and Envoy ignores or rejects the second.
    pub(crate) fn name(&self, key: &str, filter: &str) -> String {
        match self {
            Self::Existing(name) => name.clone(),
            Self::Host(_) => format!("wasm.{filter}.{key}"),
        }
    }

    /// The name of the cluster and the host, if it is a service of the mesh: `outbound|PORT||HOST`.
    pub(crate) fn service(&self) -> Option<(&str, &str)> {
        let Self::Existing(name) = self else { return None };
        let (_, host) = name.strip_prefix("outbound|")?.rsplit_once("||")?;
        Some((name, host))
    }
}

/// The clusters, without those that are reported.
pub(super) fn resolve(spec: &Spec, sink: &mut Sink) -> Clusters {
    spec.clusters.iter().filter_map(|(name, written)| Some((name.clone(), cluster(name, written, sink)?))).collect()
}

fn cluster(key: &str, written: &Spanned<Written>, sink: &mut Sink) -> Option<Cluster> {
    let before = sink.errors();
    let kinds = [("service", &written.service), ("host", &written.host), ("name", &written.name)];
    let set: Vec<(&str, &Spanned<String>)> = kinds.iter().filter_map(|(key, it)| Some((*key, it.as_ref()?))).collect();
    let (kind, value) = match set.as_slice() {
        [one] => *one,
        [] => {
            sink.push(
                Diagnostic::error(Code::MC0105, format!("`clusters.{key}` has neither `service` nor `host`"))
                    .at(written.key_location())
                    .help("add `service = \"auth.team.svc.cluster.local:8080\"` for a service of the mesh, or `host = \"auth.example.com\"` for another one"),
            );
            return None;
        }
        [(first, at), (second, again), ..] => {
            sink.push(
                Diagnostic::error(Code::MC0114, format!("`{first}` and `{second}` are mutually exclusive"))
                    .at(again.key_location())
                    .related(at.key_location(), "the other one")
                    .help("keep one of them"),
            );
            return None;
        }
    };
    if kind != "host" {
        of_hosts(written, kind, sink);
    }
    let cluster = match kind {
        "service" => Cluster::Existing(service(value, sink)?),
        "name" if value.is_empty() => {
            reject(
                value.location(),
                "the name of the cluster is empty".to_owned(),
                "write its name in the proxies",
                sink,
            );
            return None;
        }
        "name" => Cluster::Existing(value.to_string()),
        _ => Cluster::Host(host(written, value, sink)?),
    };
    (sink.errors() == before).then_some(cluster)
}

/// Reports keys that only a host has.
fn of_hosts(written: &Written, kind: &str, sink: &mut Sink) {
    let keys = [
        ("port", written.port.as_ref().map(Spanned::key_location)),
        ("tls", written.tls.as_ref().map(Spanned::key_location)),
        ("http2", written.http2.as_ref().map(Spanned::key_location)),
        ("timeout", written.timeout.as_ref().map(Spanned::key_location)),
    ];
    for (key, location) in keys {
        let Some(location) = location else { continue };
        let diagnostic = Diagnostic::error(Code::MC0214, format!("`{key}` requires `host`")).at(location);
        sink.push(match (kind, key) {
            ("service", "port") => diagnostic.help("write the port after the service: `service = \"HOST:PORT\"`"),
            _ => diagnostic.help(format!("remove `{key}`: the cluster exists, and Istio or its owner configures it")),
        });
    }
}

/// Istio's name of a service's cluster (istio/istio, pilot/pkg/model/push_context.go, `BuildSubsetKey`).
fn service(written: &Spanned<String>, sink: &mut Sink) -> Option<String> {
    let help = "write its full host name and its port: `auth.team.svc.cluster.local:8080`";
    let Some((host, port)) = written.split_once(':') else {
        reject(written.location(), format!("`{}` has no port", written.as_str()), help, sink);
        return None;
    };
    let port = port.parse::<u16>().ok().filter(|port| *port > 0);
    if port.is_none() || !host.contains('.') || names::host(host).is_err() {
        reject(written.location(), format!("`{}` is not a service and its port", written.as_str()), help, sink);
        return None;
    }
    port.map(|port| format!("outbound|{port}||{host}"))
}

fn host(written: &Written, value: &Spanned<String>, sink: &mut Sink) -> Option<Host> {
    let is_address = value.parse::<IpAddr>().is_ok();
    if !is_address && let Err(reason) = names::host(value) {
        let help = "write a host name or an IP address, without a scheme and a port";
        reject(value.location(), format!("`{}` is not a host: {reason}", value.as_str()), help, sink);
        return None;
    }
    let is_set = |flag: &Option<Spanned<bool>>| flag.as_deref().copied().unwrap_or_default();
    let tls = is_set(&written.tls);
    let timeout = match &written.timeout {
        None => Some(Duration::from_secs(5)),
        Some(written) => {
            let timeout = duration(written).filter(|timeout| !timeout.is_zero());
            if timeout.is_none() {
                let message = format!("`{}` is not a valid duration", written.as_str());
                reject(written.location(), message, "set a number and its unit: `500ms`, `5s`", sink);
            }
            timeout
        }
    };
    let port = written.port.as_deref().copied().unwrap_or(if tls { 443 } else { 80 });
    Some(Host { host: value.to_string(), is_address, port, tls, http2: is_set(&written.http2), timeout: timeout? })
}

fn reject(at: Location, message: String, help: &str, sink: &mut Sink) {
    sink.push(Diagnostic::error(Code::MC0147, message).at(at).help(help));
}
