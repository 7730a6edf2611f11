//! `source`: where the proxies get a filter's module from.

use rayon::prelude::*;

use super::limits;
use super::mesh::{Image, Plugin, PluginModule, Source, UserVolume};
use super::modules::DeliveredModule;
use super::settings::Settings;
use super::template::{Scope, Templates};
use super::volume_sources;
use super::volumes;
use crate::diag::{Code, Diagnostic, Location, Sink, enumerate_quoted};
use crate::domain::image::NotAnImage;
use crate::domain::{
    Feature, ImageName, ImageVolumes, Kubernetes, LoadFailure, ObjectName, SourceKind, limits::CONFIG_MAP,
};
use crate::spec::types::Filter;
use crate::spec::{Spanned, Spec, Table, to_json};

/// What a source is resolved against.
pub(super) struct Context<'a> {
    pub(super) spec: &'a Spec,
    pub(super) settings: &'a Settings,
    pub(super) templates: &'a Templates<'a>,
    /// The filter, for templates.
    pub(super) scope: &'a Scope<'a>,
    pub(super) name: &'a str,
    pub(super) written: &'a Spanned<Filter>,
    pub(super) load_failure: LoadFailure,
}

/// The source without the digest of an image, which takes a while. `None` if an error was reported.
pub(super) fn resolve(context: &Context<'_>, module: &PluginModule, sink: &mut Sink) -> Option<Source> {
    let Context { written, .. } = *context;
    let before = sink.errors();
    let kind = written.source.as_deref().copied().unwrap_or_default();
    unneeded(written, kind, sink);
    let source = match (kind, module.file()) {
        (SourceKind::ConfigMap, Some(delivered)) => {
            limits::config_map(context.name, written, delivered, sink);
            Some(Source::ConfigMap)
        }
        (SourceKind::Auto, Some(delivered)) if delivered.module.bytes.len() <= CONFIG_MAP => Some(Source::ConfigMap),
        (SourceKind::Auto, Some(delivered)) if written.image.is_none() => {
            limits::config_map(context.name, written, delivered, sink);
            None
        }
        (SourceKind::Auto | SourceKind::Image, _) => image(context, sink).map(Source::Image),
        (SourceKind::Volume, _) => {
            let volume = user_volume(context.name, written, sink);
            volume.iter().for_each(|volume| empty(volume, context.load_failure, sink));
            volume.map(Source::Volume)
        }
        // A filter without a module was reported.
        (SourceKind::ConfigMap, None) => None,
    };
    source.filter(|_| sink.errors() == before)
}

/// Computes the digests of the images, in parallel: each takes about as long as reading the module.
pub(super) fn digest<'a>(plugins: impl Iterator<Item = &'a mut Plugin>) {
    let mut images: Vec<(&DeliveredModule, &mut Image)> = plugins
        .filter_map(|plugin| match (&plugin.module, &mut plugin.source) {
            (PluginModule::File(delivered), Source::Image(image)) => Some((delivered, image)),
            _ => None,
        })
        .collect();
    images.par_iter_mut().for_each(|(delivered, image)| {
        mesh_compile_image::Image::of_module(&delivered.module.bytes).digest().clone_into(&mut image.digest);
    });
}

/// Reports keys that only other sources have.
fn unneeded(written: &Filter, kind: SourceKind, sink: &mut Sink) {
    let image = written.image.as_ref().map(|it| ("image", it.key_location()));
    let policy = written.image_pull_policy.as_ref().map(|it| ("image-pull-policy", it.key_location()));
    let secrets = written.image_pull_secrets.as_ref().map(|it| ("image-pull-secrets", it.key_location()));
    let volume = written.volume.as_ref().map(|it| ("volume", it.key_location()));
    let path = written.path.as_ref().map(|it| ("path", it.key_location()));
    let of_image = [image, policy, secrets].map(|key| (key, [SourceKind::Image, SourceKind::Auto].as_slice()));
    let of_volume = [volume, path].map(|key| (key, [SourceKind::Volume].as_slice()));
    for (key, kinds) in of_image.into_iter().chain(of_volume) {
        let Some((key, location)) = key.filter(|_| !kinds.contains(&kind)) else { continue };
        let names: Vec<String> = kinds.iter().map(|kind| format!("`source = \"{}\"`", kind.as_str())).collect();
        let diagnostic = Diagnostic::error(Code::MC0214, format!("`{key}` requires {}", names.join(" or ")))
            .at(location)
            .help(format!("add {}, or remove `{key}`", names[0]));
        sink.push(match &written.source {
            Some(source) => diagnostic.related(source.location(), format!("the source is `{}`", kind.as_str())),
            None => diagnostic.note("without `source`, the module is delivered in a ConfigMap"),
        });
    }
}

