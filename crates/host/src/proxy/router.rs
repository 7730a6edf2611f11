//! The router: the end of the chain in the direction of the request (Envoy's source/common/router/router.cc).

use std::cell::RefCell;

use crate::local_reply::LocalReply;
use crate::message::{Fields, Message};
use crate::outcome::Call;
use crate::proxy_state::{Event, ProxyState};
use crate::scenario::Response;

/// The workload behind the router.
#[derive(Debug)]
pub(super) struct Router {
    /// The request as the workload receives it.
    pub(super) request: Option<Message>,
    /// Whether the workload has received the whole request.
    complete: bool,
    /// The scheme of the client's request. HTTP/1.1 does not carry the scheme, so filters cannot change it.
    scheme: Vec<u8>,
    /// What the workload responds.
    response: Response,
}

impl Router {
    pub(super) fn new(request: &Message, response: Response) -> Self {
        let scheme = request.headers.first(":scheme").unwrap_or(b"http").to_vec();
        Self { request: None, complete: false, scheme, response }
    }

    /// Sends headers to the workload.
    ///
    /// # Errors
    /// The router's own response to a request that it cannot route or send.
    pub(super) fn headers(&mut self, headers: Fields, end: bool) -> Result<(), LocalReply> {
        let missing = |name: &str| headers.first(name).is_none();
        if missing(":path") || missing("x-forwarded-proto") {
            return Err(LocalReply::of_proxy(404, "", "route_not_found"));
        }
        let wrong = if missing(":method") {
            Some("missing required header: :method".to_owned())
        } else {
            headers.0.iter().find_map(|(name, value)| invalid(name, value))
        };
        if let Some(wrong) = wrong {
            let details = format!("filter_removed_required_request_headers{{{}}}", wrong.replace(' ', "_"));
            return Err(LocalReply::of_proxy(503, &wrong, &details));
        }
        let sent = with_length(on_the_wire(headers, &self.scheme), end);
        self.request = Some(Message { headers: sent, body: Vec::new(), trailers: None });
        Ok(())
    }

    /// The workload has received the whole request, and responds.
    pub(super) fn request_sent(&mut self, proxy_state: &RefCell<ProxyState>) {
        if !std::mem::replace(&mut self.complete, true) {
            // The limit on events does not apply to this one.
            let _ = proxy_state.borrow_mut().schedule(0, Event::Upstream);
        }
    }

    /// The workload's response, as HTTP/1.1 frames it.
    ///
    /// # Errors
    /// The router's own response if the connection breaks.
    pub(super) fn response(&self) -> Result<Message, LocalReply> {
        const TEXT: &str =
            "upstream connect error or disconnect/reset before headers. reset reason: connection termination";
        const DETAILS: &str = "upstream_reset_before_response_started{connection_termination}";
        match &self.response {
            Response::Reset => Err(LocalReply::of_proxy(503, TEXT, DETAILS)),
            Response::Message(message) => {
                let method = self.request.as_ref().and_then(|request| request.headers.first(":method"));
                Ok(message.framed_response(method.unwrap_or_default()))
            }
        }
    }
}

/// A request as HTTP/1.1 carries it: the pseudo-headers come first, in a fixed order.
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

/// Envoy sends `content-length: 0` with an empty request whose method allows a body.
fn with_length(mut headers: Fields, empty: bool) -> Fields {
    let bodiless = matches!(headers.first(":method").unwrap_or_default(), b"GET" | b"HEAD" | b"CONNECT");
    if empty && !bodiless && headers.first("content-length").is_none() {
        headers.add("content-length", "0");
    }
    headers
}

/// A callout as the cluster receives it.
pub(super) fn as_received(mut call: Call) -> Call {
    let Message { headers, body, trailers } = &mut call.request;
    // HTTP/1.1 has no trailers after a body with `content-length`.
    if headers.first("content-length").is_some() {
        *trailers = None;
    }
    *headers = with_length(on_the_wire(std::mem::take(headers), b"http"), body.is_empty());
    call
}

/// Envoy's error for a field that it does not send.
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

/// Whether the byte is not allowed in the value of a field.
const fn is_control(byte: u8) -> bool {
    byte < b' ' && byte != b'\t' || byte == 0x7f
}
