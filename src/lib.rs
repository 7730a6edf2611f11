//! mesh-compile: mesh.toml in, manifests out.
pub mod diag;
pub mod yaml;
