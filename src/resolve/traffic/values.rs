//! The scalar values of a test: durations, times, regular expressions, bytes, and the names and values of headers.

use std::fmt::Display;
use std::ops::Range;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use jiff::tz::Offset;
use jiff::{SignedDuration, civil};
use mesh_compile_host::DEFAULT_TIME;
use regex::bytes::Regex;
use toml::value::Datetime;

use crate::diag::{Code, Diagnostic, Location, Sink, Sources};
use crate::resolve::traffic::suite::Matcher;
use crate::spec::Spanned;
use crate::spec::types::traffic::{ExpectedBody, Pattern, Text};

/// The longest `after`, so that no clock overflows.
const LONGEST: Duration = Duration::from_secs(366 * 24 * 60 * 60);

/// Reports the errors of a test. After a report, the returned value is a placeholder that is never used.
pub(super) struct Check<'a> {
    pub(super) sources: &'a Sources,
    pub(super) sink: &'a mut Sink,
}

impl Check<'_> {
    pub(super) fn reject(&mut self, location: Location, message: impl Into<String>, help: impl Into<String>) {
        self.sink.push(Diagnostic::error(Code::MC0119, message).at(location).help(help));
    }

    /// Reports two keys of a table of which only one can be set.
    pub(super) fn exclusive(&mut self, [(first, first_at), (other, other_at)]: [(&str, Location); 2], help: &str) {
        self.sink.push(
            Diagnostic::error(Code::MC0122, format!("`{first}` and `{other}` are mutually exclusive in a test"))
                .at_label(other_at, format!("cannot be combined with `{first}`"))
                .related(first_at, format!("`{first}` is set here"))
                .help(help),
        );
    }

    /// `50ms`, `5s`, `2m`, `1h`. Zero by default.
    pub(super) fn duration(&mut self, written: Option<&Spanned<String>>) -> Duration {
        let Some(written) = written else { return Duration::ZERO };
        match duration(written) {
            Some(duration) if duration <= LONGEST => duration,
            Some(_) => {
                self.reject(written.location(), format!("{} is too long", short(written)), "the maximum is 366 days");
                Duration::ZERO
            }
            None => {
                let message = format!("{} is not a valid duration", short(written));
                self.reject(written.location(), message, "set a number and its unit: `50ms`, `5s`, `2m`, `1h`");
                Duration::ZERO
            }
        }
    }

    /// A time in nanoseconds since 1970.
    pub(super) fn time(&mut self, written: Option<&Spanned<String>>) -> u64 {
        let Some(written) = written else { return DEFAULT_TIME };
        time(written).unwrap_or_else(|reason| {
            let message = format!("{} is not a valid time: {reason}", short(written));
            self.reject(written.location(), message, "use the form of RFC 3339: `2025-01-01T00:00:00Z`");
            DEFAULT_TIME
        })
    }

    pub(super) fn regex(&mut self, written: &Spanned<String>) -> Option<Regex> {
        let error = match Regex::new(written) {
            Ok(regex) => return Some(regex),
            Err(error) => error,
        };
        let (reason, part) = syntax(written).unwrap_or_else(|| (error.to_string(), 0..written.len()));
        let location = written.part(self.sources, written, &part);
        let message = format!("{} is not a valid regular expression: {reason}", short(written));
        if reason == "unclosed group" {
            self.reject(location, message, "close the group, or escape the character: `\\(`");
        } else {
            self.sink.push(Diagnostic::error(Code::MC0119, message).at(location));
        }
        None
    }

    /// Whitespace is skipped: the `base64` command wraps its lines at 76 columns.
    fn base64(&mut self, written: &Spanned<String>) -> Vec<u8> {
        let (offsets, digits): (Vec<usize>, Vec<u8>) =
            written.bytes().enumerate().filter(|(_, byte)| !byte.is_ascii_whitespace()).unzip();
        BASE64.decode(digits).unwrap_or_else(|error| {
            let (reason, part) = match error {
                base64::DecodeError::InvalidByte(at, _) => {
                    let at = offsets.get(at).copied().unwrap_or_default();
                    let found = written.get(at..).and_then(|rest| rest.chars().next()).unwrap_or('?');
                    (format!("unexpected {found:?}"), at..at + found.len_utf8())
                }
                base64::DecodeError::InvalidPadding => ("its padding is wrong".to_owned(), 0..written.len()),
                _ => ("its length or last digit is wrong".to_owned(), 0..written.len()),
            };
            let location = written.part(self.sources, written, &part);
            let help = "encode the bytes with `base64 < FILE`, including the `=` at the end";
            self.reject(location, format!("{} is not valid base64: {reason}", short(written)), help);
            Vec::new()
        })
    }

    pub(super) fn bytes(&mut self, text: &Text) -> Vec<u8> {
        match text {
            Text::Plain(text) => text.as_bytes().to_vec(),
            Text::Base64(it) => self.base64(&it.base64),
        }
    }

    pub(super) fn matches(&mut self, expression: &Spanned<String>) -> Matcher {
        self.regex(expression).map_or_else(|| Matcher::Is(Vec::new()), Matcher::Matches)
    }

    pub(super) fn pattern(&mut self, pattern: &Pattern) -> Matcher {
        match pattern {
            Pattern::Is(text) => Matcher::Is(text.as_bytes().to_vec()),
            Pattern::Like(like) => self.matches(&like.matches),
        }
    }

    pub(super) fn body_pattern(&mut self, body: &Spanned<ExpectedBody>) -> Matcher {
        let pattern = match &**body {
            ExpectedBody::Is(text) => return Matcher::Is(text.as_bytes().to_vec()),
            ExpectedBody::Like(pattern) => pattern,
        };
        match (&pattern.matches, &pattern.base64) {
            (Some(expression), None) => self.matches(expression),
            (None, Some(text)) => Matcher::Is(self.base64(text)),
            (Some(matches), Some(base64)) => {
                let help = "an expected body is either bytes or an expression";
                self.exclusive([("matches", matches.key_location()), ("base64", base64.key_location())], help);
                Matcher::Is(Vec::new())
            }
            (None, None) => {
                let help =
                    "set the text itself, `{ matches = \"…\" }` or `{ base64 = \"…\" }`; an empty body is `\"\"`";
                self.reject(body.location(), "the expected body sets neither `matches` nor `base64`", help);
                Matcher::Is(Vec::new())
            }
        }
    }

    /// Reports the value of a header that HTTP/1.1 cannot transfer.
    pub(super) fn header_value(&mut self, name: &str, value: &str, location: Location) {
        let (reason, help) = if let Some(bad) = value.chars().find(|c| *c != '\t' && c.is_ascii_control()) {
            let help = "remove the character; a list of strings becomes a header of several lines";
            (format!("it contains {bad:?}, and HTTP allows no control characters"), help)
        } else if value.trim_matches([' ', '\t']) != value {
            let help = "remove the spaces";
            ("HTTP/1.1 drops spaces at the start and the end".to_owned(), help)
        } else {
            return;
        };
        let message = format!("{} is not a valid value of {}: {reason}", short(value), short(name));
        self.reject(location, message, help);
    }
}

