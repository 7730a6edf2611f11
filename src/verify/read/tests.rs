use std::sync::Arc;

use camino::Utf8Path;
use mesh_compile_host::FailurePolicy;

use super::*;
use crate::backend::envoy_filter;
use crate::diag::{Code, Location, Sources};
use crate::domain::{Direction, Kind};
use crate::layout::{self, File, Tree};
use crate::resolve::traffic::suite::Elsewhere;
use crate::world::{Disk, Memory, World};
use crate::{resolve, spec};

/// A workload as `Kind/namespace/name` and its labels as `key=value`.
pub(in crate::verify) fn suite(workload: &str, labels: &[&str]) -> Suite {
    let [kind, namespace, name] = workload.split('/').collect::<Vec<_>>()[..] else { panic!("{workload}") };
    let label = |label: &&str| label.split_once('=').map(|(key, value)| (key.to_owned(), value.to_owned()));
    Suite {
        kind: Kind::named(kind, None, None).expect("a kind"),
        namespace: namespace.to_owned(),
        name: name.to_owned(),
        key: name.to_owned(),
        labels: labels.iter().filter_map(label).collect(),
        location: Location::whole(Sources::new().id("mesh.toml".into())),
        filters: BTreeMap::new(),
        tests: Vec::new(),
    }
}

fn proxies(istio: &str) -> Proxies {
    Proxies {
        istio: istio.to_owned(),
        envoy: 40,
        assumed: None,
        root_namespace: "istio-system".to_owned(),
        elsewhere: Elsewhere::default(),
        clusters: BTreeSet::new(),
    }
}

/// What a mesh.toml renders to.
pub(in crate::verify) struct Compiled {
    pub(in crate::verify) tree: Tree,
    pub(in crate::verify) suites: Vec<Suite>,
    pub(in crate::verify) proxies: Proxies,
}

fn compiled(world: &dyn World, spec: &Utf8Path) -> Compiled {
    let mut sink = Sink::new();
    let spec = spec::load(world, spec, &[], &mut sink).expect("valid TOML").into_only();
    let loaded = crate::base::Loaded::default();
    let resolved = resolve::resolve(world, &spec, "out".into(), &loaded, &mut sink);
    let plan = envoy_filter::plan(&spec, &resolved.mesh, &resolved.templates, &mut sink);
    assert_eq!(sink.errors(), 0, "{:#?}", sink.diagnostics());
    let objects = envoy_filter::objects(&resolved.mesh, &plan);
    let tree = layout::tree(&resolved.mesh, resolved.out, objects);
    Compiled { tree, suites: resolved.suites, proxies: resolved.proxies }
}

/// The files for a mesh.toml whose filters all use the module `it.wasm`.
pub(in crate::verify) fn rendered(spec: &str) -> Compiled {
    let module = include_bytes!("../../../filter/example-filter.wasm");
    let world = Memory::new().file("it.wasm", module).file("mesh.toml", spec);
    compiled(&world, "mesh.toml".into())
}

/// One line per plugin, in the order of the request path.
fn chain(subject: &Subject) -> Vec<String> {
    let line = |entry: &ChainEntry| {
        let port = entry.port.map_or_else(String::new, |port| format!(":{port}"));
        format!("{} {:?} {:?}{port}", entry.plugin.chain_name, entry.chain, entry.direction)
    };
    subject.plugins.iter().map(line).collect()
}

#[track_caller]
fn one(files: &[File], suite: Suite, proxies: &Proxies) -> Subject {
    let mut sink = Sink::new();
    let mut subjects = subjects(files, &[suite], proxies, &mut sink);
    assert_eq!(sink.diagnostics(), []);
    subjects.pop().expect("one")
}

/// The messages of the errors that keep the proxy from being read back.
#[track_caller]
fn rejected(files: &[File], suite: Suite) -> String {
    let mut sink = Sink::new();
    assert!(subjects(files, &[suite], &proxies("1.28"), &mut sink).is_empty());
    let found = sink.diagnostics();
    assert!(found.iter().all(|finding| finding.code == Code::MC0615), "{found:#?}");
    found.iter().map(|finding| finding.message.clone()).collect::<Vec<_>>().join("\n")
}

