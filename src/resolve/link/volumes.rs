//! The volumes and mounts that the base already gives to the proxy. A patch replaces an annotation as a whole, so ours repeats
//! what it holds.

use serde_json::{Map, Value};

use super::Linked;
use super::pod::Text;
use crate::diag::{Code, Diagnostic, Location, Sink};
use crate::domain::annotation::{USER_VOLUME, USER_VOLUME_MOUNT};
use crate::resolve::mesh::Workload;

/// The entries of the two annotations, in Kubernetes' form.
#[derive(Debug, Default)]
pub(crate) struct Existing {
    pub(crate) volumes: Vec<Entry>,
    pub(crate) mounts: Vec<Entry>,
}

/// An entry of an annotation. Its name is always written.
#[derive(Debug)]
pub(crate) struct Entry {
    pub(crate) fields: Map<String, Value>,
    /// The annotation.
    pub(crate) location: Location,
}

impl Existing {
    /// Adds the entries to a workload's own, without those that mesh.toml repeats.
    pub(crate) fn add_to(self, workload: &mut Workload) {
        let add = |ours: &mut Vec<Map<String, Value>>, theirs: Vec<Entry>| {
            let mut all: Vec<_> = theirs.into_iter().map(|entry| entry.fields).collect();
            ours.retain(|entry| !all.contains(entry));
            all.append(ours);
            *ours = all;
        };
        add(&mut workload.volumes, self.volumes);
        add(&mut workload.volume_mounts, self.mounts);
    }
}

impl Entry {
    /// A field that is a string.
    pub(crate) fn text(&self, field: &str) -> Option<&str> {
        self.fields.get(field)?.as_str()
    }
}

/// Reads both annotations. An annotation that the injector cannot read is reported. `at` is the workload in mesh.toml.
pub(crate) fn existing(linked: &Linked<'_>, at: Location, sink: &mut Sink) -> Existing {
    let mut read = |key| linked.pod.annotation(key).map(|it| entries(it, (key, at), sink)).unwrap_or_default();
    Existing { volumes: read(USER_VOLUME), mounts: read(USER_VOLUME_MOUNT) }
}

/// The injection template ranges over the value and writes `- name: "KEY"`, then the fields of the entry (istio/istio,
/// manifests/charts/istio-control/istio-discovery/files/injection-template.yaml). So the key is the name, or the index in a list,
/// unless the entry has its own.
fn entries(annotation: Text<'_>, (key, at): (&str, Location), sink: &mut Sink) -> Vec<Entry> {
    let location = annotation.node.location;
    let named: Vec<(String, Value)> = match serde_json::from_str(annotation.value) {
        Ok(Value::Array(list)) => list.into_iter().enumerate().map(|(i, entry)| (i.to_string(), entry)).collect(),
        Ok(Value::Object(map)) => map.into_iter().collect(),
        Ok(Value::Null) => Vec::new(),
        Ok(_) => {
            sink.push(invalid((key, at), location, "it is neither a list nor a map"));
            return Vec::new();
        }
        Err(error) => {
            sink.push(invalid((key, at), location, &error.to_string()));
            return Vec::new();
        }
    };
    let mut entries = Vec::new();
    for (name, entry) in named {
        let Value::Object(mut fields) = entry else {
            sink.push(
                invalid((key, at), location, &format!("`{name}` has no fields"))
                    .help("write a list of entries with a `name` each, or a map from names to entries"),
            );
            return Vec::new();
        };
        fields.entry("name").or_insert(Value::String(name));
        entries.push(Entry { fields, location });
    }
    entries
}

fn invalid((key, at): (&str, Location), location: Location, reason: &str) -> Diagnostic {
    Diagnostic::error(Code::MC0529, format!("the annotation `{key}` of the base is not valid: {reason}"))
        .at(at)
        .related(location, "not valid")
        .note("the injector fails on it, and no pod is created")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::diag::Sources;

    fn read(text: &str) -> Result<Vec<String>, usize> {
        let location = Location::whole(Sources::new().id("base.yaml".into()));
        let node = crate::base::Node { value: crate::base::Value::String(text.to_owned()), location };
        let mut sink = Sink::new();
        let found = entries(Text { value: text, node: &node }, (USER_VOLUME, location), &mut sink);
        if sink.has_errors() {
            return Err(sink.errors());
        }
        Ok(found.into_iter().map(|entry| Value::Object(entry.fields).to_string()).collect())
    }

    #[test]
    fn both_forms_of_the_annotation_are_read() {
        let expected = vec![r#"{"configMap":{"name":"c"},"name":"a"}"#.to_owned()];
        assert_eq!(read(r#"[{"name":"a","configMap":{"name":"c"}}]"#), Ok(expected.clone()));
        assert_eq!(read(r#"{"a":{"configMap":{"name":"c"}}}"#), Ok(expected.clone()));
        assert_eq!(read(r#"{"b":{"name":"a","configMap":{"name":"c"}}}"#), Ok(expected));
        assert_eq!(read(r#"[{"emptyDir":{}}]"#), Ok(vec![r#"{"emptyDir":{},"name":"0"}"#.to_owned()]));
        assert_eq!(read("null"), Ok(vec![]));
        assert_eq!(read("[]"), Ok(vec![]));
    }

    #[test]
    fn what_the_injector_cannot_read_is_an_error() {
        for text in ["", "x", "1", "\"x\"", "true", "{", "[1]", r#"{"name":"a","emptyDir":{}}"#] {
            assert_eq!(read(text), Err(1), "{text}");
        }
    }
}
