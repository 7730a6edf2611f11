//! Dry runs and traffic tests of what was rendered: each workload's whole chain, on the embedded host or on a real Envoy.
//!
//! ```text
//! rendered files ─ read ─► Subject ─┬─ embedded ─► Outcome ─ judge ─► findings
//!     mesh.toml ─ tests ──► Test ───┘  (or envoy)
//! ```

#![allow(dead_code)] // while it is being built

pub(crate) mod case;
pub(crate) mod envoy;
pub(crate) mod message;
pub(crate) mod outcome;
pub(crate) mod subject;
