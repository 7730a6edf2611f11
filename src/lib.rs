//! mesh-compile: mesh.toml in, the Kubernetes manifests that ship WebAssembly filters to Envoy sidecars out.
//!
//! ```text
//! mesh.toml ─ spec ─► resolve ─► backend ─► layout ─► store
//!   *.wasm ─ module ──┘         (objects)  (a Tree)  (out/: write, check, prune)
//!                                             └────► verify
//!                                                   (dry runs, on host or on a real Envoy)
//! ```
//!
//! Data flows one way, and the types carry the phase: [`compile`] is the whole way to the bytes, [`store`] is the only writer,
//! [`verify`] reads the bytes back.

mod backend;
pub mod diag;
mod domain;
mod host;
pub mod inspect;
mod layout;
mod module;
mod objects;
mod resolve;
mod spec;
pub mod store;
mod traffic;
pub mod verify;
pub mod world;
pub mod yaml;

use camino::Utf8Path;

pub use domain::Digest;
pub use layout::{File, Tree, stream};
pub use module::{NotSlim, Slim, slim};
pub use spec::schema;

use diag::Sink;
use world::World;

/// All that `out/` is to hold.
#[derive(Debug)]
pub struct Rendered {
    /// The output folder.
    pub tree: Tree,
    /// The tests of each workload, in the workloads' order.
    pub(crate) suites: Vec<traffic::case::Suite>,
    /// What the proxies that they go through have in common.
    pub(crate) proxies: traffic::case::Proxies,
}

/// Compiles the mesh.toml at `file` in memory. `None` when `sink` got errors; warnings alone do not stop it.
#[must_use]
pub fn compile(world: &dyn World, file: &Utf8Path, sink: &mut Sink) -> Option<Rendered> {
    let spec = spec::load(world, file, sink)?;
    let resolved = resolve::resolve(world, &spec, sink);
    if sink.has_errors() {
        return None;
    }
    let objects = backend::envoy_filter::objects(&resolved.mesh);
    let tree = layout::tree(&resolved.mesh, resolved.out, objects);
    Some(Rendered { tree, suites: resolved.suites, proxies: resolved.proxies })
}
