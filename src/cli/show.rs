//! `mesh-compile show`

mod detail;
mod table;

use clap::Args;
use mesh_compile::diag::Sink;
use mesh_compile::diag::render::{Format, json};
use mesh_compile::show;
use mesh_compile::show::{LabelSelector, Query};
use mesh_compile::world::World;

use super::report::{Reporter, stdout};
use super::{Outcome, Project};

/// Show what workloads get, and where each part comes from
///
/// For workloads that are named, prints their filters in order, with the configuration in effect and the file and line that set
/// each value, the mount, the objects and the gate's label. For other selections, prints one line per workload; a workload of the
/// base that no binding matches has no filters.
///
/// Exits with status 0 on success and 2 on an error. With `--format json`, prints the whole report.
#[derive(Debug, Args)]
pub(super) struct Show {
    /// Workloads, as NAME, NAMESPACE/NAME, KIND/NAME or KIND/NAMESPACE/NAME [default: all]
    #[arg(value_name = "WORKLOAD")]
    workloads: Vec<String>,
    /// Show the workloads that use a filter
    #[arg(long, value_name = "NAME")]
    filter: Option<String>,
    /// Show the workloads of a namespace
    #[arg(short, long, value_name = "NAMESPACE")]
    namespace: Option<String>,
    /// Show the workloads whose pods have these labels: `key=value`, `key!=value`, `key` or `!key`, separated by commas
    #[arg(short = 'l', long, value_name = "LABELS", default_value = "", hide_default_value = true, value_parser = labels)]
    selector: LabelSelector,
}

impl Show {
    pub(super) fn run(self, world: &dyn World, project: &Project, reporter: &Reporter<'_>) -> Outcome {
        let spec = project.file(world);
        let mut sink = Sink::new();
        let Self { workloads: names, filter, namespace, selector: labels } = self;
        let is_named = !names.is_empty();
        let query = Query { names, filter, namespace, labels };
        let report = show(world, &project.input(&spec), &query, &mut sink);
        if matches!(reporter.format(), Format::Json) {
            let failed = sink.has_errors();
            let found = sink.into_sorted(world.sources());
            let mut document = json::JsonDocument::new(&found, world.sources());
            if let Some(report) = &report {
                document.extra.extend(report.to_json());
            }
            let written = stdout(document.to_line().as_bytes());
            return if failed { Outcome::Error } else { written };
        }
        let Some(report) = report else { return reporter.diagnostics(sink) };
        let workloads = report.workloads.as_slice();
        let text = match (&query.filter, workloads) {
            (Some(filter), _) => table::of_filter(filter, workloads),
            (None, [only]) => detail::workload(only),
            (None, several) if is_named => several.iter().map(detail::workload).collect::<Vec<_>>().join("\n"),
            (None, several) => table::of_workloads(several),
        };
        // Warnings are those of the whole mesh: `render` and `check` report them.
        stdout(text.as_bytes())
    }
}

/// The labels of `--selector`. None without the option.
fn labels(text: &str) -> Result<LabelSelector, String> {
    if text.is_empty() { Ok(LabelSelector::default()) } else { text.parse() }
}
