//! The fixed tables of mesh.toml: `[mesh]`, `[output]`, `[rollout]`.

use std::collections::BTreeMap;

use camino::{Utf8Component, Utf8Path, Utf8PathBuf};

use super::mesh::Layout;
use crate::diag::{Code, Diagnostic, Sink};
use crate::domain::{Istio, LabelKey, LabelValue, Namespace, Provider};
use crate::spec::types::{EnvoyFilters, Gate, Layout as WrittenLayout};
use crate::spec::{Place, Spec};
use crate::world::{FileKind, World};

/// What holds for every filter and workload.
#[derive(Debug)]
pub(super) struct Settings {
    pub(super) namespace: Option<Namespace>,
    /// What is in it reaches every namespace of the mesh.
    pub(super) root_namespace: Option<Namespace>,
    pub(super) istio: Istio,
    pub(super) labels: BTreeMap<LabelKey, LabelValue>,
    pub(super) layout: Layout,
    /// `out/`, from mesh.toml's folder.
    pub(super) out: Utf8PathBuf,
    pub(super) gate: Gate,
    pub(super) envoy_filters: EnvoyFilters,
}

pub(super) fn resolve(world: &dyn World, spec: &Spec, sink: &mut Sink) -> Settings {
    let mesh = Place::default().key("mesh");
    provider(spec, &mesh, sink);
    proxy_version(spec, &mesh, sink);
    let out = out_folder(spec, sink);
    Settings {
        namespace: namespace(spec, spec.mesh.namespace.as_deref().unwrap_or("default"), &mesh.key("namespace"), sink),
        root_namespace: namespace(
            spec,
            spec.mesh.root_namespace.as_deref().unwrap_or("istio-system"),
            &mesh.key("root-namespace"),
            sink,
        ),
        istio: istio(spec, &mesh, sink),
        labels: mesh_labels(spec, &mesh, sink),
        layout: layout(world, spec, &out, sink),
        out,
        gate: spec.rollout.gate,
        envoy_filters: envoy_filters(spec, sink),
    }
}

/// The namespace written at `place`; `None` after a report.
pub(super) fn namespace(spec: &Spec, text: &str, place: &Place, sink: &mut Sink) -> Option<Namespace> {
    match Namespace::new(text) {
        Ok(namespace) => Some(namespace),
        Err(reason) => {
            let message = format!("`{text}` is not the name of a namespace: {reason}");
            sink.push(Diagnostic::error(Code::MC0201, message).at(spec.document.at(place)));
            None
        }
    }
}

/// The labels of the table at `place`, without those that were reported.
pub(super) fn labels(
    spec: &Spec,
    written: &BTreeMap<String, String>,
    place: &Place,
    sink: &mut Sink,
) -> BTreeMap<LabelKey, LabelValue> {
    let mut labels = BTreeMap::new();
    for (key, value) in written {
        let here = place.key(key);
        let key_location = spec.document.key(&here);
        let mut refuse = |what: String, location| sink.push(Diagnostic::error(Code::MC0202, what).at(location));
        let checked_key = LabelKey::new(key)
            .map_err(|reason| refuse(format!("`{key}` is not the key of a label: {reason}"), key_location));
        let checked_value = LabelValue::new(value).map_err(|reason| {
            refuse(format!("`{value}` is not the value of a label: {reason}"), spec.document.at(&here));
        });
        if let (Ok(key), Ok(value)) = (checked_key, checked_value) {
            labels.insert(key, value);
        }
    }
    labels
}

fn mesh_labels(spec: &Spec, mesh: &Place, sink: &mut Sink) -> BTreeMap<LabelKey, LabelValue> {
    let mut written = BTreeMap::new();
    if spec.mesh.provider == Provider::Asm {
        written.insert("asm-system".to_owned(), "true".to_owned());
        written.insert("provider".to_owned(), "asm".to_owned());
    }
    written.extend(spec.mesh.labels.clone());
    labels(spec, &written, &mesh.key("labels"), sink)
}

fn istio(spec: &Spec, mesh: &Place, sink: &mut Sink) -> Istio {
    let Some(text) = &spec.mesh.istio else { return Istio::NEWEST };
    let location = spec.document.at(&mesh.key("istio"));
    let Some(version) = Istio::parse(text) else {
        sink.push(
            Diagnostic::error(Code::MC0208, format!("`{text}` is not a version of Istio"))
                .at(location)
                .help(format!("write the oldest minor version of any proxy in the mesh, as \"{}\"", Istio::NEWEST)),
        );
        return Istio::NEWEST;
    };
    if version > Istio::NEWEST {
        let message = format!("Istio {version} is newer than any that mesh-compile knows");
        let note = format!("its fields are taken to be those of {}", Istio::NEWEST);
        sink.push(Diagnostic::warning(Code::MC0208, message).at(location).note(note));
    }
    version
}

