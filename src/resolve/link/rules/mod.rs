//! The rules about a workload and its object in the base, one a file. Each labels the line of mesh.toml and the line of the base.
//!
//! A rule is an error if the filter would certainly not run, or would break the pods. It is a warning if an object outside the
//! base may make the difference, such as a Service or a namespace's label.

pub(super) mod excluded_namespace;
mod gateway;
mod host_network;
mod injection;
mod port;
mod protocol;
mod proxy_config;
mod proxy_container;
mod revision_name;
mod selector_labels;
mod shared_selector;
mod taken;
mod transformers;

pub(crate) use excluded_namespace::check as excluded_namespace;
pub(crate) use shared_selector::check as shared_selectors;

use super::index::Index;
use super::ports::{self, Port};
use super::{Existing, Linked};
use crate::base::Object;
use crate::diag::{Location, Sink};
use crate::domain::Istio;
use crate::resolve::mesh::Workload;
use crate::resolve::mounts::Needed;
use crate::resolve::roster::Entry;
use crate::resolve::uses::Use;
use crate::resolve::workloads::Inputs;
use crate::spec::{Spec, types};

/// What the rules look at: a workload whose keys are valid, and its object.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Context<'a> {
    pub(crate) spec: &'a Spec,
    /// The oldest version of any proxy.
    pub(crate) istio: Istio,
    pub(crate) index: &'a Index<'a>,
    pub(crate) linked: Linked<'a>,
    /// The settings of mesh.toml.
    pub(crate) written: &'a types::Workload,
    pub(crate) workload: &'a Workload,
    pub(crate) uses: &'a [Use<'a>],
    pub(crate) existing: &'a Existing,
    /// What the modules need.
    pub(crate) needed: &'a Needed,
    /// The ports whose listeners Istio builds.
    pub(crate) ports: &'a [Port<'a>],
}

type Rule = fn(&Context<'_>, &mut Sink);

const RULES: [Rule; 11] = [
    selector_labels::check,
    injection::check,
    host_network::check,
    taken::check,
    proxy_container::check,
    proxy_config::check,
    port::check,
    protocol::check,
    gateway::check,
    revision_name::check,
    transformers::check,
];

/// Applies all rules to a workload.
pub(crate) fn check(
    inputs: &Inputs<'_>,
    entry: &Entry<'_>,
    linked: &Linked<'_>,
    (workload, uses, existing, needed): (&Workload, &[Use<'_>], &Existing, &Needed),
    sink: &mut Sink,
) {
    let Inputs { spec, settings, index, .. } = *inputs;
    let ports = ports::of(index, linked.object, linked.pod);
    let context = Context {
        spec,
        istio: settings.istio,
        index,
        linked: *linked,
        written: entry.written,
        workload,
        uses,
        existing,
        needed,
        ports: &ports,
    };
    for rule in RULES {
        rule(&context, sink);
    }
}

impl<'a> Context<'a> {
    /// The object as text: ``Deployment `web` ``.
    fn name(&self) -> String {
        format!("{} `{}`", self.linked.kind.as_str(), self.linked.object.name)
    }

    const fn object(&self) -> &'a Object {
        self.linked.object
    }

    /// The line of mesh.toml that names the workload.
    const fn at(&self) -> Location {
        self.workload.location
    }
}
