//! skopeo, ORAS and umoci find each image of a layout by its name.

use serde_json::Value;

use super::written::*;
use crate::manifests::string;
use crate::project::{Project, module};

/// A second filter. The module of `one` differs between the environments, that of `two` does not.
const SPEC: &str = r#"
[filters.two]
module = "two.wasm"

[workloads.api]
selector = { app = "api" }
filters = ["two"]

[env.staging.filters.one]
module = "next.wasm"

[env.production]
"#;

fn several() -> Project {
    let project = project("registry.example.com", SPEC);
    project.write("two.wasm", module(2));
    project.write("next.wasm", module(3));
    project
}

/// Writes a layout, and returns the names in the layout and the digests of its images.
fn images(project: &Project) -> Vec<(String, String)> {
    let stdout = project.run(&["image", "--output", LAYOUT, "--format", "json"]).ends(0, &[]).stdout;
    let document: Value = serde_json::from_str(&stdout).expect("JSON");
    let image = |image: &Value| {
        let (_, digest) = string(&image["reference"]).split_once('@').expect("a digest");
        (string(&image["ref_name"]).to_owned(), digest.to_owned())
    };
    document["images"].as_array().expect("a list").iter().map(image).collect()
}

#[test]
fn each_image_of_each_environment_is_found() {
    let project = several();
    let images = images(&project);
    assert_eq!(images.len(), 3);
    for (name, digest) in images {
        let manifest = blob(&project, &digest);
        let skopeo = output(&project, &format!("skopeo inspect --raw oci:{LAYOUT}:{name}"));
        assert_eq!((skopeo.stdout, name.as_str()), (manifest.clone(), name.as_str()));
        let oras = output(&project, &format!("oras manifest fetch --oci-layout {LAYOUT}:{name}"));
        assert_eq!((oras.stdout, name.as_str()), (manifest, name.as_str()));
        stdout(&project, &format!("umoci unpack --rootless --image {LAYOUT}:{name} {name}"));
    }
}

#[test]
fn each_printed_command_finds_its_image() {
    let project = several();
    let printed = commands(&project);
    let of_skopeo: Vec<_> = printed.iter().filter(|line| line.starts_with("skopeo ")).collect();
    assert_eq!(of_skopeo.len(), 3, "{printed:#?}");
    for (number, line) in of_skopeo.into_iter().enumerate() {
        let (from, to) = line.split_once(" docker:").expect("a registry");
        let (_, tag) = to.rsplit_once(':').expect("a tag");
        stdout(&project, &format!("{from} dir:copied-{number}"));
        let manifest = project.files(format!("copied-{number}"))["manifest.json"].clone();
        let blobs = project.files(format!("{LAYOUT}/blobs/sha256"));
        let named: Vec<_> =
            blobs.iter().filter(|(digest, _)| digest.starts_with(tag)).map(|(_, bytes)| bytes).collect();
        assert_eq!(named, [&manifest], "{line}");
    }
}
