//! Tests against a real control plane, which `scripts/setup-cluster` builds, and real sidecars.
//!
//! All tests share one control plane. It starts in about 15 seconds, no test changes what another test uses, and it ends with
//! the tests, however they end.

#![allow(clippy::disallowed_methods, reason = "tests read and write files of their own")]

mod chains;
mod clusters;
mod control_plane;
mod delivery;
mod examples;
mod gateways;
mod injection;
mod kinds;
mod kubelet;
mod loading;
mod pods;
mod rejected;
mod secrets;
mod server;
mod sources;

#[path = "../support/manifests.rs"]
mod manifests;
#[path = "../support/project.rs"]
mod project;
#[path = "../support/tools.rs"]
mod tools;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::process::ExitCode;
use std::sync::Arc;
use std::thread::available_parallelism;
use std::time::Instant;

use libtest_mimic::{Arguments, Failed, Trial};

use self::control_plane::ControlPlane;

/// A test, by its name.
type Test = (String, Box<dyn FnOnce(&ControlPlane) + Send>);

/// The test of a function, with the function's name.
macro_rules! tests {
    ($($name:ident),* $(,)?) => {
        vec![$((stringify!($name).to_owned(), Box::new($name) as Box<dyn FnOnce(&$crate::ControlPlane) + Send>)),*]
    };
}
use tests;

fn main() -> ExitCode {
    let mut arguments = Arguments::from_args();
    // Most of a test's time is waiting.
    let threads = available_parallelism().map_or(2, |it| 2 * it.get());
    arguments.test_threads.get_or_insert(threads);
    let mut tests = examples::tests();
    tests.extend(injection::tests());
    tests.extend(kinds::tests());
    tests.extend(rejected::tests());
    tests.extend(secrets::tests());
    tests.extend(sources::tests());
    let mut tests: Vec<_> = tests.into_iter().map(|test| (test, false)).collect();
    let pods = [
        pods::tests(),
        loading::tests(),
        clusters::tests(),
        gateways::tests(),
        chains::tests(),
        sources::tests_with_pods(),
    ];
    let pods = pods.into_iter().flatten().map(|(name, test)| (format!("pods: {name}"), test));
    tests.extend(pods.map(|test| (test, kubelet::is_skipped())));

    let wanted = |name: &String| arguments.filter.as_ref().is_none_or(|filter| name.contains(filter.as_str()));
    let plane = if !arguments.list && tests.iter().any(|((name, _), _)| wanted(name)) {
        start()
    } else {
        Err("not started".to_owned())
    };
    let trials = tests.into_iter().map(|((name, test), is_skipped)| {
        let plane = plane.clone();
        let trial = Trial::test(name, move || {
            test(&*plane?);
            Ok::<(), Failed>(())
        });
        trial.with_ignored_flag(is_skipped)
    });
    let conclusion = libtest_mimic::run(&arguments, trials.collect());
    // Before the process exits, which drops nothing.
    drop(plane);
    conclusion.exit_code()
}

/// Starts the control plane. Fails with a text, so that every test fails with the reason.
#[expect(clippy::print_stderr, reason = "the harness shows no times by itself")]
fn start() -> Result<Arc<ControlPlane>, String> {
    let clock = Instant::now();
    let started = catch_unwind(AssertUnwindSafe(ControlPlane::start));
    let started = started.unwrap_or_else(|panic| Err(message(panic.as_ref())));
    eprintln!("the control plane took {:.1} s to start", clock.elapsed().as_secs_f64());
    started.map(Arc::new).map_err(|error| format!("the control plane did not start: {error}"))
}

fn message(panic: &(dyn std::any::Any + Send)) -> String {
    let text = panic.downcast_ref::<String>().cloned();
    text.or_else(|| panic.downcast_ref::<&str>().map(|text| (*text).to_owned())).unwrap_or_else(|| "a panic".to_owned())
}
