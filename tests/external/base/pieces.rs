//! Manifests and patches that a generated kustomization is made of.

use super::generate::Random;

/// An object of a generated base: its kind, apiVersion, name and namespace.
#[derive(Debug, Clone)]
pub(super) struct Object {
    pub(super) kind: &'static str,
    pub(super) api_version: &'static str,
    pub(super) name: String,
    pub(super) namespace: Option<&'static str>,
}

impl Object {
    /// The first lines of its manifest, or of a patch for it.
    pub(super) fn head(&self) -> String {
        let namespace = self.namespace.map(|it| format!("  namespace: {it}\n")).unwrap_or_default();
        format!("apiVersion: {}\nkind: {}\nmetadata:\n  name: {}\n{namespace}", self.api_version, self.kind, self.name)
    }

    pub(super) fn has_template(&self) -> bool {
        matches!(self.kind, "Deployment" | "StatefulSet" | "DaemonSet" | "Rollout")
    }
}

const KINDS: &[(&str, &str)] = &[
    ("Deployment", "apps/v1"),
    ("Deployment", "apps/v1"),
    ("StatefulSet", "apps/v1"),
    ("DaemonSet", "apps/v1"),
    ("CronJob", "batch/v1"),
    ("Rollout", "argoproj.io/v1alpha1"),
    ("Service", "v1"),
    ("Service", "v1"),
    ("ConfigMap", "v1"),
    ("ServiceAccount", "v1"),
    ("HorizontalPodAutoscaler", "autoscaling/v2"),
    ("RoleBinding", "rbac.authorization.k8s.io/v1"),
    ("ClusterRole", "rbac.authorization.k8s.io/v1"),
    ("Namespace", "v1"),
    ("NetworkPolicy", "networking.k8s.io/v1"),
    ("PodDisruptionBudget", "policy/v1"),
    ("EnvoyFilter", "networking.istio.io/v1alpha3"),
    ("Ingress", "networking.k8s.io/v1"),
];

/// An object and its manifest.
pub(super) fn object(random: &mut Random, name: String) -> (Object, String) {
    let (kind, api_version) = random.pick(KINDS);
    let namespace = if random.one_in(4) { Some(random.pick(&["shop", "default"])) } else { None };
    let object = Object { kind, api_version, name, namespace };
    let mut text = object.head();
    if random.one_in(3) {
        text.push_str("  labels: {app: web, tier: front}\n");
    }
    if random.one_in(4) {
        text.push_str("  annotations:\n    note: 'yes'\n");
    }
    if random.one_in(12) {
        text.push_str("  finalizers: [a, b]\n");
    }
    text.push_str(&spec(random, &object));
    (object, text)
}

fn spec(random: &mut Random, object: &Object) -> String {
    let name = &object.name;
    match object.kind {
        "CronJob" => {
            format!("spec:\n  schedule: '* * * * *'\n  jobTemplate:\n    spec:\n{}", template(random, name, 6))
        }
        _ if object.has_template() => {
            let mut text = String::from("spec:\n");
            if !random.one_in(4) {
                text.push_str(&format!("  replicas: {}\n", random.below(5)));
            }
            if !random.one_in(5) {
                text.push_str(&format!("  selector:\n    matchLabels: {{app: {name}}}\n"));
            }
            text.push_str(&template(random, name, 2));
            if object.kind == "StatefulSet" {
                text.push_str("  serviceName: o1\n");
                if random.one_in(2) {
                    text.push_str("  volumeClaimTemplates:\n  - metadata: {name: data}\n    spec: {storageClassName: fast}\n");
                }
            }
            text
        }
        "Service" => {
            let selector = if random.one_in(5) { String::new() } else { format!("  selector: {{app: {name}}}\n") };
            format!(
                "spec:\n{selector}  ports:\n  - {{name: http, port: 80, targetPort: 8080}}\n  - {{name: dns, port: 53, protocol: UDP}}\n"
            )
        }
        "ConfigMap" => "data:\n  a: 'on'\n  b: |\n    x\n    y\n".to_owned(),
        "HorizontalPodAutoscaler" => {
            "spec:\n  maxReplicas: 3\n  scaleTargetRef: {apiVersion: apps/v1, kind: Deployment, name: o0}\n".to_owned()
        }
        "RoleBinding" => concat!(
            "roleRef: {apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: o1}\n",
            "subjects:\n- {kind: ServiceAccount, name: default}\n- {kind: ServiceAccount, name: o2, namespace: shop}\n",
        )
        .to_owned(),
        "ClusterRole" => "rules:\n- {apiGroups: [''], resources: [pods], verbs: [get]}\n".to_owned(),
        "NetworkPolicy" => {
            "spec:\n  podSelector: {matchLabels: {app: web}}\n  ingress:\n  - from:\n    - podSelector: {matchLabels: {a: b}}\n"
                .to_owned()
        }
        "PodDisruptionBudget" => "spec:\n  minAvailable: 1\n  selector: {matchLabels: {app: web}}\n".to_owned(),
        "EnvoyFilter" => "spec:\n  configPatches:\n  - {applyTo: CLUSTER}\n  - {applyTo: LISTENER}\n".to_owned(),
        "Ingress" => concat!(
            "spec:\n  defaultBackend: {service: {name: o0, port: {number: 80}}}\n",
            "  tls: [{secretName: o3}]\n",
        )
        .to_owned(),
        _ => String::new(),
    }
}

