//! Analyzes a WebAssembly module the way Envoy loads it: what it contains, why Envoy would reject it, what can be removed.
//!
//! [`Module`] parses and hashes the bytes once. [`Module::findings`] lists everything in the module that Envoy rejects or that
//! misbehaves at run time, each problem as a [`Finding`] of a [`Rule`]. [`slim()`] removes the sections that only debuggers read.
//!
//! ```
//! use mesh_compile_module::{Module, Rule, LoadContext};
//!
//! let module = Module::new(b"\0asm\x01\0\0\0".as_slice().into());
//! let context = LoadContext { envoy: 36, filter_type: None, allow_precompiled: false };
//! let findings = module.findings(&context);
//! assert_eq!(findings[0].rule, Rule::AbiMarker);
//! assert_eq!(findings[0].envoy.as_deref(), Some("Missing or unknown Proxy-Wasm ABI version"));
//! ```

pub mod abi;
mod bytecode;
pub mod capabilities;
mod crash;
mod digest;
mod filter_type;
mod finding;
pub mod header;
mod module;
mod number;
mod report;
pub mod rules;
pub mod sdk;
mod segments;
mod signature;
mod slim;
mod suggest;
mod v8;

pub use bytecode::Corrupt;
pub use digest::Digest;
pub use filter_type::FilterType;
pub use finding::{Finding, LoadContext, Rule, Severity};
pub use module::Module;
pub use number::group;
pub use report::{CustomSection, Export, Import, Kind, ModuleReport};
pub use signature::Signature;
pub use slim::{NotSlim, Slim, slim};
pub use suggest::suggest;
pub use v8::Invalid;
