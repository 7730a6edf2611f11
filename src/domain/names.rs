//! Names that Kubernetes restricts (kubernetes/apimachinery, pkg/util/validation).

use std::fmt;

/// Why a string is not a valid name, as the end of a sentence.
pub(crate) type Reason = String;

macro_rules! name_type {
    ($(#[$doc:meta])* $name:ident, $check:path) => {
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
        pub(crate) struct $name(String);

        impl $name {
            pub(crate) fn new(text: impl Into<String>) -> Result<Self, Reason> {
                let text = text.into();
                $check(&text).map(|()| Self(text))
            }

            pub(crate) fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }
    };
}

name_type! {
    /// The name of an object: a DNS-1123 subdomain of at most 253 characters.
    ObjectName, subdomain
}
name_type! {
    /// The name of a filter: at most 63 characters, valid after the prefix of a label key.
    FilterName, qualified
}
name_type! {
    /// A namespace: a DNS-1123 label of at most 63 characters.
    Namespace, label
}
name_type! {
    /// The key of a label: `[prefix/]name`.
    LabelKey, label_key
}
name_type! {
    /// The value of a label: at most 63 characters, empty allowed.
    LabelValue, label_value
}

impl LabelKey {
    /// The key `PREFIX/NAME`. `prefix` is a DNS name.
    pub(crate) fn of_filter(prefix: &'static str, name: &FilterName) -> Self {
        Self(format!("{prefix}/{name}"))
    }
}

fn alphanumeric(c: char) -> bool {
    c.is_ascii_lowercase() || c.is_ascii_digit()
}

/// A host name of at most 253 characters.
pub(crate) fn host(text: &str) -> Result<(), Reason> {
    subdomain(&text.to_ascii_lowercase())
}

/// A DNS-1123 label for a text: the text itself if it is one, otherwise the characters of it that fit, and its hash.
pub(crate) fn label_of(text: &str) -> String {
    if label(text).is_ok() {
        return text.to_owned();
    }
    let fitting = |c: char| if alphanumeric(c) { c } else { '-' };
    let stem: String = text.to_ascii_lowercase().chars().map(fitting).take(52).collect();
    format!("{}-{}", stem.trim_matches('-'), super::Digest::of(text.as_bytes()).short())
}

/// DNS-1123 label.
pub(crate) fn label(text: &str) -> Result<(), Reason> {
    length(text, 63)?;
    if let Some(bad) = text.chars().find(|c| !alphanumeric(*c) && *c != '-') {
        return Err(format!("it contains {bad:?}; only a-z, 0-9 and `-` are allowed"));
    }
    ends(text, alphanumeric)
}

fn subdomain(text: &str) -> Result<(), Reason> {
    length(text, 253)?;
    if let Some(bad) = text.chars().find(|c| !alphanumeric(*c) && !matches!(c, '-' | '.')) {
        return Err(format!("it contains {bad:?}; only a-z, 0-9, `-` and `.` are allowed"));
    }
    if text.contains("..") {
        return Err("it contains two consecutive dots".into());
    }
    text.split('.').try_for_each(|part| ends(part, alphanumeric))
}

fn label_key(text: &str) -> Result<(), Reason> {
    let name = match text.split_once('/') {
        Some((prefix, name)) => {
            subdomain(prefix).map_err(|reason| format!("its prefix `{prefix}` is not a DNS name: {reason}"))?;
            name
        }
        None => text,
    };
    qualified(name)
}

fn label_value(text: &str) -> Result<(), Reason> {
    if text.is_empty() { Ok(()) } else { qualified(text) }
}

fn qualified(text: &str) -> Result<(), Reason> {
    length(text, 63)?;
    if let Some(bad) = text.chars().find(|c| !c.is_ascii_alphanumeric() && !matches!(c, '-' | '_' | '.')) {
        return Err(format!("it contains {bad:?}; only letters, digits, `-`, `_` and `.` are allowed"));
    }
    ends(text, |c| c.is_ascii_alphanumeric())
}

fn length(text: &str, most: usize) -> Result<(), Reason> {
    match text.len() {
        0 => Err("it is empty".into()),
        n if n > most => Err(format!("it has {n} characters, {} more than allowed", n - most)),
        _ => Ok(()),
    }
}

fn ends(text: &str, allowed: impl Fn(char) -> bool) -> Result<(), Reason> {
    if text.starts_with(&allowed) && text.ends_with(allowed) {
        Ok(())
    } else {
        Err("it must start and end with a letter or a digit".into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_follow_the_rules_of_kubernetes() {
        for good in ["a", "a-b", "a.b-c.d", "1a", &"a".repeat(253)] {
            assert!(ObjectName::new(good).is_ok(), "{good}");
        }
        for bad in ["", "A", "a_b", "-a", "a-", "a..b", ".a", "a.-b", "ä", &"a".repeat(254)] {
            assert!(ObjectName::new(bad).is_err(), "{bad}");
        }
        for good in ["", "a", "A_b.c-1", "1"] {
            assert!(LabelValue::new(good).is_ok(), "{good}");
        }
        for bad in ["-a", "a b", "a/b", &"a".repeat(64)] {
            assert!(LabelValue::new(bad).is_err(), "{bad}");
        }
        for good in ["app", "app.kubernetes.io/name", "A"] {
            assert!(LabelKey::new(good).is_ok(), "{good}");
        }
        for bad in ["", "/a", "a/", "a/b/c", "UP/x", &format!("a/{}", "b".repeat(64))] {
            assert!(LabelKey::new(bad).is_err(), "{bad}");
        }
    }
}
