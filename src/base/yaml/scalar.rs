//! What a scalar without quotes stands for, as kubectl reads it.
//!
//! kubectl, Argo CD and Flux read YAML 1.1 with go-yaml 2 (`resolve.go`, in sigs.k8s.io/yaml/goyaml.v2): `on` is true, `0x10` is 16,
//! `017` is 15 and `1_000` is 1000, but `1:30` and a date stay strings.

use serde_json::Number;

use super::super::Value;
use super::Dialect;

/// The value of a plain scalar.
pub(super) fn plain(text: &str, dialect: Dialect) -> Value {
    let is_word = |text: &str| text.len() <= 3 && !matches!(text, "" | "~");
    if dialect == Dialect::Kustomize && is_word(text) && matches!(plain(text, Dialect::Kubectl), Value::Boolean(_)) {
        return Value::String(text.to_owned());
    }
    match text {
        "" | "~" | "null" | "Null" | "NULL" => Value::Null,
        "y" | "Y" | "yes" | "Yes" | "YES" | "true" | "True" | "TRUE" | "on" | "On" | "ON" => Value::Boolean(true),
        "n" | "N" | "no" | "No" | "NO" | "false" | "False" | "FALSE" | "off" | "Off" | "OFF" => Value::Boolean(false),
        _ => number(text).map_or_else(|| Value::String(text.to_owned()), Value::Number),
    }
}

/// The number that the text stands for. JSON has no infinity and no NaN, so these stay text.
fn number(text: &str) -> Option<Number> {
    match text.as_bytes().first()? {
        b'.' => is_float(text).then(|| float(text)).flatten(),
        b'+' | b'-' | b'0'..=b'9' => {
            let digits = text.replace('_', "");
            integer(&digits).or_else(|| is_float(&digits).then(|| float(&digits)).flatten())
        }
        _ => None,
    }
}

/// A Go integer literal with an optional sign, as `strconv.ParseInt` reads it with base 0.
fn integer(text: &str) -> Option<Number> {
    let (negative, digits) = match text.as_bytes().first()? {
        b'-' => (true, &text[1..]),
        b'+' => (false, &text[1..]),
        _ => (false, text),
    };
    let prefix = digits.get(..2).map(str::to_ascii_lowercase);
    let (digits, radix) = match prefix.as_deref() {
        Some("0x") => (&digits[2..], 16),
        Some("0b") => (&digits[2..], 2),
        Some("0o") => (&digits[2..], 8),
        Some(octal) if octal.starts_with('0') => (&digits[1..], 8),
        _ => (digits, 10),
    };
    if !digits.starts_with(|first: char| first.is_digit(radix)) {
        return None;
    }
    let magnitude = u64::from_str_radix(digits, radix).ok()?;
    if negative {
        return 0_i64.checked_sub_unsigned(magnitude).map(Number::from);
    }
    // Kubernetes has no larger integers: these become floats.
    i64::try_from(magnitude).ok().map(Number::from)
}

/// `[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?`
fn is_float(text: &str) -> bool {
    let unsigned = text.strip_prefix(['-', '+']).unwrap_or(text);
    let (mantissa, exponent) =
        unsigned.split_once(['e', 'E']).map_or((unsigned, None), |(mantissa, exponent)| (mantissa, Some(exponent)));
    let digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    let whole = match mantissa.split_once('.') {
        Some(("", fraction)) => !fraction.is_empty() && digits(fraction),
        Some((whole, fraction)) => digits(whole) && digits(fraction),
        None => !mantissa.is_empty() && digits(mantissa),
    };
    let is_exponent = |text: &str| {
        let text = text.strip_prefix(['-', '+']).unwrap_or(text);
        !text.is_empty() && digits(text)
    };
    whole && exponent.is_none_or(is_exponent)
}

/// A whole number is an integer: JSON, through which every manifest goes, doesn't tell `8.0` from `8`.
fn float(text: &str) -> Option<Number> {
    const EXACT: f64 = 9_007_199_254_740_992.0; // 2^53
    let float: f64 = text.parse().ok()?;
    if float.fract() == 0.0 && float.abs() <= EXACT {
        #[expect(clippy::cast_possible_truncation, reason = "a whole number below 2^53")]
        return Some(Number::from(float as i64));
    }
    Number::from_f64(float)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(text: &str) -> String {
        match plain(text, Dialect::Kubectl) {
            Value::Null => "null".to_owned(),
            Value::Boolean(value) => value.to_string(),
            Value::Number(number) => number.to_string(),
            Value::String(text) => format!("{text:?}"),
            Value::List(_) | Value::Map(_) => unreachable!("a scalar"),
        }
    }

    #[test]
    fn words_are_those_of_yaml_1_1() {
        for word in ["y", "Yes", "on", "ON", "true", "True"] {
            assert_eq!(shown(word), "true");
        }
        for word in ["n", "NO", "Off", "false"] {
            assert_eq!(shown(word), "false");
        }
        for word in ["", "~", "null", "NULL"] {
            assert_eq!(shown(word), "null");
        }
        for word in ["yES", "nil", "none", "v1", "tRue"] {
            assert_eq!(shown(word), format!("{word:?}"));
        }
    }

    #[test]
    fn kustomize_knows_fewer_booleans() {
        for text in ["on", "Y", "no", "OFF"] {
            assert!(matches!(plain(text, Dialect::Kustomize), Value::String(_)), "{text}");
        }
        for text in ["true", "False"] {
            assert!(matches!(plain(text, Dialect::Kustomize), Value::Boolean(_)), "{text}");
        }
    }

    #[test]
    fn numbers_are_those_of_go() {
        let numbers = [
            ("0", "0"),
            ("-1", "-1"),
            ("+1", "1"),
            ("1_000", "1000"),
            ("0x10", "16"),
            ("0X1f", "31"),
            ("-0x10", "-16"),
            ("0b11", "3"),
            ("0o17", "15"),
            ("017", "15"),
            ("08", "8"),
            ("1e3", "1000"),
            ("1.5", "1.5"),
            (".5", "0.5"),
            ("1.", "1"),
            ("18446744073709551615", "1.8446744073709552e+19"),
            ("-9223372036854775808", "-9223372036854775808"),
            ("18446744073709551616", "1.8446744073709552e+19"),
        ];
        for (text, number) in numbers {
            assert_eq!(shown(text), number, "{text}");
        }
    }

    #[test]
    fn what_only_looks_like_a_number_is_a_string() {
        for text in [
            "1:30",
            "2001-12-14",
            "1.2.3",
            "0x",
            "0xg",
            "1e",
            "--1",
            "+-1",
            "-",
            "+",
            ".",
            "..",
            ".inf",
            ".nan",
            "1.28a",
            "_1",
        ] {
            assert_eq!(shown(text), format!("{text:?}"), "{text}");
        }
    }
}
