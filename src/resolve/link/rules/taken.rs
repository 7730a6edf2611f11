//! Volumes and mounts of the base that collide with ours, or with those of mesh.toml. The injector and kustomize merge volumes by
//! name and mounts by path, so one of the two would be lost.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

use super::Context;
use crate::base::Node;
use crate::diag::{Code, Diagnostic, Location, Sink};
use crate::resolve::link::volumes::Entry;
use crate::resolve::mounts::{self, NeededVolume};
use crate::resolve::sources;

pub(super) fn check(context: &Context<'_>, sink: &mut Sink) {
    let pod = context.linked.pod;
    let proxy = pod.proxy().and_then(|proxy| proxy.get("volumeMounts")).map_or(&[][..], Node::items);
    let at = context.at();
    let names_at = context.spec.names.volume.as_ref().map_or(at, |written| written.location());
    let paths_at = context.written.mount_path.as_ref().map_or(at, |written| written.location());

    let mut names = Taken { what: "volume", theirs: BTreeMap::new() };
    names.add(pod.volumes(), "name");
    names.add_entries(&context.existing.volumes, "name");
    for volume in &context.needed.volumes {
        if volume.is_of_pods() {
            missing(context, &names, volume, sink);
            empty(context, volume, sink);
        } else {
            names.check(&volume.name, volume.location.unwrap_or(names_at), None, sink);
        }
    }
    for (volume, written) in context.workload.volumes.iter().zip(context.written.volumes()) {
        let Some(name) = volume.get("name").and_then(Value::as_str) else { continue };
        names.check(name, written.location(), Some(volume), sink);
    }

    let mut paths = Taken { what: "mount path", theirs: BTreeMap::new() };
    paths.add(proxy, "mountPath");
    paths.add_entries(&context.existing.mounts, "mountPath");
    for path in &context.needed.paths {
        paths.check(path, paths_at, None, sink);
        for (theirs, (location, _)) in &paths.theirs {
            if let Some(nested) = mounts::nested(path, theirs) {
                sink.push(mounts::shadowed(nested).at(paths_at).related(*location, "declared here"));
            }
        }
    }
    for (volume_mount, written) in context.workload.volume_mounts.iter().zip(context.written.volume_mounts()) {
        let Some(path) = volume_mount.get("mountPath").and_then(Value::as_str) else { continue };
        paths.check(path, written.location(), Some(volume_mount), sink);
    }
}

/// Reports a volume that the pods should have, and do not.
fn missing(context: &Context<'_>, names: &Taken<'_>, volume: &NeededVolume, sink: &mut Sink) {
    let of_mesh = |fields: &Fields| fields.get("name").and_then(Value::as_str) == Some(&volume.name);
    if names.theirs.contains_key(&*volume.name) || context.workload.volumes.iter().any(of_mesh) {
        return;
    }
    sink.push(
        Diagnostic::error(Code::MC0530, format!("the pods have no volume `{}`", volume.name))
            .at(volume.location.unwrap_or_else(|| context.at()))
            .related(context.linked.object.location, "its pod template declares no volume of this name")
            .note("the API server rejects pods whose mounts name no volume")
            .help("add the volume to the manifest, or its source to `volume`"),
    );
}

/// Reports an empty directory of the pods whose module the proxy waits for.
fn empty(context: &Context<'_>, volume: &NeededVolume, sink: &mut Sink) {
    let is_it = |node: &&Node| node.get("name").and_then(Node::as_str) == Some(&volume.name);
    let Some(node) = context.linked.pod.volumes().iter().find(is_it).filter(|_| volume.is_awaited) else { return };
    if let Some(empty) = node.get("emptyDir") {
        let at = volume.location.unwrap_or_else(|| context.at());
        sink.push(sources::deadlock(at).related(empty.location, "empty when the pod starts"));
    }
}

type Fields = Map<String, Value>;

/// Names or paths of the base.
struct Taken<'a> {
    what: &'static str,
    /// Where each is declared, and its fields if it is an entry of an annotation.
    theirs: BTreeMap<&'a str, (Location, Option<&'a Fields>)>,
}

impl<'a> Taken<'a> {
    fn add(&mut self, nodes: &'a [Node], field: &str) {
        for node in nodes {
            let Some(value) = node.get(field) else { continue };
            if let Some(text) = value.as_str() {
                self.theirs.entry(trim(text)).or_insert((value.location, None));
            }
        }
    }

    fn add_entries(&mut self, entries: &'a [Entry], field: &str) {
        for entry in entries {
            if let Some(value) = entry.text(field) {
                self.theirs.entry(trim(value)).or_insert((entry.location, Some(&entry.fields)));
            }
        }
    }

    /// Reports a name or path of ours that the base has. An equal entry of an annotation is no conflict.
    fn check(&self, name: &str, at: Location, ours: Option<&Fields>, sink: &mut Sink) {
        let Some((location, theirs)) = self.theirs.get(trim(name)) else { return };
        if ours.is_some() && ours == *theirs {
            return;
        }
        let diagnostic = Diagnostic::error(Code::MC0530, format!("the base already has the {} `{name}`", self.what))
            .at_label(at, if ours.is_some() { "declared again here" } else { "for the modules" })
            .related(*location, "declared here")
            .note("the injector would merge the two, so one would be lost");
        sink.push(match (ours, self.what) {
            (Some(_), _) => diagnostic.help("remove it from mesh.toml, or choose another one"),
            (None, "volume") => diagnostic.help("set `names.volume` to another name, such as \"wasm-modules\""),
            (None, _) => {
                diagnostic.help("set `mount-path` to another directory, such as \"/var/local/lib/wasm-modules\"")
            }
        });
    }
}

/// A path without the slash at its end.
fn trim(text: &str) -> &str {
    text.trim_end_matches('/')
}
