//! The image has one file, the module, which every user may read.

use std::fs;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::path::PathBuf;
use std::process::Command;

use serde_json::json;

use super::written::*;
use crate::project::{Project, Ran};

const HOST: &str = "registry.example.com";

fn written() -> Project {
    let project = project(HOST, "");
    commands(&project);
    project
}

#[test]
fn umoci_unpacks_the_module() {
    let project = written();
    stdout(&project, &format!("umoci unpack --rootless --image {LAYOUT}:one bundle"));
    let files = project.files("bundle/rootfs");
    assert_eq!(files.into_iter().collect::<Vec<_>>(), [("plugin.wasm".to_owned(), one())]);
    let metadata = fs::metadata(project.path("bundle/rootfs/plugin.wasm")).unwrap();
    assert_eq!((metadata.permissions().mode() & 0o7777, metadata.mtime()), (0o644, 0));
}

#[test]
fn tar_lists_a_file_of_root_without_a_time() {
    let project = written();
    stdout(&project, &format!("skopeo copy oci:{LAYOUT}:one dir:copied"));
    let manifest: serde_json::Value = serde_json::from_str(&project.read("copied/manifest.json")).unwrap();
    let layers = manifest["layers"].as_array().unwrap();
    assert_eq!(layers.len(), 1);
    let layer: PathBuf =
        ["copied", layers[0]["digest"].as_str().unwrap().trim_start_matches("sha256:")].iter().collect();
    let mut tar = Command::new("tar");
    tar.args(["--list", "--verbose", "--numeric-owner", "--full-time", "--utc", "--gzip", "--file"]);
    let listed = Ran::of(&tar.arg(project.path(layer)).output().unwrap()).ends(0, &[]).stdout;
    let columns: Vec<_> = listed.split_whitespace().collect();
    let size = one().len().to_string();
    assert_eq!(columns, ["-rw-r--r--", "0/0", &size, "1970-01-01", "00:00:00", "plugin.wasm"]);
}

#[test]
fn skopeo_reads_the_configuration() {
    let project = written();
    let image = json(&project, &format!("skopeo inspect oci:{LAYOUT}:one"));
    assert_eq!((&image["Os"], &image["Architecture"]), (&json!("linux"), &json!("amd64")));
    assert_eq!(image["Layers"].as_array().map(Vec::len), Some(1));
    let config = json(&project, &format!("skopeo inspect --config oci:{LAYOUT}:one"));
    assert_eq!(config["rootfs"]["type"], "layers");
    assert_eq!(config["rootfs"]["diff_ids"].as_array().map(Vec::len), Some(1));
}
