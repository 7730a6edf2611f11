//! mesh-compile compiles mesh.toml into Kubernetes manifests that ship WebAssembly filters to Envoy sidecars.
//!
//! ```text
//! mesh.toml ─ spec ─► resolve ─► backend ─► layout ─► store
//!   *.wasm ─ module ──┤         (objects)  (a Tree)  (out/: write, check, prune)
//! manifests ─ base ───┘                       └────► verify
//!                                                   (dry runs, in the host or in a real Envoy)
//! ```
//!
//! Data flows one way, and the types carry the phase. [`compile`] goes from mesh.toml to the bytes of every file, [`store`] is the
//! only writer of `out/`, and [`verify`] reads the bytes back. All reading goes through a [`world::World`].

mod backend;
mod base;
pub mod diag;
pub mod discover;
mod domain;
pub mod images;
pub mod inspect;
mod layout;
mod module;
mod objects;
mod resolve;
pub mod show;
mod spec;
pub mod store;
pub mod verify;
pub mod world;
pub mod yaml;

use camino::{Utf8Path, Utf8PathBuf};

pub use domain::Digest;
pub use layout::{File, Tree, stream};
pub use mesh_compile_module::{NotSlim, Slim, slim};
pub use spec::schema;

use diag::Sink;
use world::World;

/// What an environment compiles to.
#[derive(Debug)]
pub struct Compiled {
    /// The name of the environment. `None` if mesh.toml declares no environments.
    pub environment: Option<String>,
    /// The names of all environments that mesh.toml declares.
    pub declared: Vec<String>,
    /// `output.dir`, from the current directory: `out/`, or the directory of all environments' `out/NAME`.
    pub root: Utf8PathBuf,
    /// The files of `out/`.
    pub tree: Tree,
    /// The images that the files name.
    pub images: Vec<images::ModuleImage>,
    /// The tests in mesh.toml.
    pub suites: verify::Suites,
}

impl Compiled {
    /// Where the environment is rendered to.
    #[must_use]
    pub fn place(&self) -> store::Place<'_> {
        store::Place {
            environment: self.environment.as_deref(),
            declared: &self.declared,
            root: &self.root,
            dir: &self.tree.dir,
        }
    }
}

/// What to compile.
#[derive(Debug)]
pub struct Input<'a> {
    /// The mesh.toml.
    pub file: &'a Utf8Path,
    /// The names of environments. Empty: all of them.
    pub environments: &'a [String],
    /// The workloads' own manifests, instead of those that `mesh.base` names: a path, or `-` for standard input.
    pub base: Option<&'a Utf8Path>,
}

/// Compiles the environments of a mesh.toml in memory, in the order of their names. `None` if `sink` has errors. Warnings do not
/// stop the compilation.
#[must_use]
pub fn compile(world: &dyn World, input: &Input<'_>, sink: &mut Sink) -> Option<Vec<Compiled>> {
    let project = load(world, input, sink)?;
    let mut compiled = Vec::new();
    for spec in project.environments() {
        sink.enter(spec.environment.as_deref());
        compiled.push(environment(world, spec, project.declared(), input.base, sink));
        sink.enter(None);
    }
    settle(world, &project, sink);
    let compiled: Vec<Compiled> = compiled.into_iter().collect::<Option<_>>()?;
    let dirs = project.environments().iter().map(|spec| spec.output.dir.as_ref().map(spec::Spanned::location));
    let places: Vec<_> = compiled.iter().map(Compiled::place).collect();
    store::places::apart(&places, &dirs.collect::<Vec<_>>(), sink);
    (!sink.has_errors()).then_some(compiled)
}

fn load(world: &dyn World, input: &Input<'_>, sink: &mut Sink) -> Option<spec::Project> {
    let project = spec::load(world, input.file, input.environments, sink)?;
    if input.base == Some("-".into()) && project.environments().len() > 1 {
        let message = "several environments cannot share standard input";
        let help = "name one environment, such as `--env prod --base -`";
        sink.push(diag::Diagnostic::error(diag::Code::MC0708, message).help(help));
        return None;
    }
    Some(project)
}

/// What each workload of a mesh.toml gets. `None` if `sink` has errors, such as a name in `query` that no workload has.
#[must_use]
pub fn show(world: &dyn World, input: &Input<'_>, query: &show::Query, sink: &mut Sink) -> Option<show::Report> {
    let project = load(world, input, sink)?;
    let mut workloads = Vec::new();
    for spec in project.environments() {
        sink.enter(spec.environment.as_deref());
        let out = resolve::out_dir(spec, sink);
        let loaded = base::load(world, base::Request { spec, out: &out, given: input.base }, sink);
        let resolved = resolve::resolve(world, spec, &out, &loaded, sink);
        let plan = backend::envoy_filter::plan(spec, &resolved.mesh, &resolved.templates, sink);
        if !sink.has_errors() {
            workloads.extend(show::workloads(world.sources(), spec, &resolved, &plan));
        }
        sink.enter(None);
    }
    settle(world, &project, sink);
    if sink.has_errors() {
        return None;
    }
    let filters = project.environments().iter().flat_map(|spec| spec.filters.keys()).map(String::as_str).collect();
    let workloads = query.select(workloads, &filters, sink);
    (!sink.has_errors()).then_some(show::Report { workloads })
}

/// The objects of a kustomization, a directory or a file as JSON, as the compiler sees them. `None` if some of them are unknown or
/// `sink` has errors. For the tests that compare them with those of kustomize.
#[doc(hidden)]
#[must_use]
pub fn base_objects(world: &dyn World, path: &Utf8Path, sink: &mut Sink) -> Option<Vec<serde_json::Value>> {
    let base = base::preview(world, &[path.to_owned()], "out".into(), sink);
    let known = !base.incomplete && !sink.has_errors();
    known.then(|| base.objects.iter().map(|object| object.root.to_json()).collect())
}

/// Reports what needs a look at all environments.
fn settle(world: &dyn World, project: &spec::Project, sink: &mut Sink) {
    resolve::variables::unused(project.environments(), world.sources(), sink);
    let loaded = project.environments();
    let has = |location: Option<diag::Location>| {
        let with_binding = loaded.iter().filter(|spec| location.is_some_and(|it| spec.has_binding_at(it))).count();
        if with_binding == 0 { loaded.len() } else { with_binding }
    };
    sink.settle(has, project.declared().len() <= loaded.len());
}

fn environment(
    world: &dyn World,
    spec: &spec::Spec,
    declared: &[String],
    given: Option<&Utf8Path>,
    sink: &mut Sink,
) -> Option<Compiled> {
    let out = resolve::out_dir(spec, sink);
    let root = if spec.environment.is_some() { out.parent().unwrap_or(&out) } else { &out };
    let root = spec.dir().join(root);
    let loaded = base::load(world, base::Request { spec, out: &out, given }, sink);
    let resolved = resolve::resolve(world, spec, &out, &loaded, sink);
    let plan = backend::envoy_filter::plan(spec, &resolved.mesh, &resolved.templates, sink);
    if sink.has_errors() {
        return None;
    }
    let objects = backend::envoy_filter::objects(&resolved.mesh, &plan);
    let tree = layout::tree(&resolved.mesh, resolved.out, objects);
    let images = images::of(&resolved.mesh, spec.environment.as_deref());
    let suites = verify::Suites::new(resolved.suites, resolved.proxies);
    Some(Compiled { environment: spec.environment.clone(), declared: declared.to_vec(), root, tree, images, suites })
}
