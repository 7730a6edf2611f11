//! Envoy runs what `mesh-compile render` and kustomize produce, and traffic shows that the filters work.

mod configuration;
mod examples;
mod modules;
mod network;
mod order;
mod overrides;
mod real_filters;
mod versions;
