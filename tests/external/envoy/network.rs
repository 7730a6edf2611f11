//! Network filters, in a chain that ends in a TCP proxy and in one that ends in the HTTP connection manager.

use std::time::Duration;

use crate::mesh::chain::{Context, Protocol};
use crate::mesh::http;
use crate::mesh::project::Project;
use crate::mesh::rendered::Objects;
use crate::mesh::sidecar::{Envoy, Sidecar};

/// Prepends its configuration to the data from downstream, and logs it per connection.
const TAP: &str = include_str!("modules/tap.wat");

const TCP: u16 = 5432;
const HTTP: u16 = 9080;

/// A workload with two taps. The text of the last filter comes first in the data.
fn mesh(filters: &str, first: &str, second: &str) -> Objects {
    let spec = format!(
        r#"
        mesh.base = "base"
        filters.first = {{ module = "tap.wasm", type = "network", config-text = "{first}" }}
        filters.second = {{ module = "tap.wasm", type = "network", config-text = "{second}" }}
        workloads.db = {{ wasm-log-level = "info", filters = [{filters}] }}
        "#
    );
    Project::new(&spec).with_module("tap.wasm", TAP).with_base(&["default/db"]).objects().1
}

fn proxy(objects: &Objects) -> Sidecar {
    Sidecar::of(objects, &objects.pod("Deployment/default/db")).listener(Context::Inbound, TCP, Protocol::Tcp).listener(
        Context::Inbound,
        HTTP,
        Protocol::Http,
    )
}

/// Asserts the response of the workload, which is the data that it received.
fn echo(envoy: &Envoy, text: &str, expected: &str) {
    let answer = http::exchange_bytes(envoy.address(TCP), text.as_bytes(), expected.len());
    let answer = answer.unwrap_or_else(|error| panic!("{error}. Envoy's log:\n{}", envoy.log()));
    assert_eq!(String::from_utf8_lossy(&answer), expected);
}

#[test]
fn network_filters_run_in_the_order_of_the_list() {
    let objects = mesh("'first', 'second'", "one ", "two ");
    let sidecar = proxy(&objects);
    let ours = ["istio.metadata_exchange", "wasm.first", "wasm.second"];
    assert_eq!(sidecar.chain(TCP)[..3], ours);
    assert_eq!(sidecar.chain(HTTP)[..3], ours);
    let envoy = sidecar.start();
    echo(&envoy, "hello", "two one hello");
    let log = envoy.logged(": two");
    assert!(log.find(": one") < log.find(": two"), "{log}");
}

/// The request is valid only with both letters in the right order.
#[test]
fn network_filters_run_before_the_http_connection_manager() {
    let send = |filters: &str| {
        let envoy = proxy(&mesh(filters, "E", "G")).start();
        let request = b"T /tapped HTTP/1.1\r\nhost: mesh.test\r\nconnection: close\r\n\r\n";
        let response = http::exchange(envoy.address(HTTP), request, Duration::from_secs(10));
        response.unwrap_or_else(|error| panic!("{error}. Envoy's log:\n{}", envoy.log()))
    };
    assert_eq!(send("'first', 'second'").upstream().line, "GET /tapped HTTP/1.1");
    assert_eq!(send("'second', 'first'").status, 400);
}

#[test]
fn insert_first_is_before_the_network_filters_of_istio() {
    let objects = mesh("{ filter = 'second', insert = 'first' }, 'first'", "one ", "two ");
    let sidecar = proxy(&objects);
    let ours = ["wasm.second", "istio.metadata_exchange", "wasm.first"];
    assert_eq!(sidecar.chain(HTTP)[..4], [&ours[..], &["envoy.filters.network.http_connection_manager"]].concat());
    assert_eq!(sidecar.chain(TCP)[..], [&ours[..], &["envoy.filters.network.tcp_proxy"]].concat());
    echo(&sidecar.start(), "hello", "one two hello");
}

#[test]
fn two_filters_with_insert_first_keep_the_order_of_the_list() {
    let objects =
        mesh("{ filter = 'first', insert = 'first' }, { filter = 'second', insert = 'first' }", "one ", "two ");
    let sidecar = proxy(&objects);
    assert_eq!(sidecar.chain(TCP)[..3], ["wasm.first", "wasm.second", "istio.metadata_exchange"]);
    echo(&sidecar.start(), "hello", "two one hello");
}
