//! Selectors of labels, as `kubectl get -l` accepts them.

use std::collections::BTreeMap;
use std::str::FromStr;

/// Requirements on labels, all of which must be met.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct LabelSelector(Vec<Requirement>);

#[derive(Debug, Clone, PartialEq, Eq)]
enum Requirement {
    Is(String, String),
    IsNot(String, String),
    Exists(String),
    DoesNotExist(String),
}

impl LabelSelector {
    /// Whether the labels meet all requirements.
    #[must_use]
    pub fn matches(&self, labels: &BTreeMap<String, String>) -> bool {
        self.0.iter().all(|requirement| match requirement {
            Requirement::Is(key, value) => labels.get(key) == Some(value),
            Requirement::IsNot(key, value) => labels.get(key) != Some(value),
            Requirement::Exists(key) => labels.contains_key(key),
            Requirement::DoesNotExist(key) => !labels.contains_key(key),
        })
    }

    /// Whether there is no requirement.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The keys and values that labels must have.
    pub(super) fn required(&self) -> impl Iterator<Item = (&str, Option<&str>)> {
        self.0.iter().filter_map(|requirement| match requirement {
            Requirement::Is(key, value) => Some((key.as_str(), Some(value.as_str()))),
            Requirement::Exists(key) => Some((key.as_str(), None)),
            Requirement::IsNot(..) | Requirement::DoesNotExist(_) => None,
        })
    }
}

impl FromStr for LabelSelector {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        text.split(',').map(|part| requirement(part.trim())).collect::<Result<_, _>>().map(Self)
    }
}

fn requirement(text: &str) -> Result<Requirement, String> {
    let with = |key: &str, value: &str, make: fn(String, String) -> Requirement| {
        Ok(make(checked(key.trim())?, value.trim().to_owned()))
    };
    if let Some((key, value)) = text.split_once("!=") {
        return with(key, value, Requirement::IsNot);
    }
    if let Some((key, value)) = text.split_once("==").or_else(|| text.split_once('=')) {
        return with(key, value, Requirement::Is);
    }
    match text.strip_prefix('!') {
        Some(key) => Ok(Requirement::DoesNotExist(checked(key.trim())?)),
        None => Ok(Requirement::Exists(checked(text)?)),
    }
}

/// The key of a label. `in (…)` and `notin (…)` have none.
fn checked(key: &str) -> Result<String, String> {
    if key.is_empty() {
        return Err("a label is missing; write `key=value`, `key!=value`, `key` or `!key`".into());
    }
    match key.chars().find(|c| c.is_whitespace() || matches!(c, '(' | ')' | '!' | '=')) {
        Some(wrong) => Err(format!("unexpected {wrong:?}; write `key=value`, `key!=value`, `key` or `!key`")),
        None => Ok(key.to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn matches(selector: &str) -> bool {
        let labels = [("app", "web"), ("tier", "front")].map(|(key, value)| (key.to_owned(), value.to_owned()));
        selector.parse::<LabelSelector>().unwrap().matches(&labels.into())
    }

    #[test]
    fn all_requirements_must_be_met() {
        for selector in ["app=web", "app==web", "app = web , tier", "!zone", "app!=api,zone!=a", "tier=front,app"] {
            assert!(matches(selector), "{selector}");
        }
        for selector in ["app=api", "app!=web", "!app", "zone", "app=web,tier=back", "app="] {
            assert!(!matches(selector), "{selector}");
        }
    }

    #[test]
    fn other_forms_are_rejected() {
        for selector in ["", ",", "=web", "app in (web, api)", "app=web,", "!", "!=a"] {
            assert!(selector.parse::<LabelSelector>().is_err(), "{selector}");
        }
    }
}
