//! Tests against the real tools, which `scripts/setup` installs: Envoy, kubectl, kustomize and Taplo, and for images a registry,
//! skopeo, ORAS, crane, umoci and Istio's fetcher.

#![allow(clippy::disallowed_methods, reason = "tests read and write files of their own")]

mod asm_recipe;
mod base;
mod envoy;
mod image;
mod kubectl;
mod mesh;
mod module_loading;
mod taplo;
mod verify;

#[path = "../support/dry_run.rs"]
mod dry_run;
#[path = "../support/manifests.rs"]
mod manifests;
#[path = "../support/project.rs"]
mod project;
#[path = "../support/tools.rs"]
mod tools;
#[path = "../support/yaml_strings.rs"]
mod yaml_strings;
#[path = "../support/yaml_tree.rs"]
mod yaml_tree;
