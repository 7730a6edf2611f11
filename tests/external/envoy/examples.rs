//! The examples, from mesh.toml to the header of the response.

use crate::mesh::chain::{Context, Protocol};
use crate::mesh::project::Project;
use crate::mesh::sidecar::Sidecar;

const HEADER: &str = "resp-header-demo";
const VALUE: &str = "added by our filter";

/// The chain of a pod that no EnvoyFilter selects.
const UNTOUCHED: [&str; 4] = [
    "istio.metadata_exchange",
    "envoy.filters.network.http_connection_manager",
    "istio.metadata_exchange",
    "envoy.filters.http.router",
];

#[test]
fn both_workloads_of_the_root_example_add_the_header() {
    let (project, objects) = Project::example("").objects();
    for workload in ["Deployment/default/productpage-v1", "Deployment/default/details-v1"] {
        let envoy = Sidecar::of(&objects, &objects.pod(workload)).inbound(9080).start();
        let (response, upstream) = envoy.get(9080);
        assert_eq!(response.values(HEADER), [VALUE], "{workload}");
        assert!(upstream.values(HEADER).is_empty(), "{workload}");

        // A pod that the rollout has not replaced: no module is mounted, so Envoy must not load one.
        let old = project.before("examples/bookinfo").pod(workload);
        let sidecar = Sidecar::of(&objects, &old).inbound(9080);
        assert_eq!(sidecar.chain(9080), UNTOUCHED, "{workload}");
        let (response, _) = sidecar.start().get(9080);
        assert!(response.values(HEADER).is_empty(), "{workload}");
    }
}

#[test]
fn both_workloads_of_the_asm_example_add_the_header() {
    let (_, objects) = Project::example("examples/asm").objects();
    for workload in ["Deployment/default/productpage-v1", "Deployment/default/details-v1"] {
        let pod = objects.pod(workload);
        let envoy = Sidecar::of(&objects, &pod).inbound(9080).start();
        assert_eq!(envoy.get(9080).0.values(HEADER), [VALUE], "{workload}");

        let mut other = pod;
        other.labels.insert("version".to_owned(), "v2".to_owned());
        let sidecar = Sidecar::of(&objects, &other).inbound(9080);
        assert_eq!(sidecar.chain(9080), UNTOUCHED, "{workload}");
        assert!(sidecar.start().get(9080).0.values(HEADER).is_empty(), "{workload}");
    }
}

/// `proxy-version = '^1\.*.*'` matches every version that begins with 1.
#[test]
fn the_asm_example_is_for_proxies_of_istio_1() {
    let (_, objects) = Project::example("examples/asm").objects();
    let pod = objects.pod("Deployment/default/productpage-v1");
    let chain = |istio: &str| Sidecar::of(&objects, &pod).inbound(9080).istio(istio).chain(9080);
    assert_eq!(chain("1.9.0"), chain("1.28.3"));
    assert_eq!(chain("1.28.3").len(), UNTOUCHED.len() + 1);
    assert_eq!(chain("2.1.0"), UNTOUCHED);
}

#[test]
fn every_workload_of_the_large_example_runs_its_filters() {
    let (_, objects) = Project::example("examples/many").objects();
    let proxy = |workload: &str| Sidecar::of(&objects, &objects.pod(workload)).istio("1.26.0");

    let (response, upstream) = proxy("Deployment/shop/web").inbound(8080).start().get(8080);
    assert_eq!(upstream.values("x-region"), ["eu-1"]);
    assert_eq!(response.values("x-frame-options"), ["DENY"]);
    assert_eq!(response.values("x-served-by"), ["shop/web"]);

    let checkout = proxy("Rollout/shop/checkout").inbound(8080);
    let chain = checkout.chain(8080);
    assert_eq!(chain[3..5], ["wasm.security-headers", "wasm.request-tags"]);
    let (response, upstream) = checkout.start().get(8080);
    assert_eq!(upstream.values("x-region"), ["eu-1"]);
    assert_eq!(response.values("x-content-type-options"), ["nosniff"]);
    assert!(response.values("x-served-by").is_empty());

    let orders = proxy("StatefulSet/data/orders").inbound(8080).inbound(9090).start();
    let (response, upstream) = orders.get(8080);
    assert_eq!(upstream.values("x-region"), ["eu-1"]);
    assert!(response.values("x-powered-by").is_empty() && response.values("x-version").is_empty());
    assert_eq!(orders.get(9090).0.values("x-powered-by"), ["workload"]);

    let agent = proxy("DaemonSet/data/agent").inbound(8080).listener(Context::Outbound, 80, Protocol::Http).start();
    assert_eq!(agent.get(8080).0.values("x-powered-by"), ["workload"]);
    let (response, _) = agent.get(80);
    assert!(response.values("x-powered-by").is_empty());
    assert_eq!(response.values("x-version"), ["1"]);

    let gateway = proxy("Deployment/edge/public-gateway").listener(Context::Gateway, 443, Protocol::Http);
    assert_eq!(gateway.chain(443)[2..5], ["wasm.security-headers", "istio.metadata_exchange", "wasm.request-tags"]);
    let (response, upstream) = gateway.start().get(443);
    assert_eq!(upstream.values("x-region"), ["eu-1"]);
    assert_eq!(response.values("x-frame-options"), ["DENY"]);
}

#[test]
fn the_volumes_of_the_user_are_mounted_next_to_the_modules() {
    let (_, objects) = Project::example("examples/many").objects();
    let files = objects.files(&objects.pod("StatefulSet/data/orders"));
    let names: Vec<&str> = files.keys().filter_map(|path| path.to_str()).collect();
    let modules = "/var/local/lib/wasm-filters";
    let expected = [
        "/var/local/lib/geoip/regions",
        &format!("{modules}/hide-server.wasm"),
        &format!("{modules}/request-tags.wasm"),
    ];
    assert_eq!(names, expected);
}
