//! The resolved mesh: every default filled in, every cross-reference checked. It knows no target: a backend turns it into objects.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use camino::Utf8PathBuf;
use mesh_compile_module as module;
use serde_json::{Map, Value, json};

use super::clusters::Host;
use super::modules::DeliveredModule;
pub(crate) use crate::base::Layout;
use crate::base::gateways::Parameters;
use crate::diag::Location;
use crate::domain::{
    Digest, Direction, FilterName, FilterType, ImageName, Insert, Istio, Kind, LabelKey, LabelValue, LoadFailure,
    MountBy, Namespace, ObjectName, OnFailure, PullPolicy, Runtime, Vm, names,
};
use crate::spec::Spanned;

/// Workloads, plugins, and which workload runs which plugin.
#[derive(Debug)]
pub(crate) struct Mesh {
    /// The file name of mesh.toml, for the first line of every file.
    pub(crate) spec: String,
    /// The path of mesh.toml from `out/`, unless it is in the directory above it.
    pub(crate) spec_path: Option<String>,
    pub(crate) layout: Layout,
    /// Whether the command line names the base, which mesh.lock records.
    pub(crate) base_is_given: bool,
    /// Labels on every object that is not a patch.
    pub(crate) labels: BTreeMap<LabelKey, LabelValue>,
    /// The oldest version of any proxy.
    pub(crate) istio: Istio,
    /// Istio's root namespace. `None` if an error was reported.
    pub(crate) root_namespace: Option<Namespace>,
    /// An expression on the Istio version of the proxies to configure.
    pub(crate) proxy_version: Option<String>,
    /// The modules, by their path in mesh.toml.
    pub(crate) modules: BTreeMap<Utf8PathBuf, Module>,
    /// By name.
    pub(crate) plugins: Vec<Plugin>,
    /// By the name of their tables in mesh.toml.
    pub(crate) workloads: Vec<Workload>,
    /// By workload, then in the order in which a request passes them.
    pub(crate) attachments: Vec<Attachment>,
}

/// The file of a module, and the slimmed module if any filter embeds that.
#[derive(Debug)]
pub(crate) struct Module {
    pub(crate) original: Arc<module::Module>,
    pub(crate) slim: Option<Arc<module::Module>>,
}

/// A filter as declared: a module and how Envoy loads it.
#[derive(Debug)]
pub(crate) struct Plugin {
    pub(crate) name: FilterName,
    pub(crate) module: PluginModule,
    pub(crate) source: Source,
    pub(crate) filter_type: FilterType,
    pub(crate) root_id: Option<String>,
    pub(crate) vm_id: String,
    pub(crate) vm: Vm,
    pub(crate) vm_configuration: Option<String>,
    pub(crate) runtime: Runtime,
    pub(crate) allow_precompiled: Option<bool>,
    pub(crate) env_from_host: Vec<String>,
    /// `None`: no restriction.
    pub(crate) capabilities: Option<BTreeSet<String>>,
    /// Supported by the mesh's Istio.
    pub(crate) on_failure: Option<OnFailure>,
    pub(crate) load_failure: LoadFailure,
    /// Supported by the mesh's Istio.
    pub(crate) stop_iteration: Option<bool>,
    /// The name of its table in mesh.toml.
    pub(crate) location: Location,
}

/// The module of a plugin.
#[derive(Debug)]
pub(crate) enum PluginModule {
    File(DeliveredModule),
    /// A volume has it, and mesh.toml only its digest.
    Unseen(Digest),
}

impl PluginModule {
    /// The digest of what is delivered.
    pub(crate) fn digest(&self) -> Digest {
        match self {
            Self::File(delivered) => delivered.module.digest,
            Self::Unseen(digest) => *digest,
        }
    }

    pub(crate) const fn file(&self) -> Option<&DeliveredModule> {
        match self {
            Self::File(delivered) => Some(delivered),
            Self::Unseen(_) => None,
        }
    }
}

/// Where the proxies get a module from.
#[derive(Debug)]
pub(crate) enum Source {
    ConfigMap,
    Image(Image),
    Volume(UserVolume),
}

/// A module's image.
#[derive(Debug)]
pub(crate) struct Image {
    pub(crate) name: ImageName,
    /// The digest of its manifest: `sha256:…`.
    pub(crate) digest: String,
    pub(crate) pull_policy: Option<PullPolicy>,
    /// The Secrets with the registry's credentials.
    pub(crate) pull_secrets: Vec<ObjectName>,
}

impl Image {
    pub(crate) fn reference(&self) -> String {
        self.name.at(&self.digest)
    }
}

/// A volume of the user's that has a module.
#[derive(Debug)]
pub(crate) struct UserVolume {
    /// `None`: a name is derived.
    pub(crate) name: Option<String>,
    /// The fields of the volume but its name. Empty: the pods have the volume already.
    pub(crate) source: Map<String, Value>,
    /// The path of the module in the volume, without a slash at its start.
    pub(crate) path: String,
    /// Where mesh.toml sets it.
    pub(crate) location: Location,
}

