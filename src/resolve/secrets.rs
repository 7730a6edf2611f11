//! Values that look like secrets. They are written to `out/`, which is committed.

use std::sync::LazyLock;

use regex::{Regex, RegexSet};

use super::configuration::{Configuration, Keys};
use crate::diag::{Code, Diagnostic, Location, Sink};
use crate::spec::{Spanned, Spec, Table, Value};

/// Reports the values of filters, of their uses, and of variables.
pub(super) fn check<'a>(spec: &'a Spec, configurations: impl Iterator<Item = &'a Configuration<'a>>, sink: &mut Sink) {
    table(&spec.vars, sink);
    for filter in spec.filters.values() {
        for (name, value) in &filter.env {
            one(name, value, value.location(), sink);
        }
        if let Some(text) = &filter.vm_config_text {
            lines("vm-config-text", text, text.location(), sink);
        }
        configuration(&Keys::from(&**filter), sink);
    }
    let lists =
        spec.workloads.values().map(|it| it.filters()).chain(spec.bindings.iter().map(|it| it.filters.as_slice()));
    for with in lists.flatten().filter_map(|one| one.settings()) {
        configuration(&Keys::from(with), sink);
    }
    for file in configurations {
        if let Configuration::File(text) = file {
            lines("config-file", text, text.location(), sink);
        }
    }
}

fn configuration(keys: &Keys<'_>, sink: &mut Sink) {
    if let Some(written) = keys.table() {
        table(written, sink);
    }
    if let Some(text) = keys.text() {
        lines("config-text", text, text.location(), sink);
    }
}

/// The values of a table, each under its own key.
fn table(entries: &Table, sink: &mut Sink) {
    for (key, entry) in entries {
        value(key, entry, sink);
    }
}

fn value(key: &str, written: &Spanned<Value>, sink: &mut Sink) {
    match &**written {
        Value::String(text) => one(key, text, written.location(), sink),
        // The elements of a list are under the key of the list.
        Value::Array(items) => items.iter().for_each(|item| value(key, item, sink)),
        Value::Table(entries) => entries.iter().for_each(|(key, entry)| value(key, entry, sink)),
        Value::Scalar(_) => {}
    }
}