/// `template:` of a workload, `indent` spaces to the right.
fn template(random: &mut Random, name: &str, indent: usize) -> String {
    let mut lines =
        vec!["template:".to_owned(), "  metadata:".to_owned(), format!("    labels: {{app: {name}, version: v1}}")];
    if random.one_in(2) {
        lines.push("    annotations:".to_owned());
        lines.push("      sidecar.istio.io/userVolume: '[{\"name\":\"a\",\"emptyDir\":{}}]'".to_owned());
        lines.push("      proxy.istio.io/config: |".to_owned());
        lines.push("        concurrency: 2".to_owned());
    }
    lines.push("  spec:".to_owned());
    if random.one_in(2) {
        lines.push("    serviceAccountName: o2".to_owned());
    }
    if random.one_in(4) {
        lines.push("    hostNetwork: on".to_owned());
    }
    if random.one_in(4) {
        lines.push("    tolerations: [{key: a, operator: Exists}]".to_owned());
    }
    if random.one_in(4) {
        lines.push("    topologySpreadConstraints:".to_owned());
        lines.push("    - {maxSkew: 1, topologyKey: zone, whenUnsatisfiable: DoNotSchedule, labelSelector: {matchLabels: {app: x}}}".to_owned());
    }
    if random.one_in(4) {
        lines.push("    affinity: {podAntiAffinity: {requiredDuringSchedulingIgnoredDuringExecution: [{topologyKey: host, labelSelector: {matchLabels: {app: x}}}]}}".to_owned());
    }
    lines.push("    containers:".to_owned());
    lines.push("    - name: app".to_owned());
    lines.push(format!(
        "      image: {}",
        random.pick(&["nginx", "nginx:1.2", "example.org:5000/a/nginx:1@sha256:abc", "redis:7"])
    ));
    lines.push(
        "      env: [{name: A, value: '1'}, {name: B, valueFrom: {configMapKeyRef: {name: o3, key: a}}}]".to_owned(),
    );
    lines.push("      ports: [{containerPort: 8080}, {containerPort: 53, protocol: UDP}]".to_owned());
    lines.push("      volumeMounts: [{name: v, mountPath: /v}]".to_owned());
    if random.one_in(3) {
        lines.push("    - {name: side, image: redis}".to_owned());
    }
    if random.one_in(3) {
        lines.push("    initContainers: [{name: init, image: 'nginx:1'}]".to_owned());
    }
    lines.push("    volumes: [{name: v, configMap: {name: o3}}, {name: w, emptyDir: {}}]".to_owned());
    lines.iter().map(|line| format!("{}{line}\n", " ".repeat(indent))).collect()
}

