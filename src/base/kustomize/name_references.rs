//! Corrects the names by which objects refer to renamed ones. Source: api/internal/konfig/builtinpluginconsts/namereference.go.

use std::collections::BTreeMap;

use super::super::{Node, Value};
use super::fields::visit;
use super::resource::Resource;

/// The paths below a pod's spec that name an object of a kind.
const POD: &[(&str, &[&[&str]])] = &[
    (
        "ConfigMap",
        &[
            &["volumes", "configMap", "name"],
            &["volumes", "projected", "sources", "configMap", "name"],
            &["containers", "env", "valueFrom", "configMapKeyRef", "name"],
            &["initContainers", "env", "valueFrom", "configMapKeyRef", "name"],
            &["containers", "envFrom", "configMapRef", "name"],
            &["initContainers", "envFrom", "configMapRef", "name"],
        ],
    ),
    (
        "Secret",
        &[
            &["volumes", "secret", "secretName"],
            &["volumes", "projected", "sources", "secret", "name"],
            &["containers", "env", "valueFrom", "secretKeyRef", "name"],
            &["initContainers", "env", "valueFrom", "secretKeyRef", "name"],
            &["containers", "envFrom", "secretRef", "name"],
            &["initContainers", "envFrom", "secretRef", "name"],
            &["imagePullSecrets", "name"],
        ],
    ),
    ("ServiceAccount", &[&["serviceAccountName"]]),
    ("PersistentVolumeClaim", &[&["volumes", "persistentVolumeClaim", "claimName"]]),
    ("PriorityClass", &[&["priorityClassName"]]),
];

/// Other references: the kind that is referred to, the kind that refers, and the path.
const OTHERS: &[(&str, &str, &[&str])] = &[
    ("Service", "StatefulSet", &["spec", "serviceName"]),
    ("Service", "Ingress", &["spec", "rules", "http", "paths", "backend", "serviceName"]),
    ("Service", "Ingress", &["spec", "backend", "serviceName"]),
    ("Service", "Ingress", &["spec", "rules", "http", "paths", "backend", "service", "name"]),
    ("Service", "Ingress", &["spec", "defaultBackend", "service", "name"]),
    ("Service", "APIService", &["spec", "service", "name"]),
    ("Secret", "Ingress", &["spec", "tls", "secretName"]),
    ("Secret", "ServiceAccount", &["imagePullSecrets", "name"]),
    ("Role", "RoleBinding", &["roleRef", "name"]),
    ("ClusterRole", "RoleBinding", &["roleRef", "name"]),
    ("ClusterRole", "ClusterRoleBinding", &["roleRef", "name"]),
    ("PersistentVolume", "PersistentVolumeClaim", &["spec", "volumeName"]),
    ("StorageClass", "PersistentVolume", &["spec", "storageClassName"]),
    ("StorageClass", "PersistentVolumeClaim", &["spec", "storageClassName"]),
    ("StorageClass", "StatefulSet", &["spec", "volumeClaimTemplates", "spec", "storageClassName"]),
    ("Deployment", "HorizontalPodAutoscaler", &["spec", "scaleTargetRef", "name"]),
    ("ReplicaSet", "HorizontalPodAutoscaler", &["spec", "scaleTargetRef", "name"]),
    ("ReplicationController", "HorizontalPodAutoscaler", &["spec", "scaleTargetRef", "name"]),
    ("StatefulSet", "HorizontalPodAutoscaler", &["spec", "scaleTargetRef", "name"]),
];

/// The objects of a kind that have or had a name, by kind and name.
type Renamed = BTreeMap<(String, String), Vec<Now>>;

/// The present namespace and name of an object, and the namespace that it had with an earlier name.
#[derive(Debug, PartialEq, Eq)]
struct Now {
    namespace: String,
    name: String,
    earlier: String,
}

/// Corrects the references in all objects.
pub(super) fn correct(resources: &mut [Resource]) {
    let mut renamed = Renamed::new();
    for resource in resources.iter() {
        let Some(now) = resource.ids().last() else { continue };
        for id in &resource.previous {
            let known = renamed.entry((id.kind.clone(), id.name.clone())).or_default();
            let earlier = id.namespace().to_owned();
            let target = Now { namespace: now.namespace().to_owned(), name: now.name.clone(), earlier };
            if !known.contains(&target) {
                known.push(target);
            }
        }
    }
    if renamed.values().flatten().next().is_none() {
        return;
    }
    for resource in resources {
        refer(resource, &renamed);
    }
}

fn refer(resource: &mut Resource, renamed: &Renamed) {
    let kind = resource.object.kind.clone();
    let Some(namespace) = resource.ids().last().map(|id| id.namespace().to_owned()) else { return };
    let set = |node: &mut Node, referent: &str| {
        let Value::String(name) = &mut node.value else { return };
        let Some(known) = renamed.get(&(referent.to_owned(), name.clone())) else { return };
        let mut here = known
            .iter()
            .filter(|now| now.namespace == namespace || now.namespace.starts_with('_') || namespace.starts_with('_'));
        if let Some(new) = here.next()
            && here.all(|other| other.name == new.name)
        {
            name.clone_from(&new.name);
        }
    };
    if let Some(path) = pod(&kind) {
        for (referent, paths) in POD {
            for below in *paths {
                let path: Vec<&str> = path.iter().chain(*below).copied().collect();
                visit(&mut resource.object.root, &path, &mut |node| set(node, referent));
            }
        }
    }
    for (referent, _, path) in OTHERS.iter().filter(|(_, referrer, _)| *referrer == kind) {
        let wanted = match path {
            ["roleRef", _] => resource.object.root.at(&["roleRef", "kind"]),
            _ => None,
        };
        if wanted.and_then(Node::as_str).is_none_or(|wanted| wanted == *referent) {
            visit(&mut resource.object.root, path, &mut |node| set(node, referent));
        }
    }
    if matches!(kind.as_str(), "RoleBinding" | "ClusterRoleBinding") {
        visit(&mut resource.object.root, &["subjects"], &mut |subject| account(subject, renamed));
    }
}

/// Corrects the name and the namespace of a service account that a role is bound to.
fn account(subject: &mut Node, renamed: &Renamed) {
    let text = |key| subject.get(key).and_then(Node::as_str).map(str::to_owned);
    if text("kind").as_deref() != Some("ServiceAccount") {
        return;
    }
    let Some(name) = text("name") else { return };
    let Some(known) = renamed.get(&("ServiceAccount".to_owned(), name)) else { return };
    let earlier = text("namespace").unwrap_or_else(|| "default".to_owned());
    let Some(Now { namespace, name, .. }) = known.iter().find(|now| now.earlier == earlier) else { return };
    let location = subject.location;
    subject.set_text("name", name, location);
    subject.set_text("namespace", namespace, location);
}

/// The path of the pod's spec of a kind.
fn pod(kind: &str) -> Option<&'static [&'static str]> {
    Some(match kind {
        "Pod" => &["spec"],
        "Deployment" | "ReplicaSet" | "DaemonSet" | "StatefulSet" | "Job" => &["spec", "template", "spec"],
        "CronJob" => &["spec", "jobTemplate", "spec", "template", "spec"],
        "PodTemplate" => &["template", "spec"],
        _ => return None,
    })
}
