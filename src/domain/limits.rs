//! Size limits that several phases use.

pub(crate) use mesh_compile_module::group;

/// The maximum total size of a ConfigMap's decoded values, in bytes (kubernetes/kubernetes, `MaxSecretSize`).
pub(crate) const CONFIG_MAP: usize = 1_048_576;

/// The maximum size of a module in a client-side apply, in bytes. The apply copies the whole object, in base64, to an annotation,
/// and annotations are limited to 262,144 bytes in total.
pub(crate) const CLIENT_SIDE_APPLY: usize = 196_299;

/// The maximum size of a request to etcd, in bytes (`--max-request-bytes`), less what surrounds the object in it.
pub(crate) const REQUEST: usize = 1_572_864 - 4_096;

/// The maximum total size of an object's annotations, in bytes (kubernetes/apimachinery, `TotalAnnotationSizeLimitB`).
pub(crate) const ANNOTATIONS: usize = 262_144;