/// A workload and how modules are mounted into its proxies.
#[derive(Debug)]
pub(crate) struct Workload {
    pub(crate) kind: Kind,
    pub(crate) name: ObjectName,
    pub(crate) namespace: Namespace,
    /// The namespace in the patch's metadata.
    pub(crate) patch_namespace: Option<Namespace>,
    /// Labels of its pods that no other pod has. May be empty.
    pub(crate) selector: BTreeMap<LabelKey, LabelValue>,
    /// Whether mesh.toml sets any label in the selector, valid or not.
    pub(crate) has_selector: bool,
    pub(crate) mount: Mount,
    /// `None` unless it is a Gateway of the Gateway API.
    pub(crate) gateway: Option<Gateway>,
    /// The prefixes of the proxy's statistics, with those of the filters.
    pub(crate) stats: Option<String>,
    /// The log levels of the proxy, with the level of the filters.
    pub(crate) log: Option<ProxyLog>,
    /// The user's own volumes of mesh.toml and of the base, which the patch would replace, in Kubernetes' form.
    pub(crate) volumes: Vec<Map<String, Value>>,
    /// The user's own mounts of mesh.toml and of the base, in Kubernetes' form.
    pub(crate) volume_mounts: Vec<Map<String, Value>>,
    /// The name of its table in mesh.toml.
    pub(crate) location: Location,
    /// Where mesh.toml sets its selector, or should.
    pub(crate) selector_location: Location,
}

/// A Gateway whose pods istiod creates.
#[derive(Debug)]
pub(crate) struct Gateway {
    pub(crate) is_waypoint: bool,
    /// What the base sets, and ours must repeat.
    pub(crate) parameters: Option<Parameters>,
}

/// The log levels of a proxy.
#[derive(Debug)]
pub(crate) struct ProxyLog {
    /// The annotation of the pod that sets them, or of a Gateway itself.
    pub(crate) annotation: &'static str,
    pub(crate) value: String,
}

/// How modules are mounted into a proxy.
#[derive(Debug)]
pub(crate) struct Mount {
    pub(crate) by: MountBy,
    /// Whether the pod template declares the `istio-proxy` container. Otherwise the patch adds it, and the injector completes it.
    pub(crate) own_container: bool,
    /// Without a slash at the end.
    pub(crate) path: String,
    pub(crate) volume: String,
}

impl Mount {
    /// Where the directory with the plugin's module is mounted. A module that is in no ConfigMap has a mount of its own beside the
    /// others': below a read-only mount, none can be created.
    pub(crate) fn dir_of(&self, plugin: &Plugin) -> String {
        match plugin.source {
            Source::ConfigMap => self.path.clone(),
            Source::Image(_) | Source::Volume(_) => format!("{}-{}", self.path, plugin.name),
        }
    }

    /// The path of the plugin's module in the proxy. It does not depend on the module's own file, so that a new module never moves
    /// the path that a running pod uses.
    pub(crate) fn file_of(&self, plugin: &Plugin) -> String {
        let dir = self.dir_of(plugin);
        match &plugin.source {
            Source::ConfigMap => format!("{dir}/{}", plugin.file_name()),
            Source::Image(_) => format!("{dir}/{}", mesh_compile_image::FILE_NAME),
            Source::Volume(volume) => format!("{dir}/{}", volume.path),
        }
    }

    /// The name of the volume that holds the plugin's module.
    pub(crate) fn volume_of(&self, plugin: &Plugin) -> String {
        match &plugin.source {
            Source::ConfigMap => self.volume.clone(),
            Source::Volume(UserVolume { name: Some(name), .. }) => name.clone(),
            Source::Image(_) | Source::Volume(_) => names::label_of(&format!("{}-{}", self.volume, plugin.name)),
        }
    }
}

impl Plugin {
    /// The id of the VM. A shared one has a digest of all that its users must have in common: Envoy's own key leaves out the runtime,
    /// the environment, the capabilities and whether precompiled code is allowed (proxy-wasm-cpp-host, `makeVmKey`).
    pub(crate) fn vm_id(&self, settings: &Settings) -> String {
        if self.vm == Vm::Own {
            return self.vm_id.clone();
        }
        let Self { module, runtime, vm_configuration, allow_precompiled, env_from_host, capabilities, .. } = self;
        let parts = json!([
            module.digest().to_string(),
            runtime,
            vm_configuration,
            settings.env,
            env_from_host,
            capabilities,
            allow_precompiled.unwrap_or_default(),
        ]);
        format!("shared-{}", Digest::of(parts.to_string().as_bytes()).short())
    }

    /// The name of the module's file in a ConfigMap.
    pub(crate) fn file_name(&self) -> String {
        format!("{}.wasm", self.name)
    }
}

/// A plugin that a workload's proxies run.
#[derive(Debug)]
pub(crate) struct Attachment {
    /// The index in [`Mesh::workloads`].
    pub(crate) workload: usize,
    /// The index in [`Mesh::plugins`].
    pub(crate) plugin: usize,
    pub(crate) scope: Scope,
    pub(crate) settings: Arc<Settings>,
    /// Whether the workload uses the plugin as declared: with no settings of its own, and with no value that depends on the
    /// workload. Workloads of one namespace can share the configuration of such a plugin.
    pub(crate) as_declared: bool,
    /// The entry in the workload's list in mesh.toml.
    pub(crate) location: Location,
}

/// The traffic that a plugin sees, and its place in the filter chain.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Scope {
    pub(crate) direction: Direction,
    /// `None`: all ports.
    pub(crate) port: Option<u16>,
    pub(crate) insert: Insert,
}

/// The settings of a plugin that may depend on the workload.
#[derive(Debug, Default)]
pub(crate) struct Settings {
    pub(crate) configuration: Option<Spanned<String>>,
    pub(crate) env: BTreeMap<String, String>,
    /// The hosts that the plugin calls, by the names of their clusters.
    pub(crate) hosts: BTreeMap<String, Host>,
    /// The hosts of the mesh's services that the plugin calls.
    pub(crate) services: BTreeSet<String>,
}

impl Mesh {
    /// The attachments of each workload, in the order of [`Mesh::workloads`].
    pub(crate) fn attachments_by_workload(&self) -> Vec<&[Attachment]> {
        let bound = |index| self.attachments.partition_point(|one| one.workload < index);
        (0..self.workloads.len()).map(|index| &self.attachments[bound(index)..bound(index + 1)]).collect()
    }
}
