//! "Did you mean": the nearest known name.

/// The known name that `written` is most likely a slip of; `None` when nothing is near.
pub(crate) fn suggest<'a>(written: &str, known: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    let normal = |name: &str| name.to_ascii_lowercase().replace(['_', ' ', '.'], "-");
    let target = normal(written);
    known
        .map(|name| (strsim::jaro_winkler(&target, &normal(name)), name))
        .filter(|(likeness, _)| *likeness > 0.85)
        .max_by(|(a, left), (b, right)| a.total_cmp(b).then_with(|| right.cmp(left)))
        .map(|(_, name)| name)
}
