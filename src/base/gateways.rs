//! Gateways of the Gateway API. istiod creates their pods: from a template of its own, from the labels and annotations of
//! `spec.infrastructure`, and from the strategic merge patch in the ConfigMap that `spec.infrastructure.parametersRef` names
//! (istio/istio, pilot/pkg/config/kube/gatewaycommon/deploymentcontroller.go).

use std::collections::BTreeMap;

use super::kustomize::merge_deployment;
use super::yaml::Dialect;
use super::{Base, Node, Object, Value, yaml};
use crate::diag::{Location, Sink};
use crate::domain::Kind;
use crate::domain::annotation::{GATEWAY_NAME, PROXY_CONTAINER};

/// What istiod deploys for a Gateway.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Deployed {
    Gateway,
    /// A proxy of the ambient mode, between its clients and the services behind it.
    Waypoint,
}

/// Why istiod does not deploy a Gateway whose filters Envoy would run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct NotDeployed {
    pub(crate) location: Location,
    /// A label for the place.
    pub(crate) label: String,
    pub(crate) reason: &'static str,
    pub(crate) help: &'static str,
}

/// The ConfigMap with a Gateway's parameters.
#[derive(Debug, Clone)]
pub(crate) struct Parameters {
    /// The name of the ConfigMap.
    pub(crate) name: String,
    /// Its `data`, without the patch of the Deployment.
    pub(crate) others: BTreeMap<String, String>,
    /// The patch of the Deployment.
    pub(crate) deployment: Option<Node>,
}

/// Why the parameters of a Gateway cannot be read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Invalid {
    pub(crate) location: Location,
    pub(crate) reason: String,
}

/// The key of the ConfigMap with the patch of the Deployment.
const DEPLOYMENT: &str = "deployment";

/// The keys that istiod accepts.
const KEYS: [&str; 5] = [DEPLOYMENT, "service", "serviceAccount", "horizontalPodAutoscaler", "podDisruptionBudget"];

/// Gives each Gateway that istiod deploys the pod template of its Deployment, at `spec.template`: all that reads workloads then
/// reads it like any other. Parameters that cannot be read are left out.
pub(super) fn add_pods(base: &mut Base) {
    let template = |object: &Object| Some(pod_template(base, object, deployed(base, object)?.ok()?));
    let templates: Vec<Option<Node>> = base.objects.iter().map(template).collect();
    for (object, template) in base.objects.iter_mut().zip(templates) {
        if let Some(template) = template
            && let Some(spec) = object.root.map_mut("spec", object.location)
        {
            spec.set("template", object.location, template);
        }
    }
}

/// Whether and as what istiod deploys an object. `None` if it is no Gateway of the Gateway API.
pub(crate) fn deployed(base: &Base, object: &Object) -> Option<Result<Deployed, NotDeployed>> {
    is_gateway(object).then(|| of_class(base, object).and_then(|deployed| with_addresses(object).map(|()| deployed)))
}

pub(super) fn is_gateway(object: &Object) -> bool {
    Kind::of(&object.api_version, &object.kind).ok().flatten().is_some_and(Kind::is_gateway)
}

