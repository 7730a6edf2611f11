//! The annotations and labels of pods and namespaces that Istio reads (istio/api, annotation/annotations.yaml and
//! label/labels.yaml). istiod reads them from the pod template, never from the workload's own metadata.

/// The SHA-256 of the module in a ConfigMap, which marks the ConfigMaps of out/.
pub(crate) const MODULE_DIGEST: &str = "wasm.mesh-compile.dev/sha256";
/// The volumes that the sidecar injector adds to the pod.
pub(crate) const USER_VOLUME: &str = "sidecar.istio.io/userVolume";
/// The mounts that the sidecar injector adds to the proxy's container.
pub(crate) const USER_VOLUME_MOUNT: &str = "sidecar.istio.io/userVolumeMount";
/// The levels of Envoy's components, such as `misc:error,wasm:debug`.
pub(crate) const COMPONENT_LOG_LEVEL: &str = "sidecar.istio.io/componentLogLevel";
/// The level of Envoy. With components in it, such as `warning,wasm:debug`, Envoy ignores [`COMPONENT_LOG_LEVEL`].
pub(crate) const LOG_LEVEL: &str = "sidecar.istio.io/logLevel";
/// Whether the pod gets a proxy: a label, or an annotation of older versions.
pub(crate) const INJECT: &str = "sidecar.istio.io/inject";
/// The templates to inject, separated by commas. Gateways have `gateway`.
pub(crate) const TEMPLATES: &str = "inject.istio.io/templates";
/// What the injector has already added to the pod.
pub(crate) const STATUS: &str = "sidecar.istio.io/status";
/// A ProxyConfig in YAML.
pub(crate) const PROXY_CONFIG: &str = "proxy.istio.io/config";
/// The prefixes of the statistics that the proxy has, in addition to Istio's own, separated by commas.
pub(crate) const STATS_PREFIXES: &str = "sidecar.istio.io/statsInclusionPrefixes";
/// The prefixes of the metrics of extension discovery, and of those that filters define. Of these, Istio's own list has `wasm` (istio/istio,
/// pkg/bootstrap/config.go).
pub(crate) const OUR_STATS: [&str; 2] = ["extension_config_discovery", "wasmcustom"];
/// The digest of the modules in ConfigMaps whose names stay the same.
pub(crate) const MODULES_DIGEST: &str = "wasm.mesh-compile.dev/modules";
/// `REDIRECT`, `TPROXY` or `NONE`.
pub(crate) const INTERCEPTION_MODE: &str = "sidecar.istio.io/interceptionMode";
/// The ports whose traffic does not pass the proxy, separated by commas.
pub(crate) const EXCLUDE_INBOUND_PORTS: &str = "traffic.sidecar.istio.io/excludeInboundPorts";
/// The ports whose traffic passes the proxy, or `*`.
pub(crate) const INCLUDE_INBOUND_PORTS: &str = "traffic.sidecar.istio.io/includeInboundPorts";
/// The image of the proxy.
pub(crate) const PROXY_IMAGE: &str = "sidecar.istio.io/proxyImage";
/// The namespace's label for injection.
pub(crate) const INJECTION: &str = "istio-injection";
/// The revision of the control plane, on a namespace or a pod.
pub(crate) const REVISION: &str = "istio.io/rev";
/// `ambient` for pods without sidecars, on a namespace or a pod.
pub(crate) const DATAPLANE_MODE: &str = "istio.io/dataplane-mode";
/// The label of the pods that istiod creates for a Gateway: its name.
pub(crate) const GATEWAY_NAME: &str = "gateway.networking.k8s.io/gateway-name";
/// The name of the ConfigMap whose parameters of a Gateway are in ours, which it marks. Empty: there is none.
pub(crate) const GATEWAY_PARAMETERS: &str = "wasm.mesh-compile.dev/gateway-parameters";
/// The Services that a filter of a waypoint calls, beside those behind it.
pub(crate) const REFERENCED_SERVICES: &str = "envoyfilter.istio.io/referenced-services";
/// The name of the proxy's container.
pub(crate) const PROXY_CONTAINER: &str = "istio-proxy";