/// A text in the form in which a one-line message quotes it.
pub(super) fn short(text: &str) -> String {
    const LONGEST: usize = 60;
    let mut shown: String = text.chars().take(LONGEST).collect();
    shown.push_str(if shown.len() < text.len() { "…" } else { "" });
    let is_plain = !shown.is_empty() && shown.trim() == shown && !shown.contains(|c: char| c.is_control() || c == '`');
    if is_plain { format!("`{shown}`") } else { format!("{shown:?}") }
}

/// Whether a text is an HTTP token (RFC 9110, 5.6.2). Header names and methods are tokens.
pub(super) fn is_token(text: &str) -> bool {
    let mark = |byte: u8| b"!#$%&'*+-.^_`|~".contains(&byte);
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || mark(byte))
}

/// One whole number with one unit. jiff alone would also read `1h 30m`, `1.5s` and `1 day`.
pub(in crate::resolve) fn duration(text: &str) -> Option<Duration> {
    let unit = text.trim_start_matches(|c: char| c.is_ascii_digit());
    let is_plain = unit.len() < text.len() && matches!(unit, "ms" | "s" | "m" | "h");
    let duration: SignedDuration = is_plain.then(|| text.parse().ok())??;
    Duration::try_from(duration).ok()
}

/// What is wrong with an expression, in the words of the regex crate, and where.
fn syntax(text: &str) -> Option<(String, Range<usize>)> {
    let describe =
        |reason: &dyn Display, span: &regex_syntax::ast::Span| (reason.to_string(), span.start.offset..span.end.offset);
    match regex_syntax::ParserBuilder::new().utf8(false).build().parse(text).err()? {
        regex_syntax::Error::Parse(error) => Some(describe(error.kind(), error.span())),
        regex_syntax::Error::Translate(error) => Some(describe(error.kind(), error.span())),
        _ => None,
    }
}

