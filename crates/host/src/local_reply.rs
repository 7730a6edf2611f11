//! Responses that the proxy or a filter sends in the workload's place.

use crate::field;
use crate::message::{Fields, Message};

/// A response in the workload's place.
#[derive(Debug, Clone)]
pub(crate) struct LocalReply {
    pub(crate) code: u32,
    pub(crate) body: Vec<u8>,
    pub(crate) headers: Fields,
    /// The response code details.
    pub(crate) details: String,
    /// `None`: derived from the code.
    pub(crate) grpc_status: Option<u32>,
}

/// gRPC's status of a service that cannot be reached.
pub(crate) const UNAVAILABLE: u32 = 14;

/// The gRPC status for an HTTP status (Envoy's source/common/grpc/common.cc, `httpToGrpcStatus`).
const fn grpc_status(code: u32) -> u32 {
    match code {
        400 => 13,
        401 => 16,
        403 => 7,
        404 => 12,
        429 | 502 | 503 | 504 => UNAVAILABLE,
        _ => 2,
    }
}

impl LocalReply {
    /// A reply of the proxy itself.
    pub(crate) fn of_proxy(code: u32, body: &str, details: &str) -> Self {
        Self { code, body: body.into(), headers: Fields::default(), details: details.into(), grpc_status: None }
    }

    /// The reply for a filter whose VM has failed.
    pub(crate) fn failed() -> Self {
        Self { grpc_status: Some(UNAVAILABLE), ..Self::of_proxy(503, "", "wasm_fail_stream") }
    }

    /// The reply as a message. The response to a gRPC request is a gRPC response.
    pub(crate) fn to_message(&self, grpc: bool) -> Message {
        let mut headers = Fields::default();
        if grpc {
            let status = self.grpc_status.unwrap_or_else(|| grpc_status(self.code)).to_string();
            self.start(&mut headers, "200");
            set(&mut headers, "content-type", b"application/grpc");
            set(&mut headers, "grpc-status", status.as_bytes());
            if !self.body.is_empty() {
                set(&mut headers, "grpc-message", percent_encoded(&self.body).as_bytes());
            }
            return Message { headers, ..Message::default() };
        }
        self.start(&mut headers, &self.code.to_string());
        if self.body.is_empty() {
            return Message { headers, ..Message::default() };
        }
        set(&mut headers, "content-length", self.body.len().to_string().as_bytes());
        if headers.first("content-type").is_none() {
            headers.add("content-type", "text/plain");
        }
        Message { headers, body: vec![self.body.clone()], trailers: None }
    }

    /// Adds the status and the filter's own fields. The filter cannot override the status.
    fn start(&self, fields: &mut Fields, status: &str) {
        fields.add(":status", status);
        self.headers.0.iter().for_each(|(name, value)| field::add(fields, name, value));
        set(fields, ":status", status.as_bytes());
    }
}

/// Overwrites the field, or adds it.
fn set(fields: &mut Fields, name: &str, value: &[u8]) {
    match fields.0.iter_mut().find(|(other, _)| other == name.as_bytes()) {
        Some((_, written)) => *written = value.to_vec(),
        None => fields.add(name, value),
    }
}

/// A message as gRPC encodes it in a header (Envoy's `Utility::PercentEncoding::encode`).
fn percent_encoded(bytes: &[u8]) -> String {
    let mut text = String::new();
    for byte in bytes {
        match byte {
            b'%' | ..b' ' | b'~'.. => text.push_str(&format!("%{byte:02X}")),
            _ => text.push(char::from(*byte)),
        }
    }
    text
}