fn image(context: &Context<'_>, sink: &mut Sink) -> Option<Image> {
    let Context { templates, scope, name, written, .. } = *context;
    versions(context, sink);
    let pull_secrets = pull_secrets(written, sink);
    let Some(template) = &written.image else {
        let location = written.source.as_ref().map_or(written.key_location(), Spanned::location);
        sink.push(
            Diagnostic::error(Code::MC0105, format!("`filters.{name}` has no `image`"))
                .at_label(location, "requires it")
                .help(format!(
                    "add the name of its image: `image = \"registry.example.com/filters/{}\"`",
                    name.to_lowercase()
                )),
        );
        return None;
    };
    let text = templates.render(template, scope, sink)?;
    let name = text.parse::<ImageName>().map_err(|error| sink.push(not_an_image(&text, error).at(template.location())));
    Some(Image {
        name: name.ok()?,
        digest: String::new(),
        pull_policy: written.image_pull_policy.as_deref().copied(),
        pull_secrets,
    })
}

fn not_an_image(text: &str, error: NotAnImage) -> Diagnostic {
    let (reason, help) = match error {
        NotAnImage::Versioned(name) => {
            ("it has a tag or a digest".to_owned(), format!("write `{name}`: the digest is computed from the module"))
        }
        NotAnImage::NoRegistry(name) => (
            "it names no registry".to_owned(),
            format!("start with the registry's host: `registry.example.com/{text}`, or `{name}` for Docker Hub"),
        ),
        NotAnImage::UpperCase(name) => ("a repository has no upper-case letters".to_owned(), format!("write `{name}`")),
        NotAnImage::Other(reason) => (reason, "use a name such as `registry.example.com/filters/example`".to_owned()),
    };
    let diagnostic = Diagnostic::error(Code::MC0225, format!("`{text}` is not the name of an image: {reason}"));
    diagnostic.note("the container runtime could not pull the image, and the pods would not start").help(help)
}

fn pull_secrets(written: &Filter, sink: &mut Sink) -> Vec<ObjectName> {
    let mut names = Vec::new();
    for secret in written.image_pull_secrets.iter().flat_map(|list| list.iter()) {
        match ObjectName::new(secret.as_str()) {
            Ok(name) => names.push(name),
            Err(reason) => {
                let message = format!("`{}` is not a valid name of a Secret: {reason}", secret.as_str());
                sink.push(Diagnostic::error(Code::MC0201, message).at(secret.location()));
            }
        }
    }
    names
}

/// Reports versions whose pods cannot mount an image.
fn versions(context: &Context<'_>, sink: &mut Sink) {
    let Context { spec, settings, written, .. } = *context;
    let at = written.source.as_ref().map_or(written.key_location(), Spanned::location);
    let (istio, since) = (settings.istio, Feature::ImageVolumes.since());
    if istio < since {
        let diagnostic = Diagnostic::error(Code::MC0206, format!("Istio {istio} does not support image volumes"))
            .at_label(at, format!("requires Istio {since}"))
            .note("its injector drops the field, and the volume becomes an empty directory")
            .help("use a ConfigMap or a volume of your own, or raise `mesh.istio` once istiod is upgraded");
        sink.push(related(diagnostic, spec.mesh.istio.as_ref(), "the oldest version in the mesh"));
    }
    let on = Kubernetes::IMAGE_VOLUMES;
    match (settings.kubernetes, settings.kubernetes.map(Kubernetes::image_volumes)) {
        (Some(version), Some(ImageVolumes::Unknown)) => {
            let message = format!("Kubernetes {version} does not support image volumes");
            let diagnostic = Diagnostic::error(Code::MC0206, message)
                .at_label(
                    at,
                    format!("requires Kubernetes {on}, or {} with a feature gate", Kubernetes::IMAGE_VOLUMES_GATED),
                )
                .note("the API server drops the field, and the volume becomes an empty directory")
                .help(
                    "use a ConfigMap or a volume of your own, or raise `mesh.kubernetes` once all nodes are upgraded",
                );
            sink.push(related(diagnostic, spec.mesh.kubernetes.as_ref(), "the oldest nodes"));
        }
        (Some(version), Some(ImageVolumes::Gated)) => {
            let message = format!("Kubernetes {version} mounts images only with the feature gate `ImageVolume`");
            let diagnostic = Diagnostic::warning(Code::MC0226, message)
                .at_label(at, format!("on by default in Kubernetes {on}"))
                .note("without the gate, the API server drops the field, and the volume becomes an empty directory")
                .help("enable it on the API server and on all kubelets; containerd needs version 2.1 or later");
            sink.push(related(diagnostic, spec.mesh.kubernetes.as_ref(), "the oldest nodes"));
        }
        (None, _) if spec.mesh.kubernetes.is_none() => sink.push(
            Diagnostic::warning(Code::MC0226, "mesh.toml does not say whether the nodes can mount images")
                .at_label(at, format!("requires Kubernetes {on}"))
                .help(format!("declare the oldest version of any node: `mesh.kubernetes = \"{on}\"`")),
        ),
        _ => {}
    }
}

