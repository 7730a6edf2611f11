//! `mesh-compile verify`, and the dry run as a part of `render` and `check`.

use std::collections::BTreeMap;

use camino::Utf8PathBuf;
use clap::{Args, ValueEnum};
use mesh_compile::diag::render::Format;
use mesh_compile::diag::{Code, Diagnostic, Sink};
use mesh_compile::verify::{Bare, Engine, Options, Progress, Report, verify, verify_module};
use mesh_compile::world::World;
use mesh_compile::world::write::write;
use mesh_compile::{Rendered, compile};

use super::progress::Bar;
use super::report::{Reporter, stdout};
use super::{Outcome, junit, spec_file};

/// Loads, starts and configures every filter, and runs the tests of mesh.toml through whole chains
///
/// What is verified is read back from the objects that mesh.toml renders to: each workload's proxy with the files that it has
/// mounted and the filters that select it, in Istio's order. No cluster is needed.
///
/// Ends in 0 when all is well, in 1 when a module is refused, a filter fails or a test does, in 2 when it cannot be done.
/// Warnings do not count. With `--format json` the report goes to standard output, all findings in it.
#[derive(Debug, Args)]
pub(super) struct Verify {
    /// The workloads, as NAME, NAMESPACE/NAME or KIND/NAMESPACE/NAME [default: all], or one module by itself
    #[arg(value_name = "WORKLOAD|FILE.wasm")]
    what: Vec<String>,
    /// What runs the filters [default: embedded; envoy with --envoy]
    #[arg(long, value_enum, value_name = "ENGINE")]
    engine: Option<EngineArg>,
    /// The Envoy to run [default: the one on the PATH]
    #[arg(long, value_name = "PATH")]
    envoy: Option<Utf8PathBuf>,
    /// Write the results as JUnit XML too
    #[arg(long, value_name = "FILE")]
    junit: Option<Utf8PathBuf>,
    #[command(flatten)]
    cache: Cache,
    #[command(flatten)]
    module: Module,
}

/// What runs the filters.
#[derive(Debug, Clone, Copy, ValueEnum)]
enum EngineArg {
    /// The host in this program
    Embedded,
    /// A real Envoy, on ports of its own
    Envoy,
    /// Both, and how they differ
    Both,
}

/// How a module by itself is set up.
#[derive(Debug, Args)]
#[command(next_help_heading = "For a module by itself")]
struct Module {
    /// Its configuration
    #[arg(long, value_name = "TEXT")]
    config: Option<String>,
    /// The configuration of its VM
    #[arg(long, value_name = "TEXT")]
    vm_config: Option<String>,
    /// The root context that it registers, where it has several
    #[arg(long, value_name = "ID")]
    root_id: Option<String>,
    /// A variable of its environment
    #[arg(long, value_name = "NAME=VALUE", value_parser = variable)]
    vm_env: Vec<(String, String)>,
    /// It filters connections, not requests
    #[arg(long)]
    network: bool,
}

/// Whether runs are kept.
#[derive(Debug, Clone, Copy, Args)]
pub(super) struct Cache {
    /// Dry-run everything anew, also what has passed before
    ///
    /// What passed in the embedded host is kept by its content, below $XDG_CACHE_HOME/mesh-compile, or
    /// ~/.cache/mesh-compile. Runs with findings are never kept, nor are Envoy's.
    #[arg(long)]
    no_cache: bool,
}

fn variable(text: &str) -> Result<(String, String), String> {
    let (name, value) = text.split_once('=').filter(|(name, _)| !name.is_empty()).ok_or("write it as NAME=VALUE")?;
    Ok((name.to_owned(), value.to_owned()))
}

impl Verify {
    pub(super) fn run(&self, world: &dyn World, file: Option<Utf8PathBuf>, reporter: &Reporter<'_>) -> Outcome {
        let mut sink = Sink::new();
        let report = self.report(world, file, reporter, &mut sink);
        let mut outcome = outcome(report.as_ref());
        if let (Some(report), Some(path)) = (&report, &self.junit)
            && let Err(error) = write(path, junit::document(report).as_bytes())
        {
            sink.push(Diagnostic::error(Code::MC0708, format!("cannot write `{path}`: {error}")));
            outcome = Outcome::Failed;
        }
        if matches!(reporter.format(), Format::Json) {
            let empty = Report { engine: self.engine(), workloads: Vec::new(), passed: false };
            let product =
                report.as_ref().unwrap_or(&empty).to_json(&sink.into_sorted(world.sources()), world.sources());
            return if stdout(product.as_bytes()) == Outcome::Fine { outcome } else { Outcome::Failed };
        }
        reporter.findings(sink);
        match report {
            Some(report) if self.what.iter().any(|name| is_module(name)) => reporter.note(&report.module_summary()),
            Some(report) => tell(&report, reporter),
            None => {}
        }
        outcome
    }

