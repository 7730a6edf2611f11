//! A kustomization.yaml. Source: api/types/kustomization.go.

use super::super::{Node, Value};
use super::gaps::Gap;
use super::images::Image;
use super::labels::{Labels, OwnField, Pairs};
use super::patch_file::PatchEntry;
use crate::diag::{Code, Diagnostic, Location, Sink, suggest};

/// A text and where it is written.
pub(super) type Text = (String, Location);

/// What a kustomization says.
#[derive(Debug, Default)]
pub(super) struct Kustomization {
    pub(super) is_component: bool,
    pub(super) resources: Vec<Text>,
    pub(super) components: Vec<Text>,
    pub(super) namespace: Option<Text>,
    pub(super) prefix: Option<Text>,
    pub(super) suffix: Option<Text>,
    pub(super) labels: Vec<Labels>,
    pub(super) annotations: Pairs,
    /// `patchesStrategicMerge`, then `patches`.
    pub(super) patches: Vec<PatchEntry>,
    /// `patchesJson6902`, which run later.
    pub(super) json_patches: Vec<PatchEntry>,
    pub(super) replicas: Vec<(Text, i64)>,
    pub(super) images: Vec<Image>,
    /// The kind and name of what its generators generate, before a hash is added.
    pub(super) generated: Vec<(&'static str, String)>,
    pub(super) gaps: Vec<Gap>,
}

/// The fields of a kustomization. Go finds them in any case.
const FIELDS: &[&str] = &[
    "apiVersion",
    "kind",
    "metadata",
    "openapi",
    "namePrefix",
    "nameSuffix",
    "namespace",
    "commonLabels",
    "labels",
    "commonAnnotations",
    "patchesStrategicMerge",
    "patchesJson6902",
    "patches",
    "images",
    "imageTags",
    "replacements",
    "replicas",
    "vars",
    "sortOptions",
    "resources",
    "components",
    "crds",
    "bases",
    "configMapGenerator",
    "secretGenerator",
    "helmGlobals",
    "helmCharts",
    "helmChartInflationGenerator",
    "generatorOptions",
    "configurations",
    "generators",
    "transformers",
    "validators",
    "buildMetadata",
];

/// Reads a kustomization. Errors go to `sink`, and the result contains what could be read.
pub(super) fn read(root: &Node, sink: &mut Sink) -> Kustomization {
    let mut reader = Reader { sink };
    let mut kustomization = Kustomization::default();
    let mut bases = Vec::new();
    let mut patches = Vec::new();
    let mut common = Pairs::new();
    for entry in root.entries() {
        let value = &entry.value;
        let Some(field) = FIELDS.iter().find(|field| field.eq_ignore_ascii_case(&entry.key)) else {
            reader.unknown(&entry.key, entry.key_location, FIELDS);
            continue;
        };
        if value.is_null() {
            continue;
        }
        let it = &mut kustomization;
        match *field {
            "kind" => it.is_component = reader.kind(value),
            "resources" => it.resources = reader.texts(field, value),
            "bases" => bases = reader.texts(field, value),
            "components" => it.components = reader.texts(field, value),
            "namespace" => it.namespace = reader.text(field, value),
            "namePrefix" => it.prefix = reader.text(field, value),
            "nameSuffix" => it.suffix = reader.text(field, value),
            "labels" => it.labels = reader.list(field, value, Reader::labels),
            "commonLabels" => common = reader.pairs(field, value),
            "commonAnnotations" => it.annotations = reader.pairs(field, value),
            "patchesStrategicMerge" => {
                let texts = reader.texts(field, value);
                it.patches = texts.into_iter().map(PatchEntry::legacy).collect();
            }
            "patches" => patches = reader.list(field, value, PatchEntry::read),
            "patchesJson6902" => it.json_patches = reader.list(field, value, PatchEntry::read),
            "replicas" => it.replicas = reader.list(field, value, Reader::replicas),
            "images" | "imageTags" => it.images.extend(reader.list(field, value, Reader::image)),
            "configMapGenerator" => it.generated.extend(reader.generated("ConfigMap", value)),
            "secretGenerator" => it.generated.extend(reader.generated("Secret", value)),
            _ => it.gaps.extend(Gap::of(field, entry)),
        }
    }
    kustomization.resources.extend(bases);
    kustomization.patches.extend(patches);
    if !common.is_empty() {
        let (selectors, templates, volume_claims) = (true, true, true);
        let fields = Vec::new();
        kustomization.labels.push(Labels { pairs: common, selectors, templates, volume_claims, fields });
    }
    kustomization
}

/// Reads the fields, and reports what kustomize rejects.
#[derive(Debug)]
pub(super) struct Reader<'a> {
    pub(super) sink: &'a mut Sink,
}

