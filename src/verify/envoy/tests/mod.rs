//! The engine against the real Envoy.

mod guest;
mod plugins;
mod subjects;
mod traffic;
