//! Texts that live as long as the program. Equal texts are one.

use std::collections::BTreeSet;
use std::sync::{Mutex, PoisonError};

/// The text, kept for ever. For the few names that a mesh.toml declares.
pub(crate) fn interned(text: &str) -> &'static str {
    static TEXTS: Mutex<BTreeSet<&'static str>> = Mutex::new(BTreeSet::new());
    let mut texts = TEXTS.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(known) = texts.get(text) {
        return known;
    }
    let kept: &'static str = Box::leak(text.into());
    texts.insert(kept);
    kept
}
