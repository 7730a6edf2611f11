//! From the Spec to the Mesh: names final, defaults filled in, every cross-reference checked. All that is wrong is reported in
//! one run.

mod capabilities;
mod config_maps;
mod envoy_filters;
mod filters;
mod gate;
mod limits;
pub(crate) mod mesh;
mod modules;
mod order;
mod settings;
mod template;
mod traffic;
mod volumes;
mod workloads;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use camino::Utf8PathBuf;

use crate::diag::{Code, Diagnostic, Sink};
use crate::domain::Direction;
use crate::spec::{Place, Spec};
use crate::traffic::{Proxies, Suite};
use crate::world::World;
use mesh::{Mesh, Mount};
use template::{MeshVars, Templates};

/// All that the spec says.
#[derive(Debug)]
pub(crate) struct Resolved {
    pub(crate) mesh: Mesh,
    /// `out/`, from the current folder.
    pub(crate) out: Utf8PathBuf,
    /// The tests of each workload, in the workloads' order.
    pub(crate) suites: Vec<Suite>,
    pub(crate) proxies: Proxies,
}

/// Resolves the spec. The result is to be rendered only while `sink` holds no errors.
pub(crate) fn resolve(world: &dyn World, spec: &Spec, sink: &mut Sink) -> Resolved {
    let settings = settings::resolve(world, spec, sink);
    let modules = modules::read(world, spec, &settings, sink);
    let vars = MeshVars {
        namespace: settings.namespace.as_ref().map_or_else(String::new, ToString::to_string),
        istio: settings.istio.to_string(),
        provider: spec.mesh.provider.as_str().to_owned(),
    };
    let templates = Templates::new(&spec.document, &spec.vars, vars);
    let filters = filters::resolve(world, spec, &settings, &modules, &templates, sink);
    let workloads = workloads::resolve(world, spec, &settings, &filters, &templates, sink);
    unused(spec, sink);
    let suites = traffic::resolve(spec, &workloads, sink);
    let config_maps = config_maps::resolve(spec, &workloads, &templates, sink);
    let (envoy_filters, gates) = envoy_filters::resolve(spec, &settings, &workloads, &templates, sink);

    let patched = workloads.into_iter().zip(gates).map(|(workload, gate)| {
        // By name: the order of the list is the EnvoyFilters' business, and a change of it must not roll the pods.
        let names: BTreeSet<&str> = workload.uses.iter().map(|one| one.filter.name).collect();
        let mounted = names.into_iter().filter_map(|name| config_maps.get(&(workload.namespace.clone(), name)));
        let gateway = workload.uses.iter().any(|one| one.direction == Direction::Gateway);
        mesh::Workload {
            kind: workload.written.kind,
            gate,
            mount: Mount {
                by: workload.mount,
                own_container: gateway,
                path: workload.mount_path,
                volume: workload.volume,
                config_maps: mounted.map(|config_map| config_map.name.clone()).collect(),
            },
            wasm_log_level: workload.written.wasm_log_level,
            volumes: workload.written.volumes.clone(),
            volume_mounts: workload.written.volume_mounts.clone(),
            name: workload.name,
            namespace: workload.namespace,
            patch_namespace: workload.patch_namespace,
        }
    });
    let workloads = patched.collect();
    let mesh = Mesh {
        spec: spec.document.file_name().to_owned(),
        layout: settings.layout,
        labels: settings.labels,
        proxy_version: spec.mesh.proxy_version.clone(),
        modules: locked(spec, &modules),
        config_maps: config_maps.into_values().collect(),
        workloads,
        envoy_filters,
    };
    let proxies = Proxies {
        envoy: settings.istio.envoy_minor(),
        istio: settings.istio.to_string(),
        root_namespace: settings.root_namespace.as_ref().map_or_else(String::new, ToString::to_string),
    };
    Resolved { mesh, out: spec.document.folder().join(settings.out), suites, proxies }
}

