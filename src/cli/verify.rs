//! `mesh-compile verify`, and the dry run of `render --verify` and `check --verify`.

use std::collections::BTreeMap;

use camino::Utf8PathBuf;
use clap::{Args, ValueEnum};
use mesh_compile::diag::render::Format;
use mesh_compile::diag::{Code, Diagnostic, Sink};
use mesh_compile::verify::{Engine, Options, Progress, Report, SingleModule, Suites, verify, verify_module};
use mesh_compile::world::World;
use mesh_compile::world::write::write;
use mesh_compile::{Compiled, compile};

use super::progress::Bar;
use super::report::{Reporter, cannot_write, plural, stdout};
use super::{Outcome, Project, junit};

/// Dry-run every filter and run the tests in mesh.toml
///
/// Reads each workload's proxy back from the rendered objects, with the modules that are mounted and the EnvoyFilters that
/// select the workload, in Istio's order. Loads, starts and configures the filters, then sends the requests of the tests through the whole
/// chain. Needs no cluster.
///
/// Exits with status 0 on success, 1 if a module is rejected, a filter fails or a test fails, and 2 on an error. Warnings do not
/// change the status. With `--format json`, the report goes to standard output and contains all diagnostics.
#[derive(Debug, Args)]
pub(super) struct Verify {
    /// Workloads, as NAME, NAMESPACE/NAME, KIND/NAME or KIND/NAMESPACE/NAME [default: all], or a single module
    #[arg(value_name = "WORKLOAD|FILE.wasm")]
    what: Vec<String>,
    /// What runs the filters [default: embedded, or envoy with --envoy]
    #[arg(long, value_enum, value_name = "ENGINE")]
    engine: Option<EngineArg>,
    /// Path to the Envoy executable [default: found on the PATH]
    #[arg(long, value_name = "PATH")]
    envoy: Option<Utf8PathBuf>,
    /// Also write the results as JUnit XML
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
    /// The proxy-wasm host built into mesh-compile
    Embedded,
    /// A real Envoy
    Envoy,
    /// Both, and report how they differ
    Both,
}

/// The settings of a single module.
#[derive(Debug, Args)]
#[command(next_help_heading = "Options for a single module")]
struct Module {
    /// Configuration of the filter
    #[arg(long, value_name = "TEXT")]
    config: Option<String>,
    /// Configuration of the VM
    #[arg(long, value_name = "TEXT")]
    vm_config: Option<String>,
    /// Root ID, if the module registers several root contexts
    #[arg(long, value_name = "ID")]
    root_id: Option<String>,
    /// Environment variable of the VM
    #[arg(long, value_name = "NAME=VALUE", value_parser = variable)]
    vm_env: Vec<(String, String)>,
    /// Run the module as a network filter, not as an HTTP filter
    #[arg(long)]
    network: bool,
}

/// Whether results are cached.
#[derive(Debug, Clone, Copy, Args)]
pub(super) struct Cache {
    /// Run everything, ignoring cached results
    ///
    /// The results of workloads that passed in the embedded host are cached by content in $XDG_CACHE_HOME/mesh-compile, or
    /// in ~/.cache/mesh-compile. Runs with diagnostics and runs in Envoy are never cached.
    #[arg(long)]
    no_cache: bool,
}

fn variable(text: &str) -> Result<(String, String), String> {
    let (name, value) = text.split_once('=').filter(|(name, _)| !name.is_empty()).ok_or("expected NAME=VALUE")?;
    Ok((name.to_owned(), value.to_owned()))
}

impl Verify {
    pub(super) fn run(&self, world: &dyn World, project: &Project, reporter: &Reporter<'_>) -> Outcome {
        let mut sink = Sink::new();
        let report = self.report(world, project, reporter, &mut sink);
        let mut outcome = outcome(report.as_ref());
        if let (Some(report), Some(path)) = (&report, &self.junit)
            && let Err(error) = write(path, junit::document(report).as_bytes())
        {
            sink.push(cannot_write(world, path, &error));
            outcome = Outcome::Error;
        }
        if matches!(reporter.format(), Format::Json) {
            let empty = Report { engine: self.engine(), workloads: Vec::new(), passed: false, assumed: None };
            let product =
                report.as_ref().unwrap_or(&empty).to_json(&sink.into_sorted(world.sources()), world.sources());
            return if stdout(product.as_bytes()) == Outcome::Success { outcome } else { Outcome::Error };
        }
        reporter.diagnostics(sink);
        match report {
            Some(report) if self.what.iter().any(|name| is_module(name)) => reporter.info(&report.module_summary()),
            Some(report) => summarize(&report, reporter),
            None => {}
        }
        outcome
    }

