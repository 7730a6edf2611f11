//! `stats`: the metrics of filters, and of how they load, in a pod's Prometheus endpoint.

use serde_json::Value;

use super::link::Linked;
use crate::domain::annotation::{OUR_STATS, PROXY_CONFIG, STATS_PREFIXES};

/// The value of the annotation: the prefixes that the base sets, and ours. The annotation replaces those of the ProxyConfig.
pub(super) fn annotation(linked: Option<&Linked<'_>>) -> String {
    let written = linked.and_then(|linked| linked.pod.annotation(STATS_PREFIXES)).map(|it| it.value.to_owned());
    let mut prefixes: Vec<String> = match written {
        Some(written) => written.split(',').map(|prefix| prefix.trim().to_owned()).collect(),
        None => linked.map(of_proxy_config).unwrap_or_default(),
    };
    prefixes.retain(|prefix| !prefix.is_empty());
    for prefix in OUR_STATS {
        if !prefixes.iter().any(|other| other == prefix) {
            prefixes.push(prefix.to_owned());
        }
    }
    prefixes.join(",")
}

/// `proxyStatsMatcher.inclusionPrefixes` of the pod's ProxyConfig.
fn of_proxy_config(linked: &Linked<'_>) -> Vec<String> {
    let config = linked.pod.annotation(PROXY_CONFIG).and_then(|it| serde_yaml::from_str::<Value>(it.value).ok());
    let prefixes = config.as_ref().and_then(|config| config["proxyStatsMatcher"]["inclusionPrefixes"].as_array());
    prefixes.into_iter().flatten().filter_map(|prefix| Some(prefix.as_str()?.to_owned())).collect()
}
