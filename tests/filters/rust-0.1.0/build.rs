//! The SDK doesn't say from which module its host functions come. Rust takes that from `env` up to 1.95 only.

fn main() {
    println!("cargo:rustc-link-arg-cdylib=--allow-undefined");
}
