//! The versions of Istio that mesh-compile knows: the Envoy of each, and what each adds. All other modules ask this table.

use std::fmt;

use mesh_compile_module::abi::{self, EnvoyMinor};

/// Istio 1.N. A newer version is greater.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Istio(u32);

/// What only some versions support.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Feature {
    /// `failure_policy` and `reload_config` in the plugin's configuration. Older versions have `fail_open`.
    FailurePolicy,
    /// `allow_on_headers_stop_iteration` in the proxy.
    StopIteration,
    /// `allow_on_headers_stop_iteration` in istiod's copy of Envoy's API: an older istiod drops it from a typed message.
    StopIterationTyped,
    /// `image` volumes in the injector's copy of Kubernetes' API: an older one makes the volume an empty directory.
    ImageVolumes,
    /// Parameters of a Gateway: a ConfigMap with patches of what istiod creates for it.
    GatewayParameters,
    /// EnvoyFilters with `targetRefs` that name a waypoint: before, one of them could match other proxies (istio/istio#56417).
    Waypoints,
    /// `capability_restriction_config` in `vm_config`. Older versions have it in the plugin's configuration.
    VmCapabilities,
}

/// A row of the table.
#[derive(Debug)]
pub(crate) struct Release {
    pub(crate) istio: Istio,
    adds: &'static [Feature],
    /// Whether the tests give what is rendered for this version to a real Envoy, with the fields that its istiod passes on.
    is_tested: bool,
}

const fn untested(minor: u32) -> Release {
    Release { istio: Istio(minor), adds: &[], is_tested: false }
}

const fn tested(minor: u32, adds: &'static [Feature]) -> Release {
    Release { istio: Istio(minor), adds, is_tested: true }
}

/// From the oldest version whose EnvoyFilters can be rendered: they have a `priority`. In the order of the versions, without gaps.
const RELEASES: [Release; 21] = [
    untested(12),
    untested(13),
    untested(14),
    untested(15),
    untested(16),
    untested(17),
    untested(18),
    untested(19),
    untested(20),
    untested(21),
    untested(22),
    untested(23),
    tested(24, &[Feature::ImageVolumes]),
    tested(25, &[Feature::FailurePolicy]),
    tested(26, &[Feature::GatewayParameters]),
    // Envoy 1.35, with the API of 1.34.
    tested(27, &[Feature::StopIteration, Feature::Waypoints]),
    tested(28, &[Feature::StopIterationTyped]),
    tested(29, &[]),
    tested(30, &[]),
    tested(31, &[]),
    tested(32, &[Feature::VmCapabilities]),
];

impl Feature {
    /// The first version that supports it.
    pub(crate) fn since(self) -> Istio {
        let adds = |release: &&Release| release.adds.contains(&self);
        RELEASES.iter().find(adds).map_or(Istio::NEWEST, |release| release.istio)
    }
}

impl Release {
    /// What the version adds, for people: one line.
    pub(crate) fn description(&self) -> String {
        let of_feature = |feature: &Feature| match feature {
            Feature::FailurePolicy => "`on-failure = \"reload\"`",
            Feature::StopIteration => "`stop-iteration`",
            Feature::StopIterationTyped => "`stop-iteration` in istiod's API",
            Feature::ImageVolumes => "image volumes",
            Feature::GatewayParameters => "parameters of Gateways",
            Feature::Waypoints => "filters of waypoints",
            Feature::VmCapabilities => "capabilities of the VM",
        };
        let envoy = self.istio.envoy_minor();
        let functions = abi::added_in(envoy).count();
        let functions = (functions > 0).then(|| format!("{functions} host functions"));
        let adds: Vec<String> = self.adds.iter().map(|it| of_feature(it).to_owned()).chain(functions).collect();
        let adds = if adds.is_empty() { String::new() } else { format!("; adds {}", adds.join(", ")) };
        let untested = if self.is_tested { "" } else { "; not tested" };
        format!("Envoy 1.{envoy}{adds}{untested}")
    }
}

