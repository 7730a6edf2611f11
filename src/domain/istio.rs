//! Versions of Istio and the fields that they support. Istio 1.N ships Envoy 1.(N+8).

use std::fmt;

/// Istio 1.N. A newer version is greater.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Istio(u32);

impl Istio {
    /// The newest version that mesh-compile knows.
    pub(crate) const NEWEST: Self = Self(32);
    /// The first version with `failure_policy` and `reload_config` in the plugin's configuration.
    pub(crate) const FAILURE_POLICY: Self = Self(25);
    /// The first version with `capability_restriction_config` in `vm_config` (Envoy 1.40). Older versions have it in the plugin's
    /// configuration.
    pub(crate) const VM_CAPABILITIES: Self = Self(32);
    /// The first version whose proxy supports `allow_on_headers_stop_iteration` (Envoy 1.35).
    pub(crate) const STOP_ITERATION: Self = Self(27);
    /// The first version whose istiod knows `allow_on_headers_stop_iteration` (the API of Envoy 1.36).
    pub(crate) const STOP_ITERATION_TYPED: Self = Self(28);

    /// Parses `1.N` or `1.N.P`, with or without a leading `v`.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let mut parts = text.strip_prefix('v').unwrap_or(text).split('.');
        let number = |part: &str| {
            let digits = !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
            digits.then(|| part.parse::<u32>().ok()).flatten()
        };
        let (major, minor) = (number(parts.next()?)?, number(parts.next()?)?);
        let patch = parts.next().is_none_or(|patch| number(patch).is_some());
        (major == 1 && patch && parts.next().is_none()).then_some(Self(minor))
    }

    /// The minor version of the Envoy that this version ships.
    pub(crate) const fn envoy_minor(self) -> u32 {
        self.0 + 8
    }
}

impl fmt::Display for Istio {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "1.{}", self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_parsed_and_ordered() {
        assert_eq!(Istio::parse("1.28"), Some(Istio(28)));
        assert_eq!(Istio::parse("v1.28.3"), Some(Istio(28)));
        assert!(Istio::parse("1.9") < Istio::parse("1.10"));
        for bad in ["", "1", "1.", "1.x", "2.0", "1.28.", "1.28.1.1", "1.+8", " 1.28", "1.28-alpha"] {
            assert_eq!(Istio::parse(bad), None, "{bad}");
        }
        assert_eq!(Istio::NEWEST.envoy_minor(), 40);
    }
}
