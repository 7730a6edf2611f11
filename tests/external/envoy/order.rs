//! Filters run in the order of each workload's list, whatever the lists of other workloads in the namespace are.
//!
//! Every filter adds its name to a header. Requests pass the chain in order, responses in reverse order.

use std::fmt::Write as _;

use crate::mesh::chain::{CHAIN_HEADER, ISTIO};
use crate::mesh::project::rendered;
use crate::mesh::rendered::Objects;
use crate::mesh::sidecar::Sidecar;

/// A workload, its list in mesh.toml, and the expected chain.
type Case<'a> = (&'a str, &'a str, &'a [&'a str]);

/// Renders the workloads with the filters `a`, `b`, `c`, `d`.
fn mesh(options: &str, cases: &[Case<'_>]) -> Objects {
    let mut spec = format!("mesh.base = 'base'\n{options}\n");
    for filter in ["a", "b", "c", "d"] {
        let edits = format!("{{ add = {{ {CHAIN_HEADER} = '{filter}' }} }}");
        write!(
            spec,
            "[filters.{filter}]\nmodule = 'example-filter.wasm'\nconfig = {{ request = {edits}, response = {edits} }}\n"
        )
        .expect("a String takes it");
    }
    for (workload, filters, _) in cases {
        write!(spec, "[workloads.{workload}]\nselector = {{ app = '{workload}' }}\nfilters = {filters}\n")
            .expect("a String takes it");
    }
    let deployments: Vec<String> = cases.iter().map(|(workload, ..)| format!("default/{workload}")).collect();
    rendered(&spec, &deployments.iter().map(String::as_str).collect::<Vec<_>>())
}

/// Renders the workloads, and sends a request to each.
fn check(options: &str, cases: &[Case<'_>]) -> Objects {
    let objects = mesh(options, cases);
    for (workload, list, expected) in cases {
        let pod = objects.pod(&format!("Deployment/default/{workload}"));
        let (response, upstream) = Sidecar::of(&objects, &pod).inbound(9080).start().get(9080);
        assert_eq!(upstream.values(CHAIN_HEADER), *expected, "the request of {workload}, {list}");
        let backwards: Vec<&str> = expected.iter().rev().copied().collect();
        assert_eq!(response.values(CHAIN_HEADER), backwards, "the response of {workload}, {list}");
    }
    objects
}

/// The number of EnvoyFilters.
fn envoy_filters(objects: &Objects) -> usize {
    objects.of_kind("EnvoyFilter").count()
}

#[test]
fn lists_that_agree_share_their_envoy_filters() {
    let objects = check(
        "",
        &[("one", "['b', 'a']", &[ISTIO, "b", "a"]), ("two", "['b', 'c', 'a', 'd']", &[ISTIO, "b", "c", "a", "d"])],
    );
    assert_eq!(envoy_filters(&objects), 4);
}

#[test]
fn a_list_in_another_order_gets_its_own_envoy_filter() {
    let objects = check(
        "",
        &[
            ("one", "['a', 'b']", &[ISTIO, "a", "b"]),
            ("two", "['b', 'a']", &[ISTIO, "b", "a"]),
            ("three", "['b', 'a']", &[ISTIO, "b", "a"]),
        ],
    );
    assert_eq!(envoy_filters(&objects), 3);
}

#[test]
fn three_lists_whose_orders_form_a_cycle_keep_them() {
    let objects = check(
        "output.layout = 'component'",
        &[
            ("one", "['a', 'b']", &[ISTIO, "a", "b"]),
            ("two", "['b', 'c']", &[ISTIO, "b", "c"]),
            ("three", "['c', 'a']", &[ISTIO, "c", "a"]),
        ],
    );
    assert_eq!(envoy_filters(&objects), 4);
}

#[test]
fn longer_lists_keep_their_orders() {
    check(
        "",
        &[
            ("one", "['a', 'b', 'c', 'd']", &[ISTIO, "a", "b", "c", "d"]),
            ("two", "['d', 'c', 'b', 'a']", &[ISTIO, "d", "c", "b", "a"]),
            ("three", "['b', 'd', 'a', 'c']", &[ISTIO, "b", "d", "a", "c"]),
            ("four", "['c']", &[ISTIO, "c"]),
        ],
    );
}

#[test]
fn insert_first_is_before_the_filters_of_istio() {
    check(
        "",
        &[
            ("one", "[{ filter = 'b', insert = 'first' }, 'a']", &["b", ISTIO, "a"]),
            (
                "two",
                "[{ filter = 'd', insert = 'first' }, { filter = 'c', insert = 'first' }, 'b', 'a']",
                &["d", "c", ISTIO, "b", "a"],
            ),
            ("three", "['a', 'b', 'c', 'd']", &[ISTIO, "a", "b", "c", "d"]),
            ("four", "[{ filter = 'a', insert = 'first' }]", &["a", ISTIO]),
        ],
    );
}

#[test]
fn per_workload_envoy_filters_keep_the_order_with_and_without_the_gate() {
    for gate in ["pod-label", "none"] {
        let objects = check(
            &format!("output.envoy-filters = 'per-workload'\nrollout.gate = '{gate}'"),
            &[
                ("one", "['b', 'a']", &[ISTIO, "b", "a"]),
                ("two", "[{ filter = 'c', insert = 'first' }, 'a', 'b']", &["c", ISTIO, "a", "b"]),
            ],
        );
        assert_eq!(envoy_filters(&objects), 5, "{gate}");
    }
}
