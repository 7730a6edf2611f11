//! Variables that no template uses.

use std::collections::BTreeSet;

use crate::diag::{Code, Diagnostic, Sink, Sources, suggest};
use crate::spec::Spec;

/// Reports the variables of all environments that no template in any file uses. A variable that only some environments have is
/// an error: it is the misspelled name of one that they are meant to change. Beside other errors, a warning says little: the
/// template may be what is wrong.
pub(crate) fn unused(specs: &[Spec], sources: &Sources, sink: &mut Sink) {
    if specs.iter().any(|spec| spec.unread.any) {
        return;
    }
    let files: BTreeSet<_> = specs.iter().flat_map(Spec::files).collect();
    let Some(used) = files.into_iter().map(|file| used(&sources.get(file).text)).collect::<Option<Vec<_>>>() else {
        return;
    };
    let used: BTreeSet<String> = used.into_iter().flatten().collect();
    let has_errors = sink.has_errors();
    for spec in specs {
        sink.enter(spec.environment.as_deref());
        for (name, value) in spec.vars.iter().filter(|(name, _)| !used.contains(name.as_str())) {
            let message = format!("no template uses the variable `{name}`");
            let is_everywhere = specs.iter().all(|spec| spec.vars.contains_key(name));
            let finding = match is_everywhere {
                true if has_errors => continue,
                true => Diagnostic::warning(Code::MC0136, message),
                false => Diagnostic::error(Code::MC0136, message),
            };
            let finding = finding.at(value.key_location());
            sink.push(match suggest(name, used.iter().map(String::as_str)) {
                Some(near) => finding.help(format!("did you mean `{near}`?")),
                None => finding.help("remove it, or use it in a template"),
            });
        }
        sink.enter(None);
    }
}

/// The variables that the templates in a file use. `None` if a template can use any of them, such as `{{ vars[filter.name] }}`.
fn used(text: &str) -> Option<BTreeSet<String>> {
    let mut names = BTreeSet::new();
    for (open, close) in [("{{", "}}"), ("{%", "%}")] {
        for part in text.split(open).skip(1) {
            let inner = part.split_once(close).map_or(part, |(inner, _)| inner);
            let mut rest = inner;
            while let Some((before, after)) = rest.split_once("vars") {
                rest = after;
                let is_word = |c: char| c.is_alphanumeric() || c == '_';
                if before.ends_with(|c| is_word(c) || c == '.') || after.starts_with(is_word) {
                    continue;
                }
                names.insert(name(after.trim_start())?);
            }
        }
    }
    Some(names)
}

/// The name in `.name`, `["name"]` or `['name']`. A quote is escaped within a string of TOML.
fn name(after: &str) -> Option<String> {
    if let Some(name) = after.strip_prefix('.') {
        let name = name.trim_start();
        let end = name.find(|c: char| !(c.is_alphanumeric() || c == '_')).unwrap_or(name.len());
        return Some(name[..end].to_owned());
    }
    let quoted = after.strip_prefix('[')?.trim_start().trim_start_matches('\\');
    let quote = quoted.chars().next().filter(|c| ['"', '\''].contains(c))?;
    let (name, end) = quoted[1..].split_once(quote)?;
    end.trim_start().starts_with(']').then(|| name.trim_end_matches('\\').to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_variables_of_templates_are_found() {
        let found = |text: &str| used(text).map(|names| names.into_iter().collect::<Vec<_>>());
        let names = |names: &[&str]| Some(names.iter().map(|name| (*name).to_owned()).collect());
        assert_eq!(found("[vars]\nlimit = 1\nvars.a = 1"), names(&[]));
        assert_eq!(found("a = '{{ vars.limit }}'"), names(&["limit"]));
        assert_eq!(found("a = '{{ vars[\"max-age\"] + vars . b }}'"), names(&["b", "max-age"]));
        assert_eq!(found(r#"a = "{{ vars[\"max-age\"] }} {{ vars['c-d'].e }}""#), names(&["c-d", "max-age"]));
        assert_eq!(found("{% if vars.on %}{{ filter.vars }}{{ myvars.x }}{% endif %}"), names(&["on"]));
        for any in ["{{ vars[filter.name] }}", "{{ vars }}", "{% for a in vars %}", "{{ vars | tojson }}"] {
            assert_eq!(found(any), None, "{any}");
        }
        // A name of several parts, of which the first is quoted.
        assert_eq!(found("{{ vars['a' ~ 'b'] }}"), None);
    }
}
