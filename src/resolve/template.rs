//! minijinja templates over `mesh`, `env`, `workload`, `filter` and `vars`. Strict: an undefined variable is an error at its place.

use std::collections::BTreeMap;

use minijinja::syntax::SyntaxConfig;
use minijinja::value::{Serde, ValueKind};
use minijinja::{Environment, UndefinedBehavior, Value};
use serde::Serialize;
use serde_json::Value as Json;

use super::clusters::{Cluster, Clusters};
use super::mesh::{Plugin, Workload};
use crate::diag::{Code, Diagnostic, Sink, Sources, suggest};
use crate::domain::FilterType;
use crate::spec::{Spanned, Spec, Table, Value as Written, to_json};

/// Renders templates and reports those that fail.
#[derive(Debug)]
pub(crate) struct Templates<'a> {
    environment: Environment<'static>,
    sources: &'a Sources,
    vars: &'a Table,
    /// Whether variables may be missing because they could not be read.
    incomplete: bool,
    /// The values that do not depend on where a template is.
    globals: Vec<(&'static str, Value)>,
    pub(crate) clusters: Clusters,
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

/// The variables of a template in addition to `mesh` and `vars`. A shared object has no workload.
#[derive(Debug, Clone, Default, Serialize)]
pub(crate) struct Scope<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) filter: Option<&'a FilterVars<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) workload: Option<&'a WorkloadVars<'a>>,
}

impl<'a> FilterVars<'a> {
    pub(crate) fn of(plugin: &'a Plugin) -> Self {
        Self {
            name: plugin.name.as_str(),
            root_id: plugin.root_id.as_deref(),
            vm_id: &plugin.vm_id,
            filter_type: match plugin.filter_type {
                FilterType::Http => "http",
                FilterType::Network => "network",
            },
        }
    }
}

impl<'a> WorkloadVars<'a> {
    pub(crate) fn of(workload: &'a Workload) -> Self {
        let Workload { name, namespace, kind, .. } = workload;
        Self { name: name.as_str(), namespace: namespace.as_str(), kind: kind.as_str() }
    }
}

impl<'a> Templates<'a> {
    pub(super) fn new(sources: &'a Sources, spec: &'a Spec, mesh: MeshVars, clusters: Clusters) -> Self {
        let mut environment = Environment::new();
        environment.set_undefined_behavior(UndefinedBehavior::Strict);
        // A configuration keeps its final line end.
        if let Ok(syntax) = SyntaxConfig::builder().keep_trailing_newline(true).build() {
            environment.set_syntax(syntax);
        }
        // The output is never HTML.
        environment.set_auto_escape_callback(|_| minijinja::AutoEscape::None);
        // Everything but a string in the form of JSON, not of Python.
        environment.set_formatter(|out, state, value| match value.kind() {
            ValueKind::Bool => Ok(write!(out, "{}", value.is_true())?),
            ValueKind::Seq | ValueKind::Map | ValueKind::None => {
                let json = serde_json::to_string(value);
                Ok(write!(out, "{}", json.map_err(|_| std::fmt::Error)?)?)
            }
            _ => minijinja::escape_formatter(out, state, value),
        });
        let vars = Value::from(Serde(&Json::Object(to_json(&spec.vars))));
        let mut globals = vec![("mesh", Value::from(Serde(&mesh))), ("vars", vars)];
        if let Some(name) = &spec.environment {
            globals.push(("env", Value::from_pairs([("name", name.as_str())])));
        }
        Self { environment, sources, vars: &spec.vars, incomplete: spec.unread.any, globals, clusters }
    }

    /// Renders a value. `None` if an error was reported.
    pub(crate) fn render(&self, template: &Spanned<String>, scope: &Scope<'_>, sink: &mut Sink) -> Option<String> {
        self.render_at(template, template, scope, sink)
    }

    /// Renders every string of a table; keys stay as they are. A string that is a single expression becomes the expression's value,
    /// such as an integer. `None` if an error was reported.
    pub(crate) fn render_table(
        &self,
        table: &BTreeMap<String, Spanned<Written>>,
        scope: &Scope<'_>,
        sink: &mut Sink,
    ) -> Option<Json> {
        let entries = table.iter().map(|(key, value)| Some((key.clone(), self.render_value(value, scope, sink)?)));
        // All entries are rendered before the first failure is returned, so that all failures are reported.
        let entries: Vec<_> = entries.collect();
        entries.into_iter().collect::<Option<_>>().map(Json::Object)
    }

    fn render_value(&self, value: &Spanned<Written>, scope: &Scope<'_>, sink: &mut Sink) -> Option<Json> {
        match &**value {
            Written::String(text) => {
                let rendered = self.render_at(text, value, scope, sink)?;
                Some(self.typed(text, scope).unwrap_or(Json::String(rendered)))
            }
            Written::Array(items) => {
                let items: Vec<_> = items.iter().map(|item| self.render_value(item, scope, sink)).collect();
                items.into_iter().collect::<Option<Vec<_>>>().map(Json::Array)
            }
            Written::Table(table) => self.render_table(table, scope, sink),
            Written::Scalar(value) => Some(value.clone()),
        }
    }

    /// Renders a template of `[names]`, or its default. `None` if an error was reported.
    pub(crate) fn render_name(
        &self,
        template: Option<&Spanned<String>>,
        default: &str,
        scope: &Scope<'_>,
        sink: &mut Sink,
    ) -> Option<String> {
        let Some(template) = template else {
            // The defaults use only variables that are always defined.
            return self.evaluate(default, scope).ok();
        };
        match self.evaluate(template, scope) {
            Ok(rendered) => Some(rendered),
            Err(error) => {
                self.report(&error, template, template, scope, scope.workload.is_some(), sink);
                None
            }
        }
    }

