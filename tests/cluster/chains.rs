//! The chains of real sidecars contain what `verify` runs: the same filters in the same order, with the same plugins.

use std::collections::BTreeSet;
use std::path::Path;

use serde_json::{Value, json};

use crate::control_plane::{ControlPlane, service_account};
use crate::examples::{merged, outs};
use crate::kubelet::Pod;
use crate::manifests::{build, name, namespace, of_kind, selects, string, templates};
use crate::project::{Project, examples};
use crate::{Test, sources, tests};

pub(crate) fn tests() -> Vec<Test> {
    // One environment of each.
    let rendered = examples().into_iter().filter_map(|dir| Some((outs(&dir).pop()?, dir)));
    let mut tests: Vec<Test> = rendered
        .map(|(out, example)| {
            let name = format!("{}: istiod_sends_the_chains_that_verify_runs", out.display());
            let test = move |plane: &ControlPlane| {
                check(plane, &merged(&example, &out), &id(&out), &Verify::new(Project::examples(), &example, &out));
            };
            (name, Box::new(test) as Box<_>)
        })
        .collect();
    tests.extend(tests![istiod_sends_the_extensions_that_verify_runs]);
    tests
}

/// The same with filters that Envoy asks for by name.
fn istiod_sends_the_extensions_that_verify_runs(plane: &ControlPlane) {
    let example = Path::new("examples/many");
    let project = Project::examples();
    let file = example.join("mesh.toml");
    let spec = project.read(&file);
    project.write(&file, format!("{spec}\n[defaults.filters]\nload-failure = \"allow\"\n"));
    project.run(&["render", "--file", &project.text_path(&file)]).ends(0, &[]);
    let out = example.join("out");
    let objects = build(&project.path(&out));
    assert!(of_kind(&objects, "EnvoyFilter").all(|filter| filter.to_string().contains("config_discovery")));
    check(plane, &objects, "extensions", &Verify::new(project, example, &out));
}

fn id(out: &Path) -> String {
    out.display().to_string().replace('/', "-")
}

/// Runs `verify` on workloads of an example.
struct Verify {
    project: Project,
    file: String,
    environment: Option<String>,
}

impl Verify {
    fn new(project: Project, example: &Path, out: &Path) -> Self {
        let file = project.text_path(example.join("mesh.toml"));
        let environment = out.file_name().and_then(|name| name.to_str()).filter(|name| *name != "out");
        Self { project, file, environment: environment.map(str::to_owned) }
    }

    /// Provides the images that the pods mount.
    fn provide_images(&self, plane: &ControlPlane, applied: &[Value]) {
        if applied.iter().any(|object| object["kind"] == "Pod" && object.to_string().contains("@sha256:")) {
            for (reference, dir) in sources::images(&self.project, &["--file", &self.file]) {
                plane.kubelet().provide_image(&reference, dir);
            }
        }
    }

    /// The filter and the file of each plugin of a workload, in order.
    fn plugins(&self, workload: &str) -> Vec<(String, String)> {
        let mut arguments = vec!["verify", "--format", "json", "--file", &self.file, workload];
        arguments.extend(self.environment.iter().flat_map(|name| ["--env", name]));
        let report: Value = serde_json::from_str(&self.project.run(&arguments).ends(0, &[]).stdout).expect("a report");
        let runs = report["runs"].as_array().expect("runs").iter();
        runs.map(|run| (string(&run["filter"]).to_owned(), string(&run["module"]).to_owned())).collect()
    }
}