/// The lines of a text, which can be JSON, YAML, TOML or properties.
fn lines(name: &str, text: &str, location: Location, sink: &mut Sink) {
    static ENTRY: LazyLock<Option<Regex>> =
        LazyLock::new(|| Regex::new(r#"["']?([A-Za-z][A-Za-z0-9_.-]*)["']?\s*[:=]\s*["']?([^\s"',}\]]+)"#).ok());
    let entries = ENTRY.iter().flat_map(|entry| entry.captures_iter(text));
    let found = known(text).or_else(|| {
        let mut entries = entries;
        entries.find_map(|entry| reason(entry.get(1)?.as_str(), entry.get(2)?.as_str()))
    });
    if let Some(reason) = found {
        sink.push(warning(&format!("`{name}` contains what looks like a secret: {reason}"), location));
    }
}

fn one(key: &str, text: &str, location: Location, sink: &mut Sink) {
    if let Some(reason) = reason(key, text) {
        sink.push(warning(&format!("the value of `{key}` looks like a secret: {reason}"), location));
    }
}

fn warning(message: &str, location: Location) -> Diagnostic {
    Diagnostic::warning(Code::MC0133, message)
        .at_label(location, "written to out/, which is committed")
        .help("pass it with `env-from-host`: an environment variable of the proxy, whose value comes from a Secret")
}

/// Why a value under a key looks like a secret.
fn reason(key: &str, text: &str) -> Option<String> {
    known(text).or_else(|| {
        let kind = kind(key)?;
        let is_secret = match kind {
            Kind::Password => is_password(text),
            Kind::Token => is_random(text),
        };
        is_secret.then(|| {
            let name = words(key).join(" ");
            format!("{} {name}", if name.starts_with(['a', 'e', 'i', 'o', 'u']) { "an" } else { "a" })
        })
    })
}

/// Values of a known form, whatever their key.
fn known(text: &str) -> Option<String> {
    const FORMS: [(&str, &str); 8] = [
        ("a private key", r"-----BEGIN [A-Z0-9 ]*PRIVATE KEY( BLOCK)?-----"),
        ("a JSON Web Token", r"\beyJ[A-Za-z0-9_-]{8,}\.eyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]{16,}"),
        ("an access key of AWS", r"\b(AKIA|ASIA)[A-Z0-9]{16}\b"),
        ("a token of GitHub", r"\b(gh[pousr]_[A-Za-z0-9]{36,}|github_pat_[A-Za-z0-9_]{40,})"),
        ("a token of Slack", r"\bxox[abprs]-[A-Za-z0-9-]{10,}"),
        ("an API key of Google", r"\bAIza[A-Za-z0-9_-]{35}"),
        ("a secret key of Stripe", r"\b[sr]k_live_[A-Za-z0-9]{16,}"),
        ("a URL with a password", r"\b[a-z][a-z0-9+.-]*://[^\s/:@{}$]*:[^\s/:@{}$]+@[A-Za-z0-9]"),
    ];
    static KNOWN: LazyLock<RegexSet> =
        LazyLock::new(|| RegexSet::new(FORMS.map(|(_, form)| form)).unwrap_or_else(|_| RegexSet::empty()));
    let first = KNOWN.matches(text).into_iter().next()?;
    Some(FORMS[first].0.to_owned())
}

/// What a key promises.
enum Kind {
    /// Any value is a secret, however simple.
    Password,
    /// Only a random value is a secret: the key may also name a header or a Secret.
    Token,
}

/// What the words at the end of a key say about its value: `db-password`, `clientSecret`, `API_KEY`. Other words after them make
/// it something else: `token-header`, `password-policy`, `secret-name`.
fn kind(key: &str) -> Option<Kind> {
    let words = words(key);
    let (last, before) = words.split_last()?;
    match last.as_str() {
        "password" | "passwd" | "pwd" | "passphrase" => Some(Kind::Password),
        "secret" | "token" | "apikey" | "credential" | "credentials" | "jwt" | "bearer" => Some(Kind::Token),
        "key" => {
            let qualifier = before.last().map(String::as_str)?;
            let is_secret = ["api", "private", "secret", "access", "signing", "encryption", "hmac", "shared", "master"];
            is_secret.contains(&qualifier).then_some(Kind::Token)
        }
        _ => None,
    }
}

/// The words of a key in lower case: `clientSecret` and `CLIENT_SECRET` are `client secret`.
fn words(key: &str) -> Vec<String> {
    let mut words: Vec<String> = Vec::new();
    let mut previous = ' ';
    for c in key.chars() {
        let starts = c.is_ascii_uppercase() && previous.is_ascii_lowercase();
        if !c.is_alphanumeric() {
            previous = ' ';
            continue;
        }
        if starts || previous == ' ' {
            words.push(String::new());
        }
        if let Some(word) = words.last_mut() {
            word.extend(c.to_lowercase());
        }
        previous = c;
    }
    words
}

/// Whether the value is not a reference to a secret elsewhere, and no placeholder.
fn is_literal(text: &str) -> bool {
    let is_reference = text.contains("{{")
        || text.contains("${")
        || text.starts_with(['/', '.', '$', '<'])
        || ["env:", "file:", "vault:", "secret:", "projects/", "arn:", "http://", "https://"]
            .iter()
            .any(|start| text.starts_with(start));
    !text.is_empty() && !is_reference && !text.chars().all(|c| matches!(c, '*' | 'x' | 'X' | '.'))
}

fn is_password(text: &str) -> bool {
    // A header or a field can have that name: `x-password`, `PASSWORD`.
    let is_name = text.chars().all(|c| c.is_ascii_alphabetic() || matches!(c, '-' | '_' | '.' | ' '))
        && words(text).last().is_some_and(|word| kind(word).is_some());
    is_literal(text) && !is_name && text.len() >= 4 && !matches!(text, "true" | "false" | "none" | "null")
}

/// Whether the value is random enough for a generated secret: long, of letters and digits, without words.
fn is_random(text: &str) -> bool {
    let is_of_token = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.' | '+' | '/' | '=' | ':' | '~');
    let (digits, letters) = (text.chars().any(|c| c.is_ascii_digit()), text.chars().any(|c| c.is_ascii_alphabetic()));
    // The parts of a name are words or short numbers: `team-a-oauth-2`, `x-auth-token-v1`.
    let longest = text.split(['-', '_', '.', '/', ':']).map(str::len).max().unwrap_or_default();
    is_literal(text)
        && text.len() >= 12
        && text.chars().all(is_of_token)
        && digits
        && letters
        && longest >= 10
        && entropy(text) > 3.0
}

/// The Shannon entropy in bits per character.
fn entropy(text: &str) -> f64 {
    let mut counts = [0_u32; 256];
    text.bytes().for_each(|byte| counts[usize::from(byte)] += 1);
    let total = f64::from(u32::try_from(text.len()).unwrap_or(u32::MAX));
    let part = |count: &u32| {
        let share = f64::from(*count) / total;
        -share * share.log2()
    };
    counts.iter().filter(|count| **count > 0).map(part).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_are_found() {
        for (key, text) in [
            ("password", "hunter2"),
            ("dbPassword", "correct horse battery staple"),
            ("REDIS_PASSWORD", "changeme"),
            ("client-secret", "q7Xw9ZtR2mVb4KpL"),
            ("clientSecret", "8f14e45fceea167a5a36dedd4bea2543"),
            ("API_KEY", "9b2f0c7e-4d1a-4c52-9f5e-1c2d3e4f5a6b"),
            ("api_key", "sk-proj-4Zt8kQ2LmN0pR6sT"),
            ("token", "f3a9c1d2e4b5a6978877665544332211"),
            ("signing-key", "dGhpcyBpcyBhIHNpZ25pbmcga2V5IDEyMw=="),
            ("anything", "-----BEGIN RSA PRIVATE KEY-----\nMIIE"),
            ("header", "Bearer eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0NSJ9.SflKxwRJSMeKKF2QT4fwpMeJf36POk6yJV"),
            ("id", "AKIAIOSFODNN7EXAMPLE"),
            ("url", "postgres://app:s3cr3t@db.shop:5432/orders"),
            ("value", "ghp_0123456789abcdefghijABCDEFGHIJ012345"),
        ] {
            assert!(reason(key, text).is_some(), "{key} = {text}");
        }
    }

    #[test]
    fn other_values_are_not_reported() {
        for (key, text) in [
            ("token-header", "x-token"),
            ("token", "x-token"),
            ("token", "authorization"),
            ("token-url", "https://auth.example.com/oauth2/token"),
            ("password-policy", "strong"),
            ("password-field", "password"),
            ("password", "{{ vars.password }}"),
            ("password", "${PASSWORD}"),
            ("password", "/etc/secrets/password"),
            ("password", "x-password"),
            ("password", ""),
            ("password", "********"),
            ("secret", "team-a-oauth2"),
            ("secret-name", "q7Xw9ZtR2mVb4KpL"),
            ("secret", "projects/shop/secrets/oauth-client-2"),
            ("client-secret-variable", "CLIENT_SECRET_2"),
            ("api-key", "x-api-key"),
            ("api-key-header", "X-Api-Key-V2"),
            ("public-key", "MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAE8xOUetsCa8EfOlDEBAfREhJqspDo"),
            ("key", "9b2f0c7e4d1a4c529f5e1c2d3e4f5a6b"),
            ("primary-key", "9b2f0c7e4d1a4c529f5e1c2d3e4f5a6b"),
            ("cache-key", "9b2f0c7e4d1a4c529f5e1c2d3e4f5a6b"),
            ("sha256", "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"),
            ("url", "https://auth.example.com:8443/realms/shop"),
            ("url", "https://user@example.com/"),
            ("issuer", "https://accounts.google.com"),
            ("max-tokens", "4096"),
            ("tokens", "a1b2c3d4e5f6a7b8"),
            ("keyboard", "q7Xw9ZtR2mVb4KpL"),
            ("certificate", "-----BEGIN CERTIFICATE-----\nMIIE"),
        ] {
            assert_eq!(reason(key, text), None, "{key} = {text}");
        }
    }

    #[test]
    fn a_text_is_searched_entry_by_entry() {
        let found = |text: &str| {
            let mut sink = Sink::new();
            lines("config-text", text, Location::whole(crate::diag::Sources::new().id("a".into())), &mut sink);
            !sink.diagnostics().is_empty()
        };
        assert!(found("user: app\npassword: hunter2\n"));
        assert!(found(r#"{"client": "a", "clientSecret": "q7Xw9ZtR2mVb4KpL"}"#));
        assert!(found("apiKey=9b2f0c7e-4d1a-4c52-9f5e-1c2d3e4f5a6b"));
        assert!(!found("token-header: x-token\npassword-min: 8\nsecret:\n  name: oauth\n"));
    }
}