impl Reader<'_> {
    pub(super) fn reject(&mut self, message: String, at: Location) {
        self.sink.push(Diagnostic::error(Code::MC0509, message).at(at));
    }

    pub(super) fn unknown(&mut self, key: &str, at: Location, known: &[&str]) {
        let diagnostic = Diagnostic::error(Code::MC0509, format!("a kustomization has no field `{key}`")).at(at);
        let help = suggest(key, known.iter().copied()).map(|near| format!("did you mean `{near}`?"));
        self.sink.push(help.into_iter().fold(diagnostic, Diagnostic::help));
    }

    fn kind(&mut self, value: &Node) -> bool {
        match value.as_str() {
            Some("Kustomization" | "") => false,
            Some("Component") => true,
            _ => {
                self.reject("`kind` must be `Kustomization` or `Component`".to_owned(), value.location);
                false
            }
        }
    }

    /// A string. Empty ones count as not set.
    pub(super) fn text(&mut self, field: &str, value: &Node) -> Option<Text> {
        match &value.value {
            Value::String(text) => Some((text.clone(), value.location)).filter(|(text, _)| !text.is_empty()),
            Value::Null => None,
            _ => {
                self.reject(format!("`{field}` must be a string"), value.location);
                None
            }
        }
    }

    fn texts(&mut self, field: &str, value: &Node) -> Vec<Text> {
        self.list(field, value, |reader, item| reader.text(field, item))
    }

    pub(super) fn list<T>(
        &mut self,
        field: &str,
        value: &Node,
        mut read: impl FnMut(&mut Self, &Node) -> Option<T>,
    ) -> Vec<T> {
        if let Value::List(items) = &value.value {
            return items.iter().filter_map(|item| read(self, item)).collect();
        }
        if !value.is_null() {
            self.reject(format!("`{field}` must be a list"), value.location);
        }
        Vec::new()
    }

    /// A map of strings, in the order of its keys.
    fn pairs(&mut self, field: &str, value: &Node) -> Pairs {
        if !matches!(value.value, Value::Map(_) | Value::Null) {
            self.reject(format!("`{field}` must be a map"), value.location);
        }
        let mut pairs = Pairs::new();
        for entry in value.entries() {
            match &entry.value.value {
                Value::String(text) => pairs.push((entry.key.clone(), text.clone(), entry.value.location)),
                Value::Null => pairs.push((entry.key.clone(), String::new(), entry.value.location)),
                _ => {
                    let message = format!("the value of `{}` in `{field}` must be a string", entry.key);
                    let diagnostic = Diagnostic::error(Code::MC0509, message).at(entry.value.location);
                    self.sink.push(diagnostic.help("put the value in quotes"));
                }
            }
        }
        pairs.sort_by(|(a, ..), (b, ..)| a.cmp(b));
        pairs
    }

    /// Whether every key of a map is known; the others are reported.
    pub(super) fn keys(&mut self, what: &str, value: &Node, known: &[&str]) -> bool {
        if !matches!(value.value, Value::Map(_)) {
            self.reject(format!("{what} must be a map"), value.location);
            return false;
        }
        let unknown: Vec<_> = value.entries().iter().filter(|entry| !known.contains(&entry.key.as_str())).collect();
        for entry in &unknown {
            self.unknown(&entry.key, entry.key_location, known);
        }
        unknown.is_empty()
    }

    pub(super) fn field(&mut self, map: &Node, key: &str) -> Option<Text> {
        map.get(key).and_then(|value| self.text(key, value))
    }

    fn labels(&mut self, value: &Node) -> Option<Labels> {
        let known = ["pairs", "includeSelectors", "includeTemplates", "includeVolumeClaimTemplates", "fields"];
        if !self.keys("an entry of `labels`", value, &known) {
            return None;
        }
        let flag = |key| matches!(value.get(key).map(|it| &it.value), Some(Value::Boolean(true)));
        let fields = value.get("fields").map(|fields| self.list("fields", fields, Self::own_field)).unwrap_or_default();
        Some(Labels {
            pairs: value.get("pairs").map(|pairs| self.pairs("pairs", pairs)).unwrap_or_default(),
            selectors: flag("includeSelectors"),
            templates: flag("includeTemplates"),
            volume_claims: flag("includeVolumeClaimTemplates"),
            fields,
        })
    }

    fn own_field(&mut self, value: &Node) -> Option<OwnField> {
        if !self.keys("an entry of `fields`", value, &["group", "version", "kind", "path", "create"]) {
            return None;
        }
        let mut text = |key| self.field(value, key).map(|(text, _)| text).unwrap_or_default();
        let (group, version, kind, path) = (text("group"), text("version"), text("kind"), text("path"));
        let create = matches!(value.get("create").map(|it| &it.value), Some(Value::Boolean(true)));
        Some(OwnField { group, version, kind, path, create })
    }

    fn replicas(&mut self, value: &Node) -> Option<(Text, i64)> {
        if !self.keys("an entry of `replicas`", value, &["name", "count"]) {
            return None;
        }
        let name = self.field(value, "name")?;
        match value.get("count").map(|count| &count.value) {
            Some(Value::Number(count)) => Some((name, count.as_i64()?)),
            None => Some((name, 0)),
            Some(_) => {
                self.reject("`count` must be a number".to_owned(), value.location);
                None
            }
        }
    }

    fn image(&mut self, value: &Node) -> Option<Image> {
        if !self.keys("an entry of `images`", value, &["name", "newName", "tagSuffix", "newTag", "digest"]) {
            return None;
        }
        let (name, location) = self.field(value, "name")?;
        let Some(pattern) = Image::pattern(&name) else {
            self.reject(format!("`{name}` is not a valid regular expression"), location);
            return None;
        };
        let mut text = |key| self.field(value, key).map(|(text, _)| text).unwrap_or_default();
        let (new_name, new_tag) = (text("newName"), text("newTag"));
        let (tag_suffix, digest) = (text("tagSuffix"), text("digest"));
        Some(Image { name: pattern, new_name, new_tag, tag_suffix, digest })
    }

    fn generated(&mut self, kind: &'static str, value: &Node) -> Vec<(&'static str, String)> {
        self.list("generators", value, |reader, item| reader.field(item, "name").map(|(name, _)| (kind, name)))
    }
}