/// Runs the pods with filters, in namespaces of their own, and compares their chains.
fn check(plane: &ControlPlane, objects: &[Value], id: &str, verify: &Verify) {
    let own = |at: &str| format!("chains-{id}-{at}");
    let selecting = |object: &Value, template: &Value| -> Vec<_> {
        of_kind(objects, "EnvoyFilter")
            .filter(|it| namespace(it) == namespace(object) && selects(it, template))
            .collect()
    };
    let mut templates = templates(objects);
    // One workload for each list of filters.
    let mut seen = BTreeSet::from([Vec::new()]);
    let filters = |it: &(&Value, &Value)| -> Vec<_> {
        selecting(it.0, it.1).into_iter().map(|it| (namespace(it).to_owned(), name(it).to_owned())).collect()
    };
    templates.retain(|it| seen.insert(filters(it)));
    let namespaces: BTreeSet<_> = templates.iter().map(|(object, _)| namespace(object)).collect();
    for at in &namespaces {
        plane.create_namespace_with_pods(&own(at)).expect("a namespace");
    }
    let mut applied: Vec<_> = objects.iter().filter(|object| is_kept(object)).cloned().collect();
    applied.extend(templates.iter().flat_map(|(object, template)| pod_of(object, template)));
    applied.retain(|object| namespaces.contains(namespace(object)));
    for object in &mut applied {
        object["metadata"]["namespace"] = own(namespace(object)).into();
    }
    plane.apply(&applied).expect("applied");
    verify.provide_images(plane, &applied);
    for at in namespaces {
        templates.sort_by_key(|(object, _)| name(object));
        let templates: Vec<_> = templates.iter().filter(|(object, _)| namespace(object) == at).collect();
        let pods = plane.kubelet().ready_pods(&own(at), templates.len());
        for (pod, (object, template)) in pods.iter().zip(templates) {
            assert_eq!(pod.name(), name(object));
            let workload = format!("{}/{at}/{}", string(&object["kind"]), name(object));
            compare(pod, &verify.plugins(&workload), &selecting(object, template));
        }
        plane.end_pods(&own(at));
    }
}

/// The pod of a workload, with its service account, and for a gateway what gives it a listener.
fn pod_of(object: &Value, template: &Value) -> Vec<Value> {
    let metadata = &template["metadata"];
    let mut pod = json!({ "apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": template["spec"] });
    pod["metadata"]["name"] = name(object).into();
    pod["metadata"]["namespace"] = namespace(object).into();
    let account = template["spec"]["serviceAccountName"].as_str();
    let mut objects: Vec<_> = account.map(|account| service_account(namespace(object), account)).into_iter().collect();
    objects.push(pod);
    if metadata["annotations"]["inject.istio.io/templates"] == "gateway" {
        objects.push(gateway(object, &metadata["labels"]));
    }
    objects
}

/// What gives the pods of a gateway a listener.
fn gateway(object: &Value, selector: &Value) -> Value {
    let servers = json!([{ "port": { "number": 80, "name": "http", "protocol": "HTTP" }, "hosts": ["*"] }]);
    json!({
        "apiVersion": "networking.istio.io/v1",
        "kind": "Gateway",
        "metadata": { "name": name(object), "namespace": namespace(object) },
        "spec": { "selector": selector, "servers": servers },
    })
}

/// Whether an object matters to pods.
fn is_kept(object: &Value) -> bool {
    let is_core = object["apiVersion"] == "v1" && object["kind"] != "Namespace";
    is_core || object["kind"] == "EnvoyFilter"
}

/// Asserts that every HTTP chain of a pod consists of the plugins that `verify` runs, as far as their patches are for it.
fn compare(pod: &Pod, verified: &[(String, String)], filters: &[&Value]) {
    let patches: Vec<_> = verified.iter().map(|(filter, file)| patch_of(filters, filter, file)).collect();
    let mut found = 0;
    for chain in chains(&pod.config_dump().expect("a configuration")) {
        let wanted = patches.iter().filter(|(matched, _)| chain.is_matched_by(matched));
        let wanted: Vec<_> = wanted.map(|(_, plugin)| plugin.clone()).collect();
        assert_eq!(chain.plugins, wanted, "{pod}: {} {:?}", chain.listener, chain.port);
        found += wanted.len();
    }
    assert!(found >= verified.len(), "{pod} has {found} plugins, and verify runs {verified:?}");
}

