//! Tests of the engine on a real Envoy.

mod calls;
mod config;
mod faults;
mod guest;
mod plugins;
#[expect(clippy::disallowed_methods, reason = "the tests start and kill real processes")]
mod process;
mod subjects;
mod traffic;
mod vms;
