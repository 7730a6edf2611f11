//! Every object is read back as it was written, through the text that is written to a file.

use std::collections::BTreeMap;
use std::fmt::Debug;

use proptest::collection::{btree_map, vec};
use proptest::option;
use proptest::prelude::*;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

use super::*;
use crate::domain::Kind;
use crate::yaml::Block;

fn through_yaml<T: Serialize + DeserializeOwned + PartialEq + Debug>(object: &T) -> Result<(), TestCaseError> {
    let mut bytes = Vec::new();
    crate::yaml::write(object, &mut bytes).map_err(|error| TestCaseError::fail(error.to_string()))?;
    let text = String::from_utf8_lossy(&bytes);
    let read: T =
        serde_yaml::from_slice(&bytes).map_err(|error| TestCaseError::fail(format!("{error}, reading\n{text}")))?;
    prop_assert_eq!(&read, object, "from\n{}", text);
    Ok(())
}

/// Names, values that readers of YAML mistake for another type, and any other text.
fn text() -> impl Strategy<Value = String> {
    prop_oneof![
        3 => "[a-z][a-z0-9.-]{0,8}",
        1 => prop::sample::select(vec!["", "on", "null", "~", "1_000", "0x1", "a: b", "- a", "é\n", "\u{feff}", "${A}"])
            .prop_map(str::to_owned),
        1 => any::<String>(),
    ]
}

fn strings() -> impl Strategy<Value = Strings> {
    btree_map(text(), text(), 0..3)
}

fn metadata() -> impl Strategy<Value = Metadata> {
    let fields = (text(), option::of(text()), strings(), strings());
    fields.prop_map(|(name, namespace, labels, annotations)| Metadata { name, namespace, labels, annotations })
}

fn config_map() -> impl Strategy<Value = ConfigMap> {
    let binary = vec(any::<u8>(), 0..20).prop_map(|bytes| Binary(bytes.into()));
    (metadata(), any::<bool>(), btree_map(text(), binary, 0..3)).prop_map(|(metadata, immutable, binary_data)| {
        let (api_version, kind) = (CoreV1::default(), ConfigMapKind::default());
        ConfigMap { api_version, kind, metadata, immutable, binary_data }
    })
}

fn gateway_parameters() -> impl Strategy<Value = GatewayParameters> {
    let lines = vec(text(), 0..4).prop_map(|lines| format!("{}\n", lines.join("\n")));
    let data = btree_map(text(), prop_oneof![text(), lines].prop_map(Block), 0..3);
    (metadata(), data).prop_map(|(metadata, data)| GatewayParameters {
        api_version: CoreV1::default(),
        kind: ConfigMapKind::default(),
        metadata,
        data,
    })
}

fn message() -> impl Strategy<Value = Any> {
    prop_oneof![
        text().prop_map(|value| Any::String { value }),
        vec(any::<u8>(), 0..20).prop_map(|value| Any::Bytes { value }),
    ]
}

fn restriction() -> impl Strategy<Value = CapabilityRestrictionConfig> {
    btree_map(text(), Just(SanitizationConfig {}), 0..3)
        .prop_map(|allowed_capabilities| CapabilityRestrictionConfig { allowed_capabilities })
}

fn vm_config() -> impl Strategy<Value = VmConfig> {
    let environment = (vec(text(), 0..3), strings())
        .prop_map(|(host_env_keys, key_values)| EnvironmentVariables { host_env_keys, key_values });
    let fields =
        (text(), text(), option::of(message()), option::of(any::<bool>()), option::of(restriction()), environment);
    fields.prop_map(|(vm_id, filename, configuration, allow_precompiled, restriction, environment_variables)| {
        VmConfig {
            vm_id,
            runtime: WasmRuntime::V8,
            code: VmCode { local: LocalFile { filename } },
            configuration,
            allow_precompiled,
            capability_restriction_config: restriction,
            environment_variables,
        }
    })
}

