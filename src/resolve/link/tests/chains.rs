//! Which chain the requests of a test meet.

use super::{resolve_to, service, web, workload};
use crate::diag::Severity;
use crate::resolve::traffic::suite::Chain;

/// The chain of the only test: its filters, and the reason for those that it lacks.
#[track_caller]
fn chain(workload: &str, test: &str, base: &str) -> (&'static str, String) {
    let toml = format!("workloads.web = {{ filters = ['f'], {workload} tests = [{{ name = 't', {test} }}] }}");
    let base =
        format!("{}{base}", web("", "containers: [{ name: web, ports: [{ name: main, containerPort: 9080 }] }]"));
    let (found, suites) = resolve_to(&toml, &base, |resolved| resolved.suites);
    assert!(found.iter().all(|it| it.severity != Severity::Error), "{toml}\n{found:#?}");
    let Chain { is_http, exists, has_port, bypass } = suites[0].tests[0].chain.clone();
    let filters = match (exists, is_http, has_port) {
        (true, true, true) => "all",
        (true, true, false) => "those without a port",
        (true, false, true) => "network",
        (true, false, false) => "network without a port",
        (false, ..) => "none",
    };
    (filters, bypass.map(|it| it.reason).unwrap_or_default())
}

fn of(workload: &str, test: &str, base: &str) -> &'static str {
    chain(workload, test, base).0
}

fn of_web(ports: &str) -> String {
    service("app: web", ports)
}

#[test]
fn a_port_that_a_service_targets_has_a_chain_of_its_own() {
    for ports in
        ["{ port: 80, targetPort: 9080, name: http }", "{ port: 80, targetPort: main, name: web }", "{ port: 9080 }"]
    {
        assert_eq!(of("", "port = 9080", &of_web(ports)), "all", "{ports}");
        assert_eq!(of("", "port = 80", &of_web(ports)), "those without a port", "{ports}");
    }
    assert_eq!(of("", "port = 9080", &of_web("{ port: 80, targetPort: 8080 }")), "those without a port");
    // A Service that selects other pods says nothing about these.
    let (filters, reason) = chain("", "port = 9080", &service("app: api", "{ port: 9080 }"));
    assert_eq!(filters, "those without a port");
    assert!(reason.starts_with("no Service of the base targets port 9080 of Deployment `web`"), "{reason}");
}

#[test]
fn without_a_port_a_request_comes_through_any_service() {
    assert_eq!(of("", "", ""), "all");
    assert_eq!(of("", "", &of_web("{ port: 9000, name: tcp-x }, { port: 80, name: http }")), "all");
    assert_eq!(of("", "", &of_web("{ port: 9000, name: tcp-x }")), "network");
    // UDP has no listener, and says nothing about the other ports.
    assert_eq!(of("", "", &of_web("{ port: 53, protocol: UDP }")), "all");
    assert_eq!(of("", "port = 53", &of_web("{ port: 53, protocol: UDP }")), "those without a port");
}

#[test]
fn a_port_that_is_not_http_has_no_http_filters() {
    for port in
        ["name: tcp-x", "name: tls", "name: https", "name: mysql", "appProtocol: tcp, name: http", "name: redis-a"]
    {
        let (filters, reason) = chain("", "port = 9000", &of_web(&format!("{{ port: 9000, {port} }}")));
        assert_eq!((filters, reason.contains("TCP proxy")), ("network", true), "{port}: {reason}");
    }
    assert_eq!(of("", "port = 9000", &of_web("{ port: 9000, name: tcp-x, appProtocol: http }")), "all");
}

