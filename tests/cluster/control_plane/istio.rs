//! istiod with the configuration and the webhooks of its charts.

use std::fs;
use std::process::Command;

use serde::Deserialize as _;
use serde_json::{Value, json};

use super::program::{Program, free_ports};
use super::{ControlPlane, part, program, write};
use crate::tools::tool;

/// Starts istiod and installs the custom resource definitions and the webhooks. Returns the ports of its plain-text gRPC and of
/// its debug interface, too.
pub(super) fn start(plane: &ControlPlane) -> Result<(Program, u16, u16), String> {
    let [grpc, secure_grpc, https, http, monitoring, introspection] = free_ports()?;
    install_definitions(plane)?;
    plane.create_namespaces(&["default"])?;
    let namespace = json!({ "apiVersion": "v1", "kind": "Namespace", "metadata": { "name": "istio-system" } });
    plane.apply(&[namespace])?;

    let dir = plane.kubeconfig.with_file_name("istiod");
    let settings = dir.join("var/lib/istio/inject");
    fs::create_dir_all(&settings).map_err(|error| error.to_string())?;
    // The certificate of istiod is valid for this name, which the webhooks use.
    let address = format!("meshConfig.defaultConfig.discoveryAddress=localhost:{secure_grpc}");
    let chart = chart("istio-discovery", &[&address])?;
    let injector = data_of(&chart, "istio-sidecar-injector")?;
    for name in ["config", "values"] {
        write(&settings.join(name), text(&injector[name])?)?;
    }
    write(&dir.join("mesh.yaml"), mesh_config(text(&data_of(&chart, "istio")?["mesh"])?)?)?;

    let mut command = program("istio/istiod")?;
    command.current_dir(&dir).args([
        "discovery",
        "--meshConfig",
        "mesh.yaml",
        "--domain",
        "cluster.local",
        "--kubeconfig",
    ]);
    command.arg(&plane.kubeconfig).arg(format!("--ctrlz_port={introspection}"));
    let ports =
        [("grpc", grpc), ("secureGRPC", secure_grpc), ("https", https), ("http", http), ("monitoring", monitoring)];
    command.args(ports.map(|(name, port)| format!("--{name}Addr=127.0.0.1:{port}")));
    command.envs([("POD_NAME", "istiod"), ("POD_NAMESPACE", "istio-system")]);
    // The Envoy of the tests has none of the filters that Istio's own build adds.
    command.envs([("PILOT_ENABLE_METADATA_EXCHANGE", "false"), ("PILOT_ENABLE_ALPN_FILTER", "false")]);
    // It deploys waypoints only with the ambient mode.
    command.env("PILOT_ENABLE_AMBIENT", "true");
    // The tests install the webhooks, with URLs where istiod expects Services.
    command.envs([("INJECTION_WEBHOOK_CONFIG_NAME", ""), ("VALIDATION_WEBHOOK_CONFIG_NAME", "")]);
    let mut istiod = Program::start("istiod", &command, plane.kubeconfig.parent().expect("a directory"))?;

    let secret = ["-n", "istio-system", "get", "secret", "istio-ca-secret", "-o", r"jsonpath={.data.ca-cert\.pem}"];
    let authority = istiod.wait(|| plane.kubectl(&secret, "").success())?;
    let server = format!("https://localhost:{https}");
    plane.apply(&webhooks(&server, &authority)?)?;
    istiod.wait(|| webhooks_answer(plane))?;
    plane.apply(&[plain_text()])?;
    Ok((istiod, grpc, http))
}

/// The configuration of the chart, without mutual TLS and metrics, which need certificates and filters of Istio.
fn mesh_config(text: &str) -> Result<String, String> {
    let mut mesh: Value = serde_yaml::from_str(text).map_err(|error| format!("the mesh configuration: {error}"))?;
    mesh["enableAutoMtls"] = false.into();
    mesh["defaultProviders"] = json!({ "metrics": [] });
    Ok(mesh.to_string())
}

/// The policy that sidecars accept requests without TLS, in the whole mesh.
fn plain_text() -> Value {
    let metadata = json!({ "name": "default", "namespace": "istio-system" });
    let spec = json!({ "mtls": { "mode": "DISABLE" } });
    json!({ "apiVersion": "security.istio.io/v1", "kind": "PeerAuthentication", "metadata": metadata, "spec": spec })
}

