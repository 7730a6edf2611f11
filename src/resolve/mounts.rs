//! The volumes and mounts that the modules of a workload need, and what they collide with.

use serde_json::{Map, Value};

use super::mesh::{Mount, Plugin, Source};
use crate::diag::{Code, Diagnostic, Location, Sink};
use crate::domain::LoadFailure;

/// What the modules of a workload need.
#[derive(Debug, Default)]
pub(crate) struct Needed {
    pub(crate) volumes: Vec<NeededVolume>,
    /// Each without a slash at its end.
    pub(crate) paths: Vec<String>,
}

/// A volume with modules.
#[derive(Debug)]
pub(crate) struct NeededVolume {
    pub(crate) name: String,
    /// The fields of a volume of the user's. Empty: the pods have it already. `None`: a ConfigMap or an image.
    pub(crate) fields: Option<Map<String, Value>>,
    /// Whether a proxy waits for a module in it.
    pub(crate) is_awaited: bool,
    /// Where mesh.toml sets it, if it is the user's.
    pub(crate) location: Option<Location>,
}

impl NeededVolume {
    /// Whether the patch adds no volume, because the pods have it.
    pub(crate) fn is_of_pods(&self) -> bool {
        self.fields.as_ref().is_some_and(Map::is_empty)
    }
}

impl Needed {
    /// What the plugins need. Two of the user's volumes with one name and different fields are reported.
    pub(crate) fn new<'a>(mount: &Mount, plugins: impl Iterator<Item = &'a Plugin>, sink: &mut Sink) -> Self {
        let mut needed = Self::default();
        for plugin in plugins {
            let (name, path) = (mount.volume_of(plugin), mount.dir_of(plugin));
            if !needed.paths.contains(&path) {
                needed.paths.push(path);
            }
            let (fields, location) = match &plugin.source {
                Source::Volume(user) => (Some(user.source.clone()), Some(user.location)),
                Source::ConfigMap | Source::Image(_) => (None, None),
            };
            let is_awaited = plugin.load_failure == LoadFailure::StopRollout;
            let Some(other) = needed.volumes.iter_mut().find(|volume| volume.name == name) else {
                needed.volumes.push(NeededVolume { name, fields, is_awaited, location });
                continue;
            };
            other.is_awaited |= is_awaited;
            if other.fields != fields {
                let diagnostic = Diagnostic::error(Code::MC0205, format!("the volume `{name}` is used twice"))
                    .at_label(location.or(other.location).unwrap_or(plugin.location), "used again here")
                    .note("a pod has one volume of each name")
                    .help("set another `name` in one of them");
                sink.push(match other.location {
                    Some(first) if location.is_some() => diagnostic.related(first, "with other fields"),
                    _ => diagnostic,
                });
            }
        }
        needed
    }
}

/// Whether one of two mount paths is in the other: which one is, and in which.
pub(super) fn nested<'a>(one: &'a str, other: &'a str) -> Option<(&'a str, &'a str)> {
    let is_in = |inner: &str, outer: &str| inner.strip_prefix(outer).is_some_and(|rest| rest.starts_with('/'));
    if is_in(one, other) { Some((one, other)) } else { is_in(other, one).then_some((other, one)) }
}

/// The error about a mount in another one.
pub(super) fn shadowed((inner, outer): (&str, &str)) -> Diagnostic {
    Diagnostic::error(Code::MC0205, format!("the mount path `{inner}` is in another mount, `{outer}`"))
        .note("the container runtime cannot create a directory in a read-only mount, and the proxy does not start")
        .help("choose a directory that contains no other mount and is in none")
}
