//! Bindings: what three lines render is what a table for each workload would, in whatever order the file lists things.

use std::cell::Cell;
use std::collections::BTreeMap;
use std::fmt::Write as _;

use mesh_compile::diag::Sink;
use mesh_compile::world::{Memory, World as _};
use mesh_compile::{Input, compile};
use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};

use crate::project::module;

const FILTERS: &str = "[filters]\na.module = 'a.wasm'\nb.module = 'b.wasm'\nc.module = 'c.wasm'\nd.module = 'd.wasm'\n";

/// The rendered files by their path, and the codes of all diagnostics.
fn render(spec: &str, base: &str) -> (BTreeMap<String, Vec<u8>>, Vec<&'static str>) {
    let mut world = Memory::new().file("mesh.toml", spec).file("base.yaml", base);
    for (tag, name) in ["a.wasm", "b.wasm", "c.wasm", "d.wasm"].into_iter().enumerate() {
        world = world.file(name, module(u8::try_from(tag).expect("a small number")));
    }
    let mut sink = Sink::new();
    let input = Input { file: "mesh.toml".into(), environments: &[], base: None };
    let compiled = compile(&world, &input, &mut sink);
    let codes = sink.into_sorted(world.sources()).iter().map(|found| found.code.as_str()).collect();
    let files = compiled.into_iter().flatten().flat_map(|one| one.tree.files);
    (files.map(|file| (file.path, file.bytes)).collect(), codes)
}

fn deployment(name: &str, namespace: &str) -> String {
    format!(
        "---\napiVersion: apps/v1\nkind: Deployment\nmetadata: {{name: {name}, namespace: {namespace}}}\nspec:\n  \
         selector: {{matchLabels: {{app: {name}}}}}\n  template:\n    metadata: {{labels: {{app: {name}}}}}\n    \
         spec: {{containers: [{{name: app, image: app}}]}}\n"
    )
}

#[test]
fn three_lines_render_what_two_thousand_tables_do() {
    let names: Vec<(String, String)> =
        (0..2_000).map(|number| (format!("service-{number:04}"), format!("team-{}", number % 25))).collect();
    let base: String = names.iter().map(|(name, namespace)| deployment(name, namespace)).collect();
    let start = format!("[mesh]\nbase = 'base.yaml'\n{FILTERS}\n");
    let binding = format!("{start}[[bindings]]\nfilters = ['a', 'b']\nworkloads = ['service-*']\n");
    let mut tables = start;
    for (name, namespace) in &names {
        let _ = write!(tables, "[workloads.{name}]\nnamespace = '{namespace}'\nfilters = ['a', 'b']\n");
    }
    let (bound, codes) = render(&binding, &base);
    assert!(codes.iter().all(|code| *code == "MC0112"), "{codes:?}");
    let (listed, _) = render(&tables, &base);
    assert_eq!(bound.keys().collect::<Vec<_>>(), listed.keys().collect::<Vec<_>>());
    let differing: Vec<_> =
        bound.iter().filter(|(path, bytes)| listed[*path] != **bytes).map(|(path, _)| path).collect();
    assert!(differing.is_empty(), "{differing:?} differ");
    assert_eq!(bound.keys().filter(|path| path.starts_with("patches/")).count(), 2_000);
    assert_eq!(bound.keys().filter(|path| path.starts_with("envoyfilters/")).count(), 2 * 25);
}

/// A binding: its filters, its patterns, and its order.
fn binding() -> impl Strategy<Value = (Vec<&'static str>, Vec<&'static str>)> {
    let filters = proptest::sample::subsequence(vec!["a", "b", "c", "d"], 1..=3).prop_shuffle();
    let patterns = vec!["*", "web-*", "api-?", "web-1", "!web-2", "{web,api}-1"];
    (filters, proptest::sample::subsequence(patterns, 1..=3))
}

/// A table of a workload: its own filters and whether it takes those of bindings.
fn table() -> impl Strategy<Value = String> {
    let filters = proptest::sample::subsequence(vec!["a", "b", "c", "d"], 0..=2).prop_shuffle();
    let bindings = proptest::sample::select(vec!["", "bindings = false\n", "bindings = ['!a']\n", "bindings = true\n"]);
    (filters, bindings).prop_map(|(filters, bindings)| {
        if filters.is_empty() { bindings.to_owned() } else { format!("filters = {filters:?}\n{bindings}") }
    })
}

#[test]
fn the_order_of_tables_and_of_bindings_in_the_file_does_not_matter() {
    let base: String = ["web-1", "web-2", "web-3", "api-1", "api-2"].map(|name| deployment(name, "shop")).concat();
    let tables = proptest::collection::vec(table(), 3);
    let bindings = proptest::collection::vec(binding(), 1..5);
    let orders = Just((0..5_i64).map(|order| 7 * order - 9).collect::<Vec<_>>()).prop_shuffle();
    let case = (tables, bindings, orders).prop_flat_map(|(tables, bindings, orders)| {
        let tables = tables.into_iter().zip(["web-1", "web-2", "api-1"]);
        let tables = tables.map(|(body, name)| format!("[workloads.{name}]\n{body}\n"));
        let bindings = bindings.into_iter().zip(orders).map(|((filters, patterns), order)| {
            format!("[[bindings]]\nfilters = {filters:?}\nworkloads = {patterns:?}\norder = {order}\n\n")
        });
        let parts: Vec<String> = tables.chain(bindings).collect();
        (Just(parts.clone()), Just(parts).prop_shuffle())
    });
    let rendered = Cell::new(0);
    let mut runner = TestRunner::new(Config { cases: 200, failure_persistence: None, ..Config::default() });
    runner
        .run(&case, |(first, second)| {
            let file = |parts: &[String]| format!("[mesh]\nbase = 'base.yaml'\n{FILTERS}\n{}", parts.concat());
            let (files, mut codes) = render(&file(&first), &base);
            let (others, mut of_others) = render(&file(&second), &base);
            codes.sort_unstable();
            of_others.sort_unstable();
            prop_assert_eq!(codes, of_others);
            prop_assert!(files == others);
            rendered.set(rendered.get() + usize::from(!files.is_empty()));
            Ok(())
        })
        .unwrap();
    // Many cases have a pattern that matches nothing; enough of them must render for the comparison to mean anything.
    let rendered = rendered.get();
    assert!(rendered > 20, "only {rendered} of 200 cases render");
}
