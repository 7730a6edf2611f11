//! Istio's agent finds the module in the image: pkg/wasm/imagefetcher.go of Istio, in `tests/external/modules/istio`.

use super::registry::Registry;
use super::written::*;
use crate::project::repository;

#[test]
fn istio_fetches_the_module() {
    let registry = Registry::start();
    let project = project(&registry.host(), "");
    project.run(&["render"]).ends(0, &[]);
    let (name, digest) = mounted(&project, "out/patches/default/deployment-web.yaml");
    stdout(&project, &format!("{} --dest-tls-verify=false", command_of(&commands(&project), "skopeo")));
    let fetched = output(&project, &format!("istio-fetch {name}@{digest}"));
    assert!(fetched.status.success(), "{}", String::from_utf8_lossy(&fetched.stderr));
    assert!(fetched.stdout == one(), "other bytes than those of the module");
}

#[test]
fn the_fetcher_has_the_version_of_the_control_plane() {
    let version = |modules: &str| {
        let file = repository().join(modules).join("istio/go.mod");
        let text = std::fs::read_to_string(file).expect("a text");
        text.lines().find(|line| line.starts_with("require istio.io/istio ")).map(str::to_owned).expect("a version")
    };
    assert_eq!(version("tests/external/modules"), version("tests/cluster/modules"));
}
