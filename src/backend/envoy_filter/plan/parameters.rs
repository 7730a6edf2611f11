//! One ConfigMap per Gateway with its parameters.

use super::Context;
use super::names::{Template, UsedNames};
use crate::diag::Sink;
use crate::domain::ObjectName;
use crate::resolve::mesh::Workload;
use crate::resolve::template::{Scope, WorkloadVars};

/// The names, in the order of the workloads. `None` for a workload that is no Gateway, and if an error was reported.
pub(super) fn plan(context: &Context<'_>, used: &mut UsedNames, sink: &mut Sink) -> Vec<Option<ObjectName>> {
    let workloads = context.mesh.workloads.iter();
    workloads
        .map(|workload| workload.gateway.is_some().then(|| name(context, workload, used, sink)).flatten())
        .collect()
}

fn name(context: &Context<'_>, workload: &Workload, used: &mut UsedNames, sink: &mut Sink) -> Option<ObjectName> {
    let template = Template {
        kind: "ConfigMap",
        key: "gateway-parameters",
        written: context.names.gateway_parameters.as_ref(),
        default: "{{ workload.name }}-gateway-parameters",
    };
    let vars = WorkloadVars::of(workload);
    let scope = Scope { filter: None, workload: Some(&vars) };
    let name = template.render(context.templates, &scope, "", workload.location, sink)?;
    let user = (format!("the parameters of {} `{}`", vars.kind, vars.name), workload.location);
    used.add(&workload.namespace, &name, user, sink).then_some(name)
}