fn edit(files: &mut [File], path: &str, from: &str, to: &str) {
    let file = files.iter_mut().find(|file| file.path.starts_with(path)).expect("it is rendered");
    let text = String::from_utf8(file.bytes.clone()).expect("YAML is text");
    assert!(text.contains(from), "`{from}` is not in:\n{text}");
    file.bytes = text.replace(from, to).into_bytes();
}

fn root() -> &'static Utf8Path {
    Utf8Path::new(env!("CARGO_MANIFEST_DIR"))
}

#[test]
fn the_mesh_of_the_repository_is_read_back() {
    let files = compiled(&Disk::new(), &root().join("mesh.toml")).tree.files;
    let labels = ["app=productpage", "version=v1"];
    let subject = one(&files, suite("Deployment/default/productpage-v1", &labels), &proxies("1.28"));
    assert_eq!(subject.name, "Deployment/default/productpage-v1");
    assert_eq!(chain(&subject), ["wasm.example-filter Http Inbound"]);
    let plugin = &subject.plugins[0].plugin;
    assert_eq!((plugin.name(), plugin.root_id()), ("example-filter", "my_root_id"));
    assert_eq!(plugin.configuration(), br#"{"response":{"add":{"resp-header-demo":"added by our filter"}}}"#);
    assert_eq!(plugin.filename(), "/var/local/lib/wasm-filters/example-filter.wasm");
    assert_eq!(*plugin.module.bytes, *include_bytes!("../../../filter/example-filter.wasm"));
    assert_eq!(plugin.module.digest, Digest::of(&plugin.module.bytes));
}

#[test]
fn stable_names_without_a_gate_are_read_back() {
    let files = compiled(&Disk::new(), &root().join("examples/asm/mesh.toml")).tree.files;
    let details = suite("Deployment/default/details-v1", &["app=details", "version=v1"]);
    assert_eq!(chain(&one(&files, details, &proxies("1.32"))), ["envoy.filters.http.wasm Http Inbound"]);
    // Without the gate, the EnvoyFilter selects the workload's own labels, which are not in the patch.
    let other = suite("Deployment/default/details-v1", &["app=details", "version=v2"]);
    assert_eq!(chain(&one(&files, other, &proxies("1.32"))), Vec::<String>::new());
}

#[test]
fn several_namespaces_and_kinds_are_read_back() {
    let files = compiled(&Disk::new(), &root().join("examples/many/mesh.toml")).tree.files;
    let suites = [
        suite("Deployment/shop/web", &["app=web"]),
        suite("Rollout/shop/checkout", &["app=checkout"]),
        suite("StatefulSet/data/orders", &["app=orders"]),
        suite("DaemonSet/data/agent", &["app=agent"]),
        suite("Deployment/edge/public-gateway", &["istio=public-gateway"]),
    ];
    let mut sink = Sink::new();
    let subjects = subjects(&files, &suites, &proxies("1.26"), &mut sink);
    assert_eq!(sink.diagnostics(), []);
    let chains: Vec<_> = subjects.iter().map(chain).collect();
    assert_eq!(
        chains,
        [
            vec!["wasm.request-tags Http Inbound", "wasm.security-headers Http Inbound", "wasm.served-by Http Inbound"],
            vec!["wasm.security-headers Http Inbound", "wasm.request-tags Http Inbound"],
            vec!["wasm.request-tags Http Inbound", "wasm.hide-server Http Inbound:8080"],
            vec!["wasm.hide-server Http Outbound"],
            vec!["wasm.security-headers Http Gateway", "wasm.request-tags Http Gateway"],
        ]
    );
    assert!(Arc::ptr_eq(&subjects[0].plugins[1].plugin, &subjects[1].plugins[0].plugin), "the EnvoyFilter is shared");
    let served_by = &subjects[0].plugins[2].plugin;
    assert_eq!(served_by.configuration(), br#"{"response":{"add":{"x-served-by":"shop/web"}}}"#);
    let bytes: Vec<_> = subjects.iter().flat_map(|it| &it.plugins).map(|it| &it.plugin.module.bytes).collect();
    assert!(bytes.windows(2).all(|pair| Arc::ptr_eq(pair[0], pair[1])), "equal modules share their bytes");
}

const THREE: &str = "filters.a.module = 'it.wasm'\nfilters.b.module = 'it.wasm'\nfilters.c.module = 'it.wasm'\n";

#[test]
fn filters_inserted_first_keep_the_order_of_the_list() {
    let files = rendered(&format!(
        "{THREE}filters.d = {{ module = 'it.wasm', type = 'network' }}
        workloads.web = {{ selector.app = 'web', filters = [
            {{ filter = 'a', insert = 'first' }}, {{ filter = 'b', insert = 'first' }}, 'c', 'd',
        ] }}"
    ))
    .tree
    .files;
    let subject = one(&files, suite("Deployment/default/web", &[]), &proxies("1.32"));
    assert_eq!(
        chain(&subject),
        ["wasm.d Network Inbound", "wasm.a Http Inbound", "wasm.b Http Inbound", "wasm.c Http Inbound"]
    );
}

#[test]
fn every_field_of_a_plugin_is_read() {
    let spec = "mesh.istio = '1.32'
        [filters.a]
        module = 'it.wasm'
        root-id = 'root'
        vm-id = 'vm'
        on-failure = 'open'
        config-text = 'text'
        vm-config-text = 'vm text'
        env = { A = '1' }
        env-from-host = ['POD_NAME']
        capabilities = 'derived'
        stop-iteration = true
        allow-precompiled = true
        [workloads.web]
        selector = { app = 'web' }
        mount = 'container'
        mount-path = '/opt/wasm'
        filters = ['a']";
    let files = rendered(spec).tree.files;
    let subject = one(&files, suite("Deployment/default/web", &[]), &proxies("1.32"));
    let plugin = &*subject.plugins[0].plugin;
    assert_eq!((plugin.root_id(), plugin.vm_id()), ("root", "vm"));
    assert_eq!((plugin.configuration(), plugin.vm_configuration()), (&b"text"[..], &b"vm text"[..]));
    assert_eq!(plugin.env().get("A").map(String::as_str), Some("1"));
    assert_eq!(plugin.config.vm_config.environment_variables.host_env_keys, ["POD_NAME"]);
    assert_eq!((plugin.on_failure(), plugin.stop_iteration()), (FailurePolicy::Open, true));
    assert!(plugin.capabilities().is_some_and(|names| names.contains("proxy_on_request_headers")));
    assert_eq!(plugin.filename(), "/opt/wasm/a.wasm");
    assert_eq!(plugin.config.vm_config.allow_precompiled, Some(true));
}

#[test]
fn istiod_drops_the_fields_that_the_declared_version_does_not_know() {
    let spec = "filters.a = { module = 'it.wasm', on-failure = 'closed', stop-iteration = true }
        workloads.web = { selector.app = 'web', filters = ['a'] }";
    let files = rendered(spec).tree.files;
    let read = |istio: &str| {
        let subject = one(&files, suite("Deployment/default/web", &[]), &proxies(istio));
        (subject.plugins[0].plugin.on_failure(), subject.plugins[0].plugin.stop_iteration())
    };
    assert_eq!(read("1.28"), (FailurePolicy::Closed, true));
    assert_eq!(read("1.27"), (FailurePolicy::Closed, false));
    assert_eq!(read("1.24"), (FailurePolicy::Unspecified, false));
    // For 1.27 the configuration is rendered as a TypedStruct, whose fields istiod does not look at.
    let files = rendered(&format!("mesh.istio = '1.27'\n{spec}")).tree.files;
    let subject = one(&files, suite("Deployment/default/web", &[]), &proxies("1.27"));
    assert!(subject.plugins[0].plugin.stop_iteration());
}

#[test]
fn a_patch_applies_only_to_proxies_of_its_version() {
    let files = rendered(&format!(
        "mesh.proxy-version = '^1\\.2[89]\\.'\n{THREE}workloads.web = {{ selector.app = 'web', filters = ['a', 'b', 'c'] }}"
    )).tree.files;
    let length = |istio: &str| one(&files, suite("Deployment/default/web", &[]), &proxies(istio)).plugins.len();
    assert_eq!((length("1.28"), length("1.29"), length("1.27")), (3, 3, 0));
}

#[test]
fn filters_in_the_root_namespace_apply_to_all_namespaces() {
    let mut files =
        rendered(&format!("{THREE}workloads.web = {{ selector.app = 'web', filters = ['a', 'b'] }}")).tree.files;
    // The selector still matches the pod.
    edit(&mut files, "envoyfilters/default/wasm-b", "namespace: default", "namespace: istio-system");
    edit(&mut files, "envoyfilters/default/wasm-b", "priority: 20", "priority: 10");
    let subject = one(&files, suite("Deployment/default/web", &[]), &proxies("1.32"));
    assert_eq!(chain(&subject), ["wasm.b Http Inbound", "wasm.a Http Inbound"]);
    edit(&mut files, "envoyfilters/default/wasm-b", "namespace: istio-system", "namespace: elsewhere");
    let subject = one(&files, suite("Deployment/default/web", &[]), &proxies("1.32"));
    assert_eq!(chain(&subject), ["wasm.a Http Inbound"]);
}

#[test]
fn objects_that_mesh_compile_does_not_render_are_errors() {
    let spec = format!("{THREE}workloads.web = {{ selector.app = 'web', filters = ['a', 'b'] }}");
    let cases = [
        ("envoyfilters/default/wasm-a", "/a.wasm", "/z.wasm", "needs `/var/local/lib/wasm-filters/z.wasm`, but `"),
        (
            "envoyfilters/default/wasm-a",
            "INSERT_BEFORE",
            "INSERT_AFTER",
            "mesh-compile renders no InsertAfter relative to envoy.filters.http.router",
        ),
        (
            "envoyfilters/default/wasm-a",
            "applyTo: HTTP_FILTER",
            "applyTo: CLUSTER",
            "mesh-compile renders no cluster `wasm.a` by InsertBefore in SidecarInbound",
        ),
        ("envoyfilters/default/wasm-a", "vm_id:", "vmid:", "unknown field `vmid`"),
        ("envoyfilters/default/wasm-a", "runtime.v8", "runtime.null", "unknown variant `envoy.wasm.runtime.null`"),
        ("envoyfilters/default/wasm-a", "kind: EnvoyFilter", "kind: Sidecar", "unknown kind `Sidecar`"),
        ("envoyfilters/default/wasm-a", "spec:", "spec: [", "the rendered `envoyfilters/default/wasm-a.yaml` cannot"),
        ("configmaps/default/wasm-a", "  a.wasm: A", "  b.wasm: '*'\n  a.wasm: A", "binaryData.b.wasm: invalid base64"),
        (
            "patches/default/deployment-web",
            "{\"wasmfilters-dir\":{\"p",
            "{\"wasmfilters-dir\":\"p",
            "prevents the pods from being created",
        ),
        (
            "patches/default/deployment-web",
            "{\"wasmfilters-dir\":{\"mountPath",
            "{\"other\":{\"mountPath",
            "but nothing is mounted",
        ),
        ("kustomization.yaml", "patches/default/deployment-web.yaml", "other.yaml", "lists no patch of it"),
        ("kustomization.yaml", "kind:", "kind: {", "`kustomization.yaml` cannot be read back"),
    ];
    for (path, from, to, expected) in cases {
        let mut files = rendered(&spec).tree.files;
        edit(&mut files, path, from, to);
        let message = rejected(&files, suite("Deployment/default/web", &[]));
        assert!(message.contains(expected), "`{expected}` is not in `{message}`");
    }
}

#[test]
fn direction_and_port_are_read_from_the_patch() {
    let files = rendered(
        "filters.a.module = 'it.wasm'
        workloads.web = { selector.app = 'web', direction = 'any', filters = [{ filter = 'a', port = 9080 }] }",
    )
    .tree
    .files;
    let subject = one(&files, suite("Deployment/default/web", &[]), &proxies("1.32"));
    assert_eq!((subject.plugins[0].direction, subject.plugins[0].port), (Direction::Any, Some(9080)));
}
