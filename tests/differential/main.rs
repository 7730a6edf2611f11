//! Whether Envoy loads a module, by Envoy itself and by `mesh-compile inspect`, for hundreds of modules: the same verdict, in the same
//! words.
//!
//! The modules are assembled here and none of them does anything when it is started, so that what Envoy says is about the module
//! and not about a run of it.

#[path = "../support/mod.rs"]
mod support;

mod case;
mod corpus;
mod envoy;
mod tables;

use std::collections::BTreeSet;

/// Fewer modules would leave some of the host's functions, callbacks and limits out.
const AT_LEAST: usize = 250;

#[test]
fn the_corpus_is_large_and_its_names_are_unique() {
    let cases = corpus::cases();
    let names: BTreeSet<&str> = cases.iter().map(|case| case.name.as_str()).collect();
    assert_eq!(names.len(), cases.len());
    assert!(cases.len() >= AT_LEAST, "{} modules", cases.len());
}

/// What Envoy says of every module.
#[test]
#[ignore = "a look at Envoy's side alone: cargo test --test differential -- --ignored --nocapture"]
#[expect(clippy::print_stdout, reason = "this is what it is for")]
fn table() {
    let cases = corpus::cases();
    for (case, verdict) in cases.iter().zip(envoy::judge(&cases)) {
        println!("{:60} {verdict}", case.name);
    }
}
