//! A filter that sees nothing of the stream it is put into.

use super::{Finding, Report, Rule, Setting, abi};
use crate::FilterType;
use crate::abi::{HTTP_CALLBACKS, NETWORK_CALLBACKS, OTHER_CALLBACKS};

pub(super) fn check(report: &Report, setting: &Setting, found: &mut Vec<Finding>) {
    if abi(report).is_none() || report.invalid.is_some() {
        return;
    }
    let exports = |names: &[&str]| names.iter().any(|name| report.exported_function(name).is_some());
    let (http, network, other) = (exports(&HTTP_CALLBACKS), exports(&NETWORK_CALLBACKS), exports(&OTHER_CALLBACKS));
    let finding = match setting.filter_type {
        Some(FilterType::Http) if !http && network => {
            Finding::warning(Rule::NoTrafficCallback, "an HTTP filter without a callback for HTTP: it does nothing")
                .note("the module has callbacks for connections")
                .help("use it with `type = \"network\"`")
        }
        Some(FilterType::Network) if !network && http => Finding::warning(
            Rule::NoTrafficCallback,
            "a network filter without a callback for connections: it does nothing",
        )
        .note("the module has callbacks for HTTP")
        .help("use it with `type = \"http\"`"),
        Some(_) | None if !http && !network && !other => Finding::warning(
            Rule::NoTrafficCallback,
            "the module exports no callback that sees traffic: it does nothing",
        )
        .help("export `proxy_on_request_headers` or another; the SDK does when a context is registered"),
        _ => return,
    };
    found.push(finding);
}
