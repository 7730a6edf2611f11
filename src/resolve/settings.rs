//! The settings of the whole mesh: `[mesh]` and `[output]`.

use std::collections::BTreeMap;

use crate::diag::{Code, Diagnostic, Sink};
use crate::domain::{Istio, Kubernetes, LabelKey, LabelValue, Namespace, Provider};
use crate::module::version::concern;
use crate::spec::{Spanned, Spec};

/// What applies to every filter and workload.
#[derive(Debug)]
pub(super) struct Settings {
    /// `None` if an error was reported.
    pub(super) namespace: Option<Namespace>,
    /// `None` if an error was reported.
    pub(super) root_namespace: Option<Namespace>,
    pub(super) istio: Istio,
    /// The oldest version of any node, if mesh.toml declares it.
    pub(super) kubernetes: Option<Kubernetes>,
    pub(super) labels: BTreeMap<LabelKey, LabelValue>,
}

pub(super) fn resolve(spec: &Spec, sink: &mut Sink) -> Settings {
    provider(spec, sink);
    proxy_version(spec, sink);
    let namespace = match &spec.mesh.namespace {
        Some(written) => namespace(written, sink),
        None if spec.unread.mesh => None,
        None => Namespace::new("default").ok(),
    };
    let root_namespace = match &spec.mesh.root_namespace {
        Some(written) => self::namespace(written, sink),
        None => Namespace::new("istio-system").ok(),
    };
    Settings {
        namespace,
        root_namespace,
        istio: istio(spec, sink),
        kubernetes: kubernetes(spec, sink),
        labels: mesh_labels(spec, sink),
    }
}

/// The namespace, or `None` if an error was reported.
pub(super) fn namespace(written: &Spanned<String>, sink: &mut Sink) -> Option<Namespace> {
    let text = written.as_str();
    Namespace::new(text)
        .map_err(|reason| {
            let message = format!("`{text}` is not a valid namespace: {reason}");
            sink.push(Diagnostic::error(Code::MC0201, message).at(written.location()));
        })
        .ok()
}

/// The labels of a table, without those that are reported.
pub(super) fn labels(written: &BTreeMap<String, Spanned<String>>, sink: &mut Sink) -> BTreeMap<LabelKey, LabelValue> {
    let mut labels = BTreeMap::new();
    for (key, value) in written {
        let mut reject = |what: String, location| sink.push(Diagnostic::error(Code::MC0202, what).at(location));
        let checked_key = LabelKey::new(key)
            .map_err(|reason| reject(format!("`{key}` is not a valid label key: {reason}"), value.key_location()));
        let text = value.as_str();
        let checked_value = LabelValue::new(text)
            .map_err(|reason| reject(format!("`{text}` is not a valid label value: {reason}"), value.location()));
        if let (Ok(key), Ok(value)) = (checked_key, checked_value) {
            labels.insert(key, value);
        }
    }
    labels
}

/// The mesh's labels. Those of mesh.toml win over those of the provider.
fn mesh_labels(spec: &Spec, sink: &mut Sink) -> BTreeMap<LabelKey, LabelValue> {
    const ASM: [(&str, &str); 2] = [("asm-system", "true"), ("provider", "asm")];
    let of_provider = if provider_of(spec) == Provider::Asm { ASM.as_slice() } else { &[] };
    let of_provider =
        of_provider.iter().filter_map(|(key, value)| Some((LabelKey::new(*key).ok()?, LabelValue::new(*value).ok()?)));
    let mut all: BTreeMap<_, _> = of_provider.collect();
    all.extend(labels(&spec.mesh.labels, sink));
    all
}

/// `mesh.provider`, or its default.
pub(super) fn provider_of(spec: &Spec) -> Provider {
    spec.mesh.provider.as_deref().copied().unwrap_or_default()
}

fn istio(spec: &Spec, sink: &mut Sink) -> Istio {
    let Some(written) = &spec.mesh.istio else { return Istio::NEWEST };
    let Some(version) = Istio::parse(written) else {
        sink.push(
            Diagnostic::error(Code::MC0208, format!("`{}` is not an Istio version", written.as_str()))
                .at(written.location())
                .help(format!("set the oldest minor version of any proxy in the mesh, such as \"{}\"", Istio::NEWEST)),
        );
        return Istio::NEWEST;
    };
    if let Some(concern) = concern(version) {
        sink.push(concern.at(written.location()));
    }
    version
}

fn kubernetes(spec: &Spec, sink: &mut Sink) -> Option<Kubernetes> {
    let written = spec.mesh.kubernetes.as_ref()?;
    let version = Kubernetes::parse(written);
    if version.is_none() {
        sink.push(
            Diagnostic::error(Code::MC0208, format!("`{}` is not a Kubernetes version", written.as_str()))
                .at(written.location())
                .help("set the oldest minor version of any node, such as \"1.35\""),
        );
    }
    version
}

fn provider(spec: &Spec, sink: &mut Sink) {
    let Some(provider) = &spec.mesh.provider else { return };
    match **provider {
        Provider::GoogleManaged => sink.push(
            Diagnostic::error(Code::MC0207, "Google's managed mesh does not support EnvoyFilter")
                .at(provider.location())
                .note("its control plane accepts neither EnvoyFilter nor WasmPlugin, so no filter would run")
                .help("run your own Istio control plane for these workloads"),
        ),
        Provider::Openshift => sink.push(
            Diagnostic::warning(Code::MC0218, "EnvoyFilter is a technology preview in OpenShift Service Mesh 3")
                .at(provider.location())
                .note("Red Hat does not support it in production"),
        ),
        Provider::Istio | Provider::Asm | Provider::Tcm => {}
    }
}

fn proxy_version(spec: &Spec, sink: &mut Sink) {
    /// Istio's own limit (istio/istio, pkg/config/validation).
    const LONGEST: usize = 1024;
    let Some(written) = &spec.mesh.proxy_version else { return };
    let reason = if written.len() > LONGEST {
        Some(format!("it has {} bytes, but Istio accepts at most {LONGEST}", written.len()))
    } else if written.contains(r"\Q") {
        // RE2 quotes with \Q…\E, which the parser does not know. Istio's webhook checks these.
        None
    } else {
        regex_syntax::parse(written).err().map(|error| match error {
            regex_syntax::Error::Parse(error) => error.kind().to_string(),
            regex_syntax::Error::Translate(error) => error.kind().to_string(),
            _ => "it does not parse".to_owned(),
        })
    };
    if let Some(reason) = reason {
        sink.push(
            Diagnostic::error(Code::MC0216, format!("`proxy-version` is not a valid regular expression: {reason}"))
                .at(written.location())
                .note("Istio's webhook rejects the EnvoyFilter"),
        );
    }
}
