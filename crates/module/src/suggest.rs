//! Suggestions for misspelled names.

/// The known name that `written` is most likely a misspelling of. `None`: no known name is similar.
#[must_use]
pub fn suggest<'a>(written: &str, known: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    let normal = |name: &str| name.to_ascii_lowercase().replace(['_', ' ', '.'], "-");
    let target = normal(written);
    // Jaro-Winkler rates a typo at the start of a short word too low: `dri` for `dir`.
    let one_slip = |name: &str| target.len() > 2 && strsim::osa_distance(&target, name) == 1;
    known
        .map(|name| (strsim::jaro_winkler(&target, &normal(name)), name))
        .filter(|(likeness, name)| *likeness > 0.85 || one_slip(&normal(name)))
        .max_by(|(a, left), (b, right)| a.total_cmp(b).then_with(|| right.cmp(left)))
        .map(|(_, name)| name)
}
