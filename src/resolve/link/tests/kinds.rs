//! Kinds: which object of the base a workload is, and where its pod template is.

use super::{codes, resolve, web};

const TEMPLATE: &str = "template: { metadata: { labels: { app: web } } }";

fn object(api_version: &str, kind: &str, spec: &str) -> String {
    format!("apiVersion: {api_version}\nkind: {kind}\nmetadata: {{ name: web }}\nspec: {{ {spec} }}\n---\n")
}

fn clone_set() -> String {
    object("apps.kruise.io/v1alpha1", "CloneSet", TEMPLATE)
}

fn job() -> String {
    object("batch/v1", "Job", TEMPLATE)
}

/// The kind, the API version, the path and the name of the only workload.
#[track_caller]
fn patched(toml: &str, base: &str) -> String {
    let (found, mesh) = resolve(toml, base);
    assert!(found.iter().all(|it| it.severity != crate::diag::Severity::Error), "{toml}: {found:#?}");
    let [workload] = &mesh.workloads[..] else { panic!("{:#?}", mesh.workloads) };
    let kind = workload.kind;
    format!("{} {} {} {}", kind.as_str(), kind.api_version(), kind.template_path().join("."), workload.name)
}

#[test]
fn the_kind_and_its_api_version_come_from_the_base() {
    let plain = "workloads.web.filters = ['f']";
    assert_eq!(patched(plain, &web("", "")), "Deployment apps/v1 spec.template web");
    let cron = object("batch/v1", "CronJob", &format!("jobTemplate: {{ spec: {{ {TEMPLATE} }} }}"));
    assert_eq!(patched(plain, &cron), "CronJob batch/v1 spec.jobTemplate.spec.template web");
    assert_eq!(
        patched(plain, &cron.replace("batch/v1", "batch/v1beta1")),
        "CronJob batch/v1beta1 spec.jobTemplate.spec.template web"
    );
    let rollout = object("argoproj.io/v1alpha1", "Rollout", TEMPLATE);
    assert_eq!(patched(plain, &rollout), "Rollout argoproj.io/v1alpha1 spec.template web");
    let knative = object("serving.knative.dev/v1", "Service", TEMPLATE);
    assert_eq!(patched(plain, &knative), "KnativeService serving.knative.dev/v1 spec.template web");
    let named = "workloads.web = { kind = 'KnativeService', filters = ['f'] }";
    assert_eq!(patched(named, &knative), "KnativeService serving.knative.dev/v1 spec.template web");
}

#[test]
fn a_service_of_kubernetes_beside_the_workload_changes_nothing() {
    let service = object("v1", "Service", "ports: []");
    let plain = "workloads.web.filters = ['f']";
    assert_eq!(patched(plain, &format!("{service}{}", web("", ""))), "Deployment apps/v1 spec.template web");
    assert_eq!(codes(plain, &service), ["MC0520"]);
    assert_eq!(codes("workloads.web = { kind = 'KnativeService', filters = ['f'] }", &service), ["MC0520"]);
}

#[test]
fn only_mesh_toml_knows_the_path_of_other_kinds() {
    let path = "workloads.web = { template-path = 'spec.template', filters = ['f'] }";
    let kind = "workloads.web = { kind = 'CloneSet', template-path = 'spec.template', filters = ['f'] }";
    for toml in [path, kind] {
        assert_eq!(patched(toml, &clone_set()), "CloneSet apps.kruise.io/v1alpha1 spec.template web", "{toml}");
    }
    assert_eq!(codes("workloads.web.filters = ['f']", &clone_set()), ["MC0520"]);
    assert_eq!(codes("workloads.web = { kind = 'CloneSet', filters = ['f'] }", &clone_set()), ["MC0561"]);
    let (found, _) = resolve(&path.replace("spec.template", "spec.pods"), &clone_set());
    assert_eq!(found[0].code, crate::diag::Code::MC0563);
    assert!(found[0].related[0].text.contains("has no `pods`, but `template`"), "{found:#?}");
    // The version of mesh.toml is not that of the base.
    let other = kind.replace("kind =", "api-version = 'apps.kruise.io/v1', kind =");
    assert_eq!(codes(&other, &clone_set()), ["MC0520"]);
}

#[test]
fn a_kind_that_cannot_be_patched_says_so_at_both_places() {
    for toml in ["workloads.web.filters = ['f']", "workloads.web = { kind = 'Job', filters = ['f'] }"] {
        let (found, _) = resolve(toml, &job());
        assert_eq!(found.iter().map(|it| it.code).collect::<Vec<_>>(), [crate::diag::Code::MC0560], "{toml}");
        assert_eq!(found[0].related.len(), 1, "{toml}: {found:#?}");
    }
    // Another object of the name is the workload.
    let both = format!("{}{}", job(), web("", ""));
    assert_eq!(patched("workloads.web.filters = ['f']", &both), "Deployment apps/v1 spec.template web");
}

#[test]
fn a_rollout_with_a_reference_stands_for_its_deployment() {
    let reference = |kind: &str, name: &str| {
        let spec = format!("workloadRef: {{ apiVersion: apps/v1, kind: {kind}, name: {name} }}");
        object("argoproj.io/v1alpha1", "Rollout", &spec)
    };
    let deployment = web("", "").replace("name: web", "name: web-pods");
    let by_kind = "workloads.web = { kind = 'Rollout', filters = ['f'] }";
    for toml in ["workloads.web.filters = ['f']", by_kind] {
        let base = format!("{}{deployment}", reference("Deployment", "web-pods"));
        assert_eq!(patched(toml, &base), "Deployment apps/v1 spec.template web-pods", "{toml}");
    }
    // Both have the same name.
    let base = format!("{}{}", reference("Deployment", "web"), web("", ""));
    assert_eq!(patched("workloads.web.filters = ['f']", &base), "Deployment apps/v1 spec.template web");
    // The Deployment is patched once.
    let base = format!("{}{deployment}", reference("Deployment", "web-pods"));
    let twice = "workloads.web.filters = ['f']\nworkloads.web-pods.filters = ['f']";
    assert_eq!(codes(twice, &base), ["MC0212"]);
    assert_eq!(codes(by_kind, &reference("Deployment", "web-pods")), ["MC0564"]);
    assert_eq!(codes(by_kind, &reference("ReplicaSet", "web")), ["MC0564"]);
}

#[test]
fn the_lists_of_custom_resources_are_not_patched() {
    let toml = "workloads.web = { mount = 'container', filters = ['f'] }";
    let rollout = object("argoproj.io/v1alpha1", "Rollout", TEMPLATE);
    let knative = object("serving.knative.dev/v1", "Service", TEMPLATE);
    for base in [rollout, knative] {
        assert_eq!(codes(toml, &base), ["MC0214"], "{base}");
    }
    let custom = "workloads.web = { template-path = 'spec.template', mount = 'container', filters = ['f'] }";
    assert_eq!(codes(custom, &clone_set()), ["MC0214"]);
    let cron = object("batch/v1", "CronJob", &format!("jobTemplate: {{ spec: {{ {TEMPLATE} }} }}"));
    assert_eq!(codes(toml, &cron), [""; 0]);
    assert_eq!(codes(toml, &cron.replace("batch/v1", "batch/v1beta1")), ["MC0214"]);
}
