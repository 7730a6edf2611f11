//! Modules without debug sections, with restricted capabilities, and modules that Envoy rejects.

use serde_json::Value;

use crate::mesh::project::{Project, example_filter};
use crate::mesh::rendered::Objects;
use crate::mesh::sidecar::{Envoy, Sidecar};

const PORT: u16 = 9080;
const HEADER: &str = "x-seen";
/// Logs a line per request.
const LOGS: &str = include_str!("modules/logs.wat");
const RESTRICTED: &str = "Attempted call to restricted proxy-wasm capability";

/// A project with one filter, more keys of the filter, and a version of Istio.
fn project(istio: &str, keys: &str, module: &[u8]) -> Project {
    let spec = format!(
        "mesh = {{ istio = '{istio}', base = 'base' }}\nworkloads.web.filters = ['it']\n\
        [filters.it]\nmodule = 'it.wasm'\n{keys}\n"
    );
    Project::new(&spec).with_bytes("it.wasm", module).with_base(&["default/web"])
}

fn objects(istio: &str, keys: &str, module: &[u8]) -> Objects {
    project(istio, keys, module).objects().1
}

fn sidecar(objects: &Objects, istio: &str) -> Sidecar {
    Sidecar::of(objects, &objects.pod("Deployment/default/web")).inbound(PORT).istio(&format!("{istio}.0"))
}

fn start(objects: &Objects) -> Envoy {
    sidecar(objects, "1.32").start()
}

/// The configuration of the demo filter.
const ADDS: &str = "config.response.add = { x-seen = 'yes' }";

/// The module with a custom section added.
fn with_section(mut module: Vec<u8>, name: &str, content: &[u8]) -> Vec<u8> {
    let leb = |mut number: usize| {
        let mut bytes = Vec::new();
        while number >= 0x80 {
            bytes.push(u8::try_from(number & 0x7f).expect("seven bits") | 0x80);
            number >>= 7;
        }
        bytes.push(u8::try_from(number).expect("seven bits"));
        bytes
    };
    let content = [&leb(name.len()), name.as_bytes(), content].concat();
    module.push(0);
    module.extend(leb(content.len()));
    module.extend(content);
    module
}

/// The demo filter with names and debug information, as a compiler writes it.
fn with_debug_sections() -> Vec<u8> {
    let named = with_section(example_filter(), "name", &[1, 6, 1, 0, 3, b'l', b'o', b'g']);
    with_section(named, ".debug_info", &[0x5a; 20_000])
}

/// The size of the modules in the ConfigMaps in Base64.
fn embedded(objects: &Objects) -> usize {
    let data = objects.of_kind("ConfigMap").filter_map(|map| map["binaryData"].as_object()).flatten();
    data.filter_map(|(_, text)| text.as_str()).map(str::len).sum()
}

#[test]
fn a_slim_module_responds_like_the_original() {
    let module = with_debug_sections();
    let [whole, slim] = ["", "slim = true\n"].map(|slim| objects("1.32", &format!("{slim}{ADDS}"), &module));
    let answers = [&whole, &slim].map(|objects| {
        let mut headers = start(objects).get(PORT).0.headers;
        headers.retain(|(name, _)| !["date", "x-envoy-upstream-service-time"].contains(&name.as_str()));
        headers
    });
    assert_eq!(answers[0], answers[1]);
    assert!(answers[0].contains(&(HEADER.to_owned(), "yes".to_owned())), "{:?}", answers[0]);
    assert!(embedded(&slim) + 20_000 < embedded(&whole), "{} and {}", embedded(&slim), embedded(&whole));
}

/// The restrictions of the EnvoyFilter: those of the plugin, and those of its `vm_config`.
fn restrictions(objects: &Objects) -> [Option<&Value>; 2] {
    let filter = objects.of_kind("EnvoyFilter").next().expect("an EnvoyFilter");
    let config = "/spec/configPatches/0/patch/value/typed_config/config";
    let allowed = "capability_restriction_config/allowed_capabilities";
    ["", "vm_config/"].map(|at| filter.pointer(&format!("{config}/{at}{allowed}")))
}

/// Istio 1.31 has the field in the plugin, Istio 1.32 in the VM. Envoy 1.40 reads both.
#[test]
fn derived_capabilities_restrict_nothing_that_the_filter_uses() {
    for (istio, place) in [("1.31", 0), ("1.32", 1)] {
        let objects = objects(istio, &format!("capabilities = 'derived'\n{ADDS}"), &example_filter());
        let found = restrictions(&objects);
        assert!(found[place].is_some() && found[1 - place].is_none(), "{istio}: {found:?}");
        let envoy = sidecar(&objects, istio).start();
        assert_eq!(envoy.get(PORT).0.values(HEADER), ["yes"], "{istio}");
        assert!(!envoy.log().contains(RESTRICTED), "{istio}: {}", envoy.log());
    }
}

/// The derived capabilities without one of them, as TOML.
fn all_but(module: &[u8], left_out: &str) -> String {
    let objects = objects("1.32", "capabilities = 'derived'", module);
    let all = restrictions(&objects)[1].and_then(Value::as_object).expect("a list");
    assert!(all.contains_key(left_out), "{all:?}");
    let names: Vec<String> = all.keys().filter(|name| *name != left_out).map(|name| format!("'{name}'")).collect();
    format!("capabilities = [{}]", names.join(", "))
}

#[test]
fn a_host_function_not_in_the_list_is_denied_and_a_callback_not_in_it_is_rejected() {
    let module = wat::parse_str(LOGS).expect("a module");
    for istio in ["1.31", "1.32"] {
        let objects = objects(istio, &all_but(&module, "proxy_log"), &module);
        let envoy = sidecar(&objects, istio).start();
        assert_eq!(envoy.get(PORT).0.status, 200, "{istio}");
        envoy.logged(&format!("{RESTRICTED}: proxy_log"));
    }

    let silenced = project("1.32", &all_but(&module, "proxy_on_request_headers"), &module).rejection();
    assert!(silenced.contains("MC0316") && silenced.contains("`proxy_on_request_headers`"), "{silenced}");
}

/// WebAssembly allows a host to ignore an invalid name section, but Envoy rejects the module.
#[test]
fn an_invalid_name_section_is_rejected_unless_slim_removes_it() {
    const SAYS: &str = "Failed to parse corrupted Wasm module";
    let broken = with_section(example_filter(), "name", &[1, 9, 1, 0, 1, b'f']);
    let rejected = project("1.32", ADDS, &broken).rejection();
    assert!(rejected.contains("MC0303") && rejected.contains(SAYS), "{rejected}");

    // Rendered with a valid module. The file in the pod is the invalid one.
    let objects = objects("1.32", ADDS, &example_filter());
    let (status, log) = sidecar(&objects, "1.32").with_module(&broken).validate();
    assert_eq!(status.code(), Some(1), "{log}");
    assert!(log.contains(SAYS), "{log}");

    let slim = self::objects("1.32", &format!("slim = true\n{ADDS}"), &broken);
    assert_eq!(start(&slim).get(PORT).0.values(HEADER), ["yes"]);
}