fn install_definitions(plane: &ControlPlane) -> Result<(), String> {
    let files =
        ["istio/base/files/crd-all.gen.yaml", "crds/rollout-crd.yaml", "crds/service.yaml", "crds/gateway-api.yaml"];
    let mut apply = vec!["apply".to_owned(), "--server-side".to_owned()];
    let mut wait = ["wait", "--for=condition=Established", "--timeout=60s"].map(str::to_owned).to_vec();
    for file in files {
        let arguments = ["-f".to_owned(), part(file)?.to_string_lossy().into_owned()];
        apply.extend(arguments.clone());
        wait.extend(arguments);
    }
    for arguments in [apply, wait] {
        plane.kubectl(&arguments.iter().map(String::as_str).collect::<Vec<_>>(), "").success()?;
    }
    Ok(())
}

/// The webhooks of the charts, with their own rules and selectors.
fn webhooks(server: &str, authority: &str) -> Result<Vec<Value>, String> {
    let injection =
        [format!("istiodRemote.injectionURL={server}/inject"), format!("istiodRemote.injectionCABundle={authority}")];
    let validation = [format!("base.validationURL={server}/validate"), format!("base.validationCABundle={authority}")];
    let mut found = Vec::new();
    for (name, [url, bundle], kind) in [
        ("istio-discovery", &injection, "MutatingWebhookConfiguration"),
        ("base", &validation, "ValidatingWebhookConfiguration"),
    ] {
        let objects = chart(name, &[url, bundle])?.into_iter().filter(|object| object["kind"] == kind);
        found.extend(objects);
    }
    if found.len() == 2 { Ok(found) } else { Err(format!("the charts have other webhooks: {found:?}")) }
}

/// Whether a pod gets a sidecar and a wrong object is rejected. The API server learns of new webhooks after a moment.
fn webhooks_answer(plane: &ControlPlane) -> Result<(), String> {
    let pod = json!({
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": { "name": "probe", "namespace": "default" },
        "spec": { "containers": [{ "name": "app", "image": "app" }] },
    });
    let created =
        plane.kubectl(&["create", "--dry-run=server", "-o", "json", "-f", "-"], &pod.to_string()).success()?;
    if !created.contains("istio-proxy") {
        return Err("the injection webhook is not called yet".to_owned());
    }
    let spec = json!({ "configPatches": [{ "applyTo": "HTTP_FILTER" }] });
    let metadata = json!({ "name": "probe", "namespace": "default" });
    let filter = json!({ "apiVersion": "networking.istio.io/v1alpha3", "kind": "EnvoyFilter", "metadata": metadata, "spec": spec });
    match plane.kubectl(&["create", "--dry-run=server", "-f", "-"], &filter.to_string()).success() {
        Err(error) if error.contains("validation.istio.io") => Ok(()),
        Err(error) => Err(error),
        Ok(_) => Err("the validation webhook is not called yet".to_owned()),
    }
}

/// The objects of one of Istio's charts.
fn chart(name: &str, settings: &[&str]) -> Result<Vec<Value>, String> {
    let mut command = Command::new(tool("helm"));
    command.args(["template", name, "--namespace", "istio-system"]).arg(part(&format!("istio/{name}"))?);
    command.args(["--set", "global.hub=istio", "--set", "global.tag=dev"]);
    for setting in settings {
        command.args(["--set-string", setting]);
    }
    let output = command.output().map_err(|error| format!("helm: {error}"))?;
    let manifests = super::Ran::of(&output).success()?;
    let documents = serde_yaml::Deserializer::from_str(&manifests)
        .map(|document| Value::deserialize(document).map_err(|error| format!("the chart {name}: {error}")));
    documents.collect()
}

fn data_of<'a>(objects: &'a [Value], config_map: &str) -> Result<&'a Value, String> {
    let found = objects.iter().find(|it| it["kind"] == "ConfigMap" && it["metadata"]["name"] == config_map);
    found.map(|it| &it["data"]).ok_or_else(|| format!("the chart has no ConfigMap {config_map}"))
}

fn text(value: &Value) -> Result<&str, String> {
    value.as_str().ok_or_else(|| format!("not a text: {value}"))
}
