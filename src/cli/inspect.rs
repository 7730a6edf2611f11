//! `mesh-compile inspect`

use std::ffi::OsStr;
use std::fmt::Write as _;

use camino::Utf8PathBuf;
use clap::builder::{PossibleValue, StringValueParser, TypedValueParser};
use clap::{Arg, Args, Command};
use mesh_compile::diag::render::{Format, json};
use mesh_compile::diag::{Code, Diagnostic, Severity, Sink, visible};
use mesh_compile::inspect::{Inspection, Target, grouped, inspect};
use mesh_compile::world::World;

use super::Outcome;
use super::report::{Reporter, stdout, width};

/// Show what a module contains and whether Envoy would load it
///
/// Exits with status 0 if Envoy would load every module, 1 if it would reject one, and 2 if one cannot be read.
#[derive(Debug, Args)]
pub(super) struct Inspect {
    /// Modules to inspect
    #[arg(required = true, value_name = "FILE")]
    files: Vec<Utf8PathBuf>,
    /// Oldest version of Istio that must load the modules [default: the newest known version]
    #[arg(long, value_name = "VERSION", value_parser = Versions, hide_possible_values = true)]
    istio: Option<String>,
}

/// Any version, for its own message. Shells complete the known ones.
#[derive(Clone)]
struct Versions;

impl TypedValueParser for Versions {
    type Value = String;

    fn parse_ref(&self, command: &Command, arg: Option<&Arg>, value: &OsStr) -> Result<String, clap::Error> {
        StringValueParser::new().parse_ref(command, arg, value)
    }

    fn possible_values(&self) -> Option<Box<dyn Iterator<Item = PossibleValue> + '_>> {
        Some(Box::new(Target::known().map(|(version, adds)| PossibleValue::new(version).help(adds))))
    }
}

/// The columns before the values.
const INDENT: usize = 16;
/// The columns of the bar that shows the parts of a module.
const BAR: usize = 50;
const PARTS: [char; 4] = ['█', '▓', '░', '·'];

impl Inspect {
    pub(super) fn run(&self, world: &dyn World, reporter: &Reporter<'_>) -> Outcome {
        let mut sink = Sink::new();
        let Some(target) = Target::parse(self.istio.as_deref()) else {
            let version = self.istio.as_deref().unwrap_or_default();
            let unknown = Diagnostic::error(Code::MC0208, format!("`{version}` is not an Istio version"));
            sink.push(unknown.help(format!(
                "set the oldest minor version of any proxy in the mesh, such as \"{}\"",
                Target::NEWEST
            )));
            return reporter.diagnostics(sink);
        };
        if let Some(concern) = target.concern() {
            let is_error = concern.severity == Severity::Error;
            sink.push(concern);
            if is_error {
                return reporter.diagnostics(sink);
            }
        }
        let mut inspections = Vec::new();
        for file in &self.files {
            match inspect(world, file, target) {
                Ok(inspection) => inspections.push(inspection),
                Err(diagnostic) => sink.push(*diagnostic),
            }
        }
        let unreadable = sink.has_errors();
        let product = if matches!(reporter.format(), Format::Json) {
            let mut report = json::JsonDocument::new(&[], world.sources());
            report.extra.insert("modules".into(), inspections.iter().map(|it| it.to_json(world.sources())).collect());
            report.to_line()
        } else {
            inspections.iter().map(|it| page(it, width())).collect::<Vec<_>>().join("\n")
        };
        let written = stdout(product.as_bytes());
        if !matches!(reporter.format(), Format::Json) {
            sink.extend(inspections.iter().flat_map(|inspection| inspection.findings.clone()));
        }
        reporter.diagnostics(sink);
        match written {
            _ if unreadable => Outcome::Error,
            Outcome::Success if inspections.iter().any(|inspection| !inspection.loads) => Outcome::Failure,
            outcome => outcome,
        }
    }
}

/// The page of a module for a person, wrapped at `width` columns.
fn page(it: &Inspection, width: usize) -> String {
    let mut page = format!("{}\n", visible(&it.path));
    let mut rows = |label: &str, separator: &str, parts: Vec<String>| {
        for (row, text) in wrap(&parts, separator, width.saturating_sub(INDENT)).iter().enumerate() {
            let label = if row == 0 { label } else { "" };
            // Writing to a String cannot fail.
            let _ = writeln!(page, "{}", format!("  {label:<14}{text}").trim_end());
        }
    };
    let mut row = |label: &str, text: &str| rows(label, "", vec![text.to_owned()]);
    row("SHA-256", &it.sha256);
    row("ABI", it.abi.as_deref().unwrap_or("none"));
    row("built with", it.sdk.unwrap_or("unknown"));
    row("loads", &loads(it));
    row("size", &format!("{} B, {} functions", grouped(it.size), it.functions));
    row("", &bar(it));
    let legend = it.parts.iter().zip(PARTS).map(|((name, size), mark)| format!("{mark} {name} {}", grouped(*size)));
    rows("", "   ", legend.collect());
    rows("as is", ", ", room(it.size));
    if let Some(slim) = it.slim_size.filter(|slim| *slim < it.size) {
        rows("slim", ", ", room(slim));
    }
    let megabytes = it.memory().div_ceil(1_000_000);
    rows("memory", "", vec![format!("about {megabytes} MB in a proxy with two workers (4 VMs)")]);
    let import = |module: &str, name: &str| if module == "env" { name.to_owned() } else { format!("{module}.{name}") };
    rows("imports", ", ", it.imports.iter().map(|it| import(&it.module, &it.name)).collect());
    let is_callback = |name: &&str| {
        (name.starts_with("proxy_on_") && *name != "proxy_on_memory_allocate") || name.starts_with("envoy_on_")
    };
    let exports = it.exports.iter().map(|export| export.name.as_str());
    rows("callbacks", ", ", exports.filter(is_callback).map(str::to_owned).collect());
    let sections = it.custom_sections.iter();
    rows("sections", ", ", sections.map(|it| format!("{} ({} B)", it.name, grouped(it.size))).collect());
    page
}

