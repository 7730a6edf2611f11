//! The engine against the real Envoy.

mod guest;
mod plugins;
mod process;
mod subjects;
mod traffic;