fn plugin_config() -> impl Strategy<Value = PluginConfig> {
    let policies =
        [FailurePolicy::Unspecified, FailurePolicy::FailReload, FailurePolicy::FailClosed, FailurePolicy::FailOpen];
    let fields = (
        text(),
        option::of(text()),
        option::of(message()),
        option::of(prop::sample::select(policies.to_vec())),
        option::of(any::<bool>()),
        option::of(any::<bool>()),
        option::of(restriction()),
        vm_config(),
    );
    fields.prop_map(
        |(name, root_id, configuration, failure_policy, fail_open, stop_iteration, restriction, vm_config)| {
            PluginConfig {
                name,
                root_id,
                configuration,
                failure_policy,
                fail_open,
                allow_on_headers_stop_iteration: stop_iteration,
                capability_restriction_config: restriction,
                vm_config,
            }
        },
    )
}

fn typed_config() -> impl Strategy<Value = TypedConfig> {
    let wasm = || plugin_config().prop_map(|config| Wasm { config });
    let types = prop::sample::select(vec![WasmType::Http, WasmType::Network]);
    prop_oneof![
        wasm().prop_map(TypedConfig::HttpWasm),
        wasm().prop_map(TypedConfig::NetworkWasm),
        (types, wasm()).prop_map(|(type_url, value)| TypedConfig::TypedStruct(TypedStruct { type_url, value })),
    ]
}

fn config_patch() -> impl Strategy<Value = ConfigPatch> {
    let contexts =
        vec![PatchContext::Any, PatchContext::SidecarInbound, PatchContext::SidecarOutbound, PatchContext::Gateway];
    let filter = (text(), option::of(text())).prop_map(|(name, sub_filter)| FilterChainMatch {
        filter: FilterMatch { name, sub_filter: sub_filter.map(|name| SubFilterMatch { name }) },
    });
    let listener = (option::of(any::<u16>()), option::of(filter))
        .prop_map(|(port_number, filter_chain)| ListenerMatch { port_number, filter_chain });
    let matches = (prop::sample::select(contexts), option::of(text()), listener).prop_map(
        |(context, proxy_version, listener)| {
            let proxy = proxy_version.map(|proxy_version| ProxyMatch { proxy_version });
            Match { context, proxy, listener }
        },
    );
    let operations = prop::sample::select(vec![Operation::InsertBefore, Operation::InsertFirst, Operation::Add]);
    let apply_to = prop::sample::select(vec![ApplyTo::HttpFilter, ApplyTo::NetworkFilter, ApplyTo::ExtensionConfig]);
    (apply_to, matches, operations, text(), option::of(typed_config().boxed()), option::of(config_discovery().boxed()))
        .prop_map(|(apply_to, matches, operation, name, typed_config, config_discovery)| ConfigPatch {
            apply_to,
            matches,
            patch: Patch {
                operation,
                value: ChainFilter { name, typed_config, config_discovery, ..ChainFilter::default() },
            },
        })
}

fn config_discovery() -> impl Strategy<Value = ConfigDiscovery> {
    let rules = || option::of(Just(Empty {}));
    let default_config = prop_oneof![
        rules().prop_map(|rules| DefaultConfig::Http { rules }),
        (rules(), text()).prop_map(|(rules, stat_prefix)| DefaultConfig::Network { rules, stat_prefix }),
    ];
    (text(), text(), default_config, vec(text(), 0..3)).prop_map(
        |(initial_fetch_timeout, resource_api_version, default_config, type_urls)| ConfigDiscovery {
            config_source: ConfigSource { ads: Empty {}, initial_fetch_timeout, resource_api_version },
            default_config,
            type_urls,
        },
    )
}

