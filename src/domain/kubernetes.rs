//! The versions of Kubernetes, as far as they differ in what mesh-compile writes.

use std::fmt;

/// Kubernetes 1.N. A newer version is greater.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Kubernetes(u32);

/// Whether the nodes of a version mount image volumes (kubernetes/enhancements, KEP-4639).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ImageVolumes {
    /// The API server drops the field, and the volume becomes an empty directory.
    Unknown,
    /// Only with the feature gate `ImageVolume`, on the API server and the kubelets.
    Gated,
    On,
}

impl Kubernetes {
    /// The first version with image volumes behind a feature gate.
    pub(crate) const IMAGE_VOLUMES_GATED: Self = Self(31);
    /// The first version whose image volumes are on by default.
    pub(crate) const IMAGE_VOLUMES: Self = Self(35);

    /// Parses `1.N` or `1.N.P`, with or without a leading `v`.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        super::istio::minor(text).map(Self)
    }

    pub(crate) fn image_volumes(self) -> ImageVolumes {
        if self < Self::IMAGE_VOLUMES_GATED {
            ImageVolumes::Unknown
        } else if self < Self::IMAGE_VOLUMES {
            ImageVolumes::Gated
        } else {
            ImageVolumes::On
        }
    }
}

impl fmt::Display for Kubernetes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "1.{}", self.0)
    }
}
