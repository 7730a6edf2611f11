//! `verify` runs the same chains as an independent model of kustomize, Istio's injector and istiod.

use serde_json::Value;

use crate::mesh::chain::{Context, Listener, Protocol};
use crate::mesh::project::Project;
use crate::project::{Ran, repository};

/// The plugins in the HTTP chain of a listener, in order, each with the path of its module.
fn modeled(spec: &str, istio: &str, workload: &str, context: Context, port: u16) -> Vec<(String, String)> {
    let (_, objects) = Project::example(spec).objects();
    let pod = objects.pod(workload);
    let files = objects.files(&pod);
    let listener = Listener { context, port, protocol: Protocol::Http };
    let chain = listener.chain(&objects.envoy_filters(&pod), istio);
    let filters = chain.iter().filter_map(|filter| filter.pointer("/typed_config/http_filters")?.as_array()).flatten();
    let plugin = |filter: &Value| {
        let config = filter.pointer("/typed_config/config")?;
        let path = config.pointer("/vm_config/code/local/filename")?.as_str()?.to_owned();
        assert!(files.contains_key(std::path::Path::new(&path)), "{path}");
        Some((config["name"].as_str()?.to_owned(), path))
    };
    filters.filter_map(plugin).collect()
}

fn verified(spec: &str, workload: &str) -> Vec<(String, String)> {
    let ran = std::process::Command::new(env!("CARGO_BIN_EXE_mesh-compile"))
        .args(["verify", workload, "--no-cache", "--format", "json", "-f"])
        .arg(repository().join(spec).join("mesh.toml"))
        .output();
    let ran = Ran::of(&ran.expect("mesh-compile runs")).ends(0, &[]);
    let report: Value = serde_json::from_str(&ran.stdout).expect("JSON");
    let runs = report["runs"].as_array().map_or(&[][..], Vec::as_slice);
    let text = |run: &Value, key: &str| run[key].as_str().unwrap_or_default().to_owned();
    runs.iter().map(|run| (text(run, "filter"), text(run, "module"))).collect()
}

#[test]
fn verify_and_the_model_build_the_same_chain_for_every_workload_of_the_examples() {
    let workloads = [
        ("", "1.28.0", "Deployment/default/productpage-v1", Context::Inbound),
        ("", "1.28.0", "Deployment/default/details-v1", Context::Inbound),
        ("examples/asm", "1.32.0", "Deployment/default/productpage-v1", Context::Inbound),
        ("examples/asm", "1.32.0", "Deployment/default/details-v1", Context::Inbound),
        ("examples/many", "1.26.0", "Deployment/shop/web", Context::Inbound),
        ("examples/many", "1.26.0", "Rollout/shop/checkout", Context::Inbound),
        ("examples/many", "1.26.0", "StatefulSet/data/orders", Context::Inbound),
        ("examples/many", "1.26.0", "DaemonSet/data/agent", Context::Outbound),
        ("examples/many", "1.26.0", "Deployment/edge/public-gateway", Context::Gateway),
    ];
    for (spec, istio, workload, context) in workloads {
        let modeled = modeled(spec, istio, workload, context, 8080);
        assert!(!modeled.is_empty(), "{workload}");
        assert_eq!(verified(spec, workload), modeled, "{workload} of {spec}");
    }
}