    /// Whether `text` uses the workload, so that no two workloads can share the result.
    pub(crate) fn depends_on_workload(&self, text: &str) -> bool {
        is_template(text)
            && self
                .environment
                .template_from_str(text)
                .is_ok_and(|template| template.undeclared_variables(false).contains("workload"))
    }

    fn render_at<T>(&self, text: &str, at: &Spanned<T>, scope: &Scope<'_>, sink: &mut Sink) -> Option<String> {
        match self.evaluate(text, scope) {
            Ok(rendered) => Some(rendered),
            Err(error) => {
                // A value that uses the workload gets an EnvoyFilter of the workload's own.
                self.report(&error, text, at, scope, true, sink);
                None
            }
        }
    }

    fn evaluate(&self, text: &str, scope: &Scope<'_>) -> Result<String, minijinja::Error> {
        if !is_template(text) {
            return Ok(text.to_owned());
        }
        self.environment.template_from_str(text)?.render(self.variables(scope))
    }

    /// The value of a text that is a single expression: `{{ vars.limit }}`.
    fn typed(&self, text: &str, scope: &Scope<'_>) -> Option<Json> {
        let inner = text.strip_prefix("{{")?.strip_suffix("}}")?;
        // The marks of whitespace control.
        let inner = inner.strip_prefix(['-', '+']).unwrap_or(inner);
        let inner = inner.strip_suffix(['-', '+']).unwrap_or(inner);
        // Two expressions, `{{ a }}{{ b }}`, do not parse as one.
        let expression = self.environment.compile_expression(inner).ok()?;
        serde_json::to_value(expression.eval(self.variables(scope)).ok()?).ok()
    }

    fn variables(&self, scope: &Scope<'_>) -> Value {
        let filter = scope.filter.map(|filter| ("filter", Value::from(Serde(filter))));
        let workload = scope.workload.map(|workload| ("workload", Value::from(Serde(workload))));
        let clusters = scope.filter.filter(|_| !self.clusters.is_empty()).map(|filter| {
            let name = |(key, cluster): (&String, &Cluster)| (key.clone(), cluster.name(key, filter.name));
            ("cluster", Value::from(self.clusters.iter().map(name).collect::<BTreeMap<String, String>>()))
        });
        Value::from_pairs(self.globals.iter().cloned().chain(filter).chain(workload).chain(clusters))
    }

    fn report<T>(
        &self,
        error: &minijinja::Error,
        text: &str,
        at: &Spanned<T>,
        scope: &Scope<'_>,
        has_workload: bool,
        sink: &mut Sink,
    ) {
        let is_undefined = error.kind() == minijinja::ErrorKind::UndefinedError;
        if is_undefined && self.incomplete && text.contains("vars") {
            return; // the variable may be among those that could not be read
        }
        let part = error.range().and_then(|range| text.get(range)).unwrap_or_default();
        let message = if is_undefined {
            format!("undefined variable `{part}`")
        } else {
            format!("the template cannot be rendered: {}", error.detail().unwrap_or("unknown error"))
        };
        let location = error.range().map_or_else(|| at.location(), |range| at.part(self.sources, text, &range));
        let known = self.known(scope, has_workload);
        let known = || known.iter().map(String::as_str);
        let of_another = |name: &&str| name.split_once('.').is_some_and(|(_, last)| last == part);
        let near = known().find(of_another).or_else(|| suggest(part, known()));
        let list = known().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ");
        let diagnostic = Diagnostic::error(Code::MC0111, message).at(location);
        sink.push(match near {
            Some(near) => diagnostic.help(format!("did you mean `{near}`? Available variables: {list}")),
            None if is_undefined => diagnostic.help(format!("available variables: {list}")),
            None if error.kind() == minijinja::ErrorKind::SyntaxError => {
                diagnostic.help("for a literal `{{`, `{%` or `{#`, write `{% raw %}…{% endraw %}`")
            }
            None => diagnostic,
        });
    }

    /// The variables that a template can use.
    fn known(&self, scope: &Scope<'_>, has_workload: bool) -> Vec<String> {
        let mut known = vec!["mesh.namespace", "mesh.istio", "mesh.provider"];
        if let Some(filter) = scope.filter {
            known.extend(["filter.name", "filter.vm_id", "filter.type"]);
            known.extend(filter.root_id.map(|_| "filter.root_id"));
        }
        if has_workload {
            known.extend(["workload.name", "workload.namespace", "workload.kind"]);
        }
        if self.globals.iter().any(|(name, _)| *name == "env") {
            known.push("env.name");
        }
        let clusters: &[&String] = &self.clusters.keys().filter(|_| scope.filter.is_some()).collect::<Vec<_>>();
        let own = self.vars.keys().map(|name| ("vars", name)).chain(clusters.iter().map(|name| ("cluster", *name)));
        let own = own.map(|(table, name)| {
            // Another name would be read as an expression: `a-b` is a subtraction.
            let is_identifier = name.starts_with(|c: char| c.is_alphabetic() || c == '_')
                && name.chars().all(|c| c.is_alphanumeric() || c == '_');
            // In single quotes, because the template is usually within double quotes.
            match is_identifier {
                true => format!("{table}.{name}"),
                false if name.contains('\'') => format!("{table}[{name:?}]"),
                false => format!("{table}['{name}']"),
            }
        });
        known.into_iter().map(str::to_owned).chain(own).collect()
    }
}

fn is_template(text: &str) -> bool {
    text.contains("{{") || text.contains("{%") || text.contains("{#")
}
