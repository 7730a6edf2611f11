//! Modules in ConfigMaps, mounted into the sidecar by a patch of the workload, and configured by Istio's EnvoyFilter.

pub(crate) mod plan;
