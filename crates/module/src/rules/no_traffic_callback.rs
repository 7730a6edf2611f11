//! A filter must export a callback for the traffic of its chain.

use super::{Finding, LoadContext, ModuleReport, Rule, abi};
use crate::FilterType;
use crate::abi::{HTTP_CALLBACKS, NETWORK_CALLBACKS, OTHER_CALLBACKS};

pub(super) fn check(report: &ModuleReport, context: &LoadContext, found: &mut Vec<Finding>) {
    if abi(report).is_none() || report.invalid.is_some() {
        return;
    }
    let exports = |names: &[&str]| names.iter().any(|name| report.exported_function(name).is_some());
    let (http, network, other) = (exports(&HTTP_CALLBACKS), exports(&NETWORK_CALLBACKS), exports(&OTHER_CALLBACKS));
    let finding = match context.filter_type {
        Some(FilterType::Http) if !http && network => {
            Finding::warning(Rule::NoTrafficCallback, "an HTTP filter without HTTP callbacks does nothing")
                .note("the module exports callbacks for connections")
                .help("set `type = \"network\"`")
        }
        Some(FilterType::Network) if !network && http => {
            Finding::warning(Rule::NoTrafficCallback, "a network filter without connection callbacks does nothing")
                .note("the module exports callbacks for HTTP")
                .help("set `type = \"http\"`")
        }
        Some(_) | None if !http && !network && !other => {
            Finding::warning(Rule::NoTrafficCallback, "the module exports no callback for traffic, so it does nothing")
                .help("export a callback such as `proxy_on_request_headers`; SDKs do that once you register a context")
        }
        _ => return,
    };
    found.push(finding);
}
