//! What a workload's pods look like: the pod template of an object of the base.

use crate::base::{Entry, Node, Object};
use crate::domain::Kind;
use crate::domain::annotation::{PROXY_CONTAINER, TEMPLATES};

/// The values of the label `istio` on the pods of Istio's own gateways (istio/istio, manifests/charts/gateways).
const GATEWAYS: [&str; 3] = ["ingressgateway", "egressgateway", "eastwestgateway"];

/// A pod template. What it does not declare, or declares with another type, is absent.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Pod<'a> {
    template: &'a Node,
}

impl<'a> Pod<'a> {
    /// The pod template of a workload. `None` if it has none.
    pub(crate) fn of(object: &'a Object, kind: Kind) -> Option<Self> {
        object.at(&kind.template_path()).map(|template| Self { template })
    }

    pub(crate) fn labels(self) -> &'a [Entry] {
        self.template.at(&["metadata", "labels"]).map_or(&[], Node::entries)
    }

    pub(crate) fn label(self, key: &str) -> Option<Text<'a>> {
        Text::of(self.template.at(&["metadata", "labels"])?.entry(key)?)
    }

    pub(crate) fn annotation(self, key: &str) -> Option<Text<'a>> {
        Text::of(self.template.at(&["metadata", "annotations"])?.entry(key)?)
    }

    /// Whether the labels contain the label with this value.
    pub(crate) fn has_label(self, key: &str, value: &str) -> bool {
        self.label(key).is_some_and(|label| label.value == value)
    }

    pub(crate) fn spec(self, key: &str) -> Option<&'a Entry> {
        self.template.get("spec")?.entry(key)
    }

    pub(crate) fn containers(self) -> &'a [Node] {
        self.spec("containers").map_or(&[], |entry| entry.value.items())
    }

    pub(crate) fn init_containers(self) -> &'a [Node] {
        self.spec("initContainers").map_or(&[], |entry| entry.value.items())
    }

    pub(crate) fn volumes(self) -> &'a [Node] {
        self.spec("volumes").map_or(&[], |entry| entry.value.items())
    }

    /// The container of the proxy, if the manifest declares it.
    pub(crate) fn proxy(self) -> Option<&'a Node> {
        self.containers().iter().find(|container| name(container) == Some(PROXY_CONTAINER))
    }

    /// Whether the manifest declares a complete proxy, which needs no injection: pilot-agent runs in it.
    pub(crate) fn has_own_proxy(self) -> bool {
        let runs_agent = |proxy: &Node| {
            let arguments = proxy.get("args").map_or(&[][..], Node::items);
            arguments.first().and_then(Node::as_str) == Some("proxy")
        };
        let is_proxy = |container: &&Node| name(container) == Some(PROXY_CONTAINER);
        self.containers().iter().chain(self.init_containers()).filter(is_proxy).any(runs_agent)
    }

    /// What makes the pods a gateway: the injection template, the arguments of the proxy, or the label of Istio's own gateways.
    pub(crate) fn gateway(self) -> Option<&'a Node> {
        let template = self.annotation(TEMPLATES);
        let template = template.filter(|it| it.value.split(',').any(|name| name.trim() == "gateway"));
        if let Some(template) = template {
            return Some(template.node);
        }
        if let Some(argument) = self.proxy().and_then(|proxy| router(proxy)) {
            return Some(argument);
        }
        self.label("istio").filter(|label| GATEWAYS.contains(&label.value)).map(|label| label.node)
    }

    /// The port that a name stands for in the containers, as Kubernetes resolves a Service's `targetPort`.
    pub(crate) fn named_port(self, named: &str) -> Option<u16> {
        // Ports of native sidecars count too (kubernetes/kubernetes, pkg/api/v1/pod, FindPort).
        let sidecars = self.init_containers().iter().filter(|it| text(it, "restartPolicy") == Some("Always"));
        let containers = self.containers().iter().chain(sidecars);
        let mut ports = containers.flat_map(|container| container.get("ports").map_or(&[][..], Node::items));
        let found = ports.find(|port| name(port) == Some(named))?;
        number(found.get("containerPort")?)
    }
}

/// The argument by which pilot-agent runs as a gateway.
fn router(proxy: &Node) -> Option<&Node> {
    let args = proxy.get("args")?.items();
    let is = |node: Option<&Node>, text| node.and_then(Node::as_str) == Some(text);
    args.get(1).filter(|_| is(args.first(), "proxy") && is(args.get(1), "router"))
}

/// An entry of a map whose value is a string.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Text<'a> {
    pub(crate) value: &'a str,
    pub(crate) node: &'a Node,
}

impl<'a> Text<'a> {
    pub(crate) fn of(entry: &'a Entry) -> Option<Self> {
        Some(Self { value: entry.value.as_str()?, node: &entry.value })
    }

    /// The key and the value.
    pub(crate) fn pair(entry: &'a Entry) -> Option<(&'a str, &'a str)> {
        Some((entry.key.as_str(), entry.value.as_str()?))
    }
}

/// The text of a key of a map.
pub(crate) fn text<'a>(node: &'a Node, key: &str) -> Option<&'a str> {
    node.get(key)?.as_str()
}

/// The name of a container, volume or port.
pub(crate) fn name(node: &Node) -> Option<&str> {
    text(node, "name")
}

/// A port number.
pub(crate) fn number(node: &Node) -> Option<u16> {
    match &node.value {
        crate::base::Value::Number(number) => u16::try_from(number.as_u64()?).ok(),
        _ => None,
    }
}
