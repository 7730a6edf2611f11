use super::{Discovery, discover};
use crate::world::Memory;

const DEPLOYMENT: &str = "apiVersion: apps/v1\nkind: Deployment\nmetadata:\n  name: web\n";

fn service(name: &str) -> String {
    DEPLOYMENT.replace("web", name)
}

fn including(paths: &[&str]) -> String {
    format!("resources: [{}]\n", paths.join(", "))
}

fn found(files: &[(&str, &str)]) -> Discovery {
    let world = files.iter().fold(Memory::new(), |world, (path, text)| world.file(path, *text));
    discover(&world, "".into())
}

fn base(files: &[(&str, &str)]) -> Vec<String> {
    found(files).base.into_iter().map(String::from).collect()
}

#[test]
fn nothing_is_found_where_nothing_is() {
    assert_eq!(found(&[("README.md", "text")]), Discovery::default());
}

#[test]
fn the_only_kustomization_is_the_base() {
    let files = [("kustomization.yaml", "resources:\n- web.yaml\n"), ("web.yaml", DEPLOYMENT)];
    assert_eq!(base(&files), ["."]);
    let nested = [("k8s/kustomization.yml", "resources:\n- web.yaml\n"), ("k8s/web.yaml", DEPLOYMENT)];
    assert_eq!(base(&nested), ["k8s"]);
}

#[test]
fn what_overlays_share_is_the_base() {
    let found = found(&[
        ("k8s/base/kustomization.yaml", &including(&["web.yaml"])),
        ("k8s/base/web.yaml", DEPLOYMENT),
        ("k8s/dev/kustomization.yaml", &including(&["../base"])),
        ("k8s/prod/kustomization.yaml", "namePrefix: prod-\nresources: [../base/]\n"),
    ]);
    assert_eq!(found.base, ["k8s/base"]);
    let overlays: Vec<_> = found.overlays.iter().map(|it| (it.path.as_str(), it.base.as_str(), it.renames)).collect();
    assert_eq!(overlays, [("k8s/dev", "k8s/base", false), ("k8s/prod", "k8s/base", true)]);
    assert_eq!(found.kustomizations, ["k8s/base", "k8s/dev", "k8s/prod"]);
}

#[test]
fn what_overlays_share_may_consist_of_others() {
    let found = found(&[
        ("apps/base/cart/kustomization.yaml", &including(&["cart.yaml"])),
        ("apps/base/cart/cart.yaml", &service("cart")),
        ("apps/base/web/kustomization.yaml", &including(&["web.yaml"])),
        ("apps/base/web/web.yaml", DEPLOYMENT),
        ("apps/base/kustomization.yaml", &including(&["cart", "web"])),
        ("apps/dev/kustomization.yaml", &including(&["../base"])),
        ("apps/prod/kustomization.yaml", &including(&["../base"])),
    ]);
    assert_eq!(found.base, ["apps/base"]);
    let overlays: Vec<_> = found.overlays.iter().map(|it| (it.path.as_str(), it.base.as_str())).collect();
    assert_eq!(overlays, [("apps/dev", "apps/base"), ("apps/prod", "apps/base")]);
}

#[test]
fn what_only_some_overlays_add_is_not_shared() {
    let files = [
        ("base/kustomization.yaml", including(&["web.yaml"])),
        ("base/web.yaml", DEPLOYMENT.to_owned()),
        ("all-prod/kustomization.yaml", including(&["../base"])),
        ("dev/kustomization.yaml", including(&["../base"])),
        ("prod-eu/kustomization.yaml", including(&["../all-prod"])),
        ("prod-us/kustomization.yaml", including(&["../all-prod"])),
    ];
    assert_eq!(base(&files.each_ref().map(|(path, text)| (*path, text.as_str()))), ["base"]);
}

#[test]
fn the_only_overlay_is_the_base() {
    let files = [
        ("base/kustomization.yaml", including(&["web.yaml"])),
        ("base/web.yaml", DEPLOYMENT.to_owned()),
        ("prod/kustomization.yaml", including(&["../base"])),
    ];
    assert_eq!(base(&files.each_ref().map(|(path, text)| (*path, text.as_str()))), ["prod"]);
}

