//! The configuration of a filter, value by value.

use serde_json::Value;

use super::places::Places;
use super::{Configuration, ConfigurationValue};
use crate::diag::Location;
use crate::resolve::mesh::Attachment;
use crate::spec::types::{Filter, Use};
use crate::spec::{self, Spanned, Table};

/// The configuration that a filter receives. An entry in the workload's list replaces that of the filter.
pub(super) fn of(
    places: &mut Places,
    filter: &Filter,
    written: &Use,
    attachment: &Attachment,
) -> Option<Configuration> {
    let text = attachment.settings.configuration.as_ref()?.to_string();
    let of_use = written
        .settings()
        .and_then(|with| set(with.config.as_ref(), with.config_text.as_ref(), with.config_file.as_ref()));
    let of_filter = || set(filter.config.as_ref(), filter.config_text.as_ref(), filter.config_file.as_ref());
    let (table, from) = of_use.or_else(of_filter)?;
    let mut values = Vec::new();
    if let Some(table) = table {
        let rendered = serde_json::from_str(&text).unwrap_or_default();
        collect(places, table, &rendered, &mut Vec::new(), &mut values);
    }
    Some(Configuration { text, from: places.place(from), values })
}

/// The key that is set, and its table.
fn set<'a>(
    table: Option<&'a Spanned<Table>>,
    text: Option<&Spanned<String>>,
    file: Option<&Spanned<String>>,
) -> Option<(Option<&'a Table>, Location)> {
    let table = table.map(|table| (Some(&**table), table.key_location()));
    table.or_else(|| text.or(file).map(|text| (None, text.key_location())))
}

/// Adds the values of a table that are no tables themselves.
fn collect(
    places: &mut Places,
    table: &Table,
    rendered: &Value,
    path: &mut Vec<String>,
    values: &mut Vec<ConfigurationValue>,
) {
    for (key, value) in table {
        path.push(key.clone());
        let rendered = rendered.get(key).unwrap_or(&Value::Null);
        match &**value {
            spec::Value::Table(inner) if !inner.is_empty() => collect(places, inner, rendered, path, values),
            _ => values.push(ConfigurationValue {
                path: path.clone(),
                value: rendered.clone(),
                from: places.place(value.key_location()),
            }),
        }
        path.pop();
    }
}