fn envoy_filter() -> impl Strategy<Value = EnvoyFilter> {
    let selector = option::of(strings().prop_map(|labels| WorkloadSelector { labels }));
    let target = (text(), text(), text()).prop_map(|(group, kind, name)| TargetRef { group, kind, name });
    (metadata(), selector, vec(target, 0..2), any::<i32>(), vec(config_patch().boxed(), 0..3)).prop_map(
        |(metadata, workload_selector, target_refs, priority, config_patches)| EnvoyFilter {
            api_version: NetworkingV1Alpha3::default(),
            kind: EnvoyFilterKind::default(),
            metadata,
            spec: EnvoyFilterSpec { workload_selector, target_refs, priority, config_patches },
        },
    )
}

/// Any JSON object, as the user's own volumes and mounts may be.
fn entry() -> impl Strategy<Value = Map<String, Value>> {
    let leaf = prop_oneof![
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        text().prop_map(Value::from)
    ];
    let value = leaf.prop_recursive(3, 12, 3, |inner| {
        prop_oneof![
            vec(inner.clone(), 0..3).prop_map(Value::from),
            btree_map(text(), inner, 0..3).prop_map(|entries| Value::Object(entries.into_iter().collect())),
        ]
    });
    btree_map(text(), value, 0..3).prop_map(|entries| entries.into_iter().collect())
}

fn workload_patch() -> impl Strategy<Value = WorkloadPatch> {
    let other = Kind::named("Web", Some("example.com/v1"), Some("spec.a.b"));
    let kinds: Vec<_> = Kind::known().map(|(name, _)| Kind::named(name, None, None)).chain([other]).collect();
    let container = (text(), option::of(text()), vec(entry(), 0..3))
        .prop_map(|(name, image, volume_mounts)| Container { name, image, volume_mounts });
    let secret = text().prop_map(|name| PullSecret { name });
    let spec = (vec(container, 0..2), vec(secret, 0..2), vec(entry(), 0..3))
        .prop_map(|(containers, image_pull_secrets, volumes)| PodSpec { containers, image_pull_secrets, volumes });
    let pod = (strings(), strings()).prop_map(|(annotations, labels)| PodMetadata { annotations, labels });
    (prop::sample::select(kinds), metadata(), pod, spec, text()).prop_map(|(kind, metadata, pod, spec, parameters)| {
        let kind = kind.expect("a kind");
        let template = PodTemplate { metadata: pod, spec };
        let change = if kind.is_gateway() { Change::Parameters(parameters) } else { Change::Template(template) };
        WorkloadPatch { kind, metadata, change }
    })
}

fn source() -> impl Strategy<Value = ConfigMapSource> {
    let item = (text(), text()).prop_map(|(key, path)| KeyToPath { key, path });
    (text(), option::of(vec(item, 0..3))).prop_map(|(name, items)| ConfigMapSource { name, items })
}

fn volume() -> impl Strategy<Value = Volume> {
    let sources = vec(option::of(source()).prop_map(|config_map| ProjectedSource { config_map }), 0..3);
    let projected = sources.prop_map(|sources| Projected { sources });
    let image =
        (text(), option::of(text())).prop_map(|(reference, pull_policy)| ImageSource { reference, pull_policy });
    (text(), option::of(source()), option::of(projected), option::of(image))
        .prop_map(|(name, config_map, projected, image)| Volume { name, config_map, projected, image })
}

fn volume_mount() -> impl Strategy<Value = VolumeMount> {
    let paths = (text(), option::of(text()), option::of(text()));
    (text(), paths, option::of(any::<bool>())).prop_map(|(name, (mount_path, sub_path, sub_path_expr), read_only)| {
        VolumeMount { name, mount_path, sub_path, sub_path_expr, read_only }
    })
}

fn kustomization() -> impl Strategy<Value = Kustomization> {
    let kinds = vec![
        (KustomizationApi::V1Beta1, KustomizationKind::Kustomization),
        (KustomizationApi::V1Alpha1, KustomizationKind::Component),
    ];
    let patches = vec(text().prop_map(|path| PatchPath { path }), 0..3);
    (prop::sample::select(kinds), vec(text(), 0..3), patches)
        .prop_map(|((api_version, kind), resources, patches)| Kustomization { api_version, kind, resources, patches })
}

