//! Which kustomizations the base should consist of.
//!
//! A kustomization that alone includes all that it includes is taken as a whole. What several of them share, such as the base of
//! overlays for several environments, is taken itself: then each overlay includes the filters once it includes out/ instead. What
//! the overlays share may itself consist of others.

use std::collections::{BTreeMap, BTreeSet};

use camino::{Utf8Path, Utf8PathBuf};

use super::walk::{Found, Workload};
use super::{Discovery, Overlay, shown};

type Paths<'a> = BTreeSet<&'a Utf8Path>;

/// The choice among the kustomizations. No base if no kustomization has workloads.
pub(super) fn choose(found: &Found) -> Discovery {
    let reached: BTreeMap<&Utf8Path, Paths<'_>> =
        found.kustomizations.keys().map(|dir| (dir.as_path(), reach(found, dir))).collect();
    let mut shared_by: BTreeMap<&Utf8Path, usize> = BTreeMap::new();
    let roots: Vec<_> = roots(found).into_iter().filter(|root| !reached[root].is_empty()).collect();
    for root in &roots {
        for one in included(found, root) {
            *shared_by.entry(one).or_default() += 1;
        }
    }
    // What all overlays include that include its workloads.
    let is_shared = |dir: &Utf8Path| {
        let owners = &reached[dir];
        let count = shared_by[dir];
        !owners.is_empty() && count > 1 && owners.iter().all(|owner| shared_by[owner] == count)
    };
    let mut chosen = Paths::new();
    for root in &roots {
        if reached[root].iter().all(|owner| shared_by[owner] == 1) {
            chosen.insert(root);
        } else {
            let parts =
                reached[root].iter().copied().chain(included(found, root).into_iter().filter(|dir| is_shared(dir)));
            chosen.extend(parts.filter(|dir| !found.kustomizations[*dir].is_component));
        }
    }
    let outermost = |dir: &Utf8Path| !chosen.iter().any(|other| *other != dir && included(found, other).contains(dir));
    let base: Vec<&Utf8Path> = chosen.iter().copied().filter(|dir| outermost(dir)).collect();
    let mut overlays: Vec<Overlay> = base.iter().flat_map(|dir| overlays(found, dir)).collect();
    overlays.sort_by(|a, b| a.path.cmp(&b.path));
    Discovery {
        ambiguous: base.iter().enumerate().any(|(index, dir)| {
            let own = workloads(found, &reached[dir]);
            base[..index].iter().any(|other| !own.is_disjoint(&workloads(found, &reached[other])))
        }),
        kustomizations: reached.iter().filter(|(_, owners)| !owners.is_empty()).map(|(dir, _)| shown(dir)).collect(),
        overlays,
        base: base.into_iter().map(shown).collect(),
        charts: Vec::new(),
    }
}

/// The kustomizations that no other includes.
fn roots(found: &Found) -> Paths<'_> {
    let all = found.kustomizations.iter();
    let included: BTreeSet<&Utf8PathBuf> = all.clone().flat_map(|(_, it)| &it.includes).collect();
    all.filter(|(dir, it)| !it.is_component && !included.contains(dir)).map(|(dir, _)| dir.as_path()).collect()
}

/// The kustomization and all that it includes, directly or not.
fn included<'a>(found: &'a Found, dir: &'a Utf8Path) -> Paths<'a> {
    let mut seen = Paths::new();
    let mut open = vec![dir];
    while let Some(dir) = open.pop() {
        if let Some(kustomization) = found.kustomizations.get(dir)
            && seen.insert(dir)
        {
            open.extend(kustomization.includes.iter().map(Utf8PathBuf::as_path));
        }
    }
    seen
}

/// The kustomizations with workloads in their own files that this one is or includes.
fn reach<'a>(found: &'a Found, dir: &'a Utf8Path) -> Paths<'a> {
    included(found, dir).into_iter().filter(|dir| owns_workloads(found, dir)).collect()
}

fn owns_workloads(found: &Found, dir: &Utf8Path) -> bool {
    found.kustomizations[dir].includes.iter().any(|file| found.manifests.get(file).is_some_and(|it| !it.is_empty()))
}

/// The workloads in the files of kustomizations.
fn workloads<'a>(found: &'a Found, owners: &Paths<'_>) -> BTreeSet<&'a Workload> {
    let files = owners.iter().flat_map(|dir| &found.kustomizations[*dir].includes);
    files.filter_map(|file| found.manifests.get(file)).flatten().collect()
}

fn overlays<'a>(found: &'a Found, base: &'a Utf8Path) -> impl Iterator<Item = Overlay> {
    let all = found.kustomizations.iter().filter(move |(_, it)| it.includes.iter().any(|path| path == base));
    all.map(move |(dir, it)| Overlay { path: shown(dir), base: shown(base), renames: it.renames })
}
