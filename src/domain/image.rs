//! Names of images (distribution/reference, `reference-regexp.go`): a registry's host, and a repository in it.

use std::fmt;
use std::str::FromStr;

/// The longest repository, in bytes (distribution/reference, `RepositoryNameTotalLengthMax`).
const LONGEST: usize = 255;

/// `HOST[:PORT]/REPOSITORY`, without a tag and without a digest.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct ImageName(String);

/// Why a text is not the name of an image.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum NotAnImage {
    /// It ends with a tag, a digest or both. The name without them.
    Versioned(String),
    /// It names no registry. The name with Docker Hub's.
    NoRegistry(String),
    /// The repository has upper-case letters. The name in lower case.
    UpperCase(String),
    /// Any other reason, as the end of a sentence.
    Other(String),
}

impl ImageName {
    /// The reference to one version of the image: `NAME@sha256:…`.
    pub(crate) fn at(&self, digest: &str) -> String {
        format!("{}@{digest}", self.0)
    }
}

impl fmt::Display for ImageName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl FromStr for ImageName {
    type Err = NotAnImage;

    fn from_str(text: &str) -> Result<Self, NotAnImage> {
        if text.is_empty() {
            return Err(NotAnImage::Other("it is empty".to_owned()));
        }
        let (name, digest) = text.split_once('@').map_or((text, None), |(name, digest)| (name, Some(digest)));
        let last = name.rfind('/').map_or(0, |slash| slash + 1);
        // A colon before the last slash belongs to the port.
        let untagged = name[last..].find(':').filter(|_| last > 0).map_or(name, |colon| &name[..last + colon]);
        if digest.is_some() || untagged.len() < name.len() {
            return Err(NotAnImage::Versioned(untagged.to_owned()));
        }
        if let Some((scheme, _)) = name.split_once("://") {
            return Err(NotAnImage::Other(format!("it is a URL; leave out `{scheme}://`")));
        }
        let host = name.split_once('/').filter(|(host, _)| is_host(host));
        let Some((host, repository)) = host else {
            return Err(match repository(name) {
                Ok(()) if name.contains('/') => NotAnImage::NoRegistry(format!("docker.io/{name}")),
                Ok(()) => NotAnImage::NoRegistry(format!("docker.io/library/{name}")),
                Err(reason) => reason_of(name, reason),
            });
        };
        if let Some(reason) = host_fault(host) {
            return Err(NotAnImage::Other(reason));
        }
        repository_of(host, repository)?;
        Ok(Self(name.to_owned()))
    }
}

fn repository_of(host: &str, text: &str) -> Result<(), NotAnImage> {
    repository(text).map_err(|reason| match reason_of(text, reason) {
        NotAnImage::UpperCase(lower) => NotAnImage::UpperCase(format!("{host}/{lower}")),
        other => other,
    })
}

fn reason_of(text: &str, reason: String) -> NotAnImage {
    let lower = text.to_lowercase();
    if lower != text && repository(&lower).is_ok() { NotAnImage::UpperCase(lower) } else { NotAnImage::Other(reason) }
}

/// Whether the first part of a name is a host and not a part of a repository on Docker Hub (distribution/reference,
/// `splitDockerDomain`).
fn is_host(part: &str) -> bool {
    part.contains(['.', ':']) || part == "localhost" || part.chars().any(|c| c.is_ascii_uppercase())
}

/// What is wrong with a registry's host, as the end of a sentence.
fn host_fault(host: &str) -> Option<String> {
    let (name, port) = match host.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
        Some((address, port)) => {
            let valid = address.parse::<std::net::Ipv6Addr>().is_ok();
            return match port.strip_prefix(':') {
                _ if !valid => Some(format!("`{address}` is not an IPv6 address")),
                Some(port) => port_fault(port),
                None if port.is_empty() => None,
                None => Some(format!("`{host}` is not a host")),
            };
        }
        None => host.split_once(':').map_or((host, None), |(name, port)| (name, Some(port))),
    };
    let is_label = |label: &str| {
        let ends = |c: char| c.is_ascii_alphanumeric();
        label.starts_with(ends) && label.ends_with(ends) && label.chars().all(|c| c.is_ascii_alphanumeric() || c == '-')
    };
    if !name.split('.').all(is_label) {
        return Some(format!("`{name}` is not a host"));
    }
    port.and_then(port_fault)
}