    /// `None` after a report.
    fn report(
        &self,
        world: &dyn World,
        file: Option<Utf8PathBuf>,
        reporter: &Reporter<'_>,
        sink: &mut Sink,
    ) -> Option<Report> {
        let options = Options {
            workloads: self.what.clone(),
            engine: self.engine(),
            envoy: self.envoy.clone(),
            cache: self.cache.folder(world),
        };
        let Some(module) = self.what.iter().find(|name| is_module(name)) else {
            if let Some(option) = self.module.used() {
                let finding = Diagnostic::error(Code::MC0708, format!("`{option}` is for a module by itself"));
                sink.push(finding.help("name the module's file; what a workload's filters have is what was rendered"));
                return None;
            }
            let rendered = compile(world, &spec_file(world, file), sink)?;
            return bar(world, reporter, |progress| verify(world, &rendered, &options, sink, progress));
        };
        if self.what.len() > 1 {
            let finding = Diagnostic::error(Code::MC0708, format!("`{module}` is to be verified by itself"));
            sink.push(finding.help("name workloads, or one module"));
            return None;
        }
        let bare = self.module.bare(module.into());
        bar(world, reporter, |progress| verify_module(world, &bare, &options, sink, progress))
    }

    fn engine(&self) -> Engine {
        match self.engine {
            Some(EngineArg::Embedded) => Engine::Embedded,
            Some(EngineArg::Envoy) => Engine::Envoy,
            Some(EngineArg::Both) => Engine::Both,
            None if self.envoy.is_some() => Engine::Envoy,
            None => Engine::Embedded,
        }
    }
}

impl Module {
    /// The first of the options that was given.
    fn used(&self) -> Option<&'static str> {
        let given = [
            ("--config", self.config.is_some()),
            ("--vm-config", self.vm_config.is_some()),
            ("--root-id", self.root_id.is_some()),
            ("--vm-env", !self.vm_env.is_empty()),
            ("--network", self.network),
        ];
        given.into_iter().find_map(|(option, given)| given.then_some(option))
    }

    fn bare(&self, file: Utf8PathBuf) -> Bare {
        Bare {
            file,
            configuration: self.config.clone().unwrap_or_default(),
            vm_configuration: self.vm_config.clone().unwrap_or_default(),
            root_id: self.root_id.clone().unwrap_or_default(),
            env: self.vm_env.iter().cloned().collect::<BTreeMap<_, _>>(),
            network: self.network,
        }
    }
}

impl Cache {
    /// The folder of this user and this program. The environment names it and nothing else; a relative one is none (XDG Base
    /// Directory Specification).
    fn folder(self, world: &dyn World) -> Option<Utf8PathBuf> {
        let folder = |name: &str| {
            let path = Utf8PathBuf::from_os_string(world.variable(name)?).ok()?;
            path.is_absolute().then_some(path)
        };
        let caches = || folder("XDG_CACHE_HOME").or_else(|| Some(folder("HOME")?.join(".cache")));
        (!self.no_cache).then(caches).flatten().map(|caches| caches.join("mesh-compile"))
    }
}

fn is_module(name: &str) -> bool {
    name.to_ascii_lowercase().ends_with(".wasm")
}

/// The dry run as a part of another command: in the embedded host, all workloads.
pub(super) struct DryRun(Option<Report>);

impl DryRun {
    pub(super) fn of(
        world: &dyn World,
        rendered: &Rendered,
        cache: Cache,
        reporter: &Reporter<'_>,
        sink: &mut Sink,
    ) -> Self {
        let options = Options { cache: cache.folder(world), ..Options::default() };
        Self(bar(world, reporter, |progress| verify(world, rendered, &options, sink, progress)))
    }

    pub(super) fn outcome(&self) -> Outcome {
        outcome(self.0.as_ref())
    }

    /// Says what came of it, once the findings are written.
    pub(super) fn tell(&self, reporter: &Reporter<'_>) {
        self.0.iter().for_each(|report| tell(report, reporter));
    }
}

fn bar<T>(world: &dyn World, reporter: &Reporter<'_>, run: impl FnOnce(Progress<'_>) -> T) -> T {
    let bar = Bar::new(world, reporter.shows_progress());
    run(&|done, total| bar.update(done, total))
}

fn outcome(report: Option<&Report>) -> Outcome {
    match report {
        None => Outcome::Failed,
        Some(report) if report.passed => Outcome::Fine,
        Some(_) => Outcome::Drift,
    }
}

/// The summary; with `-v` a line for each filter and each test above it.
fn tell(report: &Report, reporter: &Reporter<'_>) {
    for workload in &report.workloads {
        let place =
            if report.engine == Engine::Both { format!(" in {}", workload.engine.place()) } else { String::new() };
        for run in &workload.runs {
            let word = match (run.passed(), &run.message) {
                (false, _) => "failed",
                (true, Some(_)) => "unknown",
                (true, None) => "passed",
            };
            reporter.detail(&format!("{word} {}{place}: the filter {}", workload.name, run.filter));
        }
        for test in &workload.tests {
            let word = if test.passed {
                "passed"
            } else if test.ran {
                "failed"
            } else {
                "not run"
            };
            reporter.detail(&format!("{word} {}{place}: {}", workload.name, test.name));
        }
    }
    reporter.note(&report.summary());
}
