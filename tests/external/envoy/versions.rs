//! The fields for the version of Istio in mesh.toml pass through istiod and take effect in Envoy.

use std::io;
use std::time::Duration;

use crate::mesh::http::{self, Request};
use crate::mesh::project::Project;
use crate::mesh::sidecar::{Envoy, Sidecar};

/// Pauses a request until the body is complete.
const HOLD: &str = include_str!("modules/hold.wat");
/// Traps on every request.
const TRAP: &str = include_str!("modules/trap.wat");

const PORT: u16 = 9080;

/// Starts the proxy of a workload with one filter, more keys of the filter, and a version of Istio.
fn start(istio: &str, module: &str, keys: &str) -> Envoy {
    let spec = format!(
        r#"
        mesh = {{ istio = "{istio}", base = "base" }}
        filters.it = {{ module = "it.wasm"{keys} }}
        workloads.web.filters = ["it"]
        "#
    );
    let (_, objects) = Project::new(&spec).with_module("it.wasm", module).with_base(&["default/web"]).objects();
    let pod = objects.pod("Deployment/default/web");
    Sidecar::of(&objects, &pod).inbound(PORT).istio(&format!("{istio}.0")).start()
}

/// Without the permission, the filter waits for the body, and Envoy keeps the body until the filter continues. The istiod of 1.27
/// passes the field on only in a TypedStruct.
#[test]
fn stop_iteration_works_in_every_version_that_supports_it() {
    let request = Request { method: "POST", body: "a body", ..Request::default() };
    for istio in ["1.32", "1.31", "1.30", "1.29", "1.28", "1.27"] {
        let envoy = start(istio, HOLD, ", stop-iteration = true");
        let response = envoy.send(PORT, &request);
        assert_eq!((response.status, response.upstream().line.as_str()), (200, "POST / HTTP/1.1"), "{istio}");
    }
    for keys in ["", ", stop-iteration = false"] {
        let envoy = start("1.28", HOLD, keys);
        let bytes = b"POST / HTTP/1.1\r\nhost: mesh.test\r\ncontent-length: 6\r\n\r\na body";
        let error = http::exchange(envoy.address(PORT), bytes, Duration::from_millis(500)).expect_err("no answer");
        assert!(matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut), "{keys}: {error}");
    }
}

/// The status codes of two responses. The first request traps, which ends the VM.
fn statuses(envoy: &Envoy) -> [u16; 2] {
    [(); 2].map(|()| envoy.send(PORT, &Request::default()).status)
}

/// Istio has `failure_policy` since 1.25, and `fail_open` before. For the request that traps, Envoy's VM reads only `fail_open`:
/// with a `failure_policy` that request fails, whatever the policy is (Envoy 1.40, source/extensions/common/wasm/plugin.h).
#[test]
fn requests_fail_or_pass_as_on_failure_sets() {
    for istio in ["1.24", "1.25", "1.26", "1.27", "1.28", "1.29", "1.30", "1.31", "1.32"] {
        let closed = statuses(&start(istio, TRAP, ", on-failure = 'closed'"));
        assert_eq!(closed, [503, 503], "{istio}");
        let first = if istio == "1.24" { 200 } else { 503 };
        let open = statuses(&start(istio, TRAP, ", on-failure = 'open'"));
        assert_eq!(open, [first, 200], "{istio}");
    }
}

/// Envoy counts the reloads. Without a policy it does not restart the VM (Envoy 1.40).
#[test]
fn reload_restarts_a_module_that_trapped() {
    for (keys, reloads) in [(", on-failure = 'reload'", true), ("", false), (", on-failure = 'closed'", false)] {
        let envoy = start("1.28", TRAP, keys);
        assert_eq!(statuses(&envoy), [503, 503], "{keys}");
        let counted = envoy.admin("/stats?filter=vm_reload").lines().any(|line| !line.ends_with(": 0"));
        assert_eq!(counted, reloads, "{keys}: {}", envoy.admin("/stats?filter=wasm"));
    }
}
