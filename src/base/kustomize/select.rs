//! The target of a patch. Source: api/types/selector.go.

use regex::Regex;

use super::super::Node;
use super::resource::Resource;

/// Which objects a patch changes. `None` matches all.
#[derive(Debug, Clone, Default)]
pub(super) struct Selector {
    pub(super) group: Option<Regex>,
    pub(super) version: Option<Regex>,
    pub(super) kind: Option<Regex>,
    pub(super) name: Option<Regex>,
    pub(super) namespace: Option<Regex>,
    pub(super) labels: Vec<Requirement>,
    pub(super) annotations: Vec<Requirement>,
}

/// A part of a label selector such as `a=b` or `a in (b, c)`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Requirement {
    key: String,
    rule: Rule,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Rule {
    Exists,
    Missing,
    In(Vec<String>),
    NotIn(Vec<String>),
}

/// The expression that matches a whole text. An error is the parser's.
pub(super) fn whole(pattern: &str) -> Result<Option<Regex>, regex::Error> {
    if pattern.is_empty() { Ok(None) } else { Regex::new(&format!("^(?:{pattern})$")).map(Some) }
}

impl Selector {
    pub(super) fn matches(&self, resource: &Resource) -> bool {
        let is = |pattern: &Option<Regex>, text: &str| pattern.as_ref().is_none_or(|it| it.is_match(text));
        let now = || resource.ids().last();
        let id = resource.original();
        is(&self.kind, &resource.object.kind)
            && is(&self.group, resource.object.group())
            && is(&self.version, resource.version())
            && (is(&self.name, &id.name) || is(&self.name, &resource.object.name))
            && (is(&self.namespace, id.namespace()) || now().is_some_and(|id| is(&self.namespace, id.namespace())))
            && meets(&self.labels, resource.object.root.at(&["metadata", "labels"]))
            && meets(&self.annotations, resource.object.root.at(&["metadata", "annotations"]))
    }
}

fn meets(requirements: &[Requirement], map: Option<&Node>) -> bool {
    requirements.iter().all(|requirement| {
        let value = map.and_then(|map| map.get(&requirement.key)).and_then(Node::as_str);
        match &requirement.rule {
            Rule::Exists => value.is_some(),
            Rule::Missing => value.is_none(),
            Rule::In(values) => value.is_some_and(|value| values.iter().any(|it| it == value)),
            Rule::NotIn(values) => value.is_none_or(|value| values.iter().all(|it| it != value)),
        }
    })
}

/// Parses a label selector. `None` if it has a part that is not of a known form.
pub(super) fn requirements(text: &str) -> Option<Vec<Requirement>> {
    let mut parts = Vec::new();
    let (mut start, mut depth) = (0, 0);
    for (index, char) in text.char_indices() {
        match char {
            '(' => depth += 1,
            ')' => depth -= 1,
            ',' if depth == 0 => {
                parts.push(&text[start..index]);
                start = index + 1;
            }
            _ => {}
        }
    }
    parts.push(&text[start..]);
    parts.iter().map(|part| part.trim()).filter(|part| !part.is_empty()).map(requirement).collect()
}

fn requirement(part: &str) -> Option<Requirement> {
    let new = |key: &str, rule| {
        let key = key.trim();
        let valid = !key.is_empty() && !key.contains(|char: char| char.is_whitespace() || "()=!".contains(char));
        valid.then(|| Requirement { key: key.to_owned(), rule })
    };
    let one = |value: &str| vec![value.trim().to_owned()];
    if let Some((key, value)) = part.split_once("!=") {
        return new(key, Rule::NotIn(one(value)));
    }
    if let Some((key, value)) = part.split_once("==").or_else(|| part.split_once('=')) {
        return new(key, Rule::In(one(value)));
    }
    if let Some(key) = part.strip_prefix('!') {
        return new(key, Rule::Missing);
    }
    if let Some((head, values)) = part.split_once('(') {
        let values = values.trim_end().strip_suffix(')')?.split(',').map(|value| value.trim().to_owned()).collect();
        let head = head.trim_end();
        if let Some(key) = head.strip_suffix("notin").filter(|key| key.ends_with(' ')) {
            return new(key, Rule::NotIn(values));
        }
        return new(head.strip_suffix("in").filter(|key| key.ends_with(' '))?, Rule::In(values));
    }
    new(part, Rule::Exists)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn label_selectors_are_those_of_kubernetes() {
        let all = requirements("a=b,c!=d, e in (x, y) ,f notin (z),!g,h,i==j").expect("valid");
        let rules: Vec<_> = all.iter().map(|it| (it.key.as_str(), &it.rule)).collect();
        let texts = |texts: &[&str]| texts.iter().map(|&text| text.to_owned()).collect::<Vec<_>>();
        assert_eq!(
            rules,
            [
                ("a", &Rule::In(texts(&["b"]))),
                ("c", &Rule::NotIn(texts(&["d"]))),
                ("e", &Rule::In(texts(&["x", "y"]))),
                ("f", &Rule::NotIn(texts(&["z"]))),
                ("g", &Rule::Missing),
                ("h", &Rule::Exists),
                ("i", &Rule::In(texts(&["j"]))),
            ]
        );
        assert_eq!(requirements("a b"), None);
        assert_eq!(requirements(""), Some(Vec::new()));
    }
}
