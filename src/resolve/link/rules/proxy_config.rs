//! Settings of the pod's own proxy that contradict mesh.toml.

use serde_json::Value;

use super::Context;
use crate::diag::{Code, Diagnostic, Location, Sink};
use crate::domain::annotation::{
    EXCLUDE_INBOUND_PORTS, INCLUDE_INBOUND_PORTS, INTERCEPTION_MODE, PROXY_CONFIG, PROXY_IMAGE,
};
use crate::domain::{Direction, Istio};
use crate::resolve::link::pod::text;

pub(super) fn check(context: &Context<'_>, sink: &mut Sink) {
    let pod = context.linked.pod;
    let mut mode = pod.annotation(INTERCEPTION_MODE).map(|it| (it.value.to_owned(), it.node.location));
    if let Some(config) = pod.annotation(PROXY_CONFIG) {
        let location = config.node.location;
        match serde_yaml::from_str::<Value>(config.value) {
            Ok(Value::Object(fields)) => {
                let set = fields.get("interceptionMode").and_then(Value::as_str);
                mode = mode.or_else(|| set.map(|set| (set.to_owned(), location)));
            }
            Ok(Value::Null) => {}
            Ok(_) => sink.push(invalid(context, location, "it is not a map")),
            Err(error) => sink.push(invalid(context, location, &error.to_string())),
        }
    }
    if let Some((mode, location)) = mode.filter(|(mode, _)| mode == "NONE") {
        interception(context, &mode, location, sink);
    }
    ports(context, sink);
    version(context, sink);
}

fn invalid(context: &Context<'_>, location: Location, reason: &str) -> Diagnostic {
    Diagnostic::error(Code::MC0533, format!("the annotation `{PROXY_CONFIG}` of the base is not valid: {reason}"))
        .at(context.at())
        .related(location, "not a ProxyConfig")
        .note("the injector fails on it, and no pod is created")
        .help("write a ProxyConfig as YAML, such as `concurrency: 2`")
}

/// Without interception, istiod builds inbound listeners only for a Sidecar with `ingress` (istio/istio,
/// pilot/pkg/networking/core/listener_inbound.go, `buildInboundChainConfigs`).
fn interception(context: &Context<'_>, mode: &str, location: Location, sink: &mut Sink) {
    let has_listeners = !context.index.sidecars(context.object(), context.linked.pod).is_empty();
    let inbound = context.uses.iter().find(|one| one.scope.direction == Direction::Inbound);
    let Some(inbound) = inbound.filter(|_| !has_listeners) else { return };
    sink.push(
        Diagnostic::error(Code::MC0533, format!("the proxy of {} has no inbound listeners", context.name()))
            .at_label(inbound.location, "for inbound traffic")
            .related(location, format!("`{mode}`: no traffic is redirected to the proxy"))
            .note("istiod builds none in this mode, unless a Sidecar declares them under `ingress`")
            .help("remove the interception mode from the pod template, or use `direction = \"outbound\"`"),
    );
}

/// Ports whose traffic does not pass the proxy, because no rule of iptables redirects it.
fn ports(context: &Context<'_>, sink: &mut Sink) {
    let pod = context.linked.pod;
    let list = |key| pod.annotation(key).map(|it| (it.value, it.node.location));
    let (excluded, included) = (list(EXCLUDE_INBOUND_PORTS), list(INCLUDE_INBOUND_PORTS));
    let has = |list: &str, port: u16| list.split(',').any(|it| it.trim() == "*" || it.trim().parse() == Ok(port));
    for one in context.uses.iter().filter(|one| one.scope.direction == Direction::Inbound) {
        let Some(port) = one.scope.port else { continue };
        let outside = excluded.filter(|(list, _)| has(list, port));
        let Some((_, location)) = outside.or_else(|| included.filter(|(list, _)| !has(list, port))) else { continue };
        sink.push(
            Diagnostic::error(
                Code::MC0533,
                format!("traffic to port {port} does not pass the proxy of {}", context.name()),
            )
            .at_label(one.port_location, "for this port")
            .related(location, "excludes it")
            .note("the filter would never see a request")
            .help("correct the annotation, or remove `port`"),
        );
    }
}

/// A proxy that is pinned to an older version than mesh.toml promises.
fn version(context: &Context<'_>, sink: &mut Sink) {
    let pod = context.linked.pod;
    let annotation = pod.annotation(PROXY_IMAGE).map(|it| (it.value, it.node.location));
    let image = pod.proxy().and_then(|proxy| Some((text(proxy, "image")?, proxy.get("image")?.location)));
    for (image, location) in annotation.into_iter().chain(image) {
        let Some(version) = version_of(image).filter(|version| *version < context.istio) else { continue };
        let message =
            format!("{} runs a proxy of Istio {version}, but mesh.toml renders for {}", context.name(), context.istio);
        let at = context.spec.mesh.istio.as_ref().map_or_else(|| context.at(), |written| written.location());
        sink.push(
            Diagnostic::error(Code::MC0533, message)
                .at_label(at, "the oldest proxies of the mesh")
                .related(location, "an older proxy")
                .help(format!("set `mesh.istio = \"{version}\"`, or remove the image from the pod template")),
        );
    }
}

/// The version in the tag of a proxy's image, such as `docker.io/istio/proxyv2:1.26.1-distroless`.
fn version_of(image: &str) -> Option<Istio> {
    let (repository, tag) = image.split('@').next()?.rsplit_once(':')?;
    let version = tag.split('-').next()?;
    repository.ends_with("proxyv2").then(|| Istio::parse(version)).flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_version_is_read_from_the_tag() {
        let version = |image| version_of(image).map(|version| version.to_string());
        assert_eq!(version("docker.io/istio/proxyv2:1.26.1-distroless").as_deref(), Some("1.26"));
        assert_eq!(version("registry:5000/istio/proxyv2:1.9@sha256:00").as_deref(), Some("1.9"));
        assert_eq!(version("auto"), None);
        assert_eq!(version("registry:5000/istio/proxyv2"), None);
        assert_eq!(version("nginx:1.9"), None);
    }
}
