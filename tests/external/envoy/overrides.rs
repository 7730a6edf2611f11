//! Settings that differ between workloads: configuration, port, direction, mount.

use crate::mesh::chain::{CHAIN_HEADER, Context, ISTIO, Protocol};
use crate::mesh::project::rendered;
use crate::mesh::rendered::Objects;
use crate::mesh::sidecar::{Envoy, Sidecar};

const SPEC: &str = r#"
mesh.base = "base"

[filters.tag]
module = "example-filter.wasm"
config.response.add = { x-tag = "common" }

[workloads.one]
filters = ["tag"]

[workloads.two]
filters = [{ filter = "tag", config = { response = { add = { x-tag = "own" } } } }]

[workloads.three]
filters = ["tag"]
"#;
const DEPLOYMENTS: [&str; 3] = ["default/one", "default/two", "default/three"];

/// The response header `x-tag` of each workload.
fn tags(objects: &Objects) -> Vec<String> {
    let tag = |deployment: &&str| {
        let pod = objects.pod(&format!("Deployment/{deployment}"));
        let (response, _) = Sidecar::of(objects, &pod).inbound(9080).start().get(9080);
        response.values("x-tag").join(" and ")
    };
    DEPLOYMENTS.iter().map(tag).collect()
}

#[test]
fn the_configuration_of_a_workload_does_not_affect_others() {
    let before = rendered(SPEC, &DEPLOYMENTS);
    assert_eq!(tags(&before), ["common", "own", "common"]);

    // Neither a ConfigMap nor a Deployment changes, so no pod restarts.
    let common = rendered(&SPEC.replace("\"common\"", "\"changed\""), &DEPLOYMENTS);
    assert_eq!(before.changed(&common), ["EnvoyFilter/default/wasm-tag"]);
    assert_eq!(tags(&common), ["changed", "own", "changed"]);

    let own = rendered(&SPEC.replace("\"own\"", "\"changed\""), &DEPLOYMENTS);
    assert_eq!(before.changed(&own), ["EnvoyFilter/default/two-tag"]);
    assert_eq!(tags(&own), ["common", "changed", "common"]);
}

/// The filters that a request to the listener passed.
fn chain(envoy: &Envoy, port: u16) -> Vec<String> {
    envoy.get(port).1.values(CHAIN_HEADER).into_iter().map(str::to_owned).collect()
}

const TRAFFIC: &str = r#"
mesh.base = "base"

[filters.plain]
module = "example-filter.wasm"
config.request.add.x-chain = "plain"

[filters.port]
module = "example-filter.wasm"
config.request.add.x-chain = "port"

[filters.out]
module = "example-filter.wasm"
config.request.add.x-chain = "out"

[filters.any]
module = "example-filter.wasm"
config.request.add.x-chain = "any"

[workloads.web]
filters = [
  "plain",
  { filter = "port", port = 9081 },
  { filter = "out", direction = "outbound", port = 80 },
  { filter = "any", direction = "any" },
]

[workloads.gateway]
direction = "gateway"
filters = ["plain", { filter = "port", port = 443 }]

[workloads.other]
filters = ["plain", "port"]
"#;

#[test]
fn a_filter_runs_in_the_listeners_of_its_direction_and_port() {
    let objects = rendered(TRAFFIC, &["default/web", "default/gateway", "default/other"]);
    let proxy = |workload: &str| Sidecar::of(&objects, &objects.pod(&format!("Deployment/default/{workload}")));

    let web = proxy("web")
        .inbound(9080)
        .inbound(9081)
        .listener(Context::Outbound, 80, Protocol::Http)
        .listener(Context::Outbound, 8080, Protocol::Http)
        .start();
    assert_eq!(chain(&web, 9080), [ISTIO, "plain", "any"]);
    assert_eq!(chain(&web, 9081), [ISTIO, "plain", "port", "any"]);
    assert_eq!(chain(&web, 80), [ISTIO, "out", "any"]);
    assert_eq!(chain(&web, 8080), [ISTIO, "any"]);

    let gateway = proxy("gateway")
        .listener(Context::Gateway, 80, Protocol::Http)
        .listener(Context::Gateway, 443, Protocol::Http)
        .start();
    assert_eq!(chain(&gateway, 80), [ISTIO, "plain"]);
    assert_eq!(chain(&gateway, 443), [ISTIO, "plain", "port"]);

    let other = proxy("other").inbound(9080).start();
    assert_eq!(chain(&other, 9080), [ISTIO, "plain", "port"]);
}

#[test]
fn a_tcp_chain_has_no_http_filters() {
    let objects = rendered(SPEC, &DEPLOYMENTS);
    let pod = objects.pod("Deployment/default/one");
    let sidecar = Sidecar::of(&objects, &pod).listener(Context::Inbound, 9080, Protocol::Tcp);
    assert_eq!(sidecar.chain(9080), ["istio.metadata_exchange", "envoy.filters.network.tcp_proxy"]);
}

/// With another mount path and volume name, for both kinds of mount.
#[test]
fn envoy_finds_modules_at_any_mount_path() {
    for mount in ["annotation", "container"] {
        let spec =
            SPEC.replace("[workloads.one]", &format!("[workloads.one]\nmount = '{mount}'\nmount-path = '/opt/wasm/'"));
        let objects = rendered(&format!("names.volume = 'modules'\n{spec}"), &DEPLOYMENTS);
        let files = objects.files(&objects.pod("Deployment/default/one"));
        assert_eq!(
            files.keys().filter_map(|path| path.to_str()).collect::<Vec<_>>(),
            ["/opt/wasm/tag.wasm"],
            "{mount}"
        );
        assert_eq!(tags(&objects), ["common", "own", "common"], "{mount}");
    }
}

/// Including the root namespace, whose EnvoyFilters istiod matches with the pods of every namespace.
#[test]
fn workloads_with_the_same_name_in_different_namespaces_are_independent() {
    let spec = r#"
        mesh.base = "base"
        [filters]
        tag = { module = "example-filter.wasm", config = { response = { add = { x-tag = "common" } } } }
        [workloads]
        here = { name = "web", namespace = "here", filters = ["tag"] }
        there = { name = "web", namespace = "there", filters = [{ filter = "tag", config = {} }] }
        root = { name = "web", namespace = "istio-system", filters = [{ filter = "tag", config = {} }] }
        root-db = { name = "db", namespace = "istio-system", filters = ["tag"] }
    "#;
    let objects = rendered(spec, &["here/web", "there/web", "istio-system/web", "istio-system/db"]);
    for (workload, tags, demo) in [
        ("here/web", &["common"][..], &[][..]),
        ("there/web", &[], &["added by our filter"]),
        ("istio-system/web", &[], &["added by our filter"]),
        ("istio-system/db", &["common"], &[]),
    ] {
        let pod = objects.pod(&format!("Deployment/{workload}"));
        let (response, _) = Sidecar::of(&objects, &pod).inbound(9080).start().get(9080);
        assert_eq!(response.values("x-tag"), tags, "{workload}");
        assert_eq!(response.values("resp-header-demo"), demo, "{workload}");
    }
}
