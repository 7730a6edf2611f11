//! Filters run in the order of each workload's list, whatever the other workloads of the namespace do.
//!
//! Every filter adds its name to one header. A request's filters run in the chain's order, a response's the other way round.

use std::fmt::Write as _;

use crate::mesh::chain::{CHAIN_HEADER, ISTIO};
use crate::mesh::project::rendered;
use crate::mesh::rendered::Objects;
use crate::mesh::sidecar::Sidecar;

/// A workload, its list as mesh.toml has it, and the chain that must come of it.
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

/// Renders the workloads, and sends a request through each.
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

/// How many EnvoyFilters there are.
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
fn a_list_that_contradicts_the_others_gets_an_envoy_filter_of_its_own() {
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
fn three_lists_in_a_cycle_keep_their_orders() {
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
fn longer_lists_are_shuffled() {
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
fn the_head_of_the_chain_is_before_istios_own_filters() {
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
fn per_workload_envoy_filters_keep_the_order_with_the_gate_and_without() {
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
