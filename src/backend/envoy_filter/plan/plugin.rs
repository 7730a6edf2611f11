//! Envoy's configuration of a plugin, in the form that the mesh's Istio supports.

use super::{Capabilities, Context, FailureField, Plugin, StopIteration};
use crate::domain::{Feature, OnFailure};
use crate::resolve::mesh::Attachment;

/// The configuration for an attachment.
pub(super) fn plan(context: &Context<'_>, attachment: &Attachment) -> Plugin {
    let Context { mesh, chain_names, .. } = context;
    let plugin = &mesh.plugins[attachment.plugin];
    let workload = &mesh.workloads[attachment.workload];
    let settings = &attachment.settings;
    let capabilities = plugin.capabilities.clone();
    Plugin {
        filter_type: plugin.filter_type,
        chain_name: chain_names[attachment.plugin].clone(),
        name: plugin.name.to_string(),
        root_id: plugin.root_id.clone(),
        configuration: settings.configuration.as_ref().map(|text| text.to_string()),
        vm_id: plugin.vm_id(settings),
        vm_configuration: plugin.vm_configuration.clone(),
        runtime: plugin.runtime,
        allow_precompiled: plugin.allow_precompiled,
        filename: workload.mount.file_of(plugin),
        hosts: settings.hosts.clone(),
        services: settings.services.clone(),
        env: settings.env.clone(),
        env_from_host: plugin.env_from_host.clone(),
        capabilities: capabilities
            .map(|allowed| Capabilities { allowed, in_vm_config: mesh.istio.supports(Feature::VmCapabilities) }),
        load_failure: plugin.load_failure,
        on_failure: plugin.on_failure.map(|policy| {
            if mesh.istio.supports(Feature::FailurePolicy) {
                FailureField::Policy(policy)
            } else {
                FailureField::FailOpen(policy == OnFailure::Open)
            }
        }),
        stop_iteration: plugin
            .stop_iteration
            .map(|allowed| StopIteration { allowed, typed_struct: !mesh.istio.supports(Feature::StopIterationTyped) }),
    }
}
