//! The client's side of a stream: the end of the chain in the direction of the response, and Envoy's codec.

use crate::local_reply::LocalReply;
use crate::message::{Fields, Message};

/// What the client sent and received.
#[derive(Debug)]
pub(super) struct Downstream {
    /// Whether the request is a gRPC request.
    pub(super) is_grpc: bool,
    /// Whether the request's method is HEAD.
    pub(super) is_head: bool,
    /// The response as the client receives it. `None`: the client has received no headers.
    pub(super) response: Option<Message>,
}

impl Downstream {
    pub(super) fn new(request: &Message) -> Self {
        let content_type = request.headers.first("content-type").unwrap_or_default();
        Self {
            is_grpc: content_type == b"application/grpc" || content_type.starts_with(b"application/grpc+"),
            is_head: request.headers.first(":method") == Some(b"HEAD"),
            response: None,
        }
    }

    /// Sends headers to the client.
    ///
    /// # Errors
    /// The proxy's own response in place of a response without a status.
    pub(super) fn headers(&mut self, mut headers: Fields, end: bool) -> Result<(), LocalReply> {
        let Some(status) = headers.first(":status") else {
            const MISSING: &str = "missing required header: :status";
            let details = "filter_removed_required_response_headers{missing_required_header:_:status}";
            return Err(LocalReply::of_proxy(502, MISSING, details));
        };
        let bodiless = self.is_head || status == b"204" || status == b"304" || status.starts_with(b"1");
        // The codec sends no other pseudo-header.
        headers.0.retain(|(name, _)| name == b":status" || !name.starts_with(b":"));
        if end && !bodiless && headers.first("content-length").is_none() {
            headers.add("content-length", "0");
        }
        self.response = Some(Message { headers, body: Vec::new(), trailers: None });
        Ok(())
    }
}
