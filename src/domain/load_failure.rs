//! What a proxy does with a module that does not load.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What a proxy does if the module does not load, start or accept its configuration.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum LoadFailure {
    /// The pod never becomes ready. A rollout stops, and the old pods continue to serve.
    #[default]
    StopRollout,
    /// The proxy serves without the filter until the module loads.
    Allow,
    /// The proxy rejects all requests with status 403, or closes all connections, until the module loads. A rollout goes on.
    Deny,
}

impl LoadFailure {
    /// The value in mesh.toml.
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::StopRollout => "stop-rollout",
            Self::Allow => "allow",
            Self::Deny => "deny",
        }
    }
}
