//! A configuration reaches the filter byte for byte, and Envoy rejects a configuration that the filter rejects.

use std::fmt::Write as _;

use crate::mesh::chain::{CHAIN_HEADER, ISTIO};
use crate::mesh::http::Request;
use crate::mesh::project::{Project, rendered};
use crate::mesh::rendered::Objects;
use crate::mesh::sidecar::Sidecar;

/// Responds with its configuration.
const PROBE: &str = include_str!("modules/probe.wat");

/// Characters that are special in templates, JSON, YAML, kustomize or Flux.
const AWKWARD: &str = "first\nsecond \"double\" 'single' \\ back\\\\slash\n\n  indented: yes # not a comment\n\
    ${x} ${HOME:=y} $(POD_NAME) {{ workload.name }} {% raw %}\ttab é ü 日本語 🦀 \u{a0}|\u{2028}|\u{feff}| on\n- 0x1f\n---\n...\ntrailing  \n\n";

/// The response of the probe: its configuration, that of the VM, and the variables as `NAME=value`.
fn given(objects: &Objects) -> Vec<String> {
    let pod = objects.pod("Deployment/default/web");
    let envoy = Sidecar::of(objects, &pod).inbound(9080).environment("POD_NAME", "web-0").start();
    let response = envoy.send(9080, &Request::default());
    assert_eq!(response.status, 200, "Envoy's log:\n{}", envoy.log());
    let body = String::from_utf8(response.body).expect("what was written is UTF-8");
    let mut parts: Vec<String> = body.split_terminator('\0').map(str::to_owned).collect();
    parts[2..].sort();
    parts
}

fn probe(filter: &str) -> Project {
    let spec = format!(
        "mesh.base = 'base'\nworkloads.web.filters = ['probe']\n[filters.probe]\nmodule = 'probe.wasm'\n{filter}"
    );
    Project::new(&spec).with_module("probe.wasm", PROBE).with_base(&["default/web"])
}

/// The text as a basic TOML string.
fn toml(text: &str) -> String {
    let mut quoted = String::from("\"");
    for char in text.chars() {
        match char {
            '"' | '\\' => quoted.extend(['\\', char]),
            char if char.is_control() => write!(quoted, "\\u{:04X}", u32::from(char)).expect("a String takes it"),
            char => quoted.push(char),
        }
    }
    quoted + "\""
}

/// The text as a template that renders to it.
fn template(text: &str) -> String {
    text.replace("{{", "{{ '{{' }}").replace("{%", "{{ '{%' }}")
}

#[test]
fn texts_and_variables_reach_the_filter_byte_for_byte() {
    let text = format!("config-text = {}", toml(&template(AWKWARD)));
    let (_, objects) = probe(&format!("{text}\nvm-config-text = {}", toml("the VM's\n\"own\" é"))).objects();
    assert_eq!(given(&objects), [AWKWARD, "the VM's\n\"own\" é"]);

    let (_, objects) = probe("config-file = 'probe.conf'").with_bytes("probe.conf", AWKWARD.as_bytes()).objects();
    assert_eq!(given(&objects), [AWKWARD, ""]);

    let env = "env = { LOG = 'debug', NOTE = 'a \"b\" é ${x}' }\nenv-from-host = ['POD_NAME', 'NOT_SET']";
    let (_, objects) = probe(env).objects();
    assert_eq!(given(&objects), ["", "", "LOG=debug", "NOTE=a \"b\" é ${x}", "POD_NAME=web-0"]);
}

#[test]
fn tables_reach_the_filter_as_json() {
    let table = format!(
        "config = {{ text = {}, list = [1, -2, 0.5, true], table = {{ 'a b' = '' }} }}",
        toml(&template(AWKWARD))
    );
    let (_, objects) = probe(&table).objects();
    let json: serde_json::Value = serde_json::from_str(&given(&objects)[0]).expect("JSON");
    assert_eq!(json, serde_json::json!({ "text": AWKWARD, "list": [1, -2, 0.5, true], "table": { "a b": "" } }));
}

#[test]
fn raw_blocks_keep_their_braces() {
    let (_, objects) =
        probe("config-text = '{% raw %}{{ not a template }} {% nor this %}{% endraw %} {{ workload.name }}'").objects();
    assert_eq!(given(&objects)[0], "{{ not a template }} {% nor this %} web");
}

/// Both filters have the same VM and the same root id.
#[test]
fn filters_that_share_a_vm_keep_their_configurations() {
    let spec = r#"
        mesh.base = "base"
        workloads.web.filters = ["one", "two"]
        [filters.one]
        module = "example-filter.wasm"
        root-id = "my_root_id"
        vm-id = "common"
        config.request.add = { x-chain = "one" }
        [filters.two]
        module = "example-filter.wasm"
        root-id = "my_root_id"
        vm-id = "common"
        config.request.add = { x-chain = "two" }
    "#;
    let objects = rendered(spec, &["default/web"]);
    let envoy = Sidecar::of(&objects, &objects.pod("Deployment/default/web")).inbound(9080).start();
    assert_eq!(envoy.get(9080).1.values(CHAIN_HEADER), [ISTIO, "one", "two"]);
}

/// The key is unknown to the demo filter. The failure proves that Envoy rejects a wrong manifest in these tests.
#[test]
fn envoy_rejects_a_configuration_that_the_filter_rejects() {
    let objects = |config: &str| {
        let spec = format!(
            "mesh.base = 'base'\nworkloads.web.filters = ['it']\nfilters.it = {{ module = 'example-filter.wasm', config = {config} }}"
        );
        rendered(&spec, &["default/web"])
    };
    let validate =
        |objects: &Objects| Sidecar::of(objects, &objects.pod("Deployment/default/web")).inbound(9080).validate();
    let (status, log) = validate(&objects("{ reponse = {} }"));
    assert_eq!(status.code(), Some(1), "{log}");
    assert!(log.contains("Failed to configure base Wasm plugin"), "{log}");
    let (status, log) = validate(&objects("{ response = {} }"));
    assert!(status.success(), "{log}");
}

/// `render` reports the message that Envoy logs for the same module.
#[test]
fn render_rejects_a_module_that_envoy_cannot_load() {
    const SAYS: &str = "Missing or unknown Proxy-Wasm ABI version";
    let spec = "mesh.base = 'base'\nworkloads.web.filters = ['it']\nfilters.it.module = 'it.wasm'";
    let module = "(module (memory (export \"memory\") 1))";
    let project = Project::new(spec).with_module("it.wasm", module).with_base(&["default/web"]);
    let rejection = project.rejection();
    assert!(rejection.contains(&format!("Envoy says: {SAYS}")), "{rejection}");

    let (_, objects) = project.with_module("it.wasm", PROBE).objects();
    let bytes = wat::parse_str(module).expect("a module");
    let objects = objects.with_every_module(&bytes);
    let (status, log) = Sidecar::of(&objects, &objects.pod("Deployment/default/web")).inbound(9080).validate();
    assert_eq!(status.code(), Some(1), "{log}");
    assert!(log.contains(SAYS), "{log}");
}