#[test]
fn a_sidecar_has_listeners_for_the_services_of_the_mesh() {
    let outbound = "direction = 'outbound',";
    let of_host = |host: &str, base: &str| of(outbound, &format!("request.authority = '{host}'"), base);
    let api = service("app: api", "{ port: 9080, name: http }, { port: 9000, name: tcp-x }")
        .replace("name: web", "name: api");
    for host in
        ["api", "api.default", "api.default.svc", "api.default.svc.cluster.local", "API:9080", "api.default:9080"]
    {
        assert_eq!(of_host(host, &api), "all", "{host}");
    }
    assert_eq!(of_host("api:9000", &api), "network");
    assert_eq!(of_host("api:1", &api), "network without a port");
    for host in ["api.shop", "other", "example.com", "example.com:443"] {
        assert_eq!(of_host(host, &api), "network without a port", "{host}");
    }
    // The listener of an HTTP port takes requests to any address.
    assert_eq!(of_host("example.com:9080", &api), "all");
    assert_eq!(of_host("example.com", &api.replace("9080", "80")), "all");
    // That of a port whose protocol is detected takes those to its Service.
    assert_eq!(of_host("example.com:9080", &api.replace("name: http", "name: web")), "network without a port");
    assert_eq!(of_host("api:9080", &api.replace("name: http", "name: web")), "all");
}

#[test]
fn a_service_entry_makes_a_host_known() {
    let entry = |ports: &str| {
        format!(
            "apiVersion: networking.istio.io/v1\nkind: ServiceEntry\nmetadata: {{ name: e }}\nspec:\n  hosts: [example.com, '*.example.org']\n  ports: [{ports}]\n---\n"
        )
    };
    let of_host = |host: &str, ports: &str| {
        of("direction = 'outbound',", &format!("request.authority = '{host}'"), &entry(ports))
    };
    let http = "{ number: 8080, name: any, protocol: HTTP }";
    for host in ["example.com", "example.com:8080", "a.example.org", "a.b.example.org"] {
        assert_eq!(of_host(host, http), "all", "{host}");
    }
    assert_eq!(of_host("example.org", http), "network without a port");
    assert_eq!(of_host("example.com", "{ number: 443, name: http, protocol: TLS }"), "network");
}

#[test]
fn a_test_without_a_host_means_any_host() {
    let outbound = "direction = 'outbound',";
    let api = service("app: api", "{ port: 9080, name: http }, { port: 9000, name: tcp-x }");
    assert_eq!(of(outbound, "", &api), "all");
    assert_eq!(of(outbound, "port = 9080", &api), "all");
    assert_eq!(of(outbound, "port = 9000", &api), "network");
    assert_eq!(of(outbound, "port = 1", &api), "network without a port");
}

#[test]
fn the_listeners_of_a_gateway_are_those_of_its_gateways() {
    let edge = workload("Deployment", "edge", ", annotations: { inject.istio.io/templates: gateway }", "")
        + &service("app: edge", "{ port: 80, targetPort: 8080 }, { port: 443, targetPort: 8443 }");
    let gateway = |server: &str| {
        format!(
            "apiVersion: networking.istio.io/v1\nkind: Gateway\nmetadata: {{ name: g }}\nspec:\n  selector: {{ app: edge }}\n  servers: [{server}]\n---\n"
        )
    };
    let of = |test: &str, server: &str| {
        let toml = format!("workloads.edge = {{ filters = ['f'], tests = [{{ name = 't', {test} }}] }}");
        let base = format!("{edge}{}", if server.is_empty() { String::new() } else { gateway(server) });
        let (found, suites) = resolve_to(&toml, &base, |resolved| resolved.suites);
        let Chain { is_http, exists, .. } = suites.first().unwrap_or_else(|| panic!("{found:#?}")).tests[0].chain;
        (exists, is_http)
    };
    let http = "{ port: { number: 80, name: http, protocol: HTTP } }";
    assert_eq!(of("port = 8080", http), (true, true));
    assert_eq!(of("", http), (true, true));
    assert_eq!(of("port = 80", http), (false, false));
    assert_eq!(of("port = 8443", http), (false, false));
    let tls =
        |mode: &str| format!("{{ port: {{ number: 443, name: https, protocol: HTTPS }}, tls: {{ mode: {mode} }} }}");
    assert_eq!(of("port = 8443", &tls("SIMPLE")), (true, true));
    assert_eq!(of("port = 8443", &tls("PASSTHROUGH")), (true, false));
    assert_eq!(of("", &tls("PASSTHROUGH")), (true, false));
    // A Gateway may be elsewhere.
    assert_eq!(of("port = 1", ""), (true, true));
}
