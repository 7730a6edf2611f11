//! `mesh-compile inspect`

use std::fmt::Write as _;

use camino::Utf8PathBuf;
use clap::Args;
use mesh_compile::diag::render::{Format, json};
use mesh_compile::diag::{Code, Diagnostic, Sink};
use mesh_compile::inspect::{Inspection, Target, inspect};
use mesh_compile::world::World;

use super::Outcome;
use super::report::{Reporter, stdout};

/// Shows what a module is, what it needs and whether Envoy would load it
///
/// Ends in 0 when Envoy loads every one, in 1 when it would refuse one, in 2 when one cannot be read.
#[derive(Debug, Args)]
pub(super) struct Inspect {
    /// The modules
    #[arg(required = true, value_name = "FILE")]
    files: Vec<Utf8PathBuf>,
    /// The oldest Istio that is to load them [default: the newest known]
    #[arg(long, value_name = "VERSION")]
    istio: Option<String>,
}

/// How wide the bar of a module's parts is.
const BAR: usize = 50;
const PARTS: [char; 4] = ['█', '▓', '░', '·'];

impl Inspect {
    pub(super) fn run(&self, world: &dyn World, reporter: &Reporter<'_>) -> Outcome {
        let mut sink = Sink::new();
        let Some(target) = Target::parse(self.istio.as_deref()) else {
            let version = self.istio.as_deref().unwrap_or_default();
            let finding = Diagnostic::error(Code::MC0208, format!("`{version}` is not a version of Istio"));
            sink.push(finding.help("write the oldest minor version of any proxy in the mesh, as 1.28"));
            return reporter.findings(sink);
        };
        let mut inspections = Vec::new();
        for file in &self.files {
            match inspect(world, file, target) {
                Ok(inspection) => inspections.push(inspection),
                Err(finding) => sink.push(*finding),
            }
        }
        let unreadable = sink.has_errors();
        let product = if matches!(reporter.format(), Format::Json) {
            let mut report = json::Report::new(&[], world.sources());
            report.extra.insert("modules".into(), inspections.iter().map(|it| it.to_json(world.sources())).collect());
            report.to_line()
        } else {
            inspections.iter().map(page).collect::<Vec<_>>().join("\n")
        };
        let written = stdout(product.as_bytes());
        if !matches!(reporter.format(), Format::Json) {
            sink.extend(inspections.iter().flat_map(|inspection| inspection.findings.clone()));
        }
        reporter.findings(sink);
        match written {
            _ if unreadable => Outcome::Failed,
            Outcome::Fine if inspections.iter().any(|inspection| !inspection.loads) => Outcome::Drift,
            outcome => outcome,
        }
    }
}

/// A page that a person reads.
fn page(it: &Inspection) -> String {
    let mut page = String::new();
    let mut line = |label: &str, text: &str| {
        // Writing to a String cannot fail.
        let _ = writeln!(page, "{}", format!("  {label:<14}{text}").trim_end());
    };
    line("SHA-256", &it.sha256);
    line("ABI", it.abi.as_deref().unwrap_or("none"));
    line("built with", it.sdk.unwrap_or("unknown"));
    line("loads", &loads(it));
    line("size", &format!("{} B, {} functions", group(it.size), it.functions));
    line("", &bar(it));
    let legend = it.parts.iter().zip(PARTS).map(|((name, size), mark)| format!("{mark} {name} {}", group(*size)));
    line("", &legend.collect::<Vec<_>>().join("   "));
    for (label, size) in [("as it is", Some(it.size)), ("slim", it.slim_size)] {
        if let Some(size) = size.filter(|size| label != "slim" || *size < it.size) {
            let room = Inspection::room(size).map(|(what, left)| match u64::try_from(left) {
                Ok(left) => format!("{what}: {} B left", group(usize::try_from(left).unwrap_or(usize::MAX))),
                Err(_) => format!("{what}: {} B over", group(usize::try_from(-left).unwrap_or(usize::MAX))),
            });
            line(label, &format!("{} B; {}", group(size), room.join(", ")));
        }
    }
    list(
        &mut line,
        "imports",
        it.imports.iter().map(|import| {
            if import.module == "env" { import.name.clone() } else { format!("{}.{}", import.module, import.name) }
        }),
    );
    let is_callback = |name: &str| {
        (name.starts_with("proxy_on_") && name != "proxy_on_memory_allocate") || name.starts_with("envoy_on_")
    };
    let callbacks = it.exports.iter().map(|export| export.name.clone());
    list(&mut line, "callbacks", callbacks.filter(|name| is_callback(name)));
    list(
        &mut line,
        "sections",
        it.custom_sections.iter().map(|section| format!("{} ({} B)", section.name, group(section.size))),
    );
    format!("{}\n{page}", it.path)
}

fn loads(it: &Inspection) -> String {
    match (it.loads, &it.min_envoy) {
        (false, _) => "no: Envoy would refuse it".to_owned(),
        (true, Some(version)) => format!("in Envoy {version} and newer"),
        (true, None) => "in every Envoy of its ABI".to_owned(),
    }
}

/// One name a column, as many lines as they need.
fn list(line: &mut impl FnMut(&str, &str), label: &str, names: impl Iterator<Item = String>) {
    const WIDTH: usize = 84;
    let mut label = label;
    let mut text = String::new();
    for name in names {
        if !text.is_empty() && text.len() + name.len() + 2 > WIDTH {
            line(label, &text);
            (label, text) = ("", String::new());
        }
        if !text.is_empty() {
            text.push_str(", ");
        }
        text.push_str(&name);
    }
    if !text.is_empty() {
        line(label, &text);
    }
}

fn bar(it: &Inspection) -> String {
    let total = it.size.max(1);
    let mut bar = String::new();
    let mut done = 0;
    for ((_, size), mark) in it.parts.iter().zip(PARTS) {
        done += size;
        let end = (done * BAR / total).min(BAR);
        let drawn = bar.chars().count();
        bar.extend(std::iter::repeat_n(mark, end.saturating_sub(drawn)));
    }
    bar
}

/// `1056134` as `1,056,134`.
fn group(number: usize) -> String {
    mesh_compile::inspect::grouped(number)
}