/// What to tell about a version that is not among the tested ones.
#[derive(Debug)]
pub(crate) enum Concern {
    /// Nothing can be rendered for it.
    TooOld,
    /// Older than every version that is tested.
    Untested,
    Newer,
}

impl Istio {
    /// The newest version that mesh-compile knows.
    pub(crate) const NEWEST: Self = RELEASES[RELEASES.len() - 1].istio;
    /// The oldest version that mesh-compile renders for.
    pub(crate) const OLDEST: Self = RELEASES[0].istio;

    /// Parses `1.N` or `1.N.P`, with or without a leading `v`.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        minor(text).map(Self)
    }

    /// The known versions, the newest first.
    pub(crate) fn known() -> impl Iterator<Item = &'static Release> {
        RELEASES.iter().rev()
    }

    /// The oldest version that is tested.
    pub(crate) fn oldest_tested() -> Self {
        RELEASES.iter().find(|release| release.is_tested).map_or(Self::NEWEST, |release| release.istio)
    }

    pub(crate) fn supports(self, feature: Feature) -> bool {
        self >= feature.since()
    }

    /// What to tell about the version. `None` if it is tested.
    pub(crate) fn concern(self) -> Option<Concern> {
        if self > Self::NEWEST {
            Some(Concern::Newer)
        } else if self < Self::OLDEST {
            Some(Concern::TooOld)
        } else {
            (self < Self::oldest_tested()).then_some(Concern::Untested)
        }
    }

    /// The minor version of the Envoy that this version ships.
    pub(crate) const fn envoy_minor(self) -> EnvoyMinor {
        self.0.saturating_add(abi::ENVOY_AHEAD_OF_ISTIO)
    }
}

/// The N of `1.N` or `1.N.P`, with or without a leading `v`.
pub(super) fn minor(text: &str) -> Option<u32> {
    let mut parts = text.strip_prefix('v').unwrap_or(text).split('.');
    let number = |part: &str| {
        let digits = !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
        digits.then(|| part.parse::<u32>().ok()).flatten()
    };
    let (major, minor) = (number(parts.next()?)?, number(parts.next()?)?);
    let patch = parts.next().is_none_or(|patch| number(patch).is_some());
    (major == 1 && patch && parts.next().is_none()).then_some(minor)
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
        assert_eq!(Istio::parse("1.4294967295").map(Istio::envoy_minor), Some(u32::MAX));
    }

    #[test]
    fn the_table_has_every_version_once_and_every_feature() {
        assert!(RELEASES.windows(2).all(|pair| pair[1].istio.0 == pair[0].istio.0 + 1));
        // What is tested once stays tested.
        assert!(RELEASES.windows(2).all(|pair| pair[0].is_tested <= pair[1].is_tested));
        let since = |feature: Feature| feature.since().to_string();
        assert_eq!(since(Feature::FailurePolicy), "1.25");
        assert_eq!(since(Feature::StopIteration), "1.27");
        assert_eq!(since(Feature::StopIterationTyped), "1.28");
        assert_eq!(since(Feature::VmCapabilities), "1.32");
        assert!(Istio(25).supports(Feature::FailurePolicy) && !Istio(24).supports(Feature::FailurePolicy));
    }

    #[test]
    fn every_version_that_adds_host_functions_is_in_the_table() {
        let last = Istio::NEWEST.envoy_minor();
        assert_eq!(abi::added_after(last), None);
        let described: Vec<String> = Istio::known().map(Release::description).collect();
        assert_eq!(described[0], "Envoy 1.40; adds capabilities of the VM");
        assert!(described.iter().any(|it| it.starts_with("Envoy 1.38; adds ") && it.ends_with("host functions")));
    }

    #[test]
    fn a_version_that_is_not_tested_is_a_concern() {
        let concern = |text: &str| Istio::parse(text).unwrap().concern();
        assert!(matches!(concern("1.5"), Some(Concern::TooOld)));
        assert!(matches!(concern("1.12"), Some(Concern::Untested)));
        assert!(matches!(concern("1.23"), Some(Concern::Untested)));
        assert!(concern("1.24").is_none() && concern("1.32").is_none());
        assert!(matches!(concern("1.33"), Some(Concern::Newer)));
    }
}
