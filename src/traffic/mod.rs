//! Traffic: messages, tests of what becomes of them, and what did. The vocabulary that the tests of mesh.toml, the embedded host and
//! [`crate::verify`] have in common; it knows none of them.

pub(crate) mod case;
pub(crate) mod message;
pub(crate) mod outcome;