/// The modules by the path that mesh.toml writes, for the lock.
fn locked(spec: &Spec, modules: &BTreeMap<&str, modules::Embedded>) -> BTreeMap<Utf8PathBuf, mesh::Module> {
    let mut locked = BTreeMap::new();
    for (name, embedded) in modules {
        let Some(filter) = spec.filters.get(*name) else { continue };
        let original = Arc::clone(&embedded.original);
        let entry = locked.entry(Utf8PathBuf::from(&filter.module)).or_insert(mesh::Module { original, slim: None });
        if filter.slim {
            entry.slim = Some(Arc::clone(&embedded.module));
        }
    }
    locked
}

fn unused(spec: &Spec, sink: &mut Sink) {
    use crate::spec::types::Use;
    let name = |one: &'_ Use| match one {
        Use::Plain(name) => name.clone(),
        Use::With(with) => with.filter.clone(),
    };
    let used: BTreeSet<String> =
        spec.workloads.values().flat_map(|workload| workload.filters.iter().map(name)).collect();
    if spec.workloads.is_empty() && !spec.refused_workloads {
        sink.push(
            Diagnostic::error(Code::MC0109, "there are no workloads, so there is nothing to render")
                .at(spec.document.whole())
                .help("add a `[workloads.NAME]` with the list of its `filters`"),
        );
        return;
    }
    // A workload that was refused may use any filter, and a name that is none may be a misspelt one.
    let is_declared = |name: &String| spec.filters.contains_key(name) || spec.refused_filters.contains(name);
    if spec.refused_workloads || !used.iter().all(is_declared) {
        return;
    }
    for name in spec.filters.keys().filter(|name| !used.contains(*name)) {
        let place = Place::default().key("filters").key(name);
        sink.push(
            Diagnostic::warning(Code::MC0112, format!("no workload uses the filter `{name}`"))
                .at(spec.document.key(&place))
                .note("nothing is written for it"),
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// However many filters, workloads and ConfigMaps: one [`crate::module::Module`] a file, and one without its debug sections.
    #[test]
    fn a_module_is_read_once() {
        let text = "filters.a = { module = 'it.wasm', slim = true }\nfilters.b = { module = 'it.wasm', slim = true }\n\
            filters.c.module = 'it.wasm'\nfilters.d.module = 'it.wasm'\n\
            workloads.one = { namespace = 'n', selector.app = 'one', filters = ['a', 'b', 'c', 'd'] }\n\
            workloads.two = { namespace = 'm', selector.app = 'two', filters = ['a', 'b', 'c', 'd'] }\n\
            workloads.three = { namespace = 'm', selector.app = 'three', filters = ['a', 'd'] }\n";
        let module = "(module (func $named (export \"proxy_abi_version_0_2_1\")) (memory (export \"memory\") 1)
            (func (export \"malloc\") (param i32) (result i32) i32.const 0)
            (func (export \"proxy_on_log\") (param i32)))";
        let module = wat::parse_str(module).expect("a module");
        let world = crate::world::Memory::new().file("mesh.toml", text).file("it.wasm", module);
        let mut sink = Sink::new();
        let spec = crate::spec::load(&world, "mesh.toml".into(), &mut sink).expect("a spec");
        let Resolved { mesh, .. } = resolve(&world, &spec, &mut sink);
        assert_eq!(sink.errors(), 0);
        let (first, maps) = mesh.config_maps.split_first().expect("ConfigMaps");
        assert_eq!(maps.len(), 7, "four filters in two namespaces");
        assert!(maps.iter().all(|map| Arc::ptr_eq(&map.original, &first.original)));
        let (whole, slim): (Vec<_>, Vec<_>) =
            mesh.config_maps.iter().partition(|map| Arc::ptr_eq(&map.module, &map.original));
        assert_eq!((whole.len(), slim.len()), (4, 4));
        assert!(slim.iter().all(|map| Arc::ptr_eq(&map.module, &slim[0].module)));
        assert!(slim[0].module.bytes.len() < first.original.bytes.len());
    }
}