/// The patch that inserts a filter, and the filter with its plugin, whose name and file no other one has.
fn patch_of<'a>(filters: &[&'a Value], filter: &str, file: &str) -> (&'a Value, Plugin) {
    let mut found = filters.iter().filter_map(|it| {
        let patches = it["spec"]["configPatches"].as_array().expect("patches");
        let [insert, more @ ..] = &patches[..] else { panic!("{it} has no patch") };
        let extensions: Vec<_> = more.iter().map(|patch| &patch["patch"]["value"]).collect();
        let found = plugin(&insert["patch"]["value"], &extensions);
        let is_wanted = found.1["name"] == *filter && found.1["vm_config"]["code"]["local"]["filename"] == *file;
        is_wanted.then_some((&insert["match"], found))
    });
    let patch = found.next().unwrap_or_else(|| panic!("no patch inserts {filter} from {file}"));
    assert!(found.next().is_none(), "{filter} is inserted twice");
    patch
}

/// The name of an HTTP filter and its `PluginConfig`: name, root_id, vm_config, configuration, failure policy and whatever else.
type Plugin = (String, Value);

/// The plugin of a filter that contains it, or asks for one of the extensions.
fn plugin(filter: &Value, extensions: &[&Value]) -> Plugin {
    let extension = extensions.iter().find(|it| it["name"] == filter["name"]);
    let typed = match extension {
        Some(extension) if filter["config_discovery"].is_object() => &extension["typed_config"],
        _ => &filter["typed_config"],
    };
    // A TypedStruct nests it one level deeper.
    let config = if typed["value"].is_object() { &typed["value"]["config"] } else { &typed["config"] };
    (string(&filter["name"]).to_owned(), config.clone())
}

/// An HTTP filter chain of a listener.
struct Chain {
    listener: String,
    /// The port that the chain of an inbound listener is for.
    port: Option<u64>,
    is_gateway: bool,
    plugins: Vec<Plugin>,
}

impl Chain {
    /// Whether istiod applies a patch to the chain: `listenerMatch` in pilot/pkg/networking/core/envoyfilter/listener_patch.go.
    fn is_matched_by(&self, wanted: &Value) -> bool {
        let context = if self.is_gateway {
            "GATEWAY"
        } else if self.listener == "virtualInbound" {
            "SIDECAR_INBOUND"
        } else {
            "SIDECAR_OUTBOUND"
        };
        let port = &wanted["listener"]["portNumber"];
        let is_for_context = wanted["context"] == context || wanted["context"] == "ANY";
        is_for_context && (port.is_null() || port.as_u64() == self.port)
    }
}

fn chains(dump: &Value) -> Vec<Chain> {
    let configs = dump["configs"].as_array().expect("configurations").iter();
    let listeners = configs.flat_map(|it| it["dynamic_listeners"].as_array().into_iter().flatten());
    let node = &dump["configs"][0]["bootstrap"]["node"]["id"];
    let is_gateway = string(node).starts_with("router~");
    let configs = dump["configs"].as_array().expect("configurations").iter();
    let extensions = configs.flat_map(|it| it["ecds_filters"].as_array().into_iter().flatten());
    let extensions: Vec<_> = extensions.map(|it| &it["ecds_filter"]).collect();
    let mut found = Vec::new();
    for listener in listeners.map(|it| &it["active_state"]["listener"]) {
        let chains = listener["filter_chains"].as_array().into_iter().flatten();
        for chain in chains.chain([&listener["default_filter_chain"]]) {
            let managers = chain["filters"].as_array().into_iter().flatten().map(|it| &it["typed_config"]);
            found.extend(managers.filter(|it| it["http_filters"].is_array()).map(|manager| Chain {
                listener: string(&listener["name"]).to_owned(),
                port: chain["filter_chain_match"]["destination_port"].as_u64(),
                is_gateway,
                plugins: wasm(&manager["http_filters"], &extensions),
            }));
        }
    }
    found
}

/// The Wasm filters of a chain, in order.
fn wasm(filters: &Value, extensions: &[&Value]) -> Vec<Plugin> {
    let is_wasm = |filter: &&Value| filter.to_string().contains("filters.http.wasm.v3.Wasm");
    filters.as_array().into_iter().flatten().filter(is_wasm).map(|filter| plugin(filter, extensions)).collect()
}
