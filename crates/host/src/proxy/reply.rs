//! Answers in the workload's place, and what the router does (Envoy's source/common/http/filter_manager.cc, `sendLocalReply`, and
//! source/common/router/router.cc).

use super::Proxy;
use crate::field;
use crate::message::{Fields, Message};
use crate::outcome::Call;
use crate::state::LocalResponse;
use crate::stream::{DataRef, Side};
use crate::world::Event;

/// An answer in the workload's place.
#[derive(Debug, Clone)]
pub(super) struct Reply {
    code: u32,
    body: Vec<u8>,
    headers: Fields,
    details: String,
    grpc_status: Option<u32>,
}

/// gRPC's status for each of HTTP's (Envoy's source/common/grpc/common.cc, `httpToGrpcStatus`).
const fn grpc_status(code: u32) -> u32 {
    match code {
        400 => 13,
        401 => 16,
        403 => 7,
        404 => 12,
        429 | 502 | 503 | 504 => 14,
        _ => 2,
    }
}

/// The details of an answer that the workload gave.
pub(super) const VIA_UPSTREAM: &str = "via_upstream";
/// gRPC's status of a proxy that cannot answer.
const UNAVAILABLE: u32 = 14;

impl Reply {
    pub(super) fn of(response: LocalResponse) -> Self {
        let LocalResponse { code, details, body, headers, grpc_status } = response;
        Self { code, body, headers, details, grpc_status }
    }

    /// What a filter's failed VM gives.
    pub(super) fn failed() -> Self {
        Self { grpc_status: Some(UNAVAILABLE), ..Self::own(503, "", "wasm_fail_stream") }
    }

    pub(super) fn own(code: u32, body: &str, details: &str) -> Self {
        Self { code, body: body.into(), headers: Fields::default(), details: details.into(), grpc_status: None }
    }

    /// The status and the filter's own fields; the status is not one of these.
    fn start(&self, fields: &mut Fields, status: &str) {
        fields.add(":status", status);
        self.headers.0.iter().for_each(|(name, value)| field::add(fields, name, value));
        set(fields, ":status", status.as_bytes());
    }

    /// Its headers and its body, for a request that is gRPC's or not.
    fn message(&self, grpc: bool) -> (Fields, Vec<u8>) {
        let mut fields = Fields::default();
        if grpc {
            let status = self.grpc_status.unwrap_or_else(|| grpc_status(self.code)).to_string();
            self.start(&mut fields, "200");
            set(&mut fields, "content-type", b"application/grpc");
            set(&mut fields, "grpc-status", status.as_bytes());
            if !self.body.is_empty() {
                set(&mut fields, "grpc-message", percent_encoded(&self.body).as_bytes());
            }
            return (fields, Vec::new());
        }
        self.start(&mut fields, &self.code.to_string());
        if !self.body.is_empty() {
            set(&mut fields, "content-length", self.body.len().to_string().as_bytes());
            if fields.first("content-type").is_none() {
                fields.add("content-type", "text/plain");
            }
        }
        (fields, self.body.clone())
    }
}

/// Writes a field over the one that is there.
fn set(fields: &mut Fields, name: &str, value: &[u8]) {
    match fields.0.iter_mut().find(|(other, _)| other == name.as_bytes()) {
        Some((_, written)) => *written = value.to_vec(),
        None => fields.add(name, value),
    }
}

/// A message as gRPC writes it in a header (Envoy's `Utility::PercentEncoding::encode`).
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

