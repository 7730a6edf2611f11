//! `labels`, `commonLabels` and `commonAnnotations`. Source: api/internal/konfig/builtinpluginconsts.

use super::fields::Field;
use super::resource::Resource;
use crate::diag::Location;

const fn field(group: &'static str, version: &'static str, kind: &'static str, path: &'static str) -> Field<'static> {
    Field { group, version, kind, path, create: true }
}

const fn existing(group: &'static str, kind: &'static str, path: &'static str) -> Field<'static> {
    Field { group, version: "", kind, path, create: false }
}

/// The labels of the object itself.
pub(super) const OBJECT: Field<'static> = field("", "", "", "metadata/labels");

/// The labels of pod templates.
pub(super) const TEMPLATES: &[Field<'static>] = &[
    field("", "v1", "ReplicationController", "spec/template/metadata/labels"),
    field("", "", "Deployment", "spec/template/metadata/labels"),
    field("", "", "ReplicaSet", "spec/template/metadata/labels"),
    field("", "", "DaemonSet", "spec/template/metadata/labels"),
    field("apps", "", "StatefulSet", "spec/template/metadata/labels"),
    field("batch", "", "Job", "spec/template/metadata/labels"),
    field("batch", "", "CronJob", "spec/jobTemplate/metadata/labels"),
    field("batch", "", "CronJob", "spec/jobTemplate/spec/template/metadata/labels"),
];

pub(super) const VOLUME_CLAIMS: Field<'static> =
    field("apps", "", "StatefulSet", "spec/volumeClaimTemplates[]/metadata/labels");

/// The labels that select pods.
pub(super) const SELECTORS: &[Field<'static>] = &[
    field("", "v1", "Service", "spec/selector"),
    field("", "v1", "ReplicationController", "spec/selector"),
    field("", "", "Deployment", "spec/selector/matchLabels"),
    field("", "", "ReplicaSet", "spec/selector/matchLabels"),
    field("", "", "DaemonSet", "spec/selector/matchLabels"),
    field("apps", "", "StatefulSet", "spec/selector/matchLabels"),
    existing("batch", "Job", "spec/selector/matchLabels"),
    existing("batch", "CronJob", "spec/jobTemplate/spec/selector/matchLabels"),
    existing("policy", "PodDisruptionBudget", "spec/selector/matchLabels"),
    existing("networking.k8s.io", "NetworkPolicy", "spec/podSelector/matchLabels"),
    existing("networking.k8s.io", "NetworkPolicy", "spec/ingress/from/podSelector/matchLabels"),
    existing("networking.k8s.io", "NetworkPolicy", "spec/egress/to/podSelector/matchLabels"),
];

/// The selectors in the pod template of a Deployment or a StatefulSet.
const AFFINITY: &[&str] = &[
    "spec/template/spec/affinity/podAffinity/preferredDuringSchedulingIgnoredDuringExecution/podAffinityTerm/labelSelector/matchLabels",
    "spec/template/spec/affinity/podAffinity/requiredDuringSchedulingIgnoredDuringExecution/labelSelector/matchLabels",
    "spec/template/spec/affinity/podAntiAffinity/preferredDuringSchedulingIgnoredDuringExecution/podAffinityTerm/labelSelector/matchLabels",
    "spec/template/spec/affinity/podAntiAffinity/requiredDuringSchedulingIgnoredDuringExecution/labelSelector/matchLabels",
    "spec/template/spec/topologySpreadConstraints/labelSelector/matchLabels",
];

const ANNOTATIONS: &[Field<'static>] = &[
    field("", "", "", "metadata/annotations"),
    field("", "v1", "ReplicationController", "spec/template/metadata/annotations"),
    field("", "", "Deployment", "spec/template/metadata/annotations"),
    field("", "", "ReplicaSet", "spec/template/metadata/annotations"),
    field("", "", "DaemonSet", "spec/template/metadata/annotations"),
    field("", "", "StatefulSet", "spec/template/metadata/annotations"),
    field("batch", "", "Job", "spec/template/metadata/annotations"),
    field("batch", "", "CronJob", "spec/jobTemplate/metadata/annotations"),
    field("batch", "", "CronJob", "spec/jobTemplate/spec/template/metadata/annotations"),
];

/// Keys and values, and where the kustomization has them.
pub(super) type Pairs = Vec<(String, String, Location)>;

/// Which labels an entry of `labels` adds.
#[derive(Debug, Clone)]
pub(super) struct Labels {
    pub(super) pairs: Pairs,
    pub(super) selectors: bool,
    pub(super) templates: bool,
    pub(super) volume_claims: bool,
    /// The fields that the kustomization itself lists.
    pub(super) fields: Vec<OwnField>,
}

/// A field that a kustomization lists.
#[derive(Debug, Clone)]
pub(super) struct OwnField {
    pub(super) group: String,
    pub(super) version: String,
    pub(super) kind: String,
    pub(super) path: String,
    pub(super) create: bool,
}

impl Labels {
    pub(super) fn apply(&self, resource: &mut Resource) {
        for own in &self.fields {
            let OwnField { group, version, kind, path, create } = own;
            Field { group, version, kind, path, create: *create }.add_entries(resource, &self.pairs);
        }
        OBJECT.add_entries(resource, &self.pairs);
        if self.selectors || self.templates {
            TEMPLATES.iter().for_each(|field| field.add_entries(resource, &self.pairs));
        }
        // kubectl 1.35 counts the claims of a StatefulSet to its templates; kustomize 5.8 has an option for them.
        if self.selectors || self.templates || self.volume_claims {
            VOLUME_CLAIMS.add_entries(resource, &self.pairs);
        }
        if self.selectors {
            SELECTORS.iter().for_each(|field| field.add_entries(resource, &self.pairs));
            for path in AFFINITY {
                for kind in ["Deployment", "StatefulSet"] {
                    existing("apps", kind, path).add_entries(resource, &self.pairs);
                }
            }
        }
    }
}

/// Adds annotations to an object and its pod template.
pub(super) fn annotate(resource: &mut Resource, pairs: &Pairs) {
    ANNOTATIONS.iter().for_each(|field| field.add_entries(resource, pairs));
}
