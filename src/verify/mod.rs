//! Dry runs and traffic tests of what was rendered: each workload's whole chain, on the embedded host or on a real Envoy.
//!
//! ```text
//! rendered files ─ read ─► Subject ─┬─ embedded ─► Outcome ─ judge ─► findings
//!     mesh.toml ─ tests ──► Test ───┘  (or envoy)                 └─► report
//! ```

mod bare;
mod cache;
mod differences;
pub(crate) mod embedded;
mod envoy;
mod exchange;
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
pub(crate) mod subject;
#[cfg(test)]
mod tests;

use camino::Utf8PathBuf;

pub use bare::Bare;
pub use report::{Engine, Report, Run, Test, Workload};

use crate::diag::Sink;
use crate::layout::Tree;
use crate::traffic::{Proxies, Suite};
use crate::world::World;

/// What is run, and where.
#[derive(Debug, Clone)]
pub struct Options {
    /// Names of workloads; all where there is none.
    pub workloads: Vec<String>,
    /// What runs the filters.
    pub engine: Engine,
    /// The Envoy to run, where it is not the one that is found.
    pub envoy: Option<Utf8PathBuf>,
    /// The folder in which runs of the embedded host that went well are kept. `None`: none are.
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
    pub(crate) const fn new(suites: Vec<Suite>, proxies: Proxies) -> Self {
        Self { suites, proxies }
    }
}

/// Is told how many workloads of how many are through.
pub type Progress<'a> = &'a (dyn Fn(usize, usize) + Sync);

/// Dry-runs every filter of the rendered objects, and the tests of mesh.toml through whole chains. `None` after a report: it could
/// not be done.
pub fn verify(
    world: &dyn World,
    tree: &Tree,
    suites: &Suites,
    options: &Options,
    sink: &mut Sink,
    progress: Progress<'_>,
) -> Option<Report> {
    let before = sink.errors();
    let selected: Vec<Suite> = select::select(&suites.suites, &options.workloads, sink).into_iter().cloned().collect();
    if sink.errors() > before {
        return None;
    }
    let subjects = read::subjects(&tree.files, &selected, &suites.proxies, sink);
    if sink.errors() > before {
        return None;
    }
    run::run(world, &subjects, options, sink, progress)
}

/// Dry-runs one module by itself. `None` after a report: it could not be done.
pub fn verify_module(
    world: &dyn World,
    bare: &Bare,
    options: &Options,
    sink: &mut Sink,
    progress: Progress<'_>,
) -> Option<Report> {
    match bare::read(world, bare, sink)? {
        bare::Read::Refused => Some(Report::refused(options.engine, bare)),
        bare::Read::Subject(subject) => run::run(world, &[*subject], options, sink, progress),
    }
}
