//! Each rule on its own: a mesh.toml and a base, and what is reported.

mod chains;
mod kinds;

use super::*;
use crate::base::{Base, Loaded, read_text};
use crate::diag::{Code, Diagnostic, Sink};
use crate::resolve::Resolved;
use crate::resolve::mesh::Mesh;
use crate::world::{Memory, World as _};

/// A Deployment `web` whose pod template has more metadata and more of a spec.
fn web(metadata: &str, spec: &str) -> String {
    workload("Deployment", "web", metadata, spec)
}

fn workload(kind: &str, name: &str, metadata: &str, spec: &str) -> String {
    format!(
        "apiVersion: apps/v1\nkind: {kind}\nmetadata: {{ name: {name} }}\nspec:\n  selector: {{ matchLabels: {{ app: {name} }} }}\n  \
         template:\n    metadata: {{ labels: {{ app: {name} }}{metadata} }}\n    spec: {{ {spec} }}\n---\n"
    )
}

fn labelled(labels: &str) -> String {
    format!(
        "apiVersion: apps/v1\nkind: Deployment\nmetadata: {{ name: web }}\nspec:\n  selector: {{ matchLabels: {{ app: web }} }}\n  \
         template: {{ metadata: {{ labels: {{ app: web, {labels} }} }} }}\n---\n"
    )
}

fn annotated(annotation: &str) -> String {
    web(&format!(", annotations: {{ {annotation} }}"), "")
}

fn namespace(labels: &str) -> String {
    format!("apiVersion: v1\nkind: Namespace\nmetadata: {{ name: default, labels: {{ {labels} }} }}\n---\n")
}

fn service(selector: &str, ports: &str) -> String {
    format!(
        "apiVersion: v1\nkind: Service\nmetadata: {{ name: web }}\nspec: {{ selector: {{ {selector} }}, ports: [{ports}] }}\n---\n"
    )
}

/// What is reported, and the mesh.
fn resolve(toml: &str, base: &str) -> (Vec<Diagnostic>, Mesh) {
    resolve_to(toml, base, |resolved| resolved.mesh)
}

/// What is reported, and a part of the result.
fn resolve_to<T>(toml: &str, base: &str, part: fn(Resolved<'_>) -> T) -> (Vec<Diagnostic>, T) {
    const HTTP: &str = r#"(module (func (export "proxy_abi_version_0_2_1")) (memory (export "memory") 1)
        (func (export "malloc") (param i32) (result i32) (i32.const 0))
        (func (export "proxy_on_request_headers") (param i32 i32 i32) (result i32) (i32.const 0)))"#;
    const NETWORK: &str = r#"(module (func (export "proxy_abi_version_0_2_1")) (memory (export "memory") 1)
        (func (export "malloc") (param i32) (result i32) (i32.const 0))
        (func (export "proxy_on_new_connection") (param i32) (result i32) (i32.const 0)))"#;
    let text = format!("filters.f.module = 'f.wasm'\nfilters.n = {{ module = 'n.wasm', type = 'network' }}\n{toml}\n");
    let world = Memory::new()
        .file("mesh.toml", text)
        .file("f.wasm", wat::parse_str(HTTP).unwrap())
        .file("n.wasm", wat::parse_str(NETWORK).unwrap());
    let mut sink = Sink::new();
    let objects = read_text(world.sources(), "base.yaml".into(), base, &mut sink);
    assert!(!sink.has_errors(), "{base}: {:#?}", sink.into_sorted(world.sources()));
    let base = Base { objects, ..Base::default() };
    let spec = crate::spec::load(&world, "mesh.toml".into(), &[], &mut sink).unwrap().into_only();
    let part = part(crate::resolve::resolve(&world, &spec, "out".into(), &loaded(base), &mut sink));
    let found = sink.into_sorted(world.sources()).into_iter().filter(|it| it.code != Code::MC0112);
    (found.collect(), part)
}

fn loaded(base: Base) -> Loaded {
    Loaded { base: Some(base), ..Loaded::default() }
}