fn lock() -> impl Strategy<Value = Lock> {
    // The paths of a lock stay inside the directory.
    let path = || {
        "[a-zé\"\\\\' .-]{1,6}(/[a-z\n\t.-]{1,6})?".prop_filter("a path inside the directory", |path| {
            camino::Utf8Path::new(path).components().all(|part| matches!(part, camino::Utf8Component::Normal(_)))
        })
    };
    let digests = prop_oneof![
        text().prop_map(Digests::One),
        prop::collection::btree_set(text(), 0..3).prop_map(Digests::Several),
    ];
    let module = (text(), 0..usize::MAX / 2, option::of(0..usize::MAX / 2), option::of(text()))
        .prop_map(|(sha256, size, slim_size, abi)| LockedModule { sha256, size, slim_size, abi });
    let modules = btree_map(path().prop_map(Into::into), module, 0..3);
    let spec = option::of(text());
    (spec, btree_map(path(), digests, 0..4), modules).prop_map(|(spec, files, modules)| {
        let mut lock = Lock::new(files, modules);
        lock.spec = spec;
        lock
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn parameters_of_gateways_are_read_back(object in gateway_parameters()) {
        through_yaml(&object)?;
    }

    #[test]
    fn config_maps_are_read_back(object in config_map()) {
        through_yaml(&object)?;
    }

    #[test]
    fn envoy_filters_are_read_back(object in envoy_filter()) {
        through_yaml(&object)?;
    }

    #[test]
    fn workload_patches_are_read_back(object in workload_patch()) {
        let mut bytes = Vec::new();
        crate::yaml::write(&object, &mut bytes).map_err(|error| TestCaseError::fail(error.to_string()))?;
        let document: Map<String, Value> = serde_yaml::from_slice(&bytes).expect("a map");
        prop_assert_eq!(&document["apiVersion"], object.kind.api_version());
        prop_assert_eq!(&document["kind"], object.kind.manifest());
        let read = WorkloadPatch::read(document, object.kind).expect("it is what was written");
        prop_assert_eq!(read, object);
    }

    #[test]
    fn kustomizations_are_read_back(object in kustomization()) {
        through_yaml(&object)?;
    }

    #[test]
    fn volumes_and_mounts_are_read_back_from_their_json(volume in volume(), mount in volume_mount()) {
        let read: Volume = serde_json::from_str(&Value::Object(volume.to_entry()).to_string()).unwrap();
        prop_assert_eq!(read, volume);
        let read: VolumeMount = serde_json::from_str(&Value::Object(mount.to_entry()).to_string()).unwrap();
        prop_assert_eq!(read, mount);
    }

    #[test]
    fn plugin_configurations_are_read_back_from_the_json_that_envoy_reads(config in typed_config()) {
        let read: TypedConfig = serde_json::from_str(&serde_json::to_string(&config).unwrap()).unwrap();
        prop_assert_eq!(read, config);
    }

    #[test]
    fn locks_are_read_back(lock in lock()) {
        let text = lock.to_toml("Generated.");
        prop_assert_eq!(Lock::parse(&text), Ok(lock), "from\n{}", text);
    }
}

#[test]
fn the_first_version_of_a_lock_is_read() {
    let text = "version = 1\n[files]\n\"a.yaml\" = \"12\"\n[modules]\n\"a.wasm\" = { sha256 = \"34\", size = 5, abi = \"0.2.1\" }\n";
    let module = LockedModule { sha256: "34".into(), size: 5, slim_size: None, abi: Some("0.2.1".into()) };
    let files = BTreeMap::from([("a.yaml".into(), Digests::One("12".into()))]);
    assert_eq!(Lock::parse(text), Ok(Lock::new(files, BTreeMap::from([("a.wasm".into(), module)]))));
    let newer = Lock::parse("version = 5").unwrap_err();
    assert_eq!(newer, "its version is 5, but this mesh-compile supports only versions 1 to 4");
}