fn of_class(base: &Base, object: &Object) -> Result<Deployed, NotDeployed> {
    const CLASSES: &str = "istiod deploys the Gateways of the classes `istio` and `istio-waypoint`";
    let class = object.at(&["spec", "gatewayClassName"]);
    let location = class.map_or(object.location, |class| class.location);
    let name = class.and_then(Node::as_str).unwrap_or_default();
    let not = |label: String, reason, help| Err(NotDeployed { location, label, reason, help });
    let is_class = |it: &&Object| it.kind == "GatewayClass" && it.group() == object.group() && it.name == name;
    let written = base.objects.iter().find(is_class);
    let controller = written.and_then(|it| it.at(&["spec", "controllerName"])?.as_str());
    // What istiod itself creates.
    let controller = controller.or(match name {
        "istio" => Some("istio.io/gateway-controller"),
        "istio-waypoint" => Some("istio.io/mesh-controller"),
        "istio-east-west" => Some("istio.io/eastwest-controller"),
        "istio-remote" => Some("istio.io/unmanaged-gateway"),
        _ => None,
    });
    match controller {
        Some("istio.io/gateway-controller") => Ok(Deployed::Gateway),
        Some("istio.io/mesh-controller") => Ok(Deployed::Waypoint),
        Some("istio.io/eastwest-controller") => not(
            "an east-west gateway".to_owned(),
            "an east-west gateway passes encrypted connections on: no filter sees the requests in them",
            "add the filters to the workloads or to their waypoint",
        ),
        Some(_) => {
            not(format!("istiod deploys no Gateway of the class `{name}`"), CLASSES, "choose one of these classes")
        }
        None => not(
            format!("the base has no GatewayClass `{name}`"),
            CLASSES,
            "choose one of these classes; for another one with the controller `istio.io/gateway-controller` or \
             `istio.io/mesh-controller`, add its GatewayClass to the base",
        ),
    }
}

/// A Gateway with addresses is one whose pods the user deploys, unless the only address is for the Service.
fn with_addresses(object: &Object) -> Result<(), NotDeployed> {
    let Some(addresses) = object.at(&["spec", "addresses"]) else { return Ok(()) };
    match addresses.items() {
        [] => Ok(()),
        [only] if matches!(only.get("type").and_then(Node::as_str), None | Some("IPAddress")) => Ok(()),
        _ => Err(NotDeployed {
            location: addresses.location,
            label: "the gateway's pods are behind these".to_owned(),
            reason: "with `spec.addresses`, istiod creates no Deployment",
            help: "name the Deployment of the gateway's pods instead",
        }),
    }
}

/// The pod template of the Deployment that istiod creates: what is in its template for every Gateway (manifests/charts/
/// istio-control/istio-discovery/files/kube-gateway.yaml and waypoint.yaml), with the patch of the parameters.
fn pod_template(base: &Base, object: &Object, deployed: Deployed) -> Node {
    let (role, controller) = match deployed {
        Deployed::Gateway => ("router", "istio.io-gateway-controller"),
        Deployed::Waypoint => ("waypoint", "istio.io-mesh-controller"),
    };
    let infrastructure = |field| {
        let of_pods = object.at(&["spec", "infrastructure", field]);
        let entries = of_pods.or_else(|| object.at(&["metadata", field])).map_or(&[][..], Node::entries);
        let is_kept = |key: &str| !key.starts_with("gateway.networking.k8s.io/");
        let entries = entries.iter().filter(|entry| is_kept(&entry.key)).cloned();
        Node { value: Value::Map(entries.collect()), location: object.location }
    };
    let class = object.at(&["spec", "gatewayClassName"]).and_then(Node::as_str).unwrap_or_default();
    let mut labels = infrastructure("labels");
    for (key, value) in [
        (GATEWAY_NAME, object.name.as_str()),
        ("gateway.networking.k8s.io/gateway-class-name", class),
        ("gateway.istio.io/managed", controller),
    ] {
        labels.set_text(key, value, object.location);
    }
    let deployment = serde_json::json!({
        "spec": { "template": {
            "metadata": { "labels": {}, "annotations": {} },
            "spec": {
                "containers": [{
                    "name": PROXY_CONTAINER, "image": "auto", "args": ["proxy", role], "volumeMounts": [],
                }],
                "imagePullSecrets": [],
                "volumes": [],
            },
        } },
    });
    let mut deployment = Node::from_json(&deployment, object.location);
    if let Some(metadata) = deployment.at_mut(&["spec", "template", "metadata"]) {
        metadata.set("labels", object.location, labels);
        metadata.set("annotations", object.location, infrastructure("annotations"));
    }
    let patch = parameters(base, object).ok().flatten().and_then(|parameters| parameters.deployment);
    let patched = patch.and_then(|patch| merge_deployment(deployment.clone(), patch).ok());
    let deployment = patched.unwrap_or(deployment);
    deployment.at(&["spec", "template"]).cloned().unwrap_or(deployment)
}