/// The codes of errors, and of warnings with a `w` before them.
fn codes(toml: &str, base: &str) -> Vec<String> {
    let (found, _) = resolve(toml, base);
    let severity = |it: &Diagnostic| if it.severity == crate::diag::Severity::Warning { "w" } else { "" };
    found.iter().map(|it| format!("{}{}", severity(it), it.code)).collect()
}

const PLAIN: &str = "workloads.web.filters = ['f']";

#[track_caller]
fn expect(expected: &[&str], cases: &[(&str, String)]) {
    for (toml, base) in cases {
        assert_eq!(codes(toml, base), expected, "{toml}\n{base}");
    }
}

#[test]
fn kind_namespace_and_selector_come_from_the_object() {
    let base = "apiVersion: apps/v1\nkind: StatefulSet\nmetadata: { name: web, namespace: shop }\nspec:\n  \
                selector: { matchLabels: { app: web } }\n  template: { metadata: { labels: { app: web, release: '7' } } }\n";
    let (found, mesh) = resolve(PLAIN, base);
    assert_eq!(found, []);
    let [workload] = mesh.workloads.as_slice() else { panic!("{mesh:?}") };
    assert_eq!((workload.kind.as_str(), workload.namespace.as_str()), ("StatefulSet", "shop"));
    assert_eq!(workload.patch_namespace.as_ref().map(|it| it.as_str()), Some("shop"));
    let selector: Vec<_> = workload.selector.iter().map(|(key, value)| format!("{key}={value}")).collect();
    assert_eq!(selector, ["app=web"]);
}

#[test]
fn an_object_without_a_namespace_gets_the_one_of_mesh_toml() {
    for (toml, namespace) in [
        ("mesh.namespace = 'shop'\nworkloads.web.filters = ['f']", "shop"),
        ("workloads.web = { namespace = 'shop', filters = ['f'] }", "shop"),
        (PLAIN, "default"),
    ] {
        let (found, mesh) = resolve(toml, &web("", ""));
        assert_eq!(found, [], "{toml}");
        assert_eq!(mesh.workloads[0].namespace.as_str(), namespace);
        let of_patch = mesh.workloads[0].patch_namespace.as_ref().map(|it| it.as_str());
        assert_eq!(of_patch, (namespace == "default").then_some("default"), "{toml}");
    }
}

#[test]
fn a_workload_that_the_base_does_not_have_is_an_error() {
    let in_shop = web("", "").replace("{ name: web }", "{ name: web, namespace: shop }");
    expect(
        &["MC0520"],
        &[
            ("workloads.wbe.filters = ['f']", web("", "")),
            ("workloads.web = { kind = 'StatefulSet', filters = ['f'] }", web("", "")),
            ("workloads.web = { namespace = 'admin', filters = ['f'] }", in_shop.clone()),
            ("workloads.web = { patch-namespace = '', filters = ['f'] }", in_shop.clone()),
            (PLAIN, service("app: web", "{ port: 80 }")),
            ("output.envoy-filters = 'per-workload'\nworkloads.wbe.filters = ['f']", web("", "")),
            ("workloads.x = { name = 'wbe', filters = ['f'] }", web("", "")),
        ],
    );
    // A table without filters names an object of the base too.
    assert!(codes("workloads.wbe.tests = []", &web("", "")).contains(&"MC0520".to_owned()));
    expect(
        &[],
        &[
            ("workloads.web = { namespace = 'shop', kind = 'Deployment', filters = ['f'] }", in_shop.clone()),
            ("workloads.web = { namespace = 'admin', patch-namespace = 'shop', filters = ['f'] }", in_shop.clone()),
            ("workloads.x = { name = 'web', filters = ['f'] }", in_shop),
            ("workloads.web = { namespace = 'default', filters = ['f'] }", web("", "")),
        ],
    );
}

