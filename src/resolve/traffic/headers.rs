//! The headers and trailers of a test's messages.

use std::collections::BTreeMap;

use mesh_compile_host::Fields;

use super::values::{Check, is_token, short};
use crate::diag::{Code, Diagnostic, Location};
use crate::spec::Spanned;
use crate::spec::types::traffic::{self, Values};

/// Headers that belong to the connection or that Envoy responds to itself. No proxy passes them on unchanged.
const OF_THE_CONNECTION: [&str; 5] = ["connection", "expect", "keep-alive", "proxy-connection", "upgrade"];
/// Headers that define the end of a body.
pub(super) const LENGTH: &str = "content-length";
pub(super) const ENCODING: &str = "transfer-encoding";
/// The characters of a header name, as the help of a diagnostic.
pub(super) const TOKEN: &str = "letters, digits and ``!#$%&'*+-.^_`|~`` are allowed";

/// The part of a message that fields belong to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Part {
    RequestHeaders,
    ResponseHeaders,
    Trailers,
}

impl Check<'_> {
    pub(super) fn fields(&mut self, written: Option<&Spanned<traffic::Fields>>, part: Part) -> Fields {
        let mut fields = Fields::default();
        let Some(written) = written else { return fields };
        self.once(written);
        for (name, values) in written.iter() {
            self.field_name(name, part, values.key_location());
            let values: Vec<_> = match &**values {
                Values::One(value) => vec![(value.as_str(), values.location())],
                Values::Several(values) => values.iter().map(|value| (value.as_str(), value.location())).collect(),
            };
            for (value, location) in values {
                self.header_value(name, value, location);
                if name.eq_ignore_ascii_case(ENCODING) && value != "chunked" {
                    let message = format!("tests do not support the transfer encoding {}", short(value));
                    self.reject(location, message, "valid value: `chunked`");
                }
                fields.add(name, value);
            }
        }
        fields
    }

    fn field_name(&mut self, name: &str, part: Part, location: Location) {
        let lower = name.to_ascii_lowercase();
        let (reason, help) = match (lower.as_str(), part) {
            (":method" | ":path" | ":authority" | ":scheme", Part::RequestHeaders) => {
                let key = &lower[1..];
                (format!("`{name}` has its own key"), format!("set `{key} = \"…\"` next to `headers`"))
            }
            ("host", Part::RequestHeaders) => {
                ("`host` has its own key".to_owned(), "set `authority = \"…\"` next to `headers`".to_owned())
            }
            (":status", Part::ResponseHeaders) => {
                (format!("`{name}` has its own key"), "set `status = …` next to `headers`".to_owned())
            }
            (LENGTH | ENCODING, Part::Trailers) => (format!("`{name}` cannot be a trailer"), "remove it".to_owned()),
            _ if OF_THE_CONNECTION.contains(&lower.as_str()) => {
                let reason = format!("a test cannot send `{name}`: the header applies to a single connection");
                (reason, "remove it: proxies never pass it on unchanged".to_owned())
            }
            _ if !is_token(name) => (format!("{} is not a valid header name", short(name)), TOKEN.to_owned()),
            _ => return,
        };
        self.reject(location, reason, help);
    }

    /// Reports names that differ only in case: they are one header.
    pub(super) fn once<T>(&mut self, fields: &BTreeMap<String, Spanned<T>>) {
        let mut seen = BTreeMap::new();
        for (name, values) in fields {
            if let Some((first, location)) = seen.insert(name.to_ascii_lowercase(), (name, values.key_location())) {
                self.sink.push(
                    Diagnostic::error(Code::MC0119, format!("`{first}` and `{name}` are the same header"))
                        .at_label(values.key_location(), "set again here")
                        .related(location, "first set here")
                        .help("set it once, with a list of its values"),
                );
            }
        }
    }
}