fn provider(spec: &Spec, mesh: &Place, sink: &mut Sink) {
    let location = spec.document.at(&mesh.key("provider"));
    match spec.mesh.provider {
        Provider::GoogleManaged => sink.push(
            Diagnostic::error(Code::MC0207, "Google's managed mesh does not support EnvoyFilter")
                .at(location)
                .note("its control plane takes neither EnvoyFilter nor WasmPlugin, so no filter would ever run")
                .help("run an Istio control plane of your own for these workloads"),
        ),
        Provider::Openshift => sink.push(
            Diagnostic::warning(Code::MC0218, "EnvoyFilter is a technology preview in OpenShift Service Mesh 3")
                .at(location)
                .note("Red Hat gives no support for it in production"),
        ),
        Provider::Istio | Provider::Asm | Provider::Tcm => {}
    }
}

fn proxy_version(spec: &Spec, mesh: &Place, sink: &mut Sink) {
    /// Istio's own limit (istio/istio, pkg/config/validation).
    const LONGEST: usize = 1024;
    let Some(text) = &spec.mesh.proxy_version else { return };
    let reason = if text.len() > LONGEST {
        Some(format!("it has {} characters, and Istio takes {LONGEST}", text.len()))
    } else if text.contains(r"\Q") {
        // RE2 quotes with \Q…\E, which the parser does not know: Istio's webhook is left to judge.
        None
    } else {
        regex_syntax::parse(text).err().map(|error| match error {
            regex_syntax::Error::Parse(error) => error.kind().to_string(),
            regex_syntax::Error::Translate(error) => error.kind().to_string(),
            _ => "it does not parse".to_owned(),
        })
    };
    if let Some(reason) = reason {
        sink.push(
            Diagnostic::error(Code::MC0216, format!("`proxy-version` is not a regular expression: {reason}"))
                .at(spec.document.at(&mesh.key("proxy-version")))
                .note("Istio's webhook refuses the EnvoyFilter"),
        );
    }
}

fn envoy_filters(spec: &Spec, sink: &mut Sink) -> EnvoyFilters {
    let gate = spec.rollout.gate;
    let by_gate = if gate == Gate::None { EnvoyFilters::PerWorkload } else { EnvoyFilters::Shared };
    let written = spec.output.envoy_filters.unwrap_or(by_gate);
    if gate == Gate::None && written == EnvoyFilters::Shared {
        let place = Place::default();
        sink.push(
            Diagnostic::error(Code::MC0214, "shared EnvoyFilters need the gate")
                .at_label(spec.document.at(&place.key("output").key("envoy-filters")), "shared by whom?")
                .related(spec.document.at(&place.key("rollout").key("gate")), "no pod gets a label to subscribe with")
                .help("remove one of the two"),
        );
    }
    written
}

/// `output.dir`, normalised. It must be a folder of its own: files in it that were not rendered are drift.
fn out_folder(spec: &Spec, sink: &mut Sink) -> Utf8PathBuf {
    let written = spec.output.dir.as_deref().unwrap_or("out");
    let place = Place::default().key("output").key("dir");
    let reason = match normal(Utf8Path::new(written)) {
        None => "it must be relative to mesh.toml's folder",
        Some(path) if path.components().all(|part| part == Utf8Component::ParentDir) => {
            "it must be a folder of its own, not one that holds mesh.toml"
        }
        Some(path) => return path,
    };
    let finding = Diagnostic::error(Code::MC0117, format!("`{written}` cannot be the output folder: {reason}"));
    sink.push(finding.at(spec.document.at(&place)).help("name a folder beside mesh.toml, as `dir = \"out\"`"));
    Utf8PathBuf::from("out")
}

fn layout(world: &dyn World, spec: &Spec, out: &Utf8Path, sink: &mut Sink) -> Layout {
    let place = Place::default();
    let layout_place = place.key("output").key("layout");
    let base = base(world, spec, out, sink);
    match (spec.output.layout, base) {
        (Some(WrittenLayout::Component), _) => Layout::Component,
        (_, Base::At(path)) => Layout::Overlay { base: path },
        (Some(WrittenLayout::Overlay), Base::None) => {
            sink.push(
                Diagnostic::error(Code::MC0214, "the overlay layout needs a base")
                    .at(spec.document.at(&layout_place))
                    .help(
                        "name the folder of the workloads' manifests as `mesh.base`, or use `layout = \"component\"`",
                    ),
            );
            Layout::Component
        }
        (_, Base::None | Base::Refused) => Layout::Component,
    }
}

