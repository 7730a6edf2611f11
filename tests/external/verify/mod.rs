//! `mesh-compile verify` compared with Envoy and with kustomize.

mod chain;
mod engines;
mod loading;
