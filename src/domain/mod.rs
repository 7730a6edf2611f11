//! The vocabulary of all other modules. It uses none of them.

pub(crate) mod annotation;
mod direction;
pub(crate) mod glob;
mod insert;
mod istio;
mod kind;
pub(crate) mod limits;
mod log_level;
mod mount;
pub(crate) mod names;
mod on_failure;
pub(crate) mod path;
mod provider;
mod runtime;

pub(crate) use direction::Direction;
pub(crate) use insert::Insert;
pub(crate) use istio::{Concern, Feature, Istio};
pub(crate) use kind::{Kind, NotAKind};
pub(crate) use log_level::LogLevel;
pub(crate) use mount::MountBy;
pub(crate) use names::{FilterName, LabelKey, LabelValue, Namespace, ObjectName};
pub(crate) use on_failure::OnFailure;
pub(crate) use provider::Provider;
pub(crate) use runtime::Runtime;

pub use mesh_compile_module::Digest;
pub(crate) use mesh_compile_module::FilterType;
