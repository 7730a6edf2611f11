//! The `mesh-compile` command.
fn main() {}
