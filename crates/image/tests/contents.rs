//! Other libraries read from a layout what an image was made of.

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::io::Read as _;

use flate2::read::MultiGzDecoder;
use mesh_compile_image::{FILE_NAME, Image, Layout};
use proptest::prelude::*;
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

/// The smallest module: it has no sections.
const EMPTY: &[u8] = b"\0asm\x01\0\0\0";

/// Sizes at the borders of a block: of a tar archive, and of a deflate stream.
const BORDERS: [usize; 12] = [0, 1, 511, 512, 513, 65_534, 65_535, 65_536, 131_069, 131_070, 131_071, 300_000];

/// The files of a layout.
fn files(layout: &Layout) -> BTreeMap<String, Vec<u8>> {
    let mut files = BTreeMap::new();
    let written = layout.write_to(|path, bytes| {
        assert!(files.insert(path.to_owned(), bytes.to_vec()).is_none(), "{path} is written twice");
        Ok::<_, Infallible>(())
    });
    written.expect("a map accepts every file");
    files
}

fn layout<'m>(images: &[(&str, &'m [u8])]) -> Layout<'m> {
    let mut layout = Layout::new();
    images.iter().for_each(|(name, module)| layout.add(*name, Image::of_module(module)));
    layout
}

fn json(bytes: &[u8]) -> Value {
    serde_json::from_slice(bytes).expect("JSON")
}

fn sha256(bytes: &[u8]) -> String {
    let digits = Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect::<String>();
    format!("sha256:{digits}")
}

/// The blob that a descriptor refers to.
fn blob<'f>(files: &'f BTreeMap<String, Vec<u8>>, descriptor: &Value) -> &'f [u8] {
    let digest = descriptor["digest"].as_str().expect("a digest");
    let bytes = &files[&format!("blobs/{}", digest.replace(':', "/"))];
    assert_eq!(sha256(bytes), digest);
    assert_eq!(descriptor["size"], bytes.len());
    bytes
}

/// The module in the only image of a layout. Checks every digest and size on the way.
fn unpack(files: &BTreeMap<String, Vec<u8>>) -> Vec<u8> {
    let index = json(&files["index.json"]);
    let manifest = json(blob(files, &index["manifests"][0]));
    let config = json(blob(files, &manifest["config"]));
    let layer = blob(files, &manifest["layers"][0]);
    let mut archive = Vec::new();
    MultiGzDecoder::new(layer).read_to_end(&mut archive).expect("a gzip file");
    assert_eq!(config["rootfs"]["diff_ids"], json!([sha256(&archive)]));

    let mut archive = tar::Archive::new(archive.as_slice());
    let mut entries = archive.entries().expect("a tar archive");
    let mut file = entries.next().expect("an entry").expect("a file");
    let mut module = Vec::new();
    file.read_to_end(&mut module).expect("the file");
    let header = file.header();
    assert_eq!(header.path().expect("a path").to_str(), Some(FILE_NAME));
    assert_eq!(header.entry_type(), tar::EntryType::Regular);
    assert_eq!([header.mode(), header.uid().map(|id| id as u32)].map(Result::ok), [Some(0o644), Some(0)]);
    assert_eq!([header.gid(), header.mtime(), header.size()].map(Result::ok), [0, 0, module.len() as u64].map(Some));
    assert_eq!([header.username(), header.groupname()].map(|name| name.ok().flatten()), [Some(""); 2]);
    assert!(entries.next().is_none());
    module
}

/// A module of pseudorandom bytes, so that a block at a wrong place is noticed.
fn module(size: usize) -> Vec<u8> {
    let bytes = (0_u32..).map(|at| (at.wrapping_mul(2_654_435_761) >> 24) as u8);
    bytes.take(size).collect()
}

#[test]
fn sizes_at_the_border_of_a_block_are_read_back() {
    for size in BORDERS {
        let module = module(size);
        assert!(unpack(&files(&layout(&[("demo", &module)]))) == module, "{size} bytes");
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 16, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn every_module_is_read_back(module in prop::collection::vec(any::<u8>(), 0..300_000)) {
        prop_assert!(unpack(&files(&layout(&[("demo", &module)]))) == module);
    }
}

/// A change of these digests is a change of the format: every image reference in every `out/` changes, although no module did.
#[test]
fn the_digests_never_change() {
    assert_eq!(
        Image::of_module(EMPTY).digest(),
        "sha256:6cba1a6db4270f1a85da86d4783ea267a2c786044438e2ad859e414b9cf3e801"
    );
    assert_eq!(
        Image::of_module(&module(100_000)).digest(),
        "sha256:5ec16dacb94c93f50b49ef632ea731b2f803549c712a6079e7dd8075c9392f60"
    );
}

#[test]
fn the_documents_contain_what_the_specification_requires() {
    let files = files(&layout(&[("demo", EMPTY)]));
    let index = json(&files["index.json"]);
    let descriptor = &index["manifests"][0];
    let manifest = json(blob(&files, descriptor));
    let config = json(blob(&files, &manifest["config"]));
    assert_eq!(files["oci-layout"], br#"{"imageLayoutVersion":"1.0.0"}"#);
    assert_eq!(
        index,
        json!({
            "schemaVersion": 2,
            "mediaType": "application/vnd.oci.image.index.v1+json",
            "manifests": [{
                "mediaType": "application/vnd.oci.image.manifest.v1+json",
                "digest": Image::of_module(EMPTY).digest(),
                "size": descriptor["size"],
                "annotations": { "org.opencontainers.image.ref.name": "demo" },
            }],
        })
    );
    assert_eq!([&manifest["schemaVersion"], &manifest["mediaType"]], [&json!(2), &descriptor["mediaType"]]);
    assert_eq!(manifest["config"]["mediaType"], "application/vnd.oci.image.config.v1+json");
    assert_eq!(manifest["layers"].as_array().map(Vec::len), Some(1));
    assert_eq!(manifest["layers"][0]["mediaType"], "application/vnd.oci.image.layer.v1.tar+gzip");
    assert_eq!([&config["architecture"], &config["os"], &config["rootfs"]["type"]], ["amd64", "linux", "layers"]);
}

#[test]
fn a_layout_contains_each_image_once() {
    let images = layout(&[("two", EMPTY), ("one", EMPTY), ("other", b"other")]);
    let written = files(&images);
    // Three blobs for each of two images, `oci-layout` and `index.json`.
    assert_eq!(written.len(), 8);
    let index = json(&written["index.json"]);
    let entries = index["manifests"].as_array().expect("a list");
    let name = |entry: &Value| entry["annotations"]["org.opencontainers.image.ref.name"].clone();
    assert_eq!(entries.iter().map(name).collect::<Vec<_>>(), ["one", "other", "two"]);
    assert_eq!(entries[0]["digest"], entries[2]["digest"]);
    assert_eq!(files(&layout(&[("other", b"other"), ("one", EMPTY), ("two", EMPTY)])), written);
}

#[test]
fn the_index_is_written_last_and_errors_end_the_writing() {
    let layout = layout(&[("demo", EMPTY)]);
    let mut paths = Vec::new();
    let fails = layout.write_to(|path, _| {
        paths.push(path.to_owned());
        if path == "oci-layout" { Err(path.to_owned()) } else { Ok(()) }
    });
    assert_eq!(fails, Err("oci-layout".to_owned()));
    assert_eq!(paths.len(), 4);
    assert!(!paths.contains(&"index.json".to_owned()));
}
