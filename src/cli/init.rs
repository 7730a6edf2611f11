//! `mesh-compile init`

mod files;
mod proposal;
mod repository;

use camino::{Utf8Component, Utf8Path, Utf8PathBuf};
use clap::Args;
use mesh_compile::diag::{Code, Diagnostic, Location, Severity, Sink, enumerate_quoted};
use mesh_compile::discover::{Discovery, candidates, discover, is_kustomization};
use mesh_compile::world::World;
use mesh_compile::{Input, compile};

use self::files::{File, Written};
use self::proposal::Proposal;
use self::repository::Repository;
use super::Outcome;
use super::report::Reporter;

/// Create a mesh.toml with a filter, CI and a pre-commit hook, in a new directory or an existing repository
///
/// In a repository, `init` finds the workloads' manifests and proposes the workloads in them. It never changes a file that exists
/// or the settings of git. Fails if the directory already contains a mesh.toml.
#[derive(Debug, Args)]
pub(super) struct Init {
    /// Directory of the project, created if it does not exist
    #[arg(default_value = ".")]
    dir: Utf8PathBuf,
    /// The workloads' manifests: a kustomization, a directory, a file, or `-` for standard input; can be repeated [default: what
    /// is found below DIR]
    #[arg(long, value_name = "PATH")]
    base: Vec<Utf8PathBuf>,
}

impl Init {
    pub(super) fn run(&self, world: &dyn World, reporter: &Reporter<'_>) -> Outcome {
        let dir = self.dir.strip_prefix(".").unwrap_or(&self.dir);
        let project = &Project { world, dir, repository: Repository::of(world, dir) };
        let mut sink = Sink::new();
        let Some((files, plan)) = self.plan(project, &mut sink).filter(|_| !sink.has_errors()) else {
            return reporter.diagnostics(sink);
        };
        let mut sink = Sink::new();
        if !project.write(&files, reporter, &mut sink) {
            return reporter.diagnostics(sink);
        }
        if !plan.is_stream {
            let input = Input { file: &dir.join("mesh.toml"), environments: &[], base: None };
            // Only for the diagnostics: what is still missing before the first render.
            let _ = compile(world, &input, &mut sink);
        }
        let outcome = reporter.diagnostics(sink);
        project.explain(&plan, outcome, reporter);
        outcome
    }

    /// The files to write, and what they are made from.
    fn plan(&self, project: &Project<'_>, sink: &mut Sink) -> Option<(Vec<File>, Plan)> {
        let Project { world, dir, .. } = *project;
        let spec = dir.join("mesh.toml");
        if world.link_kind(&spec).is_some() {
            let message = format!("`{spec}` already exists");
            sink.push(project.error(&spec, message).help("delete it, or choose another directory"));
            return None;
        }
        let Some(filter_dir) = files::filter_dir(world, dir) else {
            let [first, second] = files::FILTER_DIRS.map(|name| dir.join(name));
            let message = format!("`{first}` and `{second}` already exist");
            sink.push(project.error(&first, message).help("rename one of them, or choose another directory"));
            return None;
        };
        let found = if self.base.is_empty() { discover(world, dir) } else { Discovery::default() };
        if found.ambiguous {
            sink.push(project.ambiguous(&found));
            return None;
        }
        let is_stream = self.base.iter().any(|path| path == "-");
        let base = if self.base.is_empty() { found.base.clone() } else { project.relative(&self.base) };
        // As they are from here: the directory of the project may not exist yet.
        let typed =
            if self.base.is_empty() { base.iter().map(|path| dir.join(path)).collect() } else { self.base.clone() };
        let mut pairs = base.iter().zip(&typed);
        let is_inside = pairs.clone().any(|(path, typed)| encloses(path) && is_kustomization(world, typed));
        let component = if is_inside {
            Some(Component::Inside)
        } else {
            let is_overlay = !is_stream && pairs.all(|(_, typed)| is_kustomization(world, typed));
            (!is_overlay).then_some(Component::Beside)
        };
        let workloads = candidates(world, &typed, &dir.join("out"), sink);
        if workloads.is_empty() && !base.is_empty() && !sink.has_errors() {
            let paths = enumerate_quoted(&base.iter().map(|path| project.shown(path)).collect::<Vec<_>>());
            let message = format!("{paths} contain{} no workload", if base.len() == 1 { "s" } else { "" });
            sink.push(project.error(&typed[0], message).help("name others with `--base PATH`"));
        }
        let text = Proposal { filter_dir, base: &base, is_inside, workloads: &workloads }.text();
        let mut files = files::files(filter_dir, &project.left_out(is_stream));
        // Last, so that `init` can be run again after an error.
        files.push(files::spec(text));
        Some((files, Plan { found, base, is_stream, component, has_workloads: !workloads.is_empty() }))
    }
}