fn port_fault(port: &str) -> Option<String> {
    let valid = !port.is_empty() && port.bytes().all(|byte| byte.is_ascii_digit()) && port.parse::<u16>().is_ok();
    (!valid).then(|| format!("`{port}` is not a port"))
}

/// Checks a repository. An error is the end of a sentence.
fn repository(text: &str) -> Result<(), String> {
    if text.len() > LONGEST {
        return Err(format!("its repository has {} bytes, but at most {LONGEST} are allowed", text.len()));
    }
    for part in text.split('/') {
        if part.is_empty() {
            return Err("a part between two slashes is empty".to_owned());
        }
        if let Some(bad) = part.chars().find(|c| !c.is_ascii_lowercase() && !c.is_ascii_digit() && !".-_".contains(*c))
        {
            return Err(format!("its repository contains {bad:?}; only a-z, 0-9, `.`, `_`, `-` and `/` are allowed"));
        }
        let separators: Vec<&str> = part.split(|c: char| c.is_ascii_alphanumeric()).collect();
        let ends =
            separators.first().is_some_and(|it| !it.is_empty()) || separators.last().is_some_and(|it| !it.is_empty());
        let is_separator = |it: &&str| matches!(*it, "" | "." | "_" | "__") || it.chars().all(|c| c == '-');
        if ends {
            return Err(format!("`{part}` must start and end with a letter or a digit"));
        }
        if let Some(bad) = separators.iter().find(|it| !is_separator(it)) {
            return Err(format!("`{part}` contains `{bad}`"));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_images_are_those_of_distribution() {
        for good in [
            "registry.example.com/filters/x",
            "registry.example.com:5000/x",
            "localhost/x",
            "localhost:5000/a/b__c/d-e--f",
            "10.0.0.1:5000/x",
            "[::1]:5000/x",
            "REGISTRY.example.com/x",
        ] {
            assert_eq!(good.parse::<ImageName>().map(|name| name.to_string()), Ok(good.to_owned()));
        }
        let digest = format!("sha256:{}", "0".repeat(64));
        let versioned = |text: &str| NotAnImage::Versioned(text.to_owned());
        for (bad, expected) in [
            ("r.example.com/x:v1".to_owned(), versioned("r.example.com/x")),
            (format!("r.example.com:5000/x:v1@{digest}"), versioned("r.example.com:5000/x")),
            (format!("r.example.com/x@{digest}"), versioned("r.example.com/x")),
            ("filters/x".to_owned(), NotAnImage::NoRegistry("docker.io/filters/x".to_owned())),
            ("x".to_owned(), NotAnImage::NoRegistry("docker.io/library/x".to_owned())),
            ("r.example.com/Filters/X".to_owned(), NotAnImage::UpperCase("r.example.com/filters/x".to_owned())),
        ] {
            assert_eq!(bad.parse::<ImageName>(), Err(expected), "{bad}");
        }
        for bad in [
            "",
            "https://r.example.com/x",
            "r.example.com/",
            "r.example.com//x",
            "r.example.com:0x/x",
            "r.example.com:99999/x",
            "-r.example.com/x",
            "r.example.com/a..b",
            "r.example.com/-a",
            "r.example.com/a_",
            "r.example.com/a___b",
            "r.example.com/ä",
            "[::g]/x",
            &format!("r.example.com/{}", "a".repeat(256)),
        ] {
            assert!(matches!(bad.parse::<ImageName>(), Err(NotAnImage::Other(_))), "{bad}");
        }
    }
}
