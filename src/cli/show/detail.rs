//! Everything about one workload, as `kubectl describe` prints it.

use mesh_compile::diag::{visible, visible_lines};
use mesh_compile::show::{Configuration, Filter, Setting, Workload};
use serde_json::Value;

use super::table::used;

/// The columns of the labels.
const LABEL: usize = 18;
/// The columns of the values. The source of a wider value follows it at once.
const VALUE: usize = 34;
/// The lines of a configuration that is a text.
const LINES: usize = 10;

/// The page of a workload.
pub(super) fn workload(workload: &Workload) -> String {
    let Workload { kind, namespace, name, .. } = workload;
    let mut page = Page::default();
    page.heading(0, &format!("{kind} {namespace}/{name}"));
    if let Some(environment) = &workload.environment {
        page.row(2, "environment", environment, None);
    }
    if let Some(table) = &workload.table {
        page.row(2, "declared", &table.to_string(), None);
    }
    if let Some(manifest) = &workload.manifest {
        page.row(2, "manifest", &manifest.to_string(), None);
    }
    let shown = ["namespace", "selector", "mount", "mount-path", "wasm-log-level", "volumes", "volume-mounts"];
    for key in shown {
        if let Some(setting) = workload.settings.get(key) {
            page.setting(2, key, setting);
        }
    }
    if let Some(patch) = &workload.patch {
        page.row(2, "patch", patch, None);
    }
    if let Some(parameters) = &workload.parameters {
        page.row(2, "parameters", parameters, None);
    }
    if let Some(reason) = &workload.reason {
        page.row(2, "filters", &format!("none: {reason}"), None);
    }
    for (index, one) in workload.filters.iter().enumerate() {
        page.blank();
        filter(&mut page, index + 1, one);
    }
    page.text
}

fn filter(page: &mut Page, position: usize, filter: &Filter) {
    page.heading(2, &format!("{position}. {}", filter.name));
    page.row(5, "listed", &used(filter), None);
    page.row(5, "declared", &filter.declared.to_string(), None);
    // The most important keys first, then the others by name.
    let first = ["module", "type", "direction", "port", "insert"];
    let others = filter.settings.keys().map(String::as_str).filter(|key| !first.contains(key));
    for key in first.into_iter().chain(others) {
        if let Some(setting) = filter.settings.get(key) {
            page.setting(5, key, setting);
        }
    }
    if let Some(it) = &filter.configuration {
        configuration(page, it);
    }
    for (title, name) in [("ConfigMap", &filter.config_map), ("image", &filter.image)] {
        name.iter().for_each(|name| page.row(5, title, name, None));
    }
    let users = if filter.shared { "shared" } else { "of this workload alone" };
    page.row(5, "EnvoyFilter", &format!("{}, priority {}, {users}", filter.envoy_filter, filter.priority), None);
    if let Some(gate) = &filter.gate {
        page.row(5, "gate", &format!("{}={}", gate.label, gate.value), None);
    }
}

fn configuration(page: &mut Page, configuration: &Configuration) {
    let from = configuration.from.to_string();
    if configuration.values.is_empty() {
        let mut lines = configuration.text.lines();
        page.row(5, "configuration", lines.next().unwrap_or_default(), Some(&from));
        for line in lines.by_ref().take(LINES - 1) {
            page.row(5, "", line, None);
        }
        let left = lines.count();
        if left > 0 {
            page.row(5, "", &format!("… {left} more lines; `--format json` prints all"), None);
        }
        return;
    }
    for (index, value) in configuration.values.iter().enumerate() {
        let label = if index == 0 { "configuration" } else { "" };
        let text = format!("{} = {}", value.path.join("."), value.value);
        page.row(5, label, &text, Some(&value.from.to_string()));
    }
}

#[derive(Debug, Default)]
struct Page {
    text: String,
}

impl Page {
    fn heading(&mut self, indent: usize, text: &str) {
        self.line(&format!("{:indent$}{}", "", visible(text)));
    }

    fn setting(&mut self, indent: usize, key: &str, setting: &Setting) {
        let value = match &setting.value {
            Value::String(text) => text.clone(),
            Value::Object(entries) => {
                let entry = |(key, value): (&String, &Value)| format!("{key}={}", value.as_str().unwrap_or_default());
                entries.iter().map(entry).collect::<Vec<_>>().join(",")
            }
            Value::Array(items) if items.iter().all(Value::is_string) => {
                items.iter().filter_map(Value::as_str).collect::<Vec<_>>().join(", ")
            }
            Value::Array(items) => {
                let names = items.iter().filter_map(|item| item["name"].as_str());
                names.collect::<Vec<_>>().join(", ")
            }
            other => other.to_string(),
        };
        let from = setting.from.as_ref().map_or_else(|| "default".to_owned(), ToString::to_string);
        self.row(indent, key, &value, Some(&from));
    }

    /// A label, a value and its source.
    fn row(&mut self, indent: usize, label: &str, value: &str, from: Option<&str>) {
        let label_width = (LABEL + 2).saturating_sub(indent).max(label.chars().count() + 1);
        // A value has one line: a line end in it becomes visible.
        let value = visible_lines(value).replace('\n', "␊");
        let from = from.map(visible).unwrap_or_default();
        self.line(&format!("{:indent$}{label:<label_width$}{value:<VALUE$}  {from}", ""));
    }

    fn blank(&mut self) {
        self.text.push('\n');
    }

    fn line(&mut self, line: &str) {
        self.text.push_str(line.trim_end());
        self.text.push('\n');
    }
}
