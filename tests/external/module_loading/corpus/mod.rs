//! The modules, by what distinguishes them.

mod entities;
mod exports;
mod features;
mod gc;
mod generated;
mod imports;
mod limits;
mod markers;
mod names;
mod sections;
mod segments;
mod types;

use crate::module_loading::case::Case;

/// All modules, always in the same order.
pub(crate) fn cases() -> Vec<Case> {
    [
        markers::cases(),
        imports::cases(),
        exports::cases(),
        entities::cases(),
        types::cases(),
        sections::cases(),
        names::cases(),
        segments::cases(),
        features::cases(),
        gc::cases(),
        limits::cases(),
        generated::cases(),
    ]
    .concat()
}