fn loads(it: &Inspection) -> String {
    match (it.loads, &it.min_envoy) {
        (false, _) => "no, Envoy would reject it".to_owned(),
        (true, Some(version)) => format!("in Envoy {version} and newer"),
        (true, None) => "in every Envoy that supports its ABI".to_owned(),
    }
}

/// A size, and how it compares with what Kubernetes accepts.
fn room(size: usize) -> Vec<String> {
    let room = Inspection::room(size).map(|(what, left)| {
        let bytes = grouped(usize::try_from(left.unsigned_abs()).unwrap_or(usize::MAX));
        format!("{what}: {bytes} B {}", if left < 0 { "over" } else { "left" })
    });
    std::iter::once(format!("{} B", grouped(size))).chain(room).collect()
}

/// The parts, made safe to print and joined into rows of at most `width` columns. A part that is wider has a row of its own.
fn wrap(parts: &[String], separator: &str, width: usize) -> Vec<String> {
    let mut rows: Vec<String> = Vec::new();
    for part in parts {
        let part = visible(part);
        match rows.last_mut() {
            Some(row) if row.chars().count() + separator.len() + part.chars().count() < width => {
                row.push_str(separator);
                row.push_str(&part);
            }
            Some(row) => {
                row.push_str(separator);
                row.truncate(row.trim_end().len());
                rows.push(part.into_owned());
            }
            None => rows.push(part.into_owned()),
        }
    }
    rows
}

/// The parts of the module in proportion.
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

#[cfg(test)]
mod tests {
    use mesh_compile::inspect::{CustomSection, Export, Import};

    use super::*;

    /// Every category of hidden characters, and what starts a workflow command.
    const HOSTILE: &str =
        "::error::a\u{1b}[2J\u{7f}\u{9b}\u{202e}\u{200b}\u{200e}\u{61c}\u{2028}\u{2066}\u{feff}\n::error::b\r";

    fn hostile() -> Inspection {
        let name = || HOSTILE.to_owned();
        // Every field is named, so a new one does not compile until it is tested here.
        Inspection {
            path: name(),
            size: 1_234_567,
            sha256: "0".repeat(64),
            abi: Some("0.2.1".to_owned()),
            sdk: Some("the Rust SDK"),
            imports: (0..9).map(|_| Import { module: name(), name: name(), kind: name() }).collect(),
            exports: (0..9).map(|_| Export { name: format!("proxy_on_{HOSTILE}"), kind: name() }).collect(),
            custom_sections: (0..9).map(|_| CustomSection { name: name(), size: 1 }).collect(),
            slim_size: Some(1_234_000),
            capabilities: vec![name()],
            min_envoy: Some("1.33".to_owned()),
            loads: true,
            parts: [("code", 1_000_000), ("data", 100_000), ("debug", 567), ("other", 134_000)],
            functions: 4_000,
            findings: Vec::new(),
        }
    }

    #[test]
    fn a_page_shows_no_hidden_characters_and_starts_no_workflow_command() {
        let page = page(&hostile(), 80);
        assert!(page.chars().all(|c| c == '\n' || visible(&c.to_string()) == c.to_string()), "{page:?}");
        assert!(!page.lines().any(|line| line.trim_start().starts_with("::")), "{page}");
    }

    #[test]
    fn a_page_wraps_at_the_width() {
        let mut inspection = hostile();
        let names = || (10..60).map(|number| format!("proxy_on_{number}"));
        inspection.path = "a.wasm".to_owned();
        inspection.imports.clear();
        inspection.exports = names().map(|name| Export { name, kind: String::new() }).collect();
        inspection.custom_sections = names().map(|name| CustomSection { name, size: 1 }).collect();
        inspection.sha256.truncate(20);
        for width in [70, 80, 120] {
            let page = page(&inspection, width);
            assert!(page.lines().all(|line| line.chars().count() <= width), "{page}");
            assert!(page.lines().any(|line| line.chars().count() > width - 20), "{page}");
        }
    }
}