#[test]
fn the_message_says_what_the_base_has_instead() {
    let in_shop = web("", "").replace("{ name: web }", "{ name: web, namespace: shop }");
    let help = |toml: &str, base: &str| {
        let (found, _) = resolve(toml, base);
        let first = found.first().unwrap();
        (first.related[0].text.clone(), first.help[0].clone())
    };
    let pair = |label: &str, help: &str| (label.to_owned(), help.to_owned());
    let found = help("workloads.wbe.filters = ['f']", &in_shop);
    assert_eq!(found, pair("Deployment `web`", "did you mean `web`?"));
    let found = help("workloads.web = { namespace = 'admin', filters = ['f'] }", &in_shop);
    assert_eq!(found, pair("it is in the namespace `shop`", "remove `namespace`: it comes from the base"));
    let found = help("workloads.web = { kind = 'DaemonSet', filters = ['f'] }", &in_shop);
    assert_eq!(
        found,
        pair("`web` is a Deployment", "set `kind = \"Deployment\"`, or remove `kind`: it comes from the base")
    );
}

#[test]
fn an_object_that_has_nothing_to_patch_is_an_error() {
    let none = "apiVersion: apps/v1\nkind: Deployment\nmetadata: { name: web }\nspec: { replicas: 1 }\n";
    let bad = web("", "").replace("{ name: web }", "{ name: web, namespace: Shop }");
    expect(&["MC0520"], &[(PLAIN, none.to_owned())]);
    expect(&["MC0201"], &[(PLAIN, bad)]);
}

#[test]
fn an_empty_selector_is_none() {
    let empty = "output.envoy-filters = 'per-workload'\nworkloads.web = { selector = {}, filters = ['f'] }";
    assert_eq!(resolve(empty, &web("", "")).1.workloads.iter().filter(|it| it.has_selector).count(), 0);
}

#[test]
fn an_ambiguous_name_is_an_error() {
    let two = web("", "") + &workload("DaemonSet", "web", "", "");
    let spaces = ["shop", "admin"]
        .map(|space| web("", "").replace("{ name: web }", &format!("{{ name: web, namespace: {space} }}")));
    expect(&["MC0521"], &[(PLAIN, two.clone()), (PLAIN, spaces.concat())]);
    expect(
        &[],
        &[
            ("workloads.web = { kind = 'DaemonSet', filters = ['f'] }", two),
            ("workloads.web = { namespace = 'admin', filters = ['f'] }", spaces.concat()),
            ("mesh.namespace = 'admin'\nworkloads.web.filters = ['f']", spaces.concat()),
        ],
    );
}

#[test]
fn an_incomplete_base_reports_nothing_as_missing() {
    let world = Memory::new()
        .file("mesh.toml", "filters.f.module = 'f.wasm'\nworkloads.wbe.filters = [{ filter = 'f', port = 1 }]");
    let mut sink = Sink::new();
    let objects = read_text(world.sources(), "base.yaml".into(), &web("", ""), &mut sink);
    let base = Base { objects, incomplete: true };
    let spec = crate::spec::load(&world, "mesh.toml".into(), &[], &mut sink).unwrap().into_only();
    let _ = crate::resolve::resolve(&world, &spec, "out".into(), &loaded(base), &mut sink);
    let found: Vec<_> = sink.into_sorted(world.sources()).iter().map(|it| it.code).collect();
    assert!(!found.contains(&Code::MC0520), "{found:?}");
}

#[test]
fn a_selector_has_the_labels_of_the_pods() {
    let written = |selector: &str| format!("workloads.web = {{ selector = {{ {selector} }}, filters = ['f'] }}");
    for (selector, expected) in
        [("app = 'wbe'", "MC0523"), ("ap = 'web'", "MC0523"), ("app = 'web', version = 'v1'", "MC0523")]
    {
        assert_eq!(codes(&written(selector), &web("", "")), [expected], "{selector}");
    }
    assert_eq!(codes(&written("app = 'web'"), &web("", "")), [""; 0]);
}