enum Base {
    None,
    Refused,
    /// From `out/`.
    At(Utf8PathBuf),
}

/// The file names that make a folder one that kustomize builds.
const KUSTOMIZATION: [&str; 3] = ["kustomization.yaml", "kustomization.yml", "Kustomization"];

fn base(world: &dyn World, spec: &Spec, out: &Utf8Path, sink: &mut Sink) -> Base {
    let Some(written) = spec.mesh.base.as_deref() else { return Base::None };
    let location = spec.document.at(&Place::default().key("mesh").key("base"));
    let mut refuse = |code, reason: &str, help: &str| {
        let message = format!("`{written}` cannot be the base: {reason}");
        sink.push(Diagnostic::error(code, message).at(location).help(help));
        Base::Refused
    };
    let Some(base) = normal(Utf8Path::new(written)) else {
        return refuse(
            Code::MC0117,
            "it must be relative to mesh.toml's folder",
            "a path of one machine works on no other",
        );
    };
    if base.starts_with(out) {
        return refuse(
            Code::MC0117,
            "it lies in the output folder",
            "what is in there is removed or overwritten; move it out",
        );
    }
    if out.starts_with(&base) {
        return refuse(
            Code::MC0117,
            "the output folder lies in it",
            "kustomize refuses a base that holds what is built over it: move one of the two",
        );
    }
    let Some(relative) = relative(out, &base) else {
        let help = "put `output.dir` below mesh.toml's folder, or use `layout = \"component\"`";
        return refuse(
            Code::MC0117,
            "there is no way to it from the output folder without naming this machine's folders",
            help,
        );
    };
    let folder = spec.document.folder().join(&base);
    if world.kind(&folder) != Some(FileKind::Directory) {
        return refuse(Code::MC0501, "there is no such folder", "the path starts from mesh.toml's folder");
    }
    if !KUSTOMIZATION.iter().any(|name| world.kind(&folder.join(name)) == Some(FileKind::File)) {
        let help = "`kustomize create --autodetect` in that folder writes one";
        return refuse(Code::MC0501, "there is no kustomization.yaml in it", help);
    }
    Base::At(relative)
}

/// The path without `.` and inner `..`; `None` for one that is not relative.
fn normal(path: &Utf8Path) -> Option<Utf8PathBuf> {
    let mut normal = Utf8PathBuf::new();
    for part in path.components() {
        match part {
            Utf8Component::CurDir => {}
            Utf8Component::ParentDir if normal.file_name().is_some() => {
                normal.pop();
            }
            Utf8Component::ParentDir | Utf8Component::Normal(_) => normal.push(part),
            Utf8Component::RootDir | Utf8Component::Prefix(_) => return None,
        }
    }
    Some(normal)
}

/// The way from one normal path to another, with `/` between the parts.
fn relative(from: &Utf8Path, to: &Utf8Path) -> Option<Utf8PathBuf> {
    let (from, to): (Vec<_>, Vec<_>) = (from.components().collect(), to.components().collect());
    let shared = from.iter().zip(&to).take_while(|(a, b)| a == b).count();
    if from[shared..].contains(&Utf8Component::ParentDir) {
        return None;
    }
    let up = std::iter::repeat_n("..", from.len() - shared);
    let parts: Vec<&str> = up.chain(to[shared..].iter().map(Utf8Component::as_str)).collect();
    Some(parts.join("/").into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_way_to_the_base() {
        let way = |from: &str, to: &str| {
            let (from, to) = (normal(from.into())?, normal(to.into())?);
            relative(&from, &to).map(Utf8PathBuf::into_string)
        };
        assert_eq!(way("out", "examples/bookinfo").as_deref(), Some("../examples/bookinfo"));
        assert_eq!(way("deploy/out", "./deploy/base/").as_deref(), Some("../base"));
        assert_eq!(way("out", "../base").as_deref(), Some("../../base"));
        assert_eq!(way("../out", "base"), None);
        assert_eq!(way("../out", "../base").as_deref(), Some("../base"));
        assert_eq!(way("out", "/base"), None);
    }
}
