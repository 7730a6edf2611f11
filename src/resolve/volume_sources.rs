//! The fields of the sources of volumes.

use super::volumes::known_fields;
use crate::diag::{Code, Diagnostic, Sink};
use crate::spec::{Spanned, Table, Value};

/// The fields of a source and those of them that Kubernetes requires (k8s.io/api/core/v1). The API server rejects a ConfigMap
/// without a name in a pod, and a Secret without one.
struct Source {
    name: &'static str,
    fields: &'static [&'static str],
    required: &'static [&'static str],
}

const fn source(name: &'static str, fields: &'static [&'static str], required: &'static [&'static str]) -> Source {
    Source { name, fields, required }
}

/// The sources that sidecars get. The fields of others are not checked.
const SOURCES: [Source; 10] = [
    source("configMap", &["name", "items", "defaultMode", "optional"], &["name"]),
    source("secret", &["secretName", "items", "defaultMode", "optional"], &["secretName"]),
    source("projected", &["sources", "defaultMode"], &[]),
    source("downwardAPI", &["items", "defaultMode"], &[]),
    source("emptyDir", &["medium", "sizeLimit"], &[]),
    source("hostPath", &["path", "type"], &["path"]),
    source("persistentVolumeClaim", &["claimName", "readOnly"], &["claimName"]),
    source("csi", &["driver", "readOnly", "fsType", "volumeAttributes", "nodePublishSecretRef"], &["driver"]),
    source("nfs", &["server", "path", "readOnly"], &["server", "path"]),
    source("image", &["reference", "pullPolicy"], &["reference"]),
];

/// Reports unknown and missing fields within the source of a volume.
pub(super) fn check(volume: &Table, sink: &mut Sink) {
    for Source { name, fields, required } in &SOURCES {
        let Some(value) = volume.get(*name) else { continue };
        let Value::Table(table) = &**value else {
            let message = format!("`{name}` of the volume must be a table");
            sink.push(Diagnostic::error(Code::MC0220, message).at(value.location()));
            continue;
        };
        known_fields(table, fields, "Kubernetes silently drops it", sink);
        let missing = required.iter().filter(|field| !table.contains_key(**field));
        // An unknown field is the misspelled one.
        let is_known = table.keys().all(|key| fields.contains(&key.as_str()));
        missing.filter(|_| is_known).for_each(|field| sink.push(missing_field(name, field, value)));
    }
}

fn missing_field(source: &str, field: &str, value: &Spanned<Value>) -> Diagnostic {
    Diagnostic::error(Code::MC0220, format!("`{source}` of the volume has no `{field}`"))
        .at(value.location())
        .note("Kubernetes rejects the pods")
        .help(format!("set `{field}`"))
}