impl Proxy<'_> {
    /// `sendLocalReply`.
    pub(super) fn local_reply(&mut self, reply: Reply) {
        if self.chain.over {
            return;
        }
        if self.chain.in_request > 0 {
            self.chain.request_aborted = true;
        } else if self.chain.in_response > 0 {
            self.chain.response_aborted = true;
        }
        if let Some(stream) = &mut self.world.borrow_mut().stream {
            stream.info.details = Some(reply.details.clone());
        }
        if self.headers_of(Side::Response).is_none() {
            if self.chain.in_request > 0 {
                // Of two the first is sent.
                self.chain.prepared.get_or_insert(reply);
            } else {
                self.send_through_chain(&reply);
            }
        } else if !self.chain.answered {
            self.send_directly(&reply);
        } else {
            self.chain.reset = true;
            self.chain.over = true;
        }
    }

    /// `executeLocalReplyIfPrepared`.
    pub(super) fn send_prepared(&mut self) {
        if let Some(reply) = self.chain.prepared.take() {
            self.send_through_chain(&reply);
        }
    }

    fn send_through_chain(&mut self, reply: &Reply) {
        // The callbacks that led here are not the answer's.
        let in_request = std::mem::take(&mut self.chain.in_request);
        let (headers, mut body) = reply.message(self.chain.grpc);
        if self.chain.head {
            body.clear();
        }
        let end = body.is_empty();
        let data = {
            let mut world = self.world.borrow_mut();
            let Some(stream) = &mut world.stream else { return };
            stream.info.code = code_of(&headers);
            stream.response.headers = Some(headers);
            stream.response.ended = true;
            (!end).then(|| stream.chunk(body))
        };
        self.headers(Side::Response, 0, end);
        if let Some(data) = data {
            self.data(Side::Response, 0, data, true);
        }
        self.chain.in_request = in_request;
    }

    /// `sendDirectLocalReply`: past the filters, so that none of them sees two answers.
    fn send_directly(&mut self, reply: &Reply) {
        let (headers, body) = reply.message(self.chain.grpc);
        if let Some(stream) = &mut self.world.borrow_mut().stream {
            stream.response.headers = Some(headers.clone());
            stream.response.trailers = None;
        }
        let end = body.is_empty() || self.chain.head;
        self.answer(headers, end);
        if !end {
            if let Some(client) = &mut self.chain.client {
                client.body.push(body);
            }
            self.ended(Side::Response);
        }
    }

    pub(super) fn reset_stream(&mut self, details: &str) {
        if self.chain.over {
            return;
        }
        if let Some(stream) = &mut self.world.borrow_mut().stream {
            stream.info.details.get_or_insert_with(|| details.to_owned());
        }
        self.chain.reset = true;
        self.chain.over = true;
    }

    /// More was kept back than there is room for.
    pub(super) fn too_large(&mut self, side: Side) {
        match side {
            Side::Request => self.local_reply(Reply::own(413, "Payload Too Large", "request_payload_too_large")),
            Side::Response if self.chain.answered => self.reset_stream("response_payload_too_large"),
            Side::Response => self.local_reply(Reply::own(500, "Internal Server Error", "response_payload_too_large")),
        }
    }

    /// The router gets headers. What it cannot route or send it answers itself.
    pub(super) fn route(&mut self, headers: Fields, end: bool) {
        let missing = |name: &str| headers.first(name).is_none();
        if missing(":path") || missing("x-forwarded-proto") {
            return self.local_reply(Reply::own(404, "", "route_not_found"));
        }
        let wrong = if missing(":method") {
            Some("missing required header: :method".to_owned())
        } else {
            headers.0.iter().find_map(|(name, value)| invalid(name, value))
        };
        if let Some(wrong) = wrong {
            let details = format!("filter_removed_required_request_headers{{{}}}", wrong.replace(' ', "_"));
            return self.local_reply(Reply::own(503, &wrong, &details));
        }
        let sent = with_length(on_the_wire(headers, &self.chain.scheme), end);
        self.chain.workload = Some(Message { headers: sent, body: Vec::new(), trailers: None });
        if end {
            self.request_sent();
        }
    }

    /// The workload has got the whole request: it answers.
    pub(super) fn request_sent(&mut self) {
        if !std::mem::replace(&mut self.chain.requested, true) {
            // The workload's answer always has room.
            let _ = self.world.borrow_mut().schedule(0, Event::Upstream);
        }
    }

    /// The client gets headers (`encodeHeaders` of the last filter, and the codec).
    pub(super) fn answer(&mut self, headers: Fields, end: bool) {
        let Some(status) = headers.first(":status").map(<[u8]>::to_vec) else {
            const MISSING: &str = "missing required header: :status";
            let details = "filter_removed_required_response_headers{missing_required_header:_:status}";
            return self.local_reply(Reply::own(502, MISSING, details));
        };
        if let Some(stream) = &mut self.world.borrow_mut().stream {
            stream.info.code = code_of(&headers);
        }
        self.chain.answered = true;
        let mut sent = headers;
        // Of the pseudo-headers the codec writes only this.
        sent.0.retain(|(name, _)| name == b":status" || !name.starts_with(b":"));
        let bodiless = self.chain.head || status == b"204" || status == b"304" || status.starts_with(b"1");
        if end && !bodiless && sent.first("content-length").is_none() {
            sent.add("content-length", "0");
        }
        self.chain.client = Some(Message { headers: sent, body: Vec::new(), trailers: None });
        if end {
            self.ended(Side::Response);
        }
    }

    /// A chunk to be handed through the chain.
    pub(super) fn chunk(&self, side: Side, bytes: Vec<u8>) -> Option<DataRef> {
        let mut world = self.world.borrow_mut();
        let stream = world.stream.as_mut()?;
        stream.way_mut(side).size += bytes.len() as u64;
        Some(stream.chunk(bytes))
    }
}

