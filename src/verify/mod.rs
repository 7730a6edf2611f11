//! Dry runs and traffic tests of the rendered objects: each workload's whole chain, on the embedded host or on a real Envoy.
//!
//! ```text
//! rendered files ─ read ─► Subject ─┬─ embedded ─► Outcome ─ judge ─► findings
//!     mesh.toml ─ tests ──► Test ───┘  (or envoy)                 └─► report
//! ```

mod cache;
mod differences;
pub(crate) mod embedded;
mod envoy;
mod findings;
#[cfg(fuzzing)]
#[doc(hidden)]
pub mod fuzz;
pub(crate) mod judge;
pub(crate) mod outcome;
pub(crate) mod read;
mod report;
mod run;
mod select;
mod single_module;
pub(crate) mod subject;
#[cfg(test)]
mod tests;
mod text;

use camino::Utf8PathBuf;

pub use report::{Engine, Memory, Report, Run, Test, Workload};
pub use single_module::SingleModule;

use crate::diag::Sink;
use crate::layout::Tree;
use crate::resolve::traffic::suite::{Proxies, Suite};
use crate::world::World;

/// Options of a dry run.
#[derive(Debug, Clone)]
pub struct Options {
    /// Names of workloads. Empty: all.
    pub workloads: Vec<String>,
    /// The engine that runs the filters.
    pub engine: Engine,
    /// The Envoy to run. `None`: the `envoy` in `$PATH`.
    pub envoy: Option<Utf8PathBuf>,
    /// The directory that caches successful runs of the embedded host. `None`: no cache.
    pub cache: Option<Utf8PathBuf>,
}

impl Default for Options {
    fn default() -> Self {
        Self { workloads: Vec::new(), engine: Engine::Embedded, envoy: None, cache: None }
    }
}

/// The tests of each workload, and the properties of the proxies that they go through.
#[derive(Debug)]
pub struct Suites {
    suites: Vec<Suite>,
    proxies: Proxies,
}

impl Suites {
    /// Whether a name selects a workload.
    #[must_use]
    pub fn has(&self, name: &str) -> bool {
        self.suites.iter().any(|suite| select::has_name(suite, name))
    }

    /// Reports the names that select no workload in any environment. Whether there are none.
    pub fn know<'a>(environments: impl Iterator<Item = &'a Self>, names: &[String], sink: &mut Sink) -> bool {
        let before = sink.errors();
        select::select(environments.flat_map(|one| &one.suites), names, sink);
        sink.errors() == before
    }

    pub(crate) const fn new(suites: Vec<Suite>, proxies: Proxies) -> Self {
        Self { suites, proxies }
    }
}

/// Gets the number of finished workloads and their total.
pub type Progress<'a> = &'a (dyn Fn(usize, usize) + Sync);

/// Dry-runs every filter of the rendered objects, and runs the tests of mesh.toml through whole chains. `None` if that was not possible,
/// which is reported.
pub fn verify(
    world: &dyn World,
    tree: &Tree,
    suites: &Suites,
    options: &Options,
    sink: &mut Sink,
    progress: Progress<'_>,
) -> Option<Report> {
    let before = sink.errors();
    let selected: Vec<Suite> =
        select::select(suites.suites.iter(), &options.workloads, sink).into_iter().cloned().collect();
    if sink.errors() > before {
        return None;
    }
    let subjects = read::subjects(&tree.files, &selected, &suites.proxies, sink);
    if sink.errors() > before {
        return None;
    }
    let report = run::run(world, &subjects, options, sink, progress)?;
    Some(Report { assumed: suites.proxies.assumed, ..report })
}

/// Dry-runs one module by itself. `None` if that was not possible, which is reported.
pub fn verify_module(
    world: &dyn World,
    single: &SingleModule,
    options: &Options,
    sink: &mut Sink,
    progress: Progress<'_>,
) -> Option<Report> {
    match single_module::read(world, single, sink)? {
        single_module::Read::Rejected => Some(Report::rejected(options.engine, single)),
        single_module::Read::Subject(subject) => run::run(world, &[*subject], options, sink, progress),
    }
}
