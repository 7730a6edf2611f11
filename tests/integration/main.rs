//! Tests that run mesh-compile, or call its library, and need no other tool.

#![allow(clippy::disallowed_methods, reason = "tests read and write files of their own")]

mod annotations;
mod bindings;
mod check;
mod cli;
mod determinism;
mod documents;
mod explain_pages;
mod imports;
mod schema;
mod shuffle;
mod store;
mod verify;
mod yaml;

#[path = "../support/dry_run.rs"]
mod dry_run;
#[path = "../support/project.rs"]
mod project;
#[path = "../support/yaml_strings.rs"]
mod yaml_strings;
#[path = "../support/yaml_tree.rs"]
mod yaml_tree;
