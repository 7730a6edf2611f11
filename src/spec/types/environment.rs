//! Tables that are put over or under others: an environment, `[env.NAME]`, and `[defaults]`.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::marker::PhantomData;

use schemars::{JsonSchema, Schema, SchemaGenerator};

use super::{Binding, Cluster, Filter, Mesh, Names, Output, Rollout, Value, Workload};

// Only the schema uses these: an overlay is merged before the tables are decoded.
/// What an environment changes. Tables merge, and everything else is replaced.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields, rename_all = "kebab-case")]
#[expect(dead_code, reason = "read by the schema's derive alone")]
pub(in crate::spec) struct Overlay {
    /// The keys to remove before the other tables are merged, such as `workloads.web.selector`.
    unset: Option<Vec<String>>,
    /// The mesh to render manifests for.
    mesh: Option<Partial<Mesh>>,
    /// Where the manifests are written, and in which form.
    output: Option<Output>,
    /// How a change reaches running pods.
    rollout: Option<Rollout>,
    /// The names of the generated objects, as minijinja templates.
    names: Option<Names>,
    /// Your own values for templates: `{{ vars.NAME }}`.
    vars: Option<BTreeMap<String, Value>>,
    /// What every filter and every workload sets that does not set it itself.
    defaults: Option<Defaults>,
    /// What filters call, by name.
    clusters: Option<BTreeMap<String, Cluster>>,
    /// The Wasm filters, by name.
    filters: Option<BTreeMap<String, Partial<Filter>>>,
    /// The workloads that run filters, by name.
    workloads: Option<BTreeMap<String, Partial<Workload>>>,
    /// Filters for many workloads. They replace the bindings of the same file.
    bindings: Option<Vec<Binding>>,
}

/// What every filter and every workload sets that does not set it itself. Tables merge.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields, rename_all = "kebab-case")]
#[expect(dead_code, reason = "read by the schema's derive alone")]
pub(in crate::spec) struct Defaults {
    /// Keys of every filter.
    filters: Option<Default<Filter>>,
    /// Keys of every workload.
    workloads: Option<Default<Workload>>,
}

/// A table whose required keys may be missing, because another place sets them.
#[derive(Debug)]
struct Partial<T>(PhantomData<T>);

/// Like [`Partial`], without the keys that no two tables have in common.
#[derive(Debug)]
struct Default<T>(PhantomData<T>);

impl<T: JsonSchema> JsonSchema for Partial<T> {
    fn schema_name() -> Cow<'static, str> {
        format!("{}Overlay", T::schema_name()).into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        // Included files are the same in every environment.
        without(T::json_schema(generator), &["include"])
    }
}

impl<T: JsonSchema> JsonSchema for Default<T> {
    fn schema_name() -> Cow<'static, str> {
        format!("{}Defaults", T::schema_name()).into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        without(T::json_schema(generator), &["name", "tests"])
    }
}

/// The schema of a table without its required keys, and without some properties.
fn without(mut schema: Schema, properties: &[&str]) -> Schema {
    schema.remove("required");
    if let Some(known) = schema.get_mut("properties").and_then(|known| known.as_object_mut()) {
        known.retain(|name, _| !properties.contains(&name.as_str()));
    }
    schema
}
