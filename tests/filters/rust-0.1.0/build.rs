//! The SDK does not name the module of its host functions. Rust uses `env` by default only up to 1.95.

fn main() {
    println!("cargo:rustc-link-arg-cdylib=--allow-undefined");
}