#[test]
fn a_selector_that_matches_other_workloads_is_an_error() {
    let both = |per: &str| format!("{per}\nworkloads.web.filters = ['f']\nworkloads.canary.filters = ['f']");
    let canary = |labels: &str| {
        format!(
            "apiVersion: apps/v1\nkind: Deployment\nmetadata: {{ name: canary }}\nspec:\n  selector: {{ matchLabels: {{ {labels} }} }}\n  \
             template: {{ metadata: {{ labels: {{ {labels} }} }} }}\n---\n"
        )
    };
    let per_workload = "output.envoy-filters = 'per-workload'";
    let without_gate = "rollout.gate = 'none'";
    let subset = web("", "") + &canary("app: web, track: canary");
    let equal = web("", "") + &canary("app: web");
    assert_eq!(codes(&both(per_workload), &subset), ["MC0524"]);
    assert_eq!(codes(&both(per_workload), &equal), ["MC0524"]);
    assert_eq!(codes(&both(""), &equal), [""; 0]);
    // The gate's label is on pods with the filter alone. Without the gate, the other pods have no module.
    let other = format!("{per_workload}\nworkloads.web.filters = ['f']\nworkloads.canary.filters = ['n']");
    assert_eq!(codes(&other, &equal), [""; 0]);
    assert_eq!(codes(&format!("{per_workload}\n{PLAIN}"), &equal), [""; 0]);
    assert_eq!(codes(&format!("{without_gate}\n{PLAIN}"), &equal), ["MC0524"]);
    let elsewhere = canary("app: web").replace("{ name: canary }", "{ name: canary, namespace: other }");
    assert_eq!(codes(&format!("{without_gate}\n{PLAIN}"), &(web("", "") + &elsewhere)), [""; 0]);
}

#[test]
fn a_selector_that_an_envoy_filter_cannot_express_is_asked_for() {
    let expressions = web("", "").replace(
        "selector: { matchLabels: { app: web } }",
        "selector: { matchExpressions: [{ key: app, operator: In, values: [web] }] }",
    );
    let none = web("", "").replace("  selector: { matchLabels: { app: web } }\n", "");
    let per_workload = "output.envoy-filters = 'per-workload'\n";
    for base in [&expressions, &none] {
        assert_eq!(codes(&format!("{per_workload}{PLAIN}"), base), ["MC0525"], "{base}");
        let written = format!("{per_workload}workloads.web = {{ selector.app = 'web', filters = ['f'] }}");
        assert_eq!(codes(&written, base), [""; 0], "{base}");
        assert_eq!(codes(PLAIN, base), [""; 0], "{base}");
    }
}

#[test]
fn injection_that_is_off_is_an_error() {
    expect(
        &["MC0526"],
        &[
            (PLAIN, labelled("sidecar.istio.io/inject: 'false'")),
            (PLAIN, annotated("sidecar.istio.io/inject: 'false'")),
            (PLAIN, web("", "") + &namespace("istio-injection: disabled")),
            // No webhook matches such a namespace, whatever the pod says.
            (PLAIN, labelled("sidecar.istio.io/inject: 'true'") + &namespace("istio-injection: disabled")),
            (PLAIN, web("", "") + &namespace("istio.io/dataplane-mode: ambient")),
        ],
    );
    expect(
        &["wMC0526"],
        &[
            (PLAIN, web("", "") + &namespace("")),
            // Only a label leads the API server to the webhook.
            (PLAIN, annotated("sidecar.istio.io/inject: 'true'") + &namespace("")),
            (PLAIN, labelled("sidecar.istio.io/inject: 'yes'")),
        ],
    );
    expect(
        &[],
        &[
            (PLAIN, web("", "") + &namespace("istio-injection: enabled")),
            (PLAIN, web("", "") + &namespace("istio.io/rev: stable")),
            (PLAIN, labelled("sidecar.istio.io/inject: 'true'") + &namespace("")),
            (PLAIN, labelled("istio.io/rev: canary") + &namespace("")),
            (PLAIN, labelled("sidecar.istio.io/inject: 'true'") + &namespace("istio.io/dataplane-mode: ambient")),
            (PLAIN, web("", "") + &namespace("istio-injection: enabled, istio.io/dataplane-mode: ambient")),
        ],
    );
}

