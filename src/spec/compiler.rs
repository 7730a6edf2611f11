//! `mesh.compiler`: the versions of mesh-compile that may render the file.

use semver::{Version, VersionReq};

use crate::diag::{Code, Diagnostic, Location};

/// What is wrong with a requirement at a location: it is none, or this version does not meet it.
pub(super) fn check(written: &str, location: Location) -> Option<Diagnostic> {
    check_version(written, location, env!("CARGO_PKG_VERSION"))
}

fn check_version(written: &str, location: Location, ours: &str) -> Option<Diagnostic> {
    let requirement = match VersionReq::parse(written) {
        Ok(requirement) => requirement,
        Err(error) => {
            let message = format!("`{written}` is not a version requirement: {error}");
            let help = "write it as in Cargo.toml, such as `compiler = \">=0.2, <0.3\"`";
            return Some(Diagnostic::error(Code::MC0132, message).at(location).help(help));
        }
    };
    if Version::parse(ours).is_ok_and(|version| requirement.matches(&version)) {
        return None;
    }
    let message = format!("this is mesh-compile {ours}, but the file requires {written}");
    Some(
        Diagnostic::error(Code::MC0132, message)
            .at(location)
            .note("another version can render other manifests, which CI would then report as drift")
            .help(format!(
                "install a version that fits: `cargo install mesh-compile --version '{written}'`; or change \
                 `mesh.compiler` and render with the same version everywhere"
            )),
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::diag::Sources;

    #[test]
    fn a_requirement_is_met_or_names_both_versions() {
        let at = Location::whole(Sources::new().id("mesh.toml".into()));
        let found = |requirement, ours| check_version(requirement, at, ours).map(|it| it.message);
        for requirement in ["0.2", ">=0.2, <0.3", "*", "=0.2.7", "~0.2.1", ">0.1"] {
            assert_eq!(found(requirement, "0.2.7"), None, "{requirement}");
        }
        for requirement in [">=0.3", "<0.2.7", "1", "=0.2.6"] {
            let message = found(requirement, "0.2.7").expect("not met");
            assert!(message.contains("0.2.7") && message.contains(requirement), "{message}");
        }
        assert!(found("new", "0.2.7").expect("no requirement").contains("not a version requirement"));
    }
}