fn config_map<'a>(base: &'a Base, gateway: &Object, name: &str) -> Option<&'a Object> {
    let is_it = |it: &&Object| {
        it.kind == "ConfigMap" && it.group().is_empty() && it.name == name && it.namespace == gateway.namespace
    };
    base.objects.iter().find(is_it)
}

/// The parameters that the base sets for a Gateway.
pub(crate) fn parameters(base: &Base, gateway: &Object) -> Result<Option<Parameters>, Invalid> {
    let Some(reference) = gateway.at(&["spec", "infrastructure", "parametersRef"]) else { return Ok(None) };
    let invalid = |location, reason: String| Err(Invalid { location, reason });
    let text = |key| reference.get(key).and_then(Node::as_str).unwrap_or_default();
    if (text("group"), text("kind")) != ("", "ConfigMap") {
        return invalid(
            reference.location,
            "istiod reads the parameters of a Gateway from a ConfigMap only".to_owned(),
        );
    }
    let name = text("name").to_owned();
    let Some(object) = config_map(base, gateway, &name) else {
        return invalid(reference.location, format!("the base has no ConfigMap `{name}` in the Gateway's namespace"));
    };
    let mut others = BTreeMap::new();
    let mut deployment = None;
    for entry in object.at(&["data"]).map_or(&[][..], Node::entries) {
        let Some(text) = entry.value.as_str() else { continue };
        if !KEYS.contains(&entry.key.as_str()) {
            return invalid(entry.key_location, format!("istiod rejects the key `{}`", entry.key));
        }
        if entry.key != DEPLOYMENT {
            others.insert(entry.key.clone(), text.to_owned());
            continue;
        }
        let Some(patch) = parse(text, entry.value.location) else {
            return invalid(entry.value.location, format!("`{DEPLOYMENT}` is not a YAML map"));
        };
        if let Err(reason) = merge_deployment(empty(entry.value.location), patch.clone()) {
            return invalid(entry.value.location, format!("`{DEPLOYMENT}` does not fit a Deployment: {reason}"));
        }
        deployment = Some(patch);
    }
    Ok(Some(Parameters { name, others, deployment }))
}

/// A Deployment with what a patch of ours has, to find values of another type.
fn empty(location: Location) -> Node {
    let template = serde_json::json!({
        "metadata": { "labels": {}, "annotations": {} },
        "spec": {
            "containers": [{ "name": PROXY_CONTAINER, "volumeMounts": [{ "name": "n", "mountPath": "p" }] }],
            "imagePullSecrets": [{ "name": "n" }],
            "volumes": [{ "name": "n" }],
        },
    });
    Node::from_json(&serde_json::json!({ "spec": { "template": template } }), location)
}

/// The map in a text of YAML, all of it at one place.
fn parse(text: &str, location: Location) -> Option<Node> {
    let mut errors = Sink::new();
    let documents = yaml::parse(location.file, text, Dialect::Kubectl, &mut errors);
    match documents.documents.as_slice() {
        [only] if !errors.has_errors() && matches!(only.value, Value::Map(_)) => {
            Some(Node::from_json(&only.to_json(), location))
        }
        _ => None,
    }
}

impl Parameters {
    /// The patch of the Deployment with another patch.
    ///
    /// # Errors
    /// If a value of one is a map or a list, and the other's is not.
    pub(crate) fn with(&self, patch: &serde_json::Value) -> Result<serde_json::Value, String> {
        match &self.deployment {
            None => Ok(patch.clone()),
            Some(theirs) => {
                let patch = Node::from_json(patch, theirs.location);
                merge_deployment(theirs.clone(), patch).map(|merged| merged.to_json())
            }
        }
    }
}
