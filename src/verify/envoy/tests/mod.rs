//! Tests of the engine on a real Envoy.

mod calls;
mod faults;
mod guest;
mod plugins;
mod process;
mod subjects;
mod traffic;
mod vms;
