//! What is peculiar to filters that Envoy asks for by name.

use std::time::{Duration, Instant};

use serde_json::Value;

use super::setup::{Setup, ask, wait_for_answer};
use super::{Cell, wait_for_rejection};
use crate::control_plane::ControlPlane;
use crate::kubelet::wait_until;
use crate::{Test, tests};

pub(super) fn tests() -> Vec<Test> {
    tests![a_silent_istiod_delays_a_pod_until_the_timeout, one_name_serves_listeners_of_both_directions]
}

/// Envoy waits for `initial_fetch_timeout` and then serves by the default. istiod does not answer for a name that no
/// `EXTENSION_CONFIG` patch has.
fn a_silent_istiod_delays_a_pod_until_the_timeout(plane: &ControlPlane) {
    const TIMEOUT: Duration = Duration::from_secs(15);
    let setups = ["allow", "deny"].map(|loading| Setup::new(plane, "silent", &Cell { kind: "http", loading }));
    let clock = Instant::now();
    for setup in &setups {
        setup.provide_module();
        let mut objects = setup.render("/first");
        for filter in objects.iter_mut().filter(|object| object["kind"] == "EnvoyFilter") {
            let patches = filter["spec"]["configPatches"].as_array_mut().expect("patches");
            patches.retain(|patch| patch["applyTo"] != "EXTENSION_CONFIG");
        }
        plane.apply(&objects).expect("applied");
    }
    for (setup, answer) in setups.iter().zip(["/", "403"]) {
        let pod = setup.ready_pod();
        assert!(clock.elapsed() > TIMEOUT, "{:?}", clock.elapsed());
        let stats = pod.stats("extension_config_discovery.http_filter.wasm.path.").expect("statistics");
        assert_eq!(stats["extension_config_discovery.http_filter.wasm.path.init_fetch_timeout"], 1, "{stats:?}");
        assert_eq!(ask(&pod), answer);
        // What was missing arrives.
        setup.apply("/second");
        wait_for_answer(&pod, "/second");
    }
}

/// With `direction = "any"`, the listeners of both directions ask for one extension by one name.
fn one_name_serves_listeners_of_both_directions(plane: &ControlPlane) {
    let cell = Cell { kind: "http", loading: "allow" };
    let setup = Setup::new(plane, "any", &cell);
    setup.project.edit("mesh.toml", "filters = [", "direction = \"any\"\nfilters = [");
    setup.apply("/first");
    let pod = setup.ready_pod();
    wait_for_rejection(&pod, &cell);
    assert_eq!(ask(&pod), "/");
    wait_until("the outbound listener of the Service asks for the extension", || {
        let asking = asking(&pod.config_dump()?);
        let is_of = |listener: &str| asking.iter().any(|name| name == listener);
        if is_of("virtualInbound") && is_of("0.0.0.0_80") { Ok(()) } else { Err(format!("{asking:?}")) }
    });

    setup.provide_module();
    setup.apply("/second");
    wait_for_answer(&pod, "/second");
    let dump = pod.config_dump().expect("a configuration");
    let [extension] = &items(&dump, "ecds_filters")[..] else { panic!("{dump}") };
    assert!(extension.to_string().contains("/second"), "{extension}");
}

/// The names of the listeners that ask for an extension.
fn asking(dump: &Value) -> Vec<String> {
    let listeners = items(dump, "dynamic_listeners").into_iter().map(|it| &it["active_state"]["listener"]);
    let asking = listeners.filter(|listener| listener.to_string().contains("config_discovery"));
    asking.filter_map(|listener| listener["name"].as_str().map(str::to_owned)).collect()
}

fn items<'a>(dump: &'a Value, list: &str) -> Vec<&'a Value> {
    let configs = dump["configs"].as_array().into_iter().flatten();
    configs.flat_map(|it| it[list].as_array().into_iter().flatten()).collect()
}
