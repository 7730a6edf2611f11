//! Modules from images and from volumes of every type: what injection makes of the annotations, and what runs.

use std::path::PathBuf;
use std::process::Command;

use serde_json::{Value, json};

use crate::control_plane::ControlPlane;
use crate::kubelet::wait_until;
use crate::manifests::{build, find, string};
use crate::pods::{deployment, service};
use crate::project::{Project, Ran};
use crate::{Test, delivery, loading, server, tests};

pub(crate) fn tests() -> Vec<Test> {
    tests![
        the_sidecar_mounts_images_with_their_digests,
        the_sidecar_mounts_volumes_of_every_type_and_one_of_them_twice,
        the_sidecar_starts_before_the_init_containers_of_the_workload,
    ]
}

pub(crate) fn tests_with_pods() -> Vec<Test> {
    tests![a_pod_runs_a_filter_from_an_image]
}

const IMAGES: &str = r#"
[mesh]
kubernetes = "1.35"
base = "base.json"

[defaults.filters]
module = "path.wasm"
source = "image"
image = "registry.example.com/{{ filter.name }}"

[filters.auth]
image-pull-policy = "always"
image-pull-secrets = ["registry", "mirror"]

[filters.tags]
config-text = "/from-an-image"

[workloads.web]
filters = ["auth", "tags"]
"#;

const VOLUMES: &str = r#"
[mesh]
base = "base.json"

[defaults.filters]
module = "path.wasm"
source = "volume"
path = "path.wasm"

[filters.claim]
volume = { persistentVolumeClaim = { claimName = "wasm", readOnly = true } }

[filters.host]
volume = { name = "modules", hostPath = { path = "/opt/modules", type = "Directory" } }

[filters.same]
volume = { name = "modules", hostPath = { path = "/opt/modules", type = "Directory" } }
path = "another.wasm"

[filters.driver]
volume = { csi = { driver = "csi.example.com", readOnly = true } }

[workloads.web]
filters = ["claim", "host", "same", "driver"]
"#;

/// A project with the Deployment `web`, which has an init container, and its Service, rendered.
fn rendered(spec: &str, namespace: &str) -> (Project, Vec<Value>) {
    let project = Project::empty();
    project.write("mesh.toml", spec);
    project.write("path.wasm", loading::module());
    let mut web = deployment(namespace, "web", 1);
    web["spec"]["template"]["spec"]["initContainers"] = json!([{ "name": "migrate", "image": "migrate:1" }]);
    let items = [web, service(namespace, "web")];
    project.write("base.json", json!({ "apiVersion": "v1", "kind": "List", "items": items }).to_string());
    project.run(&["render"]).ends(0, &[]);
    project.write("all/kustomization.yaml", "resources: [base.json]\ncomponents: [../out]\n");
    project.write("all/base.json", project.read("base.json"));
    let objects = build(&project.path("all"));
    (project, objects)
}

/// The pod of the Deployment after injection, in which nothing of the annotations is lost.
fn injected(plane: &ControlPlane, spec: &str) -> Value {
    let (_project, objects) = rendered(spec, "shop");
    server::apply(plane, &objects).expect("accepted");
    let workload = find(&objects, "Deployment", ("shop", "web"));
    let template = &workload["spec"]["template"];
    let pod = server::pods(plane, &[(workload, template)]).expect("a pod").remove(0);
    delivery::check_mounts(&pod, template);
    pod
}

/// The volume of a pod with a name.
fn volume<'a>(pod: &'a Value, name: &str) -> &'a Value {
    let volumes = pod["spec"]["volumes"].as_array().expect("volumes");
    volumes.iter().find(|volume| volume["name"] == name).unwrap_or_else(|| panic!("no volume {name}: {volumes:?}"))
}

/// The mounts of the sidecar whose path begins as those of filters do: volume, path, and whether it is read-only.
fn mounts(pod: &Value) -> Vec<(&str, &str, bool)> {
    let containers = pod["spec"]["initContainers"].as_array().expect("containers");
    let proxy = containers.iter().find(|it| it["name"] == "istio-proxy").expect("a native sidecar");
    let mounts = proxy["volumeMounts"].as_array().expect("mounts").iter();
    let mounts = mounts.map(|it| (string(&it["name"]), string(&it["mountPath"]), it["readOnly"] == true));
    let mut mounts: Vec<_> = mounts.filter(|(_, path, _)| path.starts_with("/var/local/lib/wasm-filters")).collect();
    mounts.sort_unstable_by_key(|(_, path, _)| *path);
    mounts
}

