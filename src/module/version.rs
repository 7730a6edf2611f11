//! What to tell about a version of Istio that modules and mesh.toml are checked against.

use crate::diag::{Code, Diagnostic};
use crate::domain::{Concern, Istio};

/// The report about a version that is not among the tested ones. The caller adds the location.
pub(crate) fn concern(version: Istio) -> Option<Diagnostic> {
    let diagnostic = match version.concern()? {
        Concern::TooOld => Diagnostic::error(Code::MC0223, format!("Istio {version} is too old"))
            .note(format!(
                "mesh-compile renders for Istio {} and later: older versions lack parts of the EnvoyFilter API, such as `priority`",
                Istio::OLDEST
            ))
            .help("set the oldest minor version of any proxy in the mesh; `istioctl version` shows it"),
        Concern::Untested => {
            let message = format!("Istio {version} is older than any version that mesh-compile is tested with");
            let note = format!(
                "the oldest tested version is {}: whether Istio {version} accepts the rendered objects, and whether its Envoy 1.{} behaves as the rules say, is not checked",
                Istio::oldest_tested(),
                version.envoy_minor()
            );
            let help = "test the rendered objects on a cluster of this version, or upgrade the mesh";
            Diagnostic::warning(Code::MC0224, message).note(note).help(help)
        }
        Concern::Newer => {
            let message = format!("mesh-compile does not know Istio {version} yet");
            let note = format!("the rules and fields of Istio {}, the newest known version, apply", Istio::NEWEST);
            Diagnostic::warning(Code::MC0208, message).note(note)
        }
    };
    Some(diagnostic)
}
