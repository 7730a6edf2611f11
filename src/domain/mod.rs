//! The vocabulary of all other modules. It uses none of them.

pub(crate) mod anchor;
pub(crate) mod annotation;
mod direction;
pub(crate) mod glob;
pub(crate) mod image;
mod insert;
mod intern;
mod istio;
mod kind;
mod kubernetes;
pub(crate) mod limits;
mod load_failure;
mod log_level;
pub(crate) mod memory;
mod mount;
pub(crate) mod names;
mod on_failure;
pub(crate) mod path;
mod provider;
mod runtime;
mod source;
mod vm;

pub(crate) use direction::Direction;
pub(crate) use image::ImageName;
pub(crate) use insert::Insert;
pub(crate) use istio::{Concern, Feature, Istio};
pub(crate) use kind::{Kind, NotAKind};
pub(crate) use kubernetes::{ImageVolumes, Kubernetes};
pub(crate) use load_failure::LoadFailure;
pub(crate) use log_level::LogLevel;
pub(crate) use mount::MountBy;
pub(crate) use names::{FilterName, LabelKey, LabelValue, Namespace, ObjectName};
pub(crate) use on_failure::OnFailure;
pub(crate) use provider::Provider;
pub(crate) use runtime::Runtime;
pub(crate) use source::{PullPolicy, SourceKind};
pub(crate) use vm::Vm;

pub use mesh_compile_module::Digest;
pub(crate) use mesh_compile_module::FilterType;
