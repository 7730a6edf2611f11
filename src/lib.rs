//! mesh-compile compiles mesh.toml into Kubernetes manifests that ship WebAssembly filters to Envoy sidecars.
//!
//! ```text
//! mesh.toml ─ spec ─► resolve ─► backend ─► layout ─► store
//!   *.wasm ─ module ──┘         (objects)  (a Tree)  (out/: write, check, prune)
//!                                             └────► verify
//!                                                   (dry runs, in the host or in a real Envoy)
//! ```
//!
//! Data flows one way, and the types carry the phase. [`compile`] goes from mesh.toml to the bytes of every file, [`store`] is the
//! only writer of `out/`, and [`verify`] reads the bytes back. All reading goes through a [`world::World`].

mod backend;
#[expect(dead_code, reason = "nothing reads it yet")]
mod base;
pub mod diag;
mod domain;
pub mod inspect;
mod layout;
mod module;
mod objects;
mod resolve;
mod spec;
pub mod store;
pub mod verify;
pub mod world;
pub mod yaml;

use camino::Utf8Path;

pub use domain::Digest;
pub use layout::{File, Tree, stream};
pub use mesh_compile_module::{NotSlim, Slim, slim};
pub use spec::schema;

use diag::Sink;
use world::World;

/// What a mesh.toml compiles to.
#[derive(Debug)]
pub struct Compiled {
    /// The files of `out/`.
    pub tree: Tree,
    /// The tests in mesh.toml.
    pub suites: verify::Suites,
}

/// Compiles the mesh.toml at `file` in memory. `None` if `sink` has errors. Warnings do not stop the compilation.
#[must_use]
pub fn compile(world: &dyn World, file: &Utf8Path, sink: &mut Sink) -> Option<Compiled> {
    let spec = spec::load(world, file, sink)?;
    let base = base::Base::default();
    let resolved = resolve::resolve(world, &spec, &base, sink);
    let plan = backend::envoy_filter::plan(&spec, &resolved.mesh, &resolved.templates, sink);
    if sink.has_errors() {
        return None;
    }
    let objects = backend::envoy_filter::objects(&resolved.mesh, &plan);
    let tree = layout::tree(&resolved.mesh, resolved.out, objects);
    let suites = verify::Suites::new(resolved.suites, resolved.proxies);
    Some(Compiled { tree, suites })
}
