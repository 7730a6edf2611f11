//! How much memory Wasm filters take in a proxy.
//!
//! Measured on Envoy 1.40 (V8), resident memory above that of an Envoy without Wasm filters, with modules of C (11 kB), Rust
//! (105 and 135 kB) and Go (1.9 MB). For each distinct VM key Envoy keeps a VM for each worker, one for its main thread, and one that
//! the others are cloned from: two workers make four.

use std::collections::{BTreeMap, BTreeSet};

use super::Digest;

/// The worker threads of a sidecar, unless `concurrency` says otherwise.
pub(crate) const WORKERS: usize = 2;

/// V8 itself, in kB.
const ENGINE: usize = 17_000;
/// The compiled code of a module, in bytes per byte of the module.
const CODE: usize = 18;
/// A VM, in kB.
const VM: usize = 1_000;
/// What a VM copies of its module, in tenths of a byte per byte.
const COPY: usize = 16;

/// An estimate.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Memory {
    pub(crate) vms: usize,
    /// In bytes.
    pub(crate) bytes: usize,
}

/// What the VMs of a proxy with [`WORKERS`] take: a module's digest and size for each distinct VM key.
pub(crate) fn estimate<K: Ord>(vms: impl Iterator<Item = (K, Digest, usize)>) -> Memory {
    let mut keys: BTreeMap<K, usize> = BTreeMap::new();
    let mut modules: BTreeSet<(Digest, usize)> = BTreeSet::new();
    for (key, digest, size) in vms {
        keys.insert(key, size);
        modules.insert((digest, size));
    }
    if keys.is_empty() {
        return Memory { vms: 0, bytes: 0 };
    }
    let per_key = WORKERS + 2;
    let code: usize = modules.iter().map(|(_, size)| CODE * size).sum();
    let of_vms: usize = keys.values().map(|size| per_key * (1000 * VM + COPY * size / 10)).sum();
    Memory { vms: keys.len() * per_key, bytes: 1000 * ENGINE + code + of_vms }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The measured megabytes, and how far the estimate may be from them.
    #[test]
    fn the_estimate_is_near_what_was_measured() {
        let megabytes = |size: usize, keys: usize| {
            let vms = (0..keys).map(|key| (key, Digest::of(b"module"), size));
            estimate(vms).bytes / 1_000_000
        };
        for (size, keys, measured) in [
            (135_092, 1, 23),
            (135_092, 20, 122),
            (11_482, 1, 18),
            (11_482, 5, 34),
            (105_427, 5, 41),
            (1_876_730, 1, 68),
            (1_876_730, 5, 133),
        ] {
            let estimated = megabytes(size, keys);
            assert!(estimated.abs_diff(measured) * 5 <= measured, "{size} x {keys}: {estimated}, measured {measured}");
        }
        assert_eq!(estimate(std::iter::empty::<(u8, Digest, usize)>()).vms, 0);
    }
}