/// An RFC 3339 time as nanoseconds since 1970. TOML's grammar is RFC 3339's; jiff alone would also read other forms of ISO 8601.
fn time(text: &str) -> Result<u64, String> {
    let written: Datetime = text.parse().map_err(|error: toml::value::DatetimeParseError| error.to_string())?;
    let (Some(date), Some(time)) = (written.date, written.time) else {
        return Err("a date and a time of day are required".to_owned());
    };
    let minutes = match written.offset {
        Some(toml::value::Offset::Z) => 0,
        Some(toml::value::Offset::Custom { minutes }) => i64::from(minutes),
        None => return Err("the time zone is missing; `Z` is UTC".to_owned()),
    };
    // Added separately, because jiff rejects a leap second.
    let seconds = SignedDuration::from_secs(i64::from(time.second.unwrap_or(0)));
    let [month, day, hour, minute] = [date.month, date.day, time.hour, time.minute].map(u8::cast_signed);
    let timestamp = civil::DateTime::new(date.year.cast_signed(), month, day, hour, minute, 0, 0)
        .and_then(|time| Offset::UTC.to_timestamp(time))
        .and_then(|utc| utc.checked_add(seconds - SignedDuration::from_mins(minutes)))
        .map_err(|error| error.to_string())?;
    // A signed 64-bit count of nanoseconds overflows in 2262. The limit leaves room for `after`.
    let nanos = timestamp.as_nanosecond() + i128::from(time.nanosecond.unwrap_or(0));
    i64::try_from(nanos)
        .ok()
        .and_then(|nanos| u64::try_from(nanos).ok())
        .ok_or_else(|| "it is not between 1970 and 2262".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_duration_is_a_number_and_a_unit() {
        assert_eq!(duration("50ms"), Some(Duration::from_millis(50)));
        assert_eq!(duration("0s"), Some(Duration::ZERO));
        assert_eq!(duration("2m"), Some(Duration::from_secs(120)));
        assert_eq!(duration("1h"), Some(Duration::from_secs(3600)));
        for bad in [
            "",
            "5",
            "s",
            "1.5s",
            "-1s",
            "5 s",
            "5S",
            "1d",
            "1h30m",
            "1sec",
            "99999999999999999999s",
            "18446744073709551615h",
        ] {
            assert_eq!(duration(bad), None, "{bad}");
        }
    }

    #[test]
    fn a_time_is_in_rfc_3339_form() {
        assert_eq!(time("2025-01-01T00:00:00Z"), Ok(DEFAULT_TIME));
        assert_eq!(time("1970-01-01T00:00:00.5Z"), Ok(500_000_000));
        assert_eq!(time("2000-02-29T12:00:00Z"), Ok(951_825_600_000_000_000));
        assert_eq!(time("2025-01-01T02:00:00+02:00"), Ok(DEFAULT_TIME));
        assert_eq!(time("2024-12-31 23:59:60z"), Ok(DEFAULT_TIME));
        for bad in [
            "",
            "2025-01-01",
            "2025-01-01T00:00:00",
            "2025-01-01T00Z",
            "20250101T000000Z",
            "2025-01-01T00:00:00Z[UTC]",
            "00:00:00",
            "2023-02-29T00:00:00Z",
            "1969-12-31T23:59:59Z",
            "2263-01-01T00:00:00Z",
            "tomorrow",
        ] {
            assert!(time(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_token_has_no_separators() {
        assert!(is_token("x-a") && is_token("X_a.b~1"));
        assert!(!["", "a b", "a:b", "é", "a\n", ":path", "a/b"].into_iter().any(is_token));
    }
}