#[test]
fn a_kustomization_of_everything_is_taken_as_a_whole() {
    let files = [
        ("k8s/kustomization.yaml", including(&["web", "cart"])),
        ("k8s/web/kustomization.yaml", including(&["web.yaml"])),
        ("k8s/web/web.yaml", service("web")),
        ("k8s/cart/kustomization.yaml", including(&["cart.yaml"])),
        ("k8s/cart/cart.yaml", service("cart")),
    ];
    assert_eq!(base(&files.each_ref().map(|(path, text)| (*path, text.as_str()))), ["k8s"]);
}

#[test]
fn a_monorepo_with_overlays_has_a_base_for_each_service() {
    let mut files = Vec::new();
    for name in ["cart", "web"] {
        files.push((format!("{name}/base/kustomization.yaml"), including(&["web.yaml"])));
        files.push((format!("{name}/base/web.yaml"), service(name)));
        for overlay in ["dev", "prod"] {
            files.push((format!("{name}/{overlay}/kustomization.yaml"), including(&["../base"])));
        }
    }
    let files: Vec<_> = files.iter().map(|(path, text)| (path.as_str(), text.as_str())).collect();
    let found = found(&files);
    assert_eq!(found.base, ["cart/base", "web/base"]);
    assert!(!found.ambiguous);
    assert_eq!(found.overlays.len(), 4);
}

#[test]
fn copies_for_each_environment_are_ambiguous() {
    let found = found(&[
        ("dev/kustomization.yaml", &including(&["web.yaml"])),
        ("dev/web.yaml", DEPLOYMENT),
        ("prod/kustomization.yaml", &including(&["web.yaml"])),
        ("prod/web.yaml", DEPLOYMENT),
    ]);
    assert!(found.ambiguous);
    assert_eq!(found.base, ["dev", "prod"]);
}

#[test]
fn a_cycle_of_kustomizations_ends() {
    let files = [
        ("a/kustomization.yaml", including(&["../b", "web.yaml"])),
        ("a/web.yaml", DEPLOYMENT.to_owned()),
        ("b/kustomization.yaml", including(&["../a"])),
    ];
    assert!(base(&files.each_ref().map(|(path, text)| (*path, text.as_str()))).is_empty());
}

#[test]
fn directories_of_manifests_are_the_base_without_a_kustomization() {
    let list =
        r#"{"kind": "List", "items": [{"apiVersion": "apps/v1", "kind": "StatefulSet", "metadata": {"name": "db"}}]}"#;
    assert_eq!(base(&[("deploy/web.yaml", DEPLOYMENT), ("deploy/db/all.json", list)]), ["deploy"]);
}

#[test]
fn files_are_the_base_where_a_directory_has_others() {
    let service = "apiVersion: v1\nkind: Service\nmetadata:\n  name: web\n";
    let files = [("deploy/web.yaml", DEPLOYMENT), ("deploy/service.yaml", service), ("deploy/values.yaml", "a: 1\n")];
    assert_eq!(base(&files), ["deploy/service.yaml", "deploy/web.yaml"]);
    assert_eq!(base(&[("web.yaml", DEPLOYMENT), ("package.json", "{}")]), ["web.yaml"]);
    let template = "apiVersion: apps/v1\nkind: Deployment\nmetadata:\n  name: {{ .Values.name }}\n";
    assert!(base(&[("deploy/web.yaml", template)]).is_empty());
}

#[test]
fn charts_and_rendered_manifests_are_no_base() {
    let found = found(&[
        ("chart/Chart.yaml", "name: web\n"),
        ("chart/templates/web.yaml", DEPLOYMENT),
        ("out/mesh.lock", ""),
        ("out/web.yaml", DEPLOYMENT),
        ("node_modules/x/web.yaml", DEPLOYMENT),
        (".hidden/web.yaml", DEPLOYMENT),
    ]);
    assert_eq!(found, Discovery { charts: vec!["chart".into()], ..Discovery::default() });
}
