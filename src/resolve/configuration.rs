//! The configuration of a plugin: `config`, `config-text` or `config-file`, of a filter or of one use of it.

use camino::Utf8Path;
use serde_json::Value as Json;

use super::modules;
use super::template::{Scope, Templates};
use crate::diag::{Code, Diagnostic, Location, Sink};
use crate::spec::types;
use crate::spec::{Spanned, Spec, Table, Value};
use crate::world::{Usage, World};

/// A plugin's configuration as mesh.toml sets it.
#[derive(Debug)]
pub(super) enum Configuration<'a> {
    /// Rendered as canonical JSON.
    Table(&'a Spanned<Table>),
    /// Passed on after its templates are rendered.
    Text(&'a Spanned<String>),
    /// The text of a file, passed on unchanged.
    File(Spanned<String>),
}

/// The three keys, of which at most one is set.
#[derive(Debug)]
pub(super) struct Keys<'a> {
    table: Option<&'a Spanned<Table>>,
    text: Option<&'a Spanned<String>>,
    file: Option<&'a Spanned<String>>,
}

impl<'a> From<&'a types::Filter> for Keys<'a> {
    fn from(filter: &'a types::Filter) -> Self {
        Self { table: filter.config.as_ref(), text: filter.config_text.as_ref(), file: filter.config_file.as_ref() }
    }
}

impl<'a> From<&'a types::UseSettings> for Keys<'a> {
    fn from(with: &'a types::UseSettings) -> Self {
        Self { table: with.config.as_ref(), text: with.config_text.as_ref(), file: with.config_file.as_ref() }
    }
}

impl<'a> Keys<'a> {
    /// `config`, if it is set.
    pub(super) const fn table(&self) -> Option<&'a Spanned<Table>> {
        self.table
    }

    /// `config-text`, if it is set.
    pub(super) const fn text(&self) -> Option<&'a Spanned<String>> {
        self.text
    }

    /// The keys that are set, and where.
    fn set(&self) -> impl Iterator<Item = (&'static str, Location)> {
        let table = self.table.map(|written| ("config", written.key_location()));
        let text = self.text.map(|written| ("config-text", written.key_location()));
        let file = self.file.map(|written| ("config-file", written.key_location()));
        table.into_iter().chain(text).chain(file)
    }

    /// Whether none of them is set.
    pub(super) fn is_empty(&self) -> bool {
        self.set().next().is_none()
    }
}

/// The configuration, if one is set. `None` also if an error was reported.
pub(super) fn resolve<'a>(
    world: &dyn World,
    spec: &Spec,
    keys: &Keys<'a>,
    sink: &mut Sink,
) -> Option<Configuration<'a>> {
    let mut set = keys.set();
    if let (Some((first, first_at)), Some((second, second_at))) = (set.next(), set.next()) {
        sink.push(
            Diagnostic::error(Code::MC0114, format!("`{first}` and `{second}` are mutually exclusive"))
                .at_label(second_at, "a second configuration")
                .related(first_at, "the first configuration")
                .help("keep one of them"),
        );
        return None;
    }
    match (keys.table, keys.text, keys.file) {
        (Some(table), ..) => Some(Configuration::Table(table)),
        (_, Some(text), _) => Some(Configuration::Text(text)),
        (_, _, Some(path)) => file(world, spec, path, sink).map(Configuration::File),
        (None, None, None) => None,
    }
}

fn file(world: &dyn World, spec: &Spec, path: &Spanned<String>, sink: &mut Sink) -> Option<Spanned<String>> {
    let written = path.as_str();
    if Utf8Path::new(written).is_absolute() {
        sink.push(modules::absolute(written).at(path.location()));
        return None;
    }
    let content = world.read(&spec.dir_of(path.location()).join(written), Usage::Configuration);
    match content.map(|bytes| String::from_utf8(bytes.to_vec())) {
        Ok(Ok(text)) => Some(path.with(text)),
        Ok(Err(_)) => {
            let message = format!("`{written}` is not valid UTF-8, which an EnvoyFilter's StringValue requires");
            sink.push(Diagnostic::error(Code::MC0115, message).at(path.location()));
            None
        }
        Err(error) => {
            let message = format!("cannot read the configuration `{written}`: {error}");
            let note = spec.relative_note(path.location());
            sink.push(Diagnostic::error(Code::MC0115, message).at(path.location()).note(note));
            None
        }
    }
}

impl Configuration<'_> {
    /// The text that the plugin receives. `None` if an error was reported.
    pub(super) fn render(
        &self,
        templates: &Templates<'_>,
        scope: &Scope<'_>,
        sink: &mut Sink,
    ) -> Option<Spanned<String>> {
        match self {
            Self::Table(table) => {
                let json = templates.render_table(table, scope, sink)?;
                Some(table.with(escaped(&json)))
            }
            Self::Text(text) => templates.render(text, scope, sink).map(|rendered| text.with(rendered)),
            Self::File(text) => Some(text.clone()),
        }
    }

    /// Whether the text depends on the workload.
    pub(super) fn depends_on_workload(&self, templates: &Templates<'_>) -> bool {
        fn any(value: &Value, templates: &Templates<'_>) -> bool {
            match value {
                Value::String(text) => templates.depends_on_workload(text),
                Value::Array(items) => items.iter().any(|item| any(item, templates)),
                Value::Table(entries) => entries.values().any(|item| any(item, templates)),
                Value::Scalar(_) => false,
            }
        }
        match self {
            Self::Table(table) => table.values().any(|value| any(value, templates)),
            Self::Text(text) => templates.depends_on_workload(text),
            Self::File(_) => false,
        }
    }
}

/// Reports a text that kustomize would change or reject.
pub(super) fn check_kustomize(text: &str, location: Location, sink: &mut Sink) {
    if let Some(lost) = text.chars().find(|c| lost_in_kustomize(*c)) {
        let message = format!("the text contains U+{:04X}, which kustomize does not preserve", u32::from(lost));
        let help = "write it in a form that the filter decodes, such as JSON's `\\u007f`";
        sink.push(Diagnostic::error(Code::MC0221, message).at(location).help(help));
    }
}

/// Whether kustomize loses the character. It parses its own output again, rejects most of these and turns U+0085 into a space
/// (observed with 5.7).
const fn lost_in_kustomize(c: char) -> bool {
    matches!(c, '\u{7f}'..='\u{9f}' | '\u{fffe}' | '\u{ffff}')
}

/// JSON with those characters escaped. Only its strings can contain them.
fn escaped(json: &Json) -> String {
    let json = json.to_string();
    let escape = |c: char| if lost_in_kustomize(c) { format!("\\u{:04x}", u32::from(c)) } else { c.to_string() };
    if json.contains(lost_in_kustomize) { json.chars().map(escape).collect() } else { json }
}