/// A request as HTTP/1.1 has it: pseudo-headers in one order. The scheme is the client's: what a filter makes of it nobody hears of.
fn on_the_wire(mut headers: Fields, scheme: &[u8]) -> Fields {
    const ORDER: [&str; 3] = [":authority", ":path", ":method"];
    let mut sent = Fields::default();
    for name in ORDER {
        headers.first(name).into_iter().for_each(|value| sent.add(name, value));
    }
    sent.add(":scheme", scheme);
    headers.0.retain(|(name, _)| !name.starts_with(b":"));
    sent.0.extend(headers.0);
    sent
}

/// Envoy says of a request without a body that it has none, where its method would let it have one.
fn with_length(mut headers: Fields, empty: bool) -> Fields {
    let bodiless = matches!(headers.first(":method").unwrap_or_default(), b"GET" | b"HEAD" | b"CONNECT");
    if empty && !bodiless && headers.first("content-length").is_none() {
        headers.add("content-length", "0");
    }
    headers
}

/// A call as the cluster got it.
pub(super) fn called(mut call: Call) -> Call {
    let Message { headers, body, trailers } = &mut call.request;
    // Behind a body whose length is said, HTTP/1.1 has no trailers.
    if headers.first("content-length").is_some() {
        *trailers = None;
    }
    *headers = with_length(on_the_wire(std::mem::take(headers), b"http"), body.is_empty());
    call
}

/// The status of an answer.
pub(super) fn code_of(headers: &Fields) -> Option<u16> {
    std::str::from_utf8(headers.first(":status")?).ok()?.parse().ok()
}

/// What Envoy says of a field that it does not send.
fn invalid(name: &[u8], value: &[u8]) -> Option<String> {
    const OTHER_THAN_LETTERS: &[u8] = b"!#$%&'*+-.^_`|~";
    let token = |byte: &u8| byte.is_ascii_alphanumeric() || OTHER_THAN_LETTERS.contains(byte);
    let what = if !name.strip_prefix(b":").unwrap_or(name).iter().all(token) {
        "name:"
    } else if value.iter().any(|byte| is_control(*byte)) {
        "value for:"
    } else {
        return None;
    };
    let escaped = |c: char| if c.is_ascii_control() { format!("\\u{:04x}", u32::from(c)) } else { c.to_string() };
    let name: String = String::from_utf8_lossy(name).chars().map(escaped).collect();
    Some(format!("invalid header {what} {name}"))
}

/// What may not stand in a field's value.
const fn is_control(byte: u8) -> bool {
    byte < b' ' && byte != b'\t' || byte == 0x7f
}
