//! The lists that merge, and the keys of their elements.
//!
//! Source: `x-kubernetes-patch-strategy`, `x-kubernetes-list-map-keys` and `x-kubernetes-patch-merge-key` in the OpenAPI schema of
//! Kubernetes 1.21.2, which kustomize contains. Kinds that it lacks, custom resources among them, have no lists that merge.

/// A place in an object of Kubernetes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Schema {
    /// No list at or below it merges.
    Plain,
    /// The root of an object.
    Object(Shape),
    /// The value of `metadata`.
    Metadata,
    /// What leads to a pod's spec: `spec`, `spec.template`, and so on.
    Spec(Shape),
    JobTemplate,
    JobSpec,
    Template,
    PodSpec,
    Container,
    ServiceSpec,
    Status,
    /// A list with these keys, whose elements are containers or plain.
    Keyed(&'static [&'static str], Element),
}

/// The elements of a list.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Element {
    Plain,
    Container,
}

/// Where an object has what merges.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Shape {
    /// `spec.template.spec`
    Workload,
    /// `spec.jobTemplate.spec.template.spec`
    CronJob,
    /// `spec`
    Pod,
    /// `template.spec`
    PodTemplate,
    Service,
    ServiceAccount,
    Webhooks,
    Other,
}

impl Schema {
    /// The schema of a kind.
    pub(super) fn of(api_version: &str, kind: &str) -> Self {
        Self::Object(match (api_version, kind) {
            ("apps/v1", "Deployment" | "StatefulSet" | "DaemonSet" | "ReplicaSet")
            | ("batch/v1", "Job")
            | ("v1", "ReplicationController") => Shape::Workload,
            ("batch/v1" | "batch/v1beta1", "CronJob") => Shape::CronJob,
            ("v1", "Pod") => Shape::Pod,
            ("v1", "PodTemplate") => Shape::PodTemplate,
            ("v1", "Service") => Shape::Service,
            ("v1", "ServiceAccount") => Shape::ServiceAccount,
            (
                "admissionregistration.k8s.io/v1" | "admissionregistration.k8s.io/v1beta1",
                "MutatingWebhookConfiguration" | "ValidatingWebhookConfiguration",
            ) => Shape::Webhooks,
            ("v1", "ConfigMap" | "Endpoints" | "Namespace" | "PersistentVolumeClaim" | "ResourceQuota" | "Secret")
            | ("autoscaling/v1" | "autoscaling/v2beta1" | "autoscaling/v2beta2", "HorizontalPodAutoscaler")
            | ("networking.k8s.io/v1" | "networking.k8s.io/v1beta1", _)
            | ("policy/v1" | "policy/v1beta1", "PodDisruptionBudget" | "PodSecurityPolicy")
            | ("rbac.authorization.k8s.io/v1" | "rbac.authorization.k8s.io/v1beta1", _)
            | ("apiextensions.k8s.io/v1" | "apiextensions.k8s.io/v1beta1", "CustomResourceDefinition") => Shape::Other,
            _ => return Self::Plain,
        })
    }

    /// The schema of a field of a map, or of a field of a list's elements.
    pub(super) fn field(self, key: &str) -> Self {
        const NAME: &[&str] = &["name"];
        match (self, key) {
            (Self::Object(_), "metadata") | (Self::Template, "metadata") => Self::Metadata,
            (Self::Object(shape), "spec") => match shape {
                Shape::Pod => Self::PodSpec,
                Shape::Service => Self::ServiceSpec,
                shape => Self::Spec(shape),
            },
            (Self::Object(Shape::PodTemplate) | Self::Spec(Shape::Workload) | Self::JobSpec, "template") => {
                Self::Template
            }
            (Self::Spec(Shape::CronJob), "jobTemplate") => Self::JobTemplate,
            (Self::JobTemplate, "metadata") => Self::Metadata,
            (Self::JobTemplate, "spec") => Self::JobSpec,
            (Self::Template, "spec") => Self::PodSpec,
            (Self::Object(_), "status") => Self::Status,
            (Self::Status, "conditions") => Self::Keyed(&["type"], Element::Plain),
            (Self::Object(Shape::ServiceAccount), "secrets") => Self::Keyed(NAME, Element::Plain),
            (Self::Object(Shape::Webhooks), "webhooks") => Self::Keyed(NAME, Element::Plain),
            (Self::Metadata, "finalizers") => Self::Keyed(&[], Element::Plain),
            (Self::Metadata, "ownerReferences") => Self::Keyed(&["uid"], Element::Plain),
            (Self::ServiceSpec, "ports") => Self::Keyed(&["port", "protocol"], Element::Plain),
            (Self::PodSpec, "containers" | "initContainers" | "ephemeralContainers") => {
                Self::Keyed(NAME, Element::Container)
            }
            (Self::PodSpec, "volumes" | "imagePullSecrets") => Self::Keyed(NAME, Element::Plain),
            (Self::PodSpec, "hostAliases") => Self::Keyed(&["ip"], Element::Plain),
            (Self::PodSpec, "topologySpreadConstraints") => {
                Self::Keyed(&["topologyKey", "whenUnsatisfiable"], Element::Plain)
            }
            (Self::Keyed(_, Element::Container), key) => Self::Container.field(key),
            (Self::Container, "env") => Self::Keyed(NAME, Element::Plain),
            (Self::Container, "ports") => Self::Keyed(&["containerPort", "protocol"], Element::Plain),
            (Self::Container, "volumeMounts") => Self::Keyed(&["mountPath"], Element::Plain),
            (Self::Container, "volumeDevices") => Self::Keyed(&["devicePath"], Element::Plain),
            _ => Self::Plain,
        }
    }

    /// The keys by which a list merges. `None` for a list that is replaced.
    pub(super) const fn merge_keys(self) -> Option<&'static [&'static str]> {
        match self {
            Self::Keyed(keys, _) => Some(keys),
            _ => None,
        }
    }
}
