//! What a plan shares between its objects.

use std::sync::Arc;

use super::*;
use crate::world::Memory;

/// However many filters, workloads, ConfigMaps and copies of the file: one [`module::Module`] per content, and one without its
/// debug sections.
#[test]
fn config_maps_share_the_modules() {
    let text = "filters.a = { module = 'it.wasm', slim = true }\nfilters.b = { module = 'it.wasm', slim = true }\n\
        filters.c.module = 'it.wasm'\nfilters.d.module = 'copy.wasm'\n\
        workloads.one = { namespace = 'n', selector.app = 'one', filters = ['a', 'b', 'c', 'd'] }\n\
        workloads.two = { namespace = 'm', selector.app = 'two', filters = ['a', 'b', 'c', 'd'] }\n\
        workloads.three = { namespace = 'm', selector.app = 'three', filters = ['a', 'd'] }\n";
    let module = "(module (func $named (export \"proxy_abi_version_0_2_1\")) (memory (export \"memory\") 1)
        (func (export \"malloc\") (param i32) (result i32) i32.const 0)
        (func (export \"proxy_on_log\") (param i32)))";
    let module = wat::parse_str(module).unwrap();
    let world = Memory::new().file("mesh.toml", text).file("it.wasm", module.clone()).file("copy.wasm", module);
    let mut sink = Sink::new();
    let spec = crate::spec::load(&world, "mesh.toml".into(), &[], &mut sink).unwrap().into_only();
    let loaded = crate::base::Loaded::default();
    let resolved = crate::resolve::resolve(&world, &spec, "out".into(), &loaded, &mut sink);
    let plan = plan(&spec, &resolved.mesh, &resolved.templates, &mut sink);
    assert_eq!(sink.errors(), 0);
    let (first, others) = plan.config_maps.split_first().unwrap();
    assert_eq!(others.len(), 7, "four filters in two namespaces");
    assert!(others.iter().all(|map| Arc::ptr_eq(&map.original, &first.original)));
    let (whole, slim): (Vec<_>, Vec<_>) =
        plan.config_maps.iter().partition(|map| Arc::ptr_eq(&map.module, &map.original));
    assert_eq!((whole.len(), slim.len()), (4, 4));
    assert!(slim.iter().all(|map| Arc::ptr_eq(&map.module, &slim[0].module)));
    assert!(slim[0].module.bytes.len() < first.original.bytes.len());
}
