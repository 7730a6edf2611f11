//! Which objects there are, how they are named, whom they select and in which order they apply.
//!
//! Planning can fail: two names can collide once the templates of `[names]` are rendered, and the objects have limits of their
//! own. Rendering the plan cannot fail.

mod config_maps;
mod envoy_filters;
mod gate;
mod names;
mod options;
mod order;
mod parameters;
mod plugin;
#[cfg(test)]
mod tests;
mod volumes;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use mesh_compile_module as module;

use crate::diag::{Location, Sink};
use crate::domain::{
    Digest, Direction, FilterType, Insert, LabelKey, LabelValue, LoadFailure, Namespace, ObjectName, OnFailure, Runtime,
};
use crate::resolve::clusters::Host;
use crate::resolve::mesh::{Attachment, Mesh, Source, Workload};
use crate::resolve::template::Templates;
use crate::spec::{Names, Spec};
pub(crate) use gate::label as gate_label;
use names::UsedNames;
use options::Options;

/// All objects of a mesh.
#[derive(Debug)]
pub(crate) struct Plan<'a> {
    pub(crate) config_maps: Vec<ConfigMap>,
    pub(crate) envoy_filters: Vec<EnvoyFilter>,
    /// In the order of the workloads.
    pub(crate) patches: Vec<Patch<'a>>,
}

/// Labels of pods.
pub(crate) type Labels = BTreeMap<LabelKey, LabelValue>;

/// A module in a namespace.
#[derive(Debug)]
pub(crate) struct ConfigMap {
    pub(crate) namespace: Namespace,
    pub(crate) name: ObjectName,
    /// The key under `binaryData`, and so the file name below the mount path.
    pub(crate) key: String,
    pub(crate) module: Arc<module::Module>,
    /// The file that the module was made from.
    pub(crate) original: Arc<module::Module>,
    pub(crate) immutable: bool,
}

/// The patch of a workload.
#[derive(Debug)]
pub(crate) struct Patch<'a> {
    pub(crate) workload: &'a Workload,
    /// The gate's labels on the pod template.
    pub(crate) gate: Labels,
    /// The ConfigMaps to mount, by the name of the filter.
    pub(crate) config_maps: Vec<ObjectName>,
    /// The modules that are in no ConfigMap, by the name of the filter.
    pub(crate) volumes: Vec<ModuleVolume<'a>>,
    /// The Secrets with the credentials of the images' registries, sorted.
    pub(crate) pull_secrets: Vec<&'a ObjectName>,
    pub(crate) annotations: Form,
    /// The digest of the modules in ConfigMaps whose names stay the same.
    pub(crate) modules: Option<Digest>,
    /// The ConfigMap with the parameters, for a Gateway.
    pub(crate) parameters: Option<ObjectName>,
}

/// A volume with one module, and its mount.
#[derive(Debug)]
pub(crate) struct ModuleVolume<'a> {
    pub(crate) name: String,
    pub(crate) mount_path: String,
    pub(crate) source: &'a Source,
}

/// The form of the injector's annotations and of the mounts in them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Form {
    /// A list of entries, whose mount can be written to: what people write by hand.
    List,
    /// A map of the entries by their names, and a mount that is read-only.
    Map,
}

/// A filter in the chain of the pods that it selects.
#[derive(Debug)]
pub(crate) struct EnvoyFilter {
    pub(crate) namespace: Namespace,
    pub(crate) name: ObjectName,
    /// Whether it is for all workloads of the namespace that use the filter as declared.
    pub(crate) is_shared: bool,
    pub(crate) target: Target,
    /// Ascending in the order in which a request passes the filters, except for `insert = "first"`: the last one applied becomes
    /// the first.
    pub(crate) priority: i32,
    pub(crate) direction: Direction,
    pub(crate) port: Option<u16>,
    pub(crate) insert: Insert,
    pub(crate) plugin: Plugin,
    /// Where mesh.toml sets its configuration, or uses it.
    pub(crate) location: Location,
}

