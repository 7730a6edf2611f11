//! Checks header names and values while the configuration is parsed, so that a value that the proxy
//! cannot handle is rejected before the first request.

/// The result of a check: on failure, the problem and its fix.
pub(crate) type Checked = Result<(), (String, String)>;

/// Whose headers are edited.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Side {
    Request,
    Response,
}

impl Side {
    fn pseudo_headers(self) -> &'static [&'static str] {
        match self {
            Self::Request => &[":authority", ":method", ":path", ":scheme"],
            Self::Response => &[":status"],
        }
    }
}

/// Checks the name of a header to add or remove. Each pseudo-header occurs exactly once, so it can be neither.
pub(crate) fn added_or_removed(side: Side, name: &str) -> Checked {
    if name.starts_with(':') {
        return problem(format!("`{name}` is a pseudo-header"), "it can only be replaced");
    }
    replaced(side, name)
}

/// Checks the name of a header to replace.
pub(crate) fn replaced(side: Side, name: &str) -> Checked {
    if name.starts_with(':') {
        let known = side.pseudo_headers();
        if known.contains(&name) {
            return Ok(());
        }
        return problem(format!("`{name}` is no pseudo-header here"), &format!("use one of {}", known.join(", ")));
    }
    // The proxy stores `Host` as `:authority`. Without it, every request is invalid.
    if matches!(side, Side::Request) && name == "host" {
        return problem("`host` is kept as `:authority`".to_owned(), "replace `:authority`");
    }
    if is_token(name) {
        return Ok(());
    }
    let lower = name.to_ascii_lowercase();
    if is_token(&lower) {
        return problem(format!("`{name}` is not a lower-case header name"), &format!("write `{lower}`"));
    }
    problem(format!("`{name}` is not a header name"), "use lower-case letters, digits and - _ . only")
}

/// Checks a value for the header `name`.
pub(crate) fn value(name: &str, value: &str) -> Checked {
    if value.chars().any(|char| char.is_control() && char != '\t') {
        return problem("the value has a control character".to_owned(), "remove it: a header is one line of text");
    }
    if name == ":status" && !is_status(value) {
        return problem(format!("`{value}` is not a status"), "write three digits, 200 to 599");
    }
    if name == ":path" && !value.starts_with('/') {
        return problem(format!("`{value}` is not a path"), "start it with `/`");
    }
    if name.starts_with(':') && value.is_empty() {
        return problem("the value is empty".to_owned(), "a pseudo-header needs a value");
    }
    Ok(())
}

/// Whether HTTP/2 allows the name: RFC 9110 token characters, without capital letters.
fn is_token(name: &str) -> bool {
    !name.is_empty()
        && name
            .bytes()
            .all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"!#$%&'*+-.^_`|~".contains(&byte))
}

/// Whether the value is a final status. After a 1xx status, the client would wait for another response.
fn is_status(value: &str) -> bool {
    value.len() == 3 && value.parse().is_ok_and(|status: u16| (200..=599).contains(&status))
}

fn problem(what: String, fix: &str) -> Checked {
    Err((what, fix.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(checked: Checked) -> String {
        let (what, fix) = checked.expect_err("the check fails");
        format!("{what}; {fix}")
    }

    #[test]
    fn lower_case_tokens_are_valid_names() {
        for name in ["x-a", "x_a", "server", "1", "!#$%&'*+-.^_`|~"] {
            assert_eq!(added_or_removed(Side::Request, name), Ok(()), "{name}");
            assert_eq!(replaced(Side::Response, name), Ok(()), "{name}");
        }
    }

    #[test]
    fn other_names_are_rejected() {
        let hint = "use lower-case letters, digits and - _ . only";
        for name in ["", "x a", "x\n", "é", "x:"] {
            let checked = replaced(Side::Request, name);
            assert_eq!(message(checked), format!("`{name}` is not a header name; {hint}"));
        }
        assert_eq!(message(replaced(Side::Request, "X-Up")), "`X-Up` is not a lower-case header name; write `x-up`");
    }

    #[test]
    fn pseudo_headers_can_only_be_replaced_and_only_on_their_side() {
        assert_eq!(replaced(Side::Request, ":path"), Ok(()));
        assert_eq!(replaced(Side::Response, ":status"), Ok(()));
        assert_eq!(
            message(added_or_removed(Side::Request, ":path")),
            "`:path` is a pseudo-header; it can only be replaced"
        );
        assert_eq!(
            message(replaced(Side::Request, ":status")),
            "`:status` is no pseudo-header here; use one of :authority, :method, :path, :scheme"
        );
    }

    #[test]
    fn host_is_valid_only_in_a_response() {
        assert_eq!(replaced(Side::Response, "host"), Ok(()));
        assert_eq!(
            message(added_or_removed(Side::Request, "host")),
            "`host` is kept as `:authority`; replace `:authority`"
        );
    }

    #[test]
    fn values_must_be_one_line_of_text() {
        for text in ["", "a\tb", "é"] {
            assert_eq!(value("x-a", text), Ok(()), "{text:?}");
        }
        for text in ["a\r\nb", "\0", "\u{7f}"] {
            assert!(value("x-a", text).is_err(), "{text:?}");
        }
    }

    #[test]
    fn pseudo_headers_need_values_that_the_proxy_can_parse() {
        for (name, text) in [(":status", "200"), (":path", "/"), (":method", "GET")] {
            assert_eq!(value(name, text), Ok(()));
        }
        for (name, text) in [
            (":status", "99"),
            (":status", "100"),
            (":status", "600"),
            (":status", "+20"),
            (":path", "a"),
            (":path", ""),
            (":method", ""),
        ] {
            assert!(value(name, text).is_err(), "{name} {text}");
        }
    }
}