/// A strategic-merge patch for an object, with its head.
pub(super) fn strategic(random: &mut Random, object: &Object) -> String {
    let head = object.head();
    let metadata = ["  labels: {added: x}\n", "  labels: {tier: null}\n", "  annotations: {note: 'no', more: x}\n"];
    if !object.has_template() || random.one_in(4) {
        return match object.kind {
            "Service" if random.one_in(2) => format!(
                "{head}spec:\n  ports:\n  - {}\n",
                random.pick(&[
                    "{name: http, port: 80, targetPort: 9090}",
                    "{name: new, port: 443}",
                    "{port: 53, protocol: UDP, $patch: delete}",
                    "{port: 53, protocol: TCP, name: tcp}",
                ])
            ),
            "EnvoyFilter" if random.one_in(2) => format!("{head}spec:\n  configPatches:\n  - {{applyTo: ROUTE}}\n"),
            "ConfigMap" if random.one_in(2) => format!("{head}data: {{b: null, c: new}}\n"),
            "Namespace" | "ClusterRole" => format!("{head}{}", metadata[0]),
            _ if random.one_in(8) => format!("{}$patch: delete\n", head),
            _ => format!("{head}{}", random.pick(&metadata)),
        };
    }
    let spec = random.pick(&[
        "template:\n    metadata:\n      annotations: {a: b}\n      labels: {version: v2}\n",
        "template:\n    metadata:\n      labels: {$patch: replace, only: this}\n",
        "template:\n    spec:\n      containers: [{name: app, image: 'other:2'}]\n",
        "template:\n    spec:\n      containers: [{name: added, image: x}, {name: app, env: [{name: B, $patch: delete}, {name: C, value: c}]}]\n",
        "template:\n    spec:\n      containers: [{name: app, $patch: delete}, {name: z, image: z}]\n",
        "template:\n    spec:\n      containers: [{$patch: replace}, {name: only, image: x}]\n",
        "template:\n    spec:\n      volumes: [{name: x, emptyDir: {}}, {name: v, configMap: null, emptyDir: {medium: Memory}}]\n",
        "template:\n    spec:\n      containers: [{name: app, ports: [{containerPort: 9090, name: m}, {containerPort: 8080, name: http}]}]\n",
        "template:\n    spec:\n      containers: [{name: app, volumeMounts: [{mountPath: /v, readOnly: true}, {mountPath: /w, name: w}]}]\n",
        "template:\n    spec:\n      tolerations: [{key: b}]\n      hostAliases: [{ip: 1.2.3.4, hostnames: [a]}]\n",
        "template:\n    spec:\n      hostNetwork: null\n      serviceAccountName: null\n",
        "selector: {matchLabels: {more: x}}\n",
        "replicas: 7\n",
        "template:\n    spec:\n      initContainers: [{name: first, image: 'a:1'}]\n      imagePullSecrets: [{name: o4}]\n",
        "template:\n    spec:\n      containers: [{name: app, env: [{name: A, value: null}, {name: M, value: null}]}]\n",
    ]);
    format!("{head}spec:\n  {spec}")
}

/// JSON 6902 operations. Most apply to every workload.
pub(super) fn operations(random: &mut Random) -> &'static str {
    if random.one_in(20) {
        return random.pick(&[
            "- {op: test, path: /kind, value: Deployment}",
            "- {op: remove, path: /spec/none}",
            "- {op: add, path: /spec/none/below, value: 1}",
        ]);
    }
    random.pick(&[
        "- {op: add, path: /spec/template/metadata/labels/json, value: 'yes'}",
        "- {op: add, path: /spec/template/metadata/labels/example.org~1a, value: on}",
        "- {op: replace, path: /spec/template/spec/containers/0/name, value: renamed}",
        "- {op: add, path: /spec/template/spec/containers/-, value: {name: last, image: last}}",
        "- {op: add, path: /spec/template/spec/containers/0, value: {name: first, image: first}}",
        "- {op: remove, path: /spec/template/spec/volumes/0}\n- {op: add, path: /spec/paused, value: true}",
        "- {op: copy, from: /spec/template/metadata/labels, path: /spec/template/metadata/copy}",
        "- {op: move, from: /spec/template/metadata/labels/version, path: /spec/template/metadata/labels/moved}",
        "- {op: replace, path: /metadata/labels, value: {all: new}}",
    ])
}
