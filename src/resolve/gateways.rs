//! Gateways of the Gateway API: gateways and waypoints whose pods istiod creates.

use super::mesh;
use super::roster::Entry;
use super::uses::Use;
use super::workloads::Inputs;
use crate::base::gateways::{self, Invalid, Parameters};
use crate::diag::{Code, Diagnostic, Location, Sink};
use crate::domain::{Feature, Kind, LoadFailure};
use crate::spec::Spanned;

/// What is special about the workload as a Gateway. `None` if it is none.
pub(super) fn resolve(
    inputs: &Inputs<'_>,
    entry: &Entry<'_>,
    uses: &[Use<'_>],
    sink: &mut Sink,
) -> Option<mesh::Gateway> {
    entry.kind.filter(|kind| kind.is_gateway())?;
    let at = entry.kind_location();
    let is_waypoint = entry.linked.is_some_and(|linked| linked.is_waypoint());
    let (feature, what) = if is_waypoint {
        (Feature::Waypoints, "filters of waypoints")
    } else {
        (Feature::GatewayParameters, "the parameters of a Gateway")
    };
    version(inputs, (feature, what), entry.location, sink);
    if is_waypoint {
        uses.iter().for_each(|one| must_load_late(one, at, sink));
    }
    Some(mesh::Gateway { is_waypoint, parameters: parameters(inputs, entry, sink) })
}

fn version(inputs: &Inputs<'_>, (feature, what): (Feature, &str), at: Location, sink: &mut Sink) {
    let (istio, since) = (inputs.settings.istio, feature.since());
    if istio.supports(feature) {
        return;
    }
    let diagnostic = Diagnostic::error(Code::MC0206, format!("Istio {istio} does not support {what}"))
        .at_label(at, format!("requires Istio {since}"))
        .help("raise `mesh.istio` once istiod is upgraded");
    sink.push(match &inputs.spec.mesh.istio {
        Some(declared) => diagnostic.related(declared.location(), "the oldest version in the mesh"),
        None => diagnostic,
    });
}

/// A waypoint's pods have no gate: an EnvoyFilter reaches them before the module does.
fn must_load_late(one: &Use<'_>, waypoint: Location, sink: &mut Sink) {
    let filter = one.filter;
    if filter.plugin.load_failure != LoadFailure::StopRollout {
        return;
    }
    let name = &filter.plugin.name;
    let written = filter.written.load_failure.as_ref();
    let diagnostic = Diagnostic::error(Code::MC0232, format!("the waypoint would reject its listeners until `{name}` loads"))
        .at_label(written.map_or(one.location, Spanned::location), "does not let the proxy serve without the filter")
        .related(waypoint, "a waypoint, which has no gate")
        .note("istiod selects a waypoint by its name, so the EnvoyFilter reaches the running pods before they mount the module");
    sink.push(diagnostic.help(format!("set `load-failure = \"allow\"` or `\"deny\"` in `[filters.{name}]`")));
}

/// The parameters of the base, which ours replace.
fn parameters(inputs: &Inputs<'_>, entry: &Entry<'_>, sink: &mut Sink) -> Option<Parameters> {
    let base = inputs.index.base;
    let Some(linked) = entry.linked else {
        if base.objects.is_empty() && !base.incomplete {
            sink.push(
                Diagnostic::error(Code::MC0540, format!("the manifest of Gateway `{}` is needed", entry.name))
                    .at(entry.location)
                    .note("a Gateway refers to one ConfigMap with parameters: without its manifest, ours would replace those that it has")
                    .help("set `mesh.base` to the manifests"),
            );
        }
        return None;
    };
    let object = linked.object;
    match gateways::parameters(base, object) {
        Ok(parameters) => parameters,
        Err(Invalid { location, reason }) => {
            let kind = entry.kind.map_or("Gateway", Kind::as_str);
            sink.push(
                Diagnostic::error(
                    Code::MC0540,
                    format!("the parameters of {kind} `{}` cannot be merged: {reason}", object.name),
                )
                .at(entry.location)
                .related(location, "the parameters of the base")
                .note("the Gateway refers to one ConfigMap, so ours repeats what that of the base has")
                .help("correct the parameters, or add their ConfigMap to the base"),
            );
            None
        }
    }
}
