//! minijinja templates over `mesh`, `workload`, `filter` and `vars`, strict: an undefined variable is an error at its place.

use std::collections::BTreeMap;

use minijinja::syntax::SyntaxConfig;
use minijinja::value::{Serde, ValueKind};
use minijinja::{Environment, UndefinedBehavior, Value};
use serde::Serialize;
use serde_json::Value as Json;

use crate::diag::{Code, Diagnostic, Sink, suggest};
use crate::spec::{Document, Place, types::Var};

/// Renders templates and reports those that fail.
pub(crate) struct Templates<'a> {
    environment: Environment<'a>,
    document: &'a Document,
    vars: &'a BTreeMap<String, Var>,
    mesh: MeshVars,
}

#[derive(Debug, Serialize)]
pub(crate) struct MeshVars {
    pub(crate) namespace: String,
    pub(crate) istio: String,
    pub(crate) provider: String,
}

#[derive(Debug, Clone, Serialize)]
pub(crate) struct FilterVars<'a> {
    pub(crate) name: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) root_id: Option<&'a str>,
    pub(crate) vm_id: &'a str,
    #[serde(rename = "type")]
    pub(crate) filter_type: &'a str,
}

#[derive(Debug, Clone, Serialize)]
pub(crate) struct WorkloadVars<'a> {
    pub(crate) name: &'a str,
    pub(crate) namespace: &'a str,
    pub(crate) kind: &'a str,
}

/// What a template may speak of beside the mesh and the user's own values. A shared object has no workload.
#[derive(Debug, Clone, Default, Serialize)]
pub(crate) struct Scope<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) filter: Option<&'a FilterVars<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) workload: Option<&'a WorkloadVars<'a>>,
}

#[derive(Serialize)]
struct Variables<'a> {
    mesh: &'a MeshVars,
    vars: &'a BTreeMap<String, Var>,
    #[serde(flatten)]
    scope: &'a Scope<'a>,
}

impl<'a> Templates<'a> {
    pub(crate) fn new(document: &'a Document, vars: &'a BTreeMap<String, Var>, mesh: MeshVars) -> Self {
        let mut environment = Environment::new();
        environment.set_undefined_behavior(UndefinedBehavior::Strict);
        // A configuration keeps its last line end.
        if let Ok(syntax) = SyntaxConfig::builder().keep_trailing_newline(true).build() {
            environment.set_syntax(syntax);
        }
        // What is rendered is never HTML.
        environment.set_auto_escape_callback(|_| minijinja::AutoEscape::None);
        // A boolean as JSON, YAML and TOML write it, not as Python does.
        environment.set_formatter(|out, state, value| match value.kind() {
            ValueKind::Bool => Ok(write!(out, "{}", value.is_true())?),
            _ => minijinja::escape_formatter(out, state, value),
        });
        Self { environment, document, vars, mesh }
    }

    /// Renders `text`, which stands at `place`. `None` after a report.
    pub(crate) fn render(&self, text: &str, place: &Place, scope: &Scope<'_>, sink: &mut Sink) -> Option<String> {
        if !is_template(text) {
            return Some(text.to_owned());
        }
        let variables = Variables { mesh: &self.mesh, vars: self.vars, scope };
        match self
            .environment
            .template_from_str(text)
            .and_then(|template| template.render(Value::from(Serde(&variables))))
        {
            Ok(rendered) => Some(rendered),
            Err(error) => {
                sink.push(self.finding(&error, text, place, scope));
                None
            }
        }
    }

    /// Renders every string of a JSON value; keys stay as they are. `None` after a report.
    pub(crate) fn render_json(&self, value: &Json, place: &Place, scope: &Scope<'_>, sink: &mut Sink) -> Option<Json> {
        match value {
            Json::String(text) => self.render(text, place, scope, sink).map(Json::String),
            Json::Array(items) => {
                let rendered: Vec<_> = items
                    .iter()
                    .enumerate()
                    .map(|(i, item)| self.render_json(item, &place.index(i), scope, sink))
                    .collect();
                rendered.into_iter().collect::<Option<Vec<_>>>().map(Json::Array)
            }
            Json::Object(entries) => {
                let rendered: Vec<_> = entries
                    .iter()
                    .map(|(key, item)| Some((key.clone(), self.render_json(item, &place.key(key), scope, sink)?)))
                    .collect();
                rendered.into_iter().collect::<Option<_>>().map(Json::Object)
            }
            _ => Some(value.clone()),
        }
    }

    /// Whether `text` speaks of the workload, so that no two workloads could share what it renders to.
    pub(crate) fn names_workload(&self, text: &str) -> bool {
        is_template(text)
            && self
                .environment
                .template_from_str(text)
                .is_ok_and(|template| template.undeclared_variables(false).contains("workload"))
    }

    fn finding(&self, error: &minijinja::Error, text: &str, place: &Place, scope: &Scope<'_>) -> Diagnostic {
        let location = match error.range() {
            Some(range) => self.document.within(place, text, &range),
            None => self.document.at(place),
        };
        let part = error.range().and_then(|range| text.get(range)).unwrap_or_default();
        let what = match error.kind() {
            minijinja::ErrorKind::UndefinedError => format!("undefined variable `{part}` in `{place}`"),
            _ => format!("`{place}` is not a template that renders: {}", error.detail().unwrap_or("unknown error")),
        };
        let mut known = vec!["mesh.namespace", "mesh.istio", "mesh.provider"];
        if let Some(filter) = scope.filter {
            known.extend(["filter.name", "filter.vm_id", "filter.type"]);
            known.extend(filter.root_id.map(|_| "filter.root_id"));
        }
        // A value that speaks of the workload gets an EnvoyFilter of the workload's own; a name is what it is.
        if scope.workload.is_some() || !place.to_string().starts_with("names.") {
            known.extend(["workload.name", "workload.namespace", "workload.kind"]);
        }
        let own: Vec<String> = self.vars.keys().map(|name| format!("vars.{name}")).collect();
        known.extend(own.iter().map(String::as_str));
        let of_another = |name: &&str| name.split_once('.').is_some_and(|(_, last)| last == part);
        let near = known.iter().copied().find(of_another).or_else(|| suggest(part, known.iter().copied()));
        let list = known.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ");
        let finding = Diagnostic::error(Code::MC0111, what).at(location);
        match near {
            Some(near) => finding.help(format!("did you mean `{near}`? There are {list}")),
            None if error.kind() == minijinja::ErrorKind::UndefinedError => finding.help(format!("there are {list}")),
            None if error.kind() != minijinja::ErrorKind::SyntaxError => finding,
            None => finding.help("for a literal `{{`, `{%` or `{#` write `{% raw %}…{% endraw %}`"),
        }
    }
}

fn is_template(text: &str) -> bool {
    text.contains("{{") || text.contains("{%") || text.contains("{#")
}
