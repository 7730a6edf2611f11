//! How Envoy's header maps store fields (envoy/http/header_map.h, source/common/http/header_map_impl.cc).

use crate::message::Fields;

/// Fields that Envoy stores inline: each exists once, and a second value is appended with a comma.
const INLINE: [&str; 61] = [
    ":authority",
    ":method",
    ":path",
    ":protocol",
    ":scheme",
    ":status",
    "accept",
    "accept-encoding",
    "access-control-allow-credentials",
    "access-control-allow-headers",
    "access-control-allow-methods",
    "access-control-allow-origin",
    "access-control-expose-headers",
    "access-control-max-age",
    "access-control-request-headers",
    "access-control-request-method",
    "authorization",
    "cache-control",
    "connection",
    "content-encoding",
    "content-length",
    "content-type",
    "date",
    "etag",
    "expires",
    "grpc-message",
    "grpc-status",
    "grpc-timeout",
    "keep-alive",
    "last-modified",
    "location",
    "origin",
    "pragma",
    "proxy-connection",
    "referer",
    "server",
    "te",
    "transfer-encoding",
    "upgrade",
    "user-agent",
    "vary",
    "via",
    "x-client-trace-id",
    "x-envoy-attempt-count",
    "x-envoy-decorator-operation",
    "x-envoy-downstream-service-cluster",
    "x-envoy-downstream-service-node",
    "x-envoy-expected-rq-timeout-ms",
    "x-envoy-external-address",
    "x-envoy-force-trace",
    "x-envoy-internal",
    "x-envoy-max-retries",
    "x-envoy-retry-on",
    "x-envoy-upstream-rq-timeout-ms",
    "x-envoy-upstream-service-time",
    "x-forwarded-client-cert",
    "x-forwarded-for",
    "x-forwarded-host",
    "x-forwarded-port",
    "x-forwarded-proto",
    "x-request-id",
];

/// Adds a field. Pseudo-headers stay before all others.
pub(crate) fn add(fields: &mut Fields, name: &[u8], value: &[u8]) {
    let name = name.to_ascii_lowercase();
    let inline = std::str::from_utf8(&name).is_ok_and(|name| INLINE.binary_search(&name).is_ok());
    if inline && let Some((_, old)) = fields.0.iter_mut().find(|(other, _)| *other == name) {
        old.push(b',');
        old.extend_from_slice(value);
        return;
    }
    let end = fields.0.len();
    let at = if name.starts_with(b":") {
        fields.0.iter().position(|(other, _)| !other.starts_with(b":")).unwrap_or(end)
    } else {
        end
    };
    fields.0.insert(at, (name, value.to_vec()));
}

/// Removes all values of a field, and adds this one after all other fields.
pub(crate) fn replace(fields: &mut Fields, name: &[u8], value: &[u8]) {
    remove(fields, name);
    add(fields, name, value);
}

pub(crate) fn remove(fields: &mut Fields, name: &[u8]) {
    let name = name.to_ascii_lowercase();
    fields.0.retain(|(other, _)| *other != name);
}

/// A message's fields as Envoy's codec delivers them.
pub(crate) fn received(fields: &Fields) -> Fields {
    let mut received = Fields::default();
    for (name, value) in &fields.0 {
        add(&mut received, name, value);
    }
    received
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_inline_fields_are_sorted() {
        assert!(INLINE.is_sorted());
    }

    /// As observed on Envoy 1.40.
    #[test]
    fn pseudo_headers_are_joined_and_stay_in_front() {
        let mut fields: Fields = [(":path", "/"), (":method", "GET"), ("x", "1")].into_iter().collect();
        add(&mut fields, b":path", b"/two");
        add(&mut fields, b"X", b"2");
        replace(&mut fields, b":method", b"PUT");
        replace(&mut fields, b":authority", b"a");
        let expected: Fields = [(":path", "/,/two"), (":method", "PUT"), (":authority", "a"), ("x", "1"), ("x", "2")]
            .into_iter()
            .collect();
        assert_eq!(fields, expected);
    }
}
