//! What is written for the Istio that mesh.toml declares, that Istio passes on, and Envoy takes.

use std::io;
use std::time::Duration;

use crate::mesh::http::{self, Request};
use crate::mesh::project::Project;
use crate::mesh::sidecar::{Envoy, Sidecar};

/// Holds a request back until its body is there.
const HOLD: &str = include_str!("modules/hold.wat");
/// Traps on every request.
const TRAP: &str = include_str!("modules/trap.wat");

const PORT: u16 = 9080;

/// Starts the proxy of one workload with one filter, `keys` being further ones of the filter, on the declared Istio.
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

/// Without the permission Envoy waits for the filter to go on, which waits for the body, which Envoy keeps back. At 1.27 the field
/// gets past istiod in a TypedStruct only.
#[test]
fn stop_iteration_is_allowed_on_every_version_that_can_have_it() {
    let request = Request { method: "POST", body: "a body", ..Request::default() };
    for istio in ["1.32", "1.28", "1.27"] {
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

/// The answers to two requests: the first one traps, and with it the VM is gone.
fn statuses(envoy: &Envoy) -> [u16; 2] {
    [(); 2].map(|()| envoy.send(PORT, &Request::default()).status)
}

/// `failure_policy` from Istio 1.25 on, `fail_open` before. Envoy's VM asks the latter only: with a `failure_policy` the request
/// that traps is lost, whatever the policy (Envoy 1.40, source/extensions/common/wasm/plugin.h).
#[test]
fn requests_are_refused_or_let_pass_as_on_failure_says() {
    for istio in ["1.24", "1.25", "1.28"] {
        let closed = statuses(&start(istio, TRAP, ", on-failure = 'closed'"));
        assert_eq!(closed, [503, 503], "{istio}");
        let first = if istio == "1.24" { 200 } else { 503 };
        let open = statuses(&start(istio, TRAP, ", on-failure = 'open'"));
        assert_eq!(open, [first, 200], "{istio}");
    }
}

/// The reload is seen in Envoy's own count of it. Without a policy the VM stays down (Envoy 1.40).
#[test]
fn a_module_that_traps_is_started_again_with_reload() {
    for (keys, reloads) in [(", on-failure = 'reload'", true), ("", false), (", on-failure = 'closed'", false)] {
        let envoy = start("1.28", TRAP, keys);
        assert_eq!(statuses(&envoy), [503, 503], "{keys}");
        let counted = envoy.admin("/stats?filter=vm_reload").lines().any(|line| !line.ends_with(": 0"));
        assert_eq!(counted, reloads, "{keys}: {}", envoy.admin("/stats?filter=wasm"));
    }
}