fn related(diagnostic: Diagnostic, written: Option<&Spanned<String>>, label: &str) -> Diagnostic {
    match written {
        Some(written) => diagnostic.related(written.location(), label),
        None => diagnostic,
    }
}

fn user_volume(name: &str, written: &Spanned<Filter>, sink: &mut Sink) -> Option<UserVolume> {
    let at = written.source.as_ref().map_or(written.key_location(), Spanned::location);
    let mut missing = |key: &str, help: &str| {
        sink.push(
            Diagnostic::error(Code::MC0105, format!("`filters.{name}` has no `{key}`"))
                .at_label(at, "requires it")
                .help(help),
        );
    };
    if written.volume.is_none() {
        missing(
            "volume",
            "add it in Kubernetes' form: `volume = { persistentVolumeClaim = { claimName = \"wasm\", readOnly = true } }`",
        );
    }
    if written.path.is_none() {
        missing("path", "add the module's path in the volume: `path = \"example.wasm\"`");
    }
    let path = written.path.as_ref().and_then(|path| path_in_volume(path, sink));
    let volume = written.volume.as_ref()?;
    let name = volume_table(volume, sink)?;
    let mut source = to_json(volume);
    source.remove("name");
    Some(UserVolume { name, source, path: path?, location: volume.location() })
}

/// Reports an empty directory whose module the proxy waits for.
fn empty(volume: &UserVolume, load_failure: LoadFailure, sink: &mut Sink) {
    if volume.source.contains_key("emptyDir") && load_failure == LoadFailure::StopRollout {
        sink.push(deadlock(volume.location));
    }
}

/// The error about an empty directory whose module the proxy waits for.
pub(super) fn deadlock(at: Location) -> Diagnostic {
    Diagnostic::error(Code::MC0227, "the proxy waits for a module in a directory that is still empty")
        .at(at)
        .note("native sidecars start before the init containers of the workload, and hold them up until they are ready")
        .help("set `load-failure = \"allow\"` or `\"deny\"`, so that the proxy starts without the filter")
}

/// The volume's name, if it has one. `None` if an error was reported.
fn volume_table(volume: &Spanned<Table>, sink: &mut Sink) -> Option<Option<String>> {
    let before = sink.errors();
    volumes::known_volume_fields(volume, sink);
    volume_sources::check(volume, sink);
    let sources: Vec<&Spanned<_>> = volume.iter().filter(|(key, _)| *key != "name").map(|(_, value)| value).collect();
    if let [first, second, ..] = sources.as_slice() {
        let mut places: [Location; 2] = [first.key_location(), second.key_location()];
        places.sort();
        let keys: Vec<&String> = volume.keys().filter(|key| *key != "name").collect();
        sink.push(
            Diagnostic::error(Code::MC0220, format!("the volume has several sources: {}", enumerate_quoted(&keys)))
                .at_label(places[1], "a second source")
                .related(places[0], "the first source")
                .note("Kubernetes rejects the pods")
                .help("keep one of them"),
        );
    }
    let name = volume.get("name").and_then(|name| Some((name.as_str()?, name.location())));
    match name {
        Some((name, location)) => {
            volumes::check_name(name, location, sink);
        }
        None if sources.is_empty() => sink.push(
            Diagnostic::error(Code::MC0220, "the volume has neither a source nor a name")
                .at(volume.location())
                .help("add a source such as `persistentVolumeClaim = { claimName = \"…\" }`, or the `name` of a volume that the pods have"),
        ),
        None => {}
    }
    (sink.errors() == before).then(|| name.map(|(name, _)| name.to_owned()))
}

/// A relative path without `.` and `..`. `None` if an error was reported.
fn path_in_volume(path: &Spanned<String>, sink: &mut Sink) -> Option<String> {
    let parts: Vec<&str> = path.split('/').collect();
    if parts.iter().all(|part| !matches!(*part, "" | "." | "..")) && !path.contains('\0') {
        return Some(path.to_string());
    }
    sink.push(
        Diagnostic::error(Code::MC0215, format!("`{}` is not a path in a volume", path.as_str()))
            .at(path.location())
            .help("write the path of the file from the volume's root, such as `filters/example.wasm`"),
    );
    None
}