/// The pods that an EnvoyFilter applies to.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Target {
    /// Those that have all of these labels, of which there is at least one.
    Labels(Labels),
    /// Those of the waypoint with this name. istiod ignores selectors for them.
    Waypoint(ObjectName),
}

/// Envoy's configuration of a plugin (`envoy.extensions.wasm.v3.PluginConfig`).
#[derive(Debug, Clone)]
pub(crate) struct Plugin {
    pub(crate) filter_type: FilterType,
    /// The name of the filter in the chain.
    pub(crate) chain_name: String,
    pub(crate) name: String,
    pub(crate) root_id: Option<String>,
    pub(crate) configuration: Option<String>,
    pub(crate) vm_id: String,
    pub(crate) vm_configuration: Option<String>,
    pub(crate) runtime: Runtime,
    pub(crate) allow_precompiled: Option<bool>,
    /// The path of the module in the proxy.
    pub(crate) filename: String,
    pub(crate) env: BTreeMap<String, String>,
    pub(crate) env_from_host: Vec<String>,
    pub(crate) capabilities: Option<Capabilities>,
    pub(crate) on_failure: Option<FailureField>,
    pub(crate) load_failure: LoadFailure,
    pub(crate) stop_iteration: Option<StopIteration>,
    /// The hosts that it calls, by the names of their clusters.
    pub(crate) hosts: BTreeMap<String, Host>,
    /// The hosts of the mesh's services that it calls.
    pub(crate) services: BTreeSet<String>,
}

/// The host functions that the module may call, and the callbacks that Envoy calls.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Capabilities {
    pub(crate) allowed: BTreeSet<String>,
    /// Whether they are in `vm_config`, as of Envoy 1.40, or in the plugin's configuration.
    pub(crate) in_vm_config: bool,
}

/// `on-failure` in the form that the mesh's Istio supports.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum FailureField {
    /// `failure_policy`, as of Istio 1.25.
    Policy(OnFailure),
    /// `fail_open`, its predecessor.
    FailOpen(bool),
}

/// `stop-iteration` in the form that the mesh's Istio supports.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct StopIteration {
    pub(crate) allowed: bool,
    /// istiod drops the field from a typed message but passes a TypedStruct on unchanged.
    pub(crate) typed_struct: bool,
}

/// What planning needs.
struct Context<'a> {
    mesh: &'a Mesh,
    names: &'a Names,
    templates: &'a Templates<'a>,
    options: Options,
    /// The name of each plugin in the filter chain, in the order of the plugins.
    chain_names: Vec<String>,
}

/// Plans the objects of a mesh. Names that are not valid or collide, and values over a limit, are reported; the plan must be
/// rendered only if `sink` has no errors.
pub(crate) fn plan<'a>(spec: &'a Spec, mesh: &'a Mesh, templates: &'a Templates<'a>, sink: &mut Sink) -> Plan<'a> {
    let options = options::resolve(spec, mesh, sink);
    let chain_names = names::chain_names(mesh, &spec.names, templates, sink);
    let context = Context { mesh, names: &spec.names, templates, options, chain_names };
    let mut used = UsedNames::new("ConfigMap");
    let config_maps = config_maps::plan(&context, &mut used, sink);
    let parameters = parameters::plan(&context, &mut used, sink);
    let (envoy_filters, gates) = envoy_filters::plan(&context, sink);
    let patch = |(((workload, attachments), gate), parameters): (((&'a Workload, &[Attachment]), Labels), _)| Patch {
        workload,
        gate,
        config_maps: config_maps::mounted(&config_maps, workload, attachments),
        volumes: volumes::mounted(mesh, workload, attachments),
        pull_secrets: volumes::pull_secrets(mesh, attachments),
        annotations: if options.has_gate { Form::Map } else { Form::List },
        modules: if options.has_gate && !options.hashed_names { config_maps::digest(mesh, attachments) } else { None },
        parameters,
    };
    let workloads = mesh.workloads.iter().zip(mesh.attachments_by_workload());
    let patches = workloads.zip(gates).zip(parameters).map(patch).collect();
    Plan { config_maps: config_maps.into_values().collect(), envoy_filters, patches }
}
