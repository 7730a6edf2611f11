//! What `load` reads, and the locations of values.

mod overlay;

use super::*;
use crate::world::{Memory, World as _};

/// The spec, the codes of the diagnostics, and the world.
fn load_text(text: &str) -> (Spec, Vec<Code>, Memory) {
    let world = Memory::new().file("mesh.toml", text);
    let mut sink = Sink::new();
    let spec = load(&world, "mesh.toml".into(), &[], &mut sink).unwrap().into_only();
    let codes = sink.into_sorted(world.sources()).iter().map(|diagnostic| diagnostic.code).collect();
    (spec, codes, world)
}

#[test]
fn a_value_has_a_location_and_so_has_its_key() {
    let text = "[filters.a]\nmodule = 'a.wasm'\nconfig = { list = [1, { deep = '漢' }] }\n\
        [workloads.\"w.1\"]\nselector.app = 'w'\nfilters = ['a', { filter = 'b', port = 80 }]\n";
    let (spec, codes, world) = load_text(text);
    assert!(codes.is_empty(), "{codes:?}");
    let written = |location: Location| world.sources().get(location.file).text[location.bytes()].to_owned();
    let both = |at: Location, key: Location| (written(at), written(key));

    let filter = &spec.filters["a"];
    assert_eq!(both(filter.location(), filter.key_location()), ("[filters.a]".into(), "a".into()));
    let module = filter.module.as_ref().unwrap();
    assert_eq!(both(module.location(), module.key_location()), ("'a.wasm'".into(), "module".into()));
    let Value::Array(list) = &**filter.config.as_ref().unwrap().get("list").unwrap() else { panic!("{filter:?}") };
    assert_eq!(both(list[0].location(), list[0].key_location()), ("1".into(), "1".into()));
    let Value::Table(table) = &*list[1] else { panic!("{list:?}") };
    assert_eq!(both(table["deep"].location(), table["deep"].key_location()), ("'漢'".into(), "deep".into()));

    let workload = &spec.workloads["w.1"];
    assert_eq!(written(workload.key_location()), "\"w.1\"");
    let selector = workload.selector.as_ref().unwrap();
    assert_eq!(both(selector["app"].location(), selector["app"].key_location()), ("'w'".into(), "app".into()));
    let [plain, with] = workload.filters() else { panic!("{workload:?}") };
    assert_eq!((written(plain.filter_at()), written(with.filter_at())), ("'a'".into(), "'b'".into()));
    let port = with.settings().unwrap().port.as_ref().unwrap();
    assert_eq!((**port, both(port.location(), port.key_location())), (80, ("80".into(), "port".into())));
}

#[test]
fn a_part_of_a_string_is_found_unless_it_has_escapes() {
    let (spec, _, world) = load_text("[mesh]\nnamespace = \"ab{{ c }}\"\nistio = \"a\\u0062{{ c }}\"\n");
    let part = |text: &Spanned<String>| {
        let location = text.part(world.sources(), text, &(5..6));
        world.sources().get(location.file).text[location.bytes()].to_owned()
    };
    assert_eq!(part(spec.mesh.namespace.as_ref().unwrap()), "c");
    assert_eq!(part(spec.mesh.istio.as_ref().unwrap()), "\"a\\u0062{{ c }}\"");
}

#[test]
fn a_syntax_error_hides_only_its_own_table() {
    let text = "[mesh]\nistio = \n[filters.a]\nmodule = oops\n[filters.b]\nmodule = 'b.wasm'\n\
        [workloads.w]\nfilters = ['a', 'b']\n";
    let (spec, codes, _) = load_text(text);
    assert_eq!(codes, [Code::MC0101, Code::MC0101]);
    assert!(spec.unread.any && spec.unread.mesh && !spec.unread.output && !spec.unread.workloads);
    assert_eq!(spec.unread.filters, BTreeSet::from(["a".to_owned()]));
    assert_eq!(spec.filters.keys().collect::<Vec<_>>(), ["b"]);
    assert_eq!(spec.workloads["w"].filters().len(), 2);
}

#[test]
fn a_wrong_value_hides_only_its_own_key() {
    let (spec, codes, _) = load_text("[mesh]\nistio = 1.28\nnamespace = 'shop'\n[vars]\na = 2026-01-01\nb = 'x'\n");
    assert_eq!(codes, [Code::MC0103, Code::MC0116]);
    assert_eq!(spec.mesh.namespace.as_ref().unwrap().as_str(), "shop");
    assert!(spec.mesh.istio.is_none() && !spec.unread.any);
    assert_eq!(spec.vars.len(), 2, "a template that uses `a` is not wrong itself");
}
