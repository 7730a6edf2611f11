//! mesh-compile: mesh.toml in, the Kubernetes manifests that ship WebAssembly filters to Envoy sidecars out.
//!
//! ```text
//! mesh.toml ─ spec ─► resolve ─► plan ─► emit ─► store
//!   *.wasm ─ module ──┘                    │     (out/: write, check, prune)
//!                                          └────► verify
//!                                                (dry runs, on host or on a real Envoy)
//! ```
//!
//! Data flows one way, and the types carry the phase: [`compile`] is the whole way to the bytes, [`store`] is the only writer,
//! [`verify`] reads the bytes back.

mod backend;
pub mod diag;
mod domain;
mod emit;
mod host;
pub mod inspect;
mod lock;
mod module;
mod plan;
mod resolve;
mod spec;
pub mod store;
mod traffic;
pub mod verify;
pub mod world;
pub mod yaml;

use camino::{Utf8Path, Utf8PathBuf};

pub use domain::Digest;
pub use emit::{File, stream};
pub use module::{NotSlim, Slim, slim};
pub use spec::schema;

use diag::Sink;
use world::World;

/// All that `out/` is to hold.
#[derive(Debug)]
pub struct Rendered {
    /// The output folder, from the current folder.
    pub dir: Utf8PathBuf,
    /// In the order of their paths, mesh.lock last.
    pub files: Vec<File>,
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
    let plan = backend::envoy_filter::plan::plan(&spec, &resolved.mesh, &resolved.templates, sink);
    if sink.has_errors() {
        return None;
    }
    let documents = plan::plan(&plan);
    let files = emit::emit(&resolved.mesh, &documents);
    Some(Rendered { dir: resolved.out, files, suites: resolved.suites, proxies: resolved.proxies })
}
