//! kubectl and kustomize read what mesh-compile renders.

mod manifests;
mod patches;
mod yaml;
