//! The labels of a workload's pods.

use super::super::link::Text;
use super::Entry;

/// The value of a label: that of the pod template in the base, otherwise that of the selector in mesh.toml.
pub(super) fn get<'a>(entry: &Entry<'a>, key: &str) -> Option<&'a str> {
    match entry.linked {
        Some(linked) => linked.pod.label(key).map(|label| label.value),
        None => entry.written.selector.as_deref()?.get(key).map(|value| value.as_str()),
    }
}

/// All labels.
pub(super) fn all<'a>(entry: &Entry<'a>) -> Vec<(&'a str, &'a str)> {
    match entry.linked {
        Some(linked) => linked.pod.labels().iter().filter_map(Text::pair).collect(),
        None => {
            let selector = entry.written.selector.iter().flat_map(|selector| selector.iter());
            selector.map(|(key, value)| (key.as_str(), value.as_str())).collect()
        }
    }
}