#[test]
fn pods_that_istio_never_injects_are_an_error() {
    let system = web("", "").replace("{ name: web }", "{ name: web, namespace: kube-system }");
    expect(&["MC0527"], &[(PLAIN, web("", "hostNetwork: true"))]);
    expect(
        &["MC0528"],
        &[(PLAIN, system), ("mesh.namespace = 'kube-public'\nworkloads.web.filters = ['f']", web("", ""))],
    );
    expect(&[], &[(PLAIN, web("", "hostNetwork: false"))]);
}

#[test]
fn volumes_and_mounts_of_the_base_are_kept() {
    let list = annotated(
        r#"sidecar.istio.io/userVolume: '[{"name":"a","emptyDir":{}}]', sidecar.istio.io/userVolumeMount: '{"a":{"mountPath":"/a"}}'"#,
    );
    let toml = "workloads.web = { filters = ['f'], volumes = [{ name = 'b', emptyDir = {} }] }";
    let (found, mesh) = resolve(toml, &list);
    assert_eq!(found, []);
    let shown = |entries: &[serde_json::Map<_, _>]| serde_json::to_string(entries).unwrap();
    assert_eq!(shown(&mesh.workloads[0].volumes), r#"[{"emptyDir":{},"name":"a"},{"emptyDir":{},"name":"b"}]"#);
    assert_eq!(shown(&mesh.workloads[0].volume_mounts), r#"[{"mountPath":"/a","name":"a"}]"#);
    // The same entry in mesh.toml is one entry.
    let (found, mesh) =
        resolve("workloads.web = { filters = ['f'], volumes = [{ name = 'a', emptyDir = {} }] }", &list);
    assert_eq!(found, []);
    assert_eq!(mesh.workloads[0].volumes.len(), 1);
}

#[test]
fn annotations_that_the_injector_cannot_read_are_an_error() {
    let volume = |value: &str| (PLAIN, annotated(&format!("sidecar.istio.io/userVolume: '{value}'")));
    let mount = |value: &str| (PLAIN, annotated(&format!("sidecar.istio.io/userVolumeMount: '{value}'")));
    expect(&["MC0529"], &[volume(""), volume("[{"), volume("1"), mount("x"), mount(r#"{"name":"a"}"#)]);
    expect(&[], &[volume("[]"), volume("null"), mount("{}")]);
}

#[test]
fn a_taken_volume_or_mount_path_is_an_error() {
    let volume = r#"sidecar.istio.io/userVolume: '[{"name":"wasmfilters-dir","emptyDir":{}}]'"#;
    let mount = r#"sidecar.istio.io/userVolumeMount: '[{"name":"x","mountPath":"/var/local/lib/wasm-filters/"}]'"#;
    let proxy = "containers: [{ name: istio-proxy, image: auto, volumeMounts: [{ name: x, mountPath: /var/local/lib/wasm-filters }] }]";
    let other = r#"sidecar.istio.io/userVolume: '[{"name":"a","emptyDir":{}}]'"#;
    expect(
        &["MC0530"],
        &[
            (PLAIN, annotated(volume)),
            (PLAIN, annotated(mount)),
            (PLAIN, web("", "volumes: [{ name: wasmfilters-dir, emptyDir: {} }]")),
            (PLAIN, web("", proxy)),
            (
                "workloads.web = { filters = ['f'], volumes = [{ name = 'a', hostPath = { path = '/x' } }] }",
                annotated(other),
            ),
            (
                "workloads.web = { filters = ['f'], volumes = [{ name = 'a', emptyDir = {} }] }",
                web("", "volumes: [{ name: a, emptyDir: {} }]"),
            ),
        ],
    );
    expect(
        &[],
        &[
            ("names.volume = 'wasm'\nworkloads.web.filters = ['f']", annotated(volume)),
            ("workloads.web = { filters = ['f'], mount-path = '/wasm' }", annotated(mount)),
            (PLAIN, annotated(other)),
        ],
    );
}

#[test]
fn a_proxy_that_cannot_be_patched_is_an_error() {
    let injected = "containers: [{ name: istio-proxy, image: 'istio/proxyv2:1.32.0', args: [proxy, sidecar] }]";
    let native = "initContainers: [{ name: istio-proxy, image: 'istio/proxyv2:1.32.0', args: [proxy, sidecar] }]";
    let container = "workloads.web = { mount = 'container', filters = ['f'] }";
    expect(
        &["MC0531"],
        &[
            (PLAIN, web("", injected)),
            (PLAIN, web("", native)),
            (container, web("", native)),
            (container, web("", "containers: [{ name: istio-proxy }]")),
        ],
    );
    expect(
        &[],
        &[
            (container, web("", injected)),
            (container, web("", "")),
            (PLAIN, web("", "containers: [{ name: istio-proxy, image: auto }]")),
        ],
    );
}

#[test]
fn the_image_is_added_only_to_a_container_that_the_base_does_not_declare() {
    let container = "workloads.web = { mount = 'container', filters = ['f'] }";
    for (spec, declared) in [("", false), ("containers: [{ name: istio-proxy, image: auto }]", true)] {
        let (found, mesh) = resolve(container, &web("", spec));
        assert_eq!(found, []);
        assert_eq!(mesh.workloads[0].mount.own_container, declared);
    }
}

#[test]
fn log_levels_of_the_base_are_kept() {
    let level = |annotations: &str| {
        let base = annotated(annotations);
        let (found, mesh) = resolve("workloads.web = { wasm-log-level = 'debug', filters = ['f'] }", &base);
        let log = mesh.workloads[0].log.as_ref().unwrap();
        (found.len(), format!("{}={}", log.annotation.rsplit('/').next().unwrap(), log.value))
    };
    let component = "sidecar.istio.io/componentLogLevel";
    let all = "sidecar.istio.io/logLevel";
    let expect = |warnings, text: &str| (warnings, text.to_owned());
    assert_eq!(level(""), expect(0, "componentLogLevel=misc:error,wasm:debug"));
    let merged = expect(0, "componentLogLevel=misc:error,rbac:info,wasm:debug");
    assert_eq!(level(&format!("{component}: 'misc:error,rbac:info'")), merged);
    assert_eq!(
        level(&format!("{component}: 'misc:error,wasm:info'")),
        expect(1, "componentLogLevel=misc:error,wasm:debug")
    );
    assert_eq!(level(&format!("{all}: warning")), expect(0, "componentLogLevel=misc:error,wasm:debug"));
    assert_eq!(level(&format!("{all}: 'warning,rbac:info'")), expect(0, "logLevel=warning,rbac:info,wasm:debug"));
    assert_eq!(level(&format!("{all}: 'info,wasm:debug'")), expect(0, "logLevel=info,wasm:debug"));
}

#[test]
fn proxy_settings_that_contradict_are_an_error() {
    let config = |text: &str| annotated(&format!("proxy.istio.io/config: \"{text}\""));
    let image = |tag: &str| annotated(&format!("sidecar.istio.io/proxyImage: 'istio/proxyv2:{tag}'"));
    let sidecar = "apiVersion: networking.istio.io/v1\nkind: Sidecar\nmetadata: { name: s }\nspec: { ingress: [{ port: { number: 80, protocol: HTTP } }] }\n---\n";
    let outbound = "workloads.web = { direction = 'outbound', filters = ['f'] }";
    let old = "mesh.istio = '1.28'\nworkloads.web.filters = ['f']";
    expect(
        &["MC0533"],
        &[
            (PLAIN, config("interceptionMode: NONE")),
            (PLAIN, annotated("sidecar.istio.io/interceptionMode: NONE")),
            (
                &port(8080),
                annotated("traffic.sidecar.istio.io/excludeInboundPorts: '9090, 8080'")
                    + &service("app: web", "{ port: 8080 }"),
            ),
            (
                &port(8080),
                annotated("traffic.sidecar.istio.io/includeInboundPorts: '9090'")
                    + &service("app: web", "{ port: 8080 }"),
            ),
            (
                &port(8080),
                annotated("traffic.sidecar.istio.io/includeInboundPorts: ''") + &service("app: web", "{ port: 8080 }"),
            ),
            (PLAIN, config("- a")),
            (PLAIN, config("a: [")),
            (old, image("1.27.3")),
        ],
    );
    expect(
        &[],
        &[
            (PLAIN, config("concurrency: 2")),
            (
                &port(8080),
                annotated("traffic.sidecar.istio.io/excludeInboundPorts: '9090'")
                    + &service("app: web", "{ port: 8080 }"),
            ),
            (
                &port(8080),
                annotated("traffic.sidecar.istio.io/includeInboundPorts: '*'") + &service("app: web", "{ port: 8080 }"),
            ),
            (
                PLAIN,
                annotated("traffic.sidecar.istio.io/excludeInboundPorts: '8080'")
                    + &service("app: web", "{ port: 8080 }, { port: 81 }"),
            ),
            (PLAIN, config("interceptionMode: NONE") + sidecar),
            (outbound, config("interceptionMode: NONE")),
            (old, image("1.28.0")),
            (old, image("1.29.0-distroless")),
        ],
    );
}

fn port(number: u16) -> String {
    format!("workloads.web.filters = [{{ filter = 'f', port = {number} }}]")
}

#[test]
fn a_port_that_no_service_targets_is_an_error() {
    let to = |ports: &str| service("app: web", ports);
    let container = "containers: [{ name: web, ports: [{ name: http, containerPort: 8080 }] }]";
    let entry = "apiVersion: networking.istio.io/v1\nkind: ServiceEntry\nmetadata: { name: e }\nspec: { hosts: [x], workloadSelector: { labels: { app: web } }, ports: [{ number: 80, name: http, protocol: HTTP, targetPort: 8080 }] }\n---\n";
    expect(
        &["MC0534"],
        &[
            (&port(9090), web("", "") + &to("{ port: 80, targetPort: 8080 }")),
            (&port(8080), web("", "") + &to("{ port: 80, targetPort: http }")),
        ],
    );
    expect(
        &["wMC0534"],
        &[
            (&port(8080), web("", "")),
            (&port(8080), web("", "") + &service("app: other", "{ port: 8080 }")),
            (
                &port(8080),
                web("", "") + &to("{ port: 8080 }").replace("{ name: web }", "{ name: web, namespace: other }"),
            ),
        ],
    );
    expect(
        &["MC0535"],
        &[
            (&port(80), web("", "") + &to("{ port: 80, targetPort: 8080 }")),
            (&port(80), web("", container) + &to("{ port: 80, targetPort: http }")),
            (&port(80), web("", "") + &to("{ port: 80, targetPort: missing }")),
            (&port(80), web("", "") + entry),
        ],
    );
    expect(
        &[],
        &[
            (&port(8080), web("", "") + &to("{ port: 8080 }")),
            (&port(8080), web("", "") + &to("{ port: 80, targetPort: 8080 }")),
            (&port(8080), web("", container) + &to("{ port: 80, targetPort: http }")),
            (&port(80), web("", "") + &to("{ port: 80, targetPort: 8080 }, { port: 81, targetPort: 80 }")),
            (&port(8080), web("", "") + entry),
            (
                "workloads.web.filters = [{ filter = 'f', port = 1, direction = 'outbound' }]",
                web("", "") + &to("{ port: 80 }"),
            ),
        ],
    );
}

#[test]
fn a_protocol_that_does_not_fit_is_reported() {
    let to = |ports: &str| web("", "") + &service("app: web", ports);
    let network = "workloads.web.filters = [{ filter = 'n', port = 80 }]";
    expect(
        &["MC0536"],
        &[
            (&port(80), to("{ name: tcp-web, port: 80 }")),
            (&port(80), to("{ name: http, appProtocol: tcp, port: 80 }")),
            (&port(80), to("{ name: http, port: 80, protocol: UDP }")),
            (&port(3306), to("{ name: db, port: 3306 }")),
        ],
    );
    expect(
        &["wMC0536"],
        &[
            (PLAIN, to("{ name: tcp-web, port: 80 }")),
            (network, to("{ name: http, port: 80 }")),
            (&port(80), to("{ name: tcp, port: 80 }") + &service("app: web", "{ name: http, port: 80 }")),
        ],
    );
    expect(
        &[],
        &[
            (&port(80), to("{ name: http-web, port: 80 }")),
            (&port(80), to("{ name: tcp, appProtocol: http, port: 80 }")),
            (&port(80), to("{ port: 80 }")),
            (&port(80), to("{ name: web, port: 80 }")),
            (PLAIN, to("{ name: tcp-web, port: 80 }, { name: http, port: 81 }")),
            (network, to("{ name: tcp, port: 80 }")),
            (network, to("{ port: 80 }")),
        ],
    );
}

const GATEWAY: &str = "containers: [{ name: istio-proxy, image: auto }]";

fn gateway() -> String {
    web(", annotations: { inject.istio.io/templates: gateway }", GATEWAY)
}

#[test]
fn direction_and_mount_follow_from_a_gateway() {
    let legacy = web("", "containers: [{ name: istio-proxy, image: 'x', args: [proxy, router] }]");
    for base in [gateway(), legacy, labelled("istio: ingressgateway")] {
        let (found, mesh) = resolve(PLAIN, &base);
        assert_eq!(found, [], "{base}");
        assert_eq!(mesh.attachments[0].scope.direction, Direction::Gateway, "{base}");
        assert_eq!(mesh.workloads[0].mount.by, crate::domain::MountBy::Container, "{base}");
    }
}

#[test]
fn a_direction_that_the_proxy_does_not_have_is_an_error() {
    expect(
        &["MC0537"],
        &[
            ("workloads.web = { direction = 'inbound', filters = ['f'] }", gateway()),
            ("workloads.web.filters = [{ filter = 'f', direction = 'outbound' }]", gateway()),
            ("workloads.web = { direction = 'gateway', filters = ['f'] }", web("", "")),
        ],
    );
    expect(
        &[],
        &[
            ("workloads.web = { direction = 'gateway', filters = ['f'] }", gateway()),
            ("workloads.web = { direction = 'any', filters = ['f'] }", gateway()),
            // A template of one's own may be a gateway's.
            (
                "workloads.web = { direction = 'gateway', filters = ['f'] }",
                annotated("inject.istio.io/templates: edge"),
            ),
        ],
    );
}

#[test]
fn a_gateway_listens_on_the_target_port() {
    let to = |ports: &str| gateway() + &service("app: web", ports);
    expect(&["MC0535"], &[(&port(80), to("{ port: 80, targetPort: 8080 }"))]);
    expect(&["wMC0534"], &[(&port(9000), to("{ port: 80, targetPort: 8080 }"))]);
    expect(&[], &[(&port(8080), to("{ port: 80, targetPort: 8080 }")), (&port(80), to("{ port: 80 }"))]);
}

#[test]
fn a_legacy_gateway_needs_no_injection() {
    let legacy = "apiVersion: apps/v1\nkind: Deployment\nmetadata: { name: web }\nspec:\n  selector: { matchLabels: { app: web } }\n  \
        template:\n    metadata: { labels: { app: web, sidecar.istio.io/inject: 'false' }, annotations: { sidecar.istio.io/inject: 'false' } }\n    \
        spec: { containers: [{ name: istio-proxy, image: 'istio/proxyv2:1.32.0', args: [proxy, router] }] }\n";
    assert_eq!(codes(PLAIN, legacy), [""; 0]);
}
