//! The real Envoy runs what `mesh-compile render` and kustomize have made, and traffic shows what it does.

#[path = "../support/mesh/mod.rs"]
mod mesh;
#[path = "../support/mod.rs"]
mod support;

mod configuration;
mod examples;
mod modules;
mod network;
mod order;
mod overrides;
mod real_filters;
mod versions;