/// What a new mesh.toml is made from.
#[derive(Debug)]
struct Plan {
    found: Discovery,
    /// Relative to the project.
    base: Vec<Utf8PathBuf>,
    is_stream: bool,
    /// Which component out/ is. `None` if it is a kustomization on the base.
    component: Option<Component>,
    has_workloads: bool,
}

/// Where a component is that a kustomization has to list.
#[derive(Debug, Clone, Copy)]
enum Component {
    /// Below the only kustomization of the base.
    Inside,
    /// Beside manifests without a kustomization, or without a path.
    Beside,
}

/// The directory in which `init` works.
struct Project<'a> {
    world: &'a dyn World,
    /// As the user would type it: empty for the current directory.
    dir: &'a Utf8Path,
    repository: Repository,
}

impl Project<'_> {
    fn diagnostic(&self, severity: Severity, path: &Utf8Path, message: String) -> Diagnostic {
        let diagnostic = match severity {
            Severity::Error => Diagnostic::error(Code::MC0708, message),
            Severity::Warning => Diagnostic::warning(Code::MC0708, message),
        };
        diagnostic.at(Location::whole(self.world.sources().id(path)))
    }

    fn error(&self, path: &Utf8Path, message: String) -> Diagnostic {
        self.diagnostic(Severity::Error, path, message)
    }

    /// Several kustomizations that declare the same workloads.
    fn ambiguous(&self, found: &Discovery) -> Diagnostic {
        let paths = enumerate_quoted(&found.base.iter().map(|path| self.shown(path)).collect::<Vec<_>>());
        let message = format!("{paths} declare the same workloads");
        let first = found.base.first().map(|path| self.dir.join(path)).unwrap_or_default();
        self.error(&first, message).help("choose one with `--base PATH`")
    }

    /// Paths that the user typed, relative to the project.
    fn relative(&self, paths: &[Utf8PathBuf]) -> Vec<Utf8PathBuf> {
        let absolute = |path: &Utf8Path| repository::absolute(self.world, path);
        let relative = |path: &Utf8PathBuf| {
            if path == "-" || self.dir == "" {
                return path.clone();
            }
            let (Some(path), Some(dir)) = (absolute(path), absolute(self.dir)) else { return path.clone() };
            self::relative(&path, &dir)
        };
        paths.iter().map(relative).collect()
    }

    /// Directories of templates that would have no effect, or that the repository has its own way for.
    fn left_out(&self, is_stream: bool) -> Vec<&'static str> {
        // Nobody but the user knows the command that writes the stream.
        let has_no_effect = is_stream || self.repository.project != "";
        let mut left_out = Vec::new();
        if has_no_effect {
            left_out.push(".github/");
        }
        if has_no_effect || self.repository.hook.is_some() {
            left_out.push(".githooks/");
        }
        left_out
    }

    /// Writes the files. Returns whether all of them exist.
    fn write(&self, files: &[File], reporter: &Reporter<'_>, sink: &mut Sink) -> bool {
        for file in files {
            let path = self.dir.join(&file.path);
            match file.write(self.world, self.dir) {
                Written::Created => reporter.verbose(&format!("create {path}")),
                Written::UpToDate => {}
                Written::Kept(missing) => {
                    let kept =
                        self.diagnostic(Severity::Warning, &path, format!("`{path}` already exists and was kept"));
                    let add = |lines: &[String]| format!("add {}", enumerate_quoted(lines));
                    sink.push(if missing.is_empty() { kept } else { kept.help(add(&missing)) });
                }
                Written::Failed(error) => {
                    sink.push(self.error(&path, format!("cannot create `{path}`: {error}")));
                    return false;
                }
            }
        }
        true
    }

    /// A path of the project as the user would type it.
    fn shown(&self, path: &Utf8Path) -> String {
        let path = if self.dir == "" || path == "-" { path.to_owned() } else { self.dir.join(path) };
        let shown = path.as_str().trim_end_matches("/.");
        if shown.is_empty() { ".".to_owned() } else { shown.to_owned() }
    }

    /// Says what was found and what to do next.
    fn explain(&self, plan: &Plan, outcome: Outcome, reporter: &Reporter<'_>) {
        self.explain_base(plan, reporter);
        let spec = self.shown("mesh.toml".into());
        let at = if self.dir == "" { String::new() } else { format!(" -f {}", quoted(&spec)) };
        let (pipe, stream) = if plan.is_stream { ("COMMAND | ", " --base -") } else { ("", "") };
        let first = if outcome == Outcome::Success { "" } else { "fix the errors above, " };
        let cd = if self.dir == "" { String::new() } else { format!("cd {} && ", quoted(self.dir.as_str())) };
        reporter.info(&format!("created {spec}: {first}run `{cd}{pipe}mesh-compile render{stream}`, then commit out/"));
        let check = format!("{pipe}mesh-compile check --verify{at}{stream}");
        match &self.repository.hook {
            _ if self.repository.is_hooked => {}
            Some(hook) => reporter.info(&format!("to check out/ before each commit, run `{check}` in {hook}")),
            None if self.left_out(plan.is_stream).is_empty() => {
                reporter.info("run `git config core.hooksPath .githooks` to check out/ before each commit");
            }
            None => reporter.info(&format!("to check out/, run `{check}` in CI and before each commit")),
        }
    }

    /// Says where the workloads come from, and how the filters reach the cluster with them.
    fn explain_base(&self, plan: &Plan, reporter: &Reporter<'_>) {
        let Plan { found, base, .. } = plan;
        if !found.base.is_empty() {
            let paths = enumerate_quoted(&base.iter().map(|path| self.shown(path)).collect::<Vec<_>>());
            let others = found.kustomizations.iter().any(|path| !base.contains(path));
            let choose =
                if others { "; to use others, delete mesh.toml and run `mesh-compile init --base PATH`" } else { "" };
            reporter.info(&format!("found the workloads' manifests in {paths}{choose}"));
        }
        let out = self.shown("out".into());
        match plan.component {
            None => {}
            Some(Component::Inside) => reporter.info(&format!(
                "to apply the filters, list `{}` under `components` of the kustomization in `{}`",
                relative("out".into(), &base[0]),
                self.shown(&base[0])
            )),
            Some(Component::Beside) => reporter.info(&format!(
                "to apply the filters, list `{out}` under `components` of the kustomization that applies the workloads"
            )),
        }
        self.explain_overlays(plan, reporter);
        if let ([_], [first, _, ..]) = (&base[..], &found.overlays[..])
            && found.overlays.iter().all(|overlay| !overlay.renames)
        {
            let name = first.path.file_name().unwrap_or("NAME");
            reporter.info(&format!(
                "or replace `base` in mesh.toml by an environment for each overlay, such as `[env.{name}]` with `mesh.base = \"{}\"`",
                first.path
            ));
        }
        for chart in found.charts.iter().filter(|_| !plan.has_workloads) {
            let chart = quoted(&self.shown(chart));
            reporter.info(&format!(
                "found a Helm chart: to start from its workloads, delete mesh.toml and run `helm template NAME {chart} | mesh-compile init --base -`"
            ));
        }
    }

    /// Says what to change in the kustomizations that include those of the base.
    fn explain_overlays(&self, Plan { found, base, .. }: &Plan, reporter: &Reporter<'_>) {
        let mut partial = Vec::new();
        for overlay in found.overlays.chunk_by(|a, b| a.path == b.path) {
            let path = self.shown(&overlay[0].path);
            if let Some(renaming) = overlay.iter().find(|one| one.renames) {
                let base = self.shown(&renaming.base);
                reporter.info(&format!(
                    "`{path}` renames the objects of `{base}`, which the filters' ConfigMaps cannot follow: start again with `--base {path}`"
                ));
            } else if overlay.len() < base.len() {
                partial.push(path);
            } else {
                let included = overlay.iter().map(|one| relative(&one.base, &one.path).into_string());
                let (included, out) =
                    (enumerate_quoted(&included.collect::<Vec<_>>()), relative("out".into(), &overlay[0].path));
                reporter
                    .info(&format!("to give the filters to `{path}`, replace {included} by `{out}` in its resources"));
            }
        }
        if let Some((first, others)) = partial.split_first() {
            let (others, verb) = match others.len() {
                0 => (String::new(), "builds"),
                1 => (" and 1 more kustomization".to_owned(), "build"),
                n => (format!(" and {n} more kustomizations"), "build"),
            };
            reporter.info(&format!(
                "`{first}`{others} {verb} on a part of these, but out/ contains all of them: to give filters to one, run `mesh-compile init NEW-DIRECTORY --base {}`",
                quoted(first)
            ));
        }
    }
}

/// Whether the project's out/ is inside a directory, given relative to the project.
fn encloses(path: &Utf8Path) -> bool {
    path.components().all(|part| matches!(part, Utf8Component::CurDir | Utf8Component::ParentDir))
}

/// A path as it is written in a directory. Both are relative to the same directory, or absolute.
fn relative(path: &Utf8Path, dir: &Utf8Path) -> Utf8PathBuf {
    let parts = |path: &Utf8Path| -> Vec<String> {
        let parts = path.components().filter(|part| *part != Utf8Component::CurDir);
        parts.map(|part| part.as_str().to_owned()).collect()
    };
    let (path, dir) = (parts(path), parts(dir));
    let common = path.iter().zip(&dir).take_while(|(a, b)| a == b).count();
    let up = dir[common..].iter().map(|_| "..");
    let relative: Utf8PathBuf = up.chain(path[common..].iter().map(String::as_str)).collect();
    if relative == "" { ".".into() } else { relative }
}

/// An argument for a shell.
fn quoted(path: &str) -> String {
    let is_plain = path.chars().all(|char| char.is_ascii_alphanumeric() || "/._-+@:".contains(char));
    if is_plain { path.to_owned() } else { format!("'{}'", path.replace('\'', r"'\''")) }
}
