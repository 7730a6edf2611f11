//! `unset`: the keys that an environment removes.

use toml::de::{DeTable, DeValue};

use super::place::Place;
use super::tree::{Node, Table};
use crate::diag::{Code, Diagnostic, Sink, suggest};

/// Removes the key at a path such as `workloads.web.selector`. A path that leads nowhere is reported.
pub(super) fn remove(table: &mut Table<'_>, written: &Node<'_>, sink: &mut Sink) {
    let Some(text) = written.as_str() else { return }; // reported already
    let Some(path) = parse(text) else {
        let message = format!("`{text}` is not a path of keys");
        sink.push(
            Diagnostic::error(Code::MC0131, message)
                .at(written.location())
                .help("write the keys as in TOML, such as `workloads.web.selector` or `filters.\"a.b\".config`"),
        );
        return;
    };
    if let Err((depth, known)) = remove_at(table, &path) {
        let place = path[..=depth].iter().fold(Place::default(), |place, key| place.key(key));
        let diagnostic =
            Diagnostic::error(Code::MC0131, format!("there is no `{place}` to unset")).at(written.location());
        sink.push(match suggest(&path[depth], known.iter().copied()) {
            Some(near) => {
                let keys = path[..depth].iter().map(String::as_str).chain([near]);
                let keys = keys.chain(path[depth + 1..].iter().map(String::as_str));
                let near = keys.fold(Place::default(), |place, key| place.key(key));
                diagnostic.help(format!("did you mean `{near}`?"))
            }
            None if depth == 2 && matches!(path[0].as_str(), "filters" | "workloads") => {
                diagnostic.note("a default is removed where it is set: `defaults.filters` or `defaults.workloads`")
            }
            None => diagnostic,
        });
    }
}

/// The keys of a dotted path, as TOML reads them.
fn parse(text: &str) -> Option<Vec<String>> {
    let line = format!("{text} = 0");
    let root = DeTable::parse(&line).ok()?.into_inner();
    let mut keys = Vec::new();
    let mut table = root;
    loop {
        let mut entries = table.into_iter();
        let (Some((key, value)), None) = (entries.next(), entries.next()) else { return None };
        keys.push(key.into_inner().into_owned());
        match value.into_inner() {
            DeValue::Table(inner) => table = inner,
            DeValue::Integer(_) => return Some(keys),
            _ => return None,
        }
    }
}

/// Removes the value. An error has the index of the first key that does not exist, and the keys that exist there.
fn remove_at<'a>(table: &mut Table<'a>, path: &[String]) -> Result<(), (usize, Vec<&'a str>)> {
    let mut table = table;
    for (depth, key) in path.iter().enumerate() {
        if depth + 1 == path.len() {
            let known = || table.keys().copied().collect();
            return if table.contains_key(key.as_str()) {
                table.remove(key.as_str());
                Ok(())
            } else {
                Err((depth, known()))
            };
        }
        let known: Vec<&'a str> = table.keys().copied().collect();
        let Some(inner) = table.get_mut(key.as_str()) else { return Err((depth, known)) };
        table = inner.entries_mut().ok_or((depth + 1, Vec::new()))?;
    }
    Ok(())
}
