//! The kinds of workloads, and where each keeps its pod template.

use std::borrow::Cow;
use std::fmt;

use super::intern::interned;

/// A kind whose pods follow a pod template that can be patched.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Kind {
    /// The kind in mesh.toml, in messages and in templates. Only Knative's differs from [`Self::manifest`].
    name: &'static str,
    /// `apiVersion` in the manifest.
    api_version: &'static str,
    /// The keys that lead to the pod template, separated by dots.
    template_path: &'static str,
}

/// A kind that mesh-compile knows.
struct Known {
    /// The kind in mesh.toml.
    name: &'static str,
    /// The kind in manifests.
    manifest: &'static str,
    group: &'static str,
    api_version: &'static str,
    template_path: &'static str,
    /// Whether its controller finds its pods by `spec.selector`.
    has_selector: bool,
    /// For the schema.
    description: &'static str,
}

const fn in_apps(name: &'static str, description: &'static str) -> Known {
    let (group, api_version, template_path) = ("apps", "apps/v1", "spec.template");
    Known { name, manifest: name, group, api_version, template_path, has_selector: true, description }
}

const KNOWN: [Known; 7] = [
    in_apps("Deployment", "apps/v1"),
    in_apps("StatefulSet", "apps/v1"),
    in_apps("DaemonSet", "apps/v1"),
    Known {
        name: "CronJob",
        manifest: "CronJob",
        group: "batch",
        api_version: "batch/v1",
        template_path: "spec.jobTemplate.spec.template",
        has_selector: false,
        description: "batch/v1",
    },
    Known {
        name: "Rollout",
        manifest: "Rollout",
        group: "argoproj.io",
        api_version: "argoproj.io/v1alpha1",
        template_path: "spec.template",
        has_selector: true,
        description: "argoproj.io/v1alpha1, of Argo Rollouts",
    },
    Known {
        name: KNATIVE_SERVICE,
        manifest: "Service",
        group: "serving.knative.dev",
        api_version: "serving.knative.dev/v1",
        template_path: "spec.template",
        has_selector: false,
        description: "serving.knative.dev/v1, kind Service, of Knative",
    },
    Known {
        name: "Gateway",
        manifest: "Gateway",
        group: GATEWAY_GROUP,
        api_version: "gateway.networking.k8s.io/v1",
        template_path: "spec.template",
        has_selector: false,
        description: "gateway.networking.k8s.io/v1, of the Gateway API: a gateway or a waypoint that istiod deploys",
    },
];

/// The group of the Gateway API.
const GATEWAY_GROUP: &str = "gateway.networking.k8s.io";

/// Knative's `Service` in mesh.toml: the bare name would mean Kubernetes' own.
const KNATIVE_SERVICE: &str = "KnativeService";

/// A kind that is related to pods but cannot be patched.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Refused {
    group: &'static str,
    kind: &'static str,
    /// Whether it has pods of its own. Others may have the name of a workload.
    pub(crate) has_pods: bool,
    /// Why, as a sentence without its period.
    pub(crate) reason: &'static str,
    /// What to do instead.
    pub(crate) help: &'static str,
}

const REFUSED: [Refused; 6] = [
    Refused {
        group: "batch",
        kind: "Job",
        has_pods: true,
        reason: "the pod template of a Job is immutable: the API server rejects a patch of a Job that exists",
        help: "run it as a CronJob, or add the annotations of a patch to the Job's own manifest",
    },
    Refused {
        group: "apps",
        kind: "ReplicaSet",
        has_pods: true,
        reason: "a ReplicaSet never replaces its pods: running pods would not get the filter",
        help: "use a Deployment, which rolls its pods",
    },
    Refused {
        group: "",
        kind: "ReplicationController",
        has_pods: true,
        reason: "a ReplicationController never replaces its pods: running pods would not get the filter",
        help: "use a Deployment, which rolls its pods",
    },
    Refused {
        group: "",
        kind: "Pod",
        has_pods: true,
        reason: "the volumes of a Pod are immutable, and nothing replaces a bare Pod",
        help: "use a Deployment, which rolls its pods",
    },
    Refused {
        group: "networking.istio.io",
        kind: "Gateway",
        has_pods: false,
        reason: "Istio's Gateway configures the pods that its `selector` selects and has none of its own",
        help: "name the Deployment of the gateway's pods, or the Gateway of the Gateway API",
    },
    Refused {
        group: "",
        kind: "Service",
        has_pods: false,
        reason: "a Service has no pods of its own",
        help: "name the workload that it selects; for a Service of Knative, set `kind = \"KnativeService\"`",
    },
];

