//! Limits that more than one stage speaks of.

pub(crate) use mesh_compile_module::group;

/// Bytes that the values of a ConfigMap may have together, decoded (kubernetes/kubernetes, `MaxSecretSize`).
pub(crate) const CONFIG_MAP: usize = 1_048_576;

/// Bytes of a module that a client-side apply takes: it keeps the whole object, base64 and all, in an annotation, and annotations may
/// have 262,144 bytes together.
pub(crate) const CLIENT_SIDE_APPLY: usize = 196_299;

/// Bytes that the annotations of an object may have together (kubernetes/apimachinery, `TotalAnnotationSizeLimitB`).
pub(crate) const ANNOTATIONS: usize = 262_144;
