//! From the Spec to the Mesh: every default filled in, every cross-reference checked. One run reports everything that is wrong.

mod attachments;
mod capabilities;
pub(crate) mod clusters;
mod configuration;
mod filters;
mod gateways;
mod kinds;
mod limits;
mod link;
pub(crate) mod mesh;
pub(crate) mod modules;
mod mounts;
mod out_dir;
mod placement;
pub(crate) mod roster;
mod secrets;
pub(crate) mod select;
mod settings;
mod sources;
pub(crate) mod stats;
pub(crate) mod template;
pub(crate) mod traffic;
mod uses;
pub(crate) mod variables;
mod volume_sources;
mod volumes;
mod workloads;

use std::collections::BTreeSet;

use camino::{Utf8Path, Utf8PathBuf};

use crate::base::{Base, Loaded};
use crate::diag::{Code, Diagnostic, Sink};
use crate::spec::Spec;
use crate::world::World;
use clusters::Cluster;
pub use link::Candidate;
use link::Index;
pub(crate) use link::candidates;
use mesh::Mesh;
pub(crate) use out_dir::out_dir;
use roster::{Entry, Roster};
use template::{MeshVars, Templates};
use traffic::suite::{Elsewhere, Proxies, Suite};
use workloads::Inputs;

/// The whole spec, resolved.
#[derive(Debug)]
pub(crate) struct Resolved<'a> {
    pub(crate) mesh: Mesh,
    /// Renders the templates of `[names]` for a backend.
    pub(crate) templates: Templates<'a>,
    /// `out/`, relative to the current directory.
    pub(crate) out: Utf8PathBuf,
    /// The tests of each workload, in the order of the workloads.
    pub(crate) suites: Vec<Suite>,
    pub(crate) proxies: Proxies,
    pub(crate) roster: Roster<'a>,
}

/// The base of a mesh that names none.
static NONE: Base = Base { objects: Vec::new(), incomplete: false };

/// Resolves the spec. The result must be rendered only if `sink` has no errors.
///
/// `out` is the output directory, relative to mesh.toml's directory.
pub(crate) fn resolve<'a>(
    world: &'a dyn World,
    spec: &'a Spec,
    out: &Utf8Path,
    loaded: &'a Loaded,
    sink: &mut Sink,
) -> Resolved<'a> {
    let base = loaded.base.as_ref().unwrap_or(&NONE);
    let settings = settings::resolve(spec, sink);
    let modules = modules::read(world, spec, &settings, sink);
    let by_path = modules::by_path(spec, &modules);
    let vars = MeshVars {
        namespace: settings.namespace.as_ref().map_or_else(String::new, ToString::to_string),
        istio: settings.istio.to_string(),
        provider: settings::provider_of(spec).as_str().to_owned(),
    };
    let clusters = clusters::resolve(spec, sink);
    let templates = Templates::new(world.sources(), spec, vars, clusters);
    let filters = filters::resolve(world, spec, &settings, modules, &templates, sink);
    let of_mesh = spec.mesh.namespace.as_ref().filter(|_| settings.namespace.is_some());
    let default_namespace = of_mesh.map_or("default", |namespace| namespace.as_str());
    let index = Index::new(base, default_namespace);
    let roster = roster::roster(spec, &index, &settings, sink);
    if loaded.unevaluated {
        roster::unevaluated::report(spec, &roster, sink);
    }
    let workloads = workloads::resolve(
        &Inputs { world, spec, settings: &settings, filters: &filters, index: &index },
        &roster.entries,
        &templates,
        sink,
    );
    unused(spec, &roster.entries, sink);
    let suites = traffic::resolve(world.sources(), &roster.entries, &workloads, &index, &templates.clusters, sink);
    let of_uses = workloads.iter().flat_map(|workload| &workload.uses).filter_map(|one| one.configuration.as_ref());
    secrets::check(spec, filters.values().filter_map(|filter| filter.configuration.as_ref()).chain(of_uses), sink);
    let attachments = attachments::resolve(&filters, &workloads, &templates, sink);

    let proxies = Proxies {
        envoy: settings.istio.envoy_minor(),
        istio: settings.istio.to_string(),
        assumed: match &loaded.base {
            None => Some("mesh.toml names no base"),
            Some(base) if base.incomplete => Some("a part of the base is not known"),
            Some(_) => None,
        },
        root_namespace: settings.root_namespace.as_ref().map_or_else(String::new, ToString::to_string),
        clusters: templates.clusters.values().filter_map(existing).collect(),
        elsewhere: Elsewhere::of(filters.values().map(|filter| &filter.plugin)),
    };
    let workloads = workloads.into_iter().map(|workload| workload.mesh).collect();
    let mesh = Mesh {
        spec: spec.file_name().to_owned(),
        spec_path: out_dir::spec_from_out(world, spec, out),
        layout: loaded.layout.clone(),
        base_is_given: loaded.given,
        labels: settings.labels,
        istio: settings.istio,
        root_namespace: settings.root_namespace,
        proxy_version: spec.mesh.proxy_version.as_ref().map(|text| text.to_string()),
        modules: by_path,
        plugins: filters.into_values().map(|filter| filter.plugin).collect(),
        workloads,
        attachments,
    };
    Resolved { mesh, templates, out: spec.dir().join(out), suites, proxies, roster }
}

/// The name of a cluster that the proxies have.
fn existing(cluster: &Cluster) -> Option<String> {
    match cluster {
        Cluster::Existing(name) => Some(name.clone()),
        Cluster::Host(_) => None,
    }
}

/// Reports a file without workloads, and filters that no workload uses.
fn unused(spec: &Spec, roster: &[Entry<'_>], sink: &mut Sink) {
    let unread = &spec.unread;
    // A workload or a binding that could not be read may use any filter.
    if unread.any || unread.workloads || unread.bindings {
        return;
    }
    if spec.workloads.is_empty() && spec.bindings.is_empty() {
        sink.push(
            Diagnostic::error(Code::MC0109, "the file declares no workloads")
                .at(spec.whole())
                .help("add a `[workloads.NAME]` with its list of `filters`"),
        );
        return;
    }
    let of_workloads = roster.iter().flat_map(|entry| &entry.uses).map(|one| one.written.filter());
    // A binding that matches nothing is reported itself.
    let of_bindings = spec.bindings.iter().flat_map(|binding| &binding.filters).map(|one| one.filter());
    let used: BTreeSet<&str> = of_workloads.chain(of_bindings).collect();
    // A name that is not declared may be the misspelled name of any filter.
    if !used.iter().all(|name| spec.filters.contains_key(*name) || unread.filters.contains(*name)) {
        return;
    }
    for (name, filter) in spec.filters.iter().filter(|(name, _)| !used.contains(name.as_str())) {
        sink.push_if_everywhere(
            Diagnostic::warning(Code::MC0112, format!("no workload uses the filter `{name}`"))
                .at(filter.key_location())
                .note("it is not rendered"),
        );
    }
}