/// Why a kind of mesh.toml names no workload.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum NotAKind {
    Refused(Refused),
    /// Nothing says where its pod template is.
    NoTemplatePath,
    /// Nothing says which API it belongs to.
    NoApiVersion,
    /// The pod template of this known kind is elsewhere.
    OtherPath(Kind),
}

impl Kind {
    /// The kinds that mesh.toml can name without further keys, and a description of each.
    pub(crate) fn known() -> impl Iterator<Item = (&'static str, &'static str)> {
        KNOWN.iter().map(|known| (known.name, known.description))
    }

    pub(crate) fn deployment() -> Self {
        Self::from(&KNOWN[0])
    }

    /// The kind of an object of the base. `None` if mesh-compile does not know where, or whether, such an object has a pod template.
    pub(crate) fn of(api_version: &str, kind: &str) -> Result<Option<Self>, Refused> {
        let group = group(api_version);
        if let Some(refused) = REFUSED.into_iter().find(|it| it.kind == kind && it.group == group) {
            return Err(refused);
        }
        let known = KNOWN.iter().find(|it| it.manifest == kind && it.group == group);
        Ok(known.map(|known| Self { api_version: interned(api_version), ..Self::from(known) }))
    }

    /// The kind of `kind`, `api-version` and `template-path` in mesh.toml, or of an object of the base and `template-path`.
    pub(crate) fn named(name: &str, api_version: Option<&str>, template_path: Option<&str>) -> Result<Self, NotAKind> {
        let known = match api_version {
            Some(api_version) if name == KNATIVE_SERVICE => Self::of(api_version, "Service").ok().flatten(),
            Some(api_version) => Self::of(api_version, name).map_err(NotAKind::Refused)?,
            None => KNOWN.iter().find(|known| known.name == name).map(Self::from),
        };
        match (known, template_path) {
            (Some(known), Some(path)) if known.template_path != path => Err(NotAKind::OtherPath(known)),
            (Some(known), _) => Ok(known),
            (None, None) => {
                let refused = REFUSED.into_iter().find(|it| api_version.is_none() && it.kind == name);
                Err(refused.map_or(NotAKind::NoTemplatePath, NotAKind::Refused))
            }
            (None, Some(path)) => {
                let api_version = api_version.ok_or(NotAKind::NoApiVersion)?;
                Ok(Self { name: interned(name), api_version: interned(api_version), template_path: interned(path) })
            }
        }
    }

    /// Whether `kind` in mesh.toml means an object of this API version and kind.
    pub(crate) fn means(written: &str, api_version: &str, kind: &str) -> bool {
        match Self::of(api_version, kind) {
            Ok(Some(known)) => known.name == written,
            Ok(None) | Err(_) => written == kind,
        }
    }

    /// The kind in mesh.toml, in messages and in templates.
    pub(crate) const fn as_str(self) -> &'static str {
        self.name
    }

    /// The `kind` in manifests.
    pub(crate) fn manifest(self) -> &'static str {
        self.as_known().map_or(self.name, |known| known.manifest)
    }

    /// The `apiVersion` in manifests.
    pub(crate) const fn api_version(self) -> &'static str {
        self.api_version
    }

    /// Whether it is a Gateway of the Gateway API. Its manifest has no pod template: istiod creates the Deployment.
    pub(crate) fn is_gateway(self) -> bool {
        self.as_known().is_some_and(|known| known.group == GATEWAY_GROUP)
    }

    /// The keys that lead from the object to its pod template. A Gateway has it there only in the [`Base`](crate::base::Base).
    pub(crate) fn template_path(self) -> Vec<&'static str> {
        self.template_path.split('.').collect()
    }

    /// The keys that lead to the label selector by which the controller finds its pods, if it has one.
    pub(crate) fn selector_path(self) -> Option<[&'static str; 2]> {
        let known = self.as_known().map_or(self.template_path == "spec.template", |known| known.has_selector);
        known.then_some(["spec", "selector"])
    }

    /// Whether kustomize knows the merge keys of its lists. In objects of other kinds it replaces a list as a whole
    /// (kubernetes-sigs/kustomize, kyaml/openapi: the schemas of Kubernetes 1.21). The lists of a Gateway's pods are merged by
    /// istiod, as those of a Deployment.
    pub(crate) fn merges_lists(self) -> bool {
        matches!(self.api_version, "apps/v1" | "batch/v1") && self.as_known().is_some() || self.is_gateway()
    }

    /// The kind, followed by its group if it is not a known kind, as in `kubectl get`: no two kinds have the same.
    pub(crate) fn qualified(self) -> Cow<'static, str> {
        match self.as_known() {
            Some(_) => Cow::Borrowed(self.name),
            None => Cow::Owned(format!("{}.{}", self.name, group(self.api_version))),
        }
    }

    fn as_known(self) -> Option<&'static Known> {
        KNOWN.iter().find(|known| known.name == self.name && known.group == group(self.api_version))
    }
}

