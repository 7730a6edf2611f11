//! Proxies that the base itself declares.

use super::Context;
use crate::base::Node;
use crate::diag::{Code, Diagnostic, Location, Sink};
use crate::domain::MountBy;
use crate::domain::annotation::PROXY_CONTAINER;
use crate::resolve::link::pod::{name, text};

pub(super) fn check(context: &Context<'_>, sink: &mut Sink) {
    let pod = context.linked.pod;
    let is_proxy = |container: &&Node| name(container) == Some(PROXY_CONTAINER);
    let native = pod.init_containers().iter().find(is_proxy);
    let error = |message: String| Diagnostic::error(Code::MC0531, message).at(context.at());
    match (context.workload.mount.by, pod.proxy(), native) {
        (MountBy::Container, _, Some(native)) => sink.push(
            error(format!("the proxy of {} is an init container, which the patch does not reach", context.name()))
                .related(name_at(native), "a native sidecar")
                .note(format!(
                    "the patch would add a second container `{PROXY_CONTAINER}`, and the API server rejects the pod"
                ))
                .help("remove the injected sidecar from the manifest, so that the injector adds it"),
        ),
        (MountBy::Annotation, proxy, native) if pod.has_own_proxy() && pod.gateway().is_none() => {
            let Some(proxy) = proxy.or(native) else { return };
            let diagnostic = error(format!("{} is injected already, so no module would be mounted", context.name()))
                .related(name_at(proxy), "a complete proxy")
                .note("the injector reads the annotations for volumes when it adds the sidecar");
            sink.push(if native.is_some() {
                diagnostic.help("remove the injected sidecar from the manifest, so that the injector adds it")
            } else {
                diagnostic.help("set `mount = \"container\"`, or remove the injected sidecar from the manifest")
            });
        }
        (MountBy::Container, Some(proxy), None) if text(proxy, "image").is_none_or(str::is_empty) => sink.push(
            error(format!("the container `{PROXY_CONTAINER}` of {} has no image", context.name()))
                .related(name_at(proxy), "the proxy's container")
                .note("the API server rejects a pod without an image before the injector completes it")
                .help("set `image: auto` in the manifest"),
        ),
        _ => {}
    }
}

/// The name of a container.
fn name_at(container: &Node) -> Location {
    container.get("name").unwrap_or(container).location
}
