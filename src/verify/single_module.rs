//! A module without mesh.toml, with a configuration from the command line.

use std::collections::BTreeMap;
use std::sync::Arc;

use camino::Utf8PathBuf;
use mesh_compile_module::{LoadContext, Module};

use super::subject::{self, ChainEntry, Plugin, Subject};
use crate::diag::{Code, Diagnostic, Location, Sink};
use crate::domain::{Direction, FilterType, Istio, LoadFailure};
use crate::module::{self, ModuleError};
use crate::objects::{Any, EnvironmentVariables, LocalFile, PluginConfig, VmCode, VmConfig};
use crate::world::World;

/// A module and its configuration.
#[derive(Debug, Clone, Default)]
pub struct SingleModule {
    /// Its file.
    pub file: Utf8PathBuf,
    /// The plugin configuration.
    pub configuration: String,
    /// The VM configuration.
    pub vm_configuration: String,
    /// The root id. Needed if the module registers several root contexts.
    pub root_id: String,
    /// The environment variables.
    pub env: BTreeMap<String, String>,
    /// Whether it is a network filter instead of an HTTP filter.
    pub network: bool,
}

impl SingleModule {
    /// The filter's name: the file's name without its extension.
    pub(super) fn name(&self) -> String {
        self.file.file_stem().unwrap_or(self.file.as_str()).to_owned()
    }
}

/// The result of reading a module.
pub(super) enum Read {
    /// Envoy would reject the module. The reasons are reported.
    Rejected,
    /// A chain of this one filter.
    Subject(Box<Subject>),
}

/// Reads the module and checks it against the rules. `None` if it cannot be read, which is reported.
pub(super) fn read(world: &dyn World, single: &SingleModule, sink: &mut Sink) -> Option<Read> {
    let file = single.file.as_path();
    let at = Location::whole(world.sources().id(file));
    let module = match module::read_argument(world, file) {
        Ok(module) => module,
        Err(ModuleError::Read(error)) => {
            let message = format!("cannot read the module `{file}`: {error}");
            sink.push(Diagnostic::error(Code::MC0115, message).at(at));
            return None;
        }
        Err(ModuleError::Header(_, finding)) => {
            sink.push(module::diagnostic(&finding, file.as_str()).at(at));
            return Some(Read::Rejected);
        }
    };
    let filter_type = if single.network { FilterType::Network } else { FilterType::Http };
    let envoy = Istio::NEWEST.envoy_minor();
    let context = LoadContext { envoy, filter_type: Some(filter_type), allow_precompiled: false };
    let before = sink.errors();
    let found = module.findings(&context);
    sink.extend(found.iter().map(|finding| module::diagnostic(finding, file.as_str()).at(at)));
    if sink.errors() > before {
        return Some(Read::Rejected);
    }
    Some(Read::Subject(Box::new(subject(single, &module, at))))
}

fn subject(single: &SingleModule, module: &Module, location: Location) -> Subject {
    let name = single.name();
    let plugin = Plugin {
        chain_name: name.clone(),
        config: PluginConfig {
            name: name.clone(),
            root_id: Some(single.root_id.clone()),
            configuration: Some(Any::String { value: single.configuration.clone() }),
            vm_config: VmConfig {
                vm_id: name,
                code: VmCode { local: LocalFile { filename: single.file.to_string() } },
                configuration: Some(Any::String { value: single.vm_configuration.clone() }),
                environment_variables: EnvironmentVariables {
                    key_values: single.env.clone(),
                    ..EnvironmentVariables::default()
                },
                ..VmConfig::default()
            },
            ..PluginConfig::default()
        },
        load_failure: LoadFailure::StopRollout,
        module: subject::Module { bytes: Arc::clone(&module.bytes), digest: module.digest },
    };
    let entry = ChainEntry {
        plugin: Arc::new(plugin),
        chain: if single.network { FilterType::Network } else { FilterType::Http },
        direction: Direction::Inbound,
        port: None,
        location,
    };
    Subject {
        name: single.file.to_string(),
        envoy: Istio::NEWEST.envoy_minor(),
        plugins: vec![entry],
        clusters: None,
        tests: Vec::new(),
    }
}