    /// `None` if it could not be done; `sink` has the reason.
    fn report(&self, world: &dyn World, project: &Project, reporter: &Reporter<'_>, sink: &mut Sink) -> Option<Report> {
        let options = Options {
            workloads: self.what.clone(),
            engine: self.engine(),
            envoy: self.envoy.clone(),
            cache: self.cache.dir(world),
        };
        let Some(module) = self.what.iter().find(|name| is_module(name)) else {
            if let Some(option) = self.module.used() {
                let diagnostic = Diagnostic::error(Code::MC0708, format!("`{option}` applies only to a single module"));
                sink.push(
                    diagnostic.help("name a `.wasm` file; the filters of a workload are configured by mesh.toml"),
                );
                return None;
            }
            let file = project.file(world);
            let input = project.input(&file);
            let compiled = compile(world, &input, sink)?;
            return environments(world, &compiled, &options, reporter, sink);
        };
        if !project.environments.is_empty() {
            let diagnostic = Diagnostic::error(Code::MC0708, "`--env` applies only to the workloads of mesh.toml");
            sink.push(diagnostic.help("leave it out to verify a single module"));
            return None;
        }
        if self.what.len() > 1 {
            let diagnostic = Diagnostic::error(Code::MC0708, format!("`{module}` must be the only argument"));
            sink.push(diagnostic.help("name either workloads or one module"));
            return None;
        }
        let single = self.module.single(module.into());
        bar(world, reporter, |progress| verify_module(world, &single, &options, sink, progress))
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
    /// The first of these options on the command line.
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

    fn single(&self, file: Utf8PathBuf) -> SingleModule {
        SingleModule {
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
    /// The cache directory of the user. A relative path in the environment is ignored (XDG Base Directory Specification).
    fn dir(self, world: &dyn World) -> Option<Utf8PathBuf> {
        let dir = |name: &str| {
            let path = Utf8PathBuf::from_os_string(world.variable(name)?).ok()?;
            path.is_absolute().then_some(path)
        };
        let caches = || dir("XDG_CACHE_HOME").or_else(|| Some(dir("HOME")?.join(".cache")));
        (!self.no_cache).then(caches).flatten().map(|caches| caches.join("mesh-compile"))
    }
}

fn is_module(name: &str) -> bool {
    name.to_ascii_lowercase().ends_with(".wasm")
}

/// Dry-runs the workloads of each environment, and puts the reports together.
fn environments(
    world: &dyn World,
    compiled: &[Compiled],
    options: &Options,
    reporter: &Reporter<'_>,
    sink: &mut Sink,
) -> Option<Report> {
    let mut all = Report { engine: options.engine, workloads: Vec::new(), passed: true, assumed: None };
    if !Suites::know(compiled.iter().map(|one| &one.suites), &options.workloads, sink) {
        return None;
    }
    for one in compiled {
        // A workload can exist in some environments only.
        let wanted = options.workloads.iter().filter(|name| one.suites.has(name)).cloned();
        let workloads: Vec<String> = wanted.collect();
        if workloads.is_empty() && !options.workloads.is_empty() {
            continue;
        }
        let options = Options { workloads, ..options.clone() };
        sink.enter(one.environment.as_deref());
        let report = bar(world, reporter, |progress| verify(world, &one.tree, &one.suites, &options, sink, progress));
        sink.enter(None);
        let report = report?;
        all.passed &= report.passed;
        all.assumed = all.assumed.or(report.assumed);
        let in_environment =
            |workload| mesh_compile::verify::Workload { environment: one.environment.clone(), ..workload };
        all.workloads.extend(report.workloads.into_iter().map(in_environment));
    }
    Some(all)
}

/// The dry run of all workloads in the embedded host, as part of another command.
pub(super) struct DryRun(Option<Report>);

impl DryRun {
    pub(super) fn run(
        world: &dyn World,
        compiled: &[Compiled],
        cache: Cache,
        reporter: &Reporter<'_>,
        sink: &mut Sink,
    ) -> Self {
        let options = Options { cache: cache.dir(world), ..Options::default() };
        Self(environments(world, compiled, &options, reporter, sink))
    }

    pub(super) fn outcome(&self) -> Outcome {
        outcome(self.0.as_ref())
    }

    /// Writes the summary. Call after writing the diagnostics.
    pub(super) fn summarize(&self, reporter: &Reporter<'_>) {
        self.0.iter().for_each(|report| summarize(report, reporter));
    }
}

fn bar<T>(world: &dyn World, reporter: &Reporter<'_>, run: impl FnOnce(Progress<'_>) -> T) -> T {
    let bar = Bar::new(world, reporter.shows_progress());
    run(&|done, total| bar.update(done, total))
}

fn outcome(report: Option<&Report>) -> Outcome {
    match report {
        None => Outcome::Error,
        Some(report) if report.passed => Outcome::Success,
        Some(_) => Outcome::Failure,
    }
}

/// Writes the summary; with `-v`, also a line for each filter and each test.
fn summarize(report: &Report, reporter: &Reporter<'_>) {
    for workload in &report.workloads {
        let name = workload.full_name();
        let place =
            if report.engine == Engine::Both { format!(" in {}", workload.engine.place()) } else { String::new() };
        for run in &workload.runs {
            let word = match (run.passed(), &run.message) {
                (false, _) => "failed",
                (true, Some(_)) => "unknown",
                (true, None) => "passed",
            };
            reporter.verbose(&format!("{word} {name}{place}: the filter {}", run.filter));
        }
        if workload.engine == report.workloads[0].engine && workload.memory.vms > 0 {
            let megabytes = workload.memory.bytes.div_ceil(1_000_000);
            let vms = plural(workload.memory.vms, "VM");
            reporter.verbose(&format!("{name}: about {megabytes} MB of memory in a proxy with two workers ({vms})"));
        }
        for test in &workload.tests {
            let word = if test.passed {
                "passed"
            } else if test.ran {
                "failed"
            } else {
                "not run"
            };
            reporter.verbose(&format!("{word} {name}{place}: {}", test.name));
        }
    }
    reporter.info(&report.summary());
}