impl From<&Known> for Kind {
    fn from(known: &Known) -> Self {
        Self { name: known.name, api_version: known.api_version, template_path: known.template_path }
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name)
    }
}

/// The group of an API version. Empty for the core API, `v1`.
fn group(api_version: &str) -> &str {
    api_version.split_once('/').map_or("", |(group, _)| group)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_known_kind_is_found_by_its_name_and_by_its_object() {
        for known in &KNOWN {
            let kind = Kind::from(known);
            assert_eq!(Kind::named(known.name, None, None), Ok(kind));
            assert_eq!(Kind::named(known.name, Some(kind.api_version()), None), Ok(kind));
            assert_eq!(Kind::of(kind.api_version(), kind.manifest()), Ok(Some(kind)));
            assert!(Kind::means(known.name, kind.api_version(), kind.manifest()));
        }
        assert_eq!(Kind::deployment().as_str(), "Deployment");
    }

    #[test]
    fn a_service_of_knative_is_not_one_of_kubernetes() {
        let knative = Kind::of("serving.knative.dev/v1", "Service").unwrap().unwrap();
        assert_eq!((knative.as_str(), knative.manifest()), ("KnativeService", "Service"));
        assert_eq!(knative.qualified(), "KnativeService");
        assert_eq!(Kind::of("v1", "Service").unwrap_err().kind, "Service");
        assert!(!Kind::means("Service", "serving.knative.dev/v1", "Service"));
        assert!(matches!(Kind::named("Service", None, None), Err(NotAKind::Refused(_))));
        assert_eq!(Kind::named("Service", Some("serving.knative.dev/v1"), None), Ok(knative));
    }

    #[test]
    fn a_patch_has_the_version_of_its_object() {
        let old = Kind::of("batch/v1beta1", "CronJob").unwrap().unwrap();
        assert_eq!((old.api_version(), old.template_path().len()), ("batch/v1beta1", 4));
        assert!(!old.merges_lists() && Kind::named("CronJob", None, None).unwrap().merges_lists());
    }

    #[test]
    fn other_kinds_need_an_api_version_and_a_path() {
        assert_eq!(Kind::named("CloneSet", None, None), Err(NotAKind::NoTemplatePath));
        assert_eq!(Kind::named("CloneSet", None, Some("spec.template")), Err(NotAKind::NoApiVersion));
        let clone_set = Kind::named("CloneSet", Some("apps.kruise.io/v1alpha1"), Some("spec.template")).unwrap();
        assert_eq!((clone_set.as_str(), clone_set.manifest()), ("CloneSet", "CloneSet"));
        assert_eq!(clone_set.qualified(), "CloneSet.apps.kruise.io");
        assert!(!clone_set.merges_lists() && clone_set.selector_path().is_some());
        // A kind of the same name in another group is another kind.
        let other = Kind::named("Deployment", Some("example.com/v1"), Some("spec.pods")).unwrap();
        assert_eq!((other.template_path(), other.qualified()), (vec!["spec", "pods"], "Deployment.example.com".into()));
        assert!(!other.merges_lists() && other.selector_path().is_none());
    }

    #[test]
    fn the_path_of_a_known_kind_cannot_differ() {
        assert!(Kind::named("Deployment", None, Some("spec.template")).is_ok());
        assert!(matches!(Kind::named("CronJob", None, Some("spec.template")), Err(NotAKind::OtherPath(_))));
    }

    #[test]
    fn a_gateway_of_istio_is_not_one_of_the_gateway_api() {
        let gateway = Kind::of("gateway.networking.k8s.io/v1beta1", "Gateway").unwrap().unwrap();
        assert!(gateway.is_gateway() && gateway.merges_lists() && gateway.selector_path().is_none());
        assert_eq!(gateway.qualified(), "Gateway");
        assert!(Kind::named("Gateway", None, None).unwrap().is_gateway());
        assert!(matches!(Kind::named("Gateway", Some("networking.istio.io/v1"), None), Err(NotAKind::Refused(_))));
        assert!(!Kind::deployment().is_gateway());
    }

    #[test]
    fn kinds_that_cannot_be_patched_say_why() {
        for refused in REFUSED {
            let version = if refused.group.is_empty() { "v1".to_owned() } else { format!("{}/v1", refused.group) };
            assert_eq!(Kind::of(&version, refused.kind), Err(refused));
            let named = Kind::named(refused.kind, Some(&version), None);
            assert!(matches!(named, Err(NotAKind::Refused(_))), "{}", refused.kind);
        }
        assert_eq!(Kind::of("v1", "ConfigMap"), Ok(None));
    }
}
