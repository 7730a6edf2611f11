//! Tables with one line per workload, as `kubectl get` prints them.

use mesh_compile::diag::visible;
use mesh_compile::show::{Filter, Workload};

/// What kubectl writes for nothing.
const NONE: &str = "<none>";

/// The workloads and the names of their filters.
pub(super) fn of_workloads(workloads: &[Workload]) -> String {
    let row = |workload: &Workload| {
        let filters: Vec<&str> = workload.filters.iter().map(|filter| filter.name.as_str()).collect();
        let filters = if filters.is_empty() { NONE.to_owned() } else { filters.join(", ") };
        [identity(workload).as_slice(), &[filters]].concat()
    };
    let header = ["ENVIRONMENT", "NAMESPACE", "KIND", "NAME", "FILTERS"];
    table(&header, workloads.iter().map(row).collect())
}

/// The workloads that use a filter, and why.
pub(super) fn of_filter(name: &str, workloads: &[Workload]) -> String {
    let row = |workload: &Workload| {
        let filter = workload.filters.iter().find(|filter| filter.name == name)?;
        let port = filter.settings.get("port").map_or_else(|| NONE.to_owned(), |port| port.value.to_string());
        let direction = filter.settings.get("direction").and_then(|it| it.value.as_str()).unwrap_or(NONE).to_owned();
        let cells = [direction, port, filter.envoy_filter.clone(), used(filter)];
        Some([identity(workload).as_slice(), &cells].concat())
    };
    let rows: Vec<Vec<String>> = workloads.iter().filter_map(row).collect();
    if rows.is_empty() {
        return format!("no workload uses the filter {}\n", visible(name));
    }
    let header = ["ENVIRONMENT", "NAMESPACE", "KIND", "NAME", "DIRECTION", "PORT", "ENVOYFILTER", "FROM"];
    table(&header, rows)
}

/// Where the filter is listed.
pub(super) fn used(filter: &Filter) -> String {
    match &filter.binding {
        Some(binding) => format!("{}, binding of order {}", filter.used, binding.order),
        None => format!("{}, own list", filter.used),
    }
}

fn identity(workload: &Workload) -> [String; 4] {
    let environment = workload.environment.clone().unwrap_or_default();
    [environment, workload.namespace.clone(), workload.kind.clone(), workload.name.clone()]
}

/// Left-aligned columns, three blanks apart. A column that is empty everywhere is left out.
fn table(header: &[&str], rows: Vec<Vec<String>>) -> String {
    let rows: Vec<Vec<String>> =
        rows.into_iter().map(|row| row.iter().map(|cell| visible(cell).into_owned()).collect()).collect();
    let width = |column: usize| rows.iter().map(|row| row[column].chars().count()).max().unwrap_or(0);
    let columns: Vec<(usize, usize)> =
        (0..header.len()).map(|column| (column, width(column))).filter(|(_, width)| *width > 0).collect();
    let header: Vec<String> = header.iter().map(|cell| (*cell).to_owned()).collect();
    let mut text = String::new();
    for row in std::iter::once(&header).chain(&rows) {
        let mut line = String::new();
        for &(column, width) in &columns {
            let cell = &row[column];
            let blanks = width.max(header[column].chars().count()) + 3 - cell.chars().count();
            line.push_str(cell);
            line.extend(std::iter::repeat_n(' ', blanks));
        }
        text.push_str(line.trim_end());
        text.push('\n');
    }
    text
}
