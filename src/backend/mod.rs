//! Backends: from the Mesh to the objects of one kind of proxy configuration.

pub(crate) mod envoy_filter;
