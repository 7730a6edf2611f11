//! Objects of out/ that come back under another name, because a transformer was applied after them.

use super::Base;
use crate::diag::{Code, Diagnostic, Sink};
use crate::domain::annotation::MODULE_DIGEST;
use crate::objects::Lock;

/// Reports ConfigMaps of out/ with a prefix or suffix. The names within the pods' annotations are still the old ones.
pub(super) fn check(base: &Base, lock: &Lock, sink: &mut Sink) {
    let paths = lock.files.keys().filter_map(|path| path.strip_prefix("configmaps/")?.strip_suffix(".yaml"));
    let names: Vec<&str> = paths.filter_map(|path| path.rsplit('/').next()).collect();
    let config_maps = base.objects.iter().filter(|object| object.kind == "ConfigMap" && object.group().is_empty());
    let ours: Vec<_> = config_maps.filter(|it| it.at(&["metadata", "annotations", MODULE_DIGEST]).is_some()).collect();
    // A name that is still there belongs to another mesh.toml.
    let is_gone = |name: &str| ours.iter().all(|object| object.name != name);
    let gone: Vec<&str> = names.iter().copied().filter(|name| is_gone(name)).collect();
    for object in &ours {
        let name = object.name.as_str();
        if names.contains(&name) {
            continue;
        }
        let Some(original) = gone.iter().find(|it| name.starts_with(**it) || name.ends_with(**it)) else { continue };
        sink.push(
            Diagnostic::error(Code::MC0538, format!("the ConfigMap `{original}` of out/ was renamed to `{name}`"))
                .at(object.location)
                .note("kustomize does not rename it within the annotations of the pods too: they would wait for a ConfigMap that does not exist")
                .help("apply `namePrefix` and `nameSuffix` to the workloads alone, in a kustomization below the one that lists out/"),
        );
    }
}