fn the_sidecar_mounts_images_with_their_digests(plane: &ControlPlane) {
    let pod = injected(plane, IMAGES);
    let wanted = [
        ("wasmfilters-dir-auth", "/var/local/lib/wasm-filters-auth", true),
        ("wasmfilters-dir-tags", "/var/local/lib/wasm-filters-tags", true),
    ];
    assert_eq!(mounts(&pod), wanted);
    for (name, image, policy) in [("auth", "auth", "Always"), ("tags", "tags", "IfNotPresent")] {
        let source = &volume(&pod, &format!("wasmfilters-dir-{name}"))["image"];
        let digest = string(&source["reference"]).strip_prefix(&format!("registry.example.com/{image}@sha256:"));
        assert_eq!(digest.map(str::len), Some(64), "{source}");
        assert_eq!(source["pullPolicy"], policy);
    }
    assert_eq!(pod["spec"]["imagePullSecrets"], json!([{ "name": "mirror" }, { "name": "registry" }]));
}

fn the_sidecar_mounts_volumes_of_every_type_and_one_of_them_twice(plane: &ControlPlane) {
    let pod = injected(plane, VOLUMES);
    let wanted = [
        ("wasmfilters-dir-claim", "/var/local/lib/wasm-filters-claim", true),
        ("wasmfilters-dir-driver", "/var/local/lib/wasm-filters-driver", true),
        ("modules", "/var/local/lib/wasm-filters-host", true),
        ("modules", "/var/local/lib/wasm-filters-same", true),
    ];
    assert_eq!(mounts(&pod), wanted);
    let claim = &volume(&pod, "wasmfilters-dir-claim")["persistentVolumeClaim"];
    assert_eq!(*claim, json!({ "claimName": "wasm", "readOnly": true }));
    assert_eq!(volume(&pod, "wasmfilters-dir-driver")["csi"]["driver"], "csi.example.com");
    assert_eq!(volume(&pod, "modules")["hostPath"], json!({ "path": "/opt/modules", "type": "Directory" }));
}

/// Why a volume that an init container fills must not stop a rollout (MC0227): init containers start in order, each once the one
/// before has ended or, with `restartPolicy: Always`, is started, which a startup probe decides:
/// <https://kubernetes.io/docs/concepts/workloads/pods/sidecar-containers/>.
fn the_sidecar_starts_before_the_init_containers_of_the_workload(plane: &ControlPlane) {
    let pod = injected(plane, IMAGES);
    let containers = pod["spec"]["initContainers"].as_array().expect("containers");
    let position = |name: &str| containers.iter().position(|it| it["name"] == name).expect("a container");
    let proxy = &containers[position("istio-proxy")];
    assert!(position("istio-proxy") < position("migrate"), "{containers:?}");
    assert_eq!(proxy["restartPolicy"], "Always");
    assert!(proxy["startupProbe"].is_object(), "{proxy}");
}

/// The image is the one that `mesh-compile image` writes, unpacked as a container runtime does.
fn a_pod_runs_a_filter_from_an_image(plane: &ControlPlane) {
    const NAMESPACE: &str = "sources-image";
    plane.create_namespace_with_pods(NAMESPACE).expect("a namespace");
    let spec = IMAGES.replace("filters = [\"auth\", \"tags\"]", "filters = [\"tags\"]");
    let (project, objects) = rendered(&spec, NAMESPACE);
    plane.apply(&objects).expect("applied");
    let images = images(&project, &["tags"]);
    let [(reference, dir)] = &images[..] else { panic!("{images:?}") };
    wait_until("the pod waits for its image", || {
        let pods = plane.kubelet().pods(NAMESPACE);
        let waits = pods.iter().any(|pod| pod.waits_for().is_some_and(|why| why.contains(reference.as_str())));
        if waits { Ok(()) } else { Err(plane.kubelet().describe(&pods)) }
    });

    plane.kubelet().provide_image(reference, dir);
    assert_eq!(loading::ask(&plane.kubelet().ready_pods(NAMESPACE, 1)[0]), "/from-an-image");
}

/// The images that `mesh-compile image` writes: the reference of each, and the directory with its unpacked layer.
pub(crate) fn images(project: &Project, arguments: &[&str]) -> Vec<(String, PathBuf)> {
    let command = [&["image", "--output", "images", "--format", "json"], arguments].concat();
    let written: Value = serde_json::from_str(&project.run(&command).ends(0, &[]).stdout).expect("a report");
    let unpacked = |image: &Value| {
        let reference = string(&image["reference"]);
        let (_, digest) = reference.split_once('@').expect("a digest");
        let blob = |digest: &str| format!("images/blobs/{}", digest.replace(':', "/"));
        let manifest: Value = serde_json::from_str(&project.read(blob(digest))).expect("a manifest");
        let layer = project.path(blob(string(&manifest["layers"][0]["digest"])));
        let dir = format!("unpacked/{}", digest.replace(':', "-"));
        project.create_dir(&dir);
        let mut tar = Command::new("tar");
        let output = tar.arg("-xzf").arg(layer).current_dir(project.path(&dir)).output();
        Ran::of(&output.expect("tar runs")).ends(0, &[]);
        (reference.to_owned(), project.path(dir))
    };
    written["images"].as_array().expect("images").iter().map(unpacked).collect()
}
