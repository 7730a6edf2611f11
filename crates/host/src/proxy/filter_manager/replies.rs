//! Local replies on their way to the client (`sendLocalReply`).

use super::{FilterManager, Plugins};
use crate::half::StreamHalf;
use crate::local_reply::LocalReply;

impl FilterManager {
    /// `sendLocalReply`.
    pub(in crate::proxy) fn local_reply(&mut self, plugins: &mut Plugins<'_>, reply: LocalReply) {
        if self.over {
            return;
        }
        let in_request = self.running.request > 0;
        if in_request {
            self.aborted.request = true;
        } else if self.running.response > 0 {
            self.aborted.response = true;
        }
        self.with_stream(|stream| stream.info.details = Some(reply.details.clone()));
        if !self.has_headers(StreamHalf::Response) {
            if in_request {
                // The first of several local replies wins.
                self.prepared.get_or_insert(reply);
            } else {
                self.send_through_chain(plugins, &reply);
            }
        } else if self.downstream.response.is_none() {
            self.send_directly(plugins, &reply);
        } else {
            self.reset = true;
            self.over = true;
        }
    }

    /// `executeLocalReplyIfPrepared`.
    pub(super) fn send_prepared(&mut self, plugins: &mut Plugins<'_>) {
        if let Some(reply) = self.prepared.take() {
            self.send_through_chain(plugins, &reply);
        }
    }

    fn send_through_chain(&mut self, plugins: &mut Plugins<'_>, reply: &LocalReply) {
        // The request callbacks that led here do not belong to the response.
        let running = std::mem::take(&mut self.running.request);
        let mut message = reply.to_message(self.downstream.is_grpc);
        if self.downstream.is_head {
            message.body.clear();
        }
        let end = message.body.is_empty();
        let data = self.with_stream(|stream| {
            stream.info.code = message.headers.code();
            stream.response.headers = Some(message.headers);
            stream.response.ended = true;
            (!end).then(|| stream.chunk(message.body.concat()))
        });
        if let Some(data) = data {
            self.headers(plugins, StreamHalf::Response, 0, end);
            if let Some(data) = data {
                self.data(plugins, StreamHalf::Response, 0, data, true);
            }
        }
        self.running.request = running;
    }

    /// `sendDirectLocalReply`: bypasses the filters, so that none of them sees two responses.
    fn send_directly(&mut self, plugins: &mut Plugins<'_>, reply: &LocalReply) {
        let message = reply.to_message(self.downstream.is_grpc);
        self.with_stream(|stream| {
            stream.response.headers = Some(message.headers.clone());
            stream.response.trailers = None;
        });
        let end = message.body.is_empty() || self.downstream.is_head;
        self.respond(plugins, message.headers, end);
        if !end {
            if let Some(response) = &mut self.downstream.response {
                response.body.extend(message.body);
            }
            self.ended(plugins, StreamHalf::Response);
        }
    }

    pub(super) fn reset_stream(&mut self, details: &str) {
        if self.over {
            return;
        }
        self.with_stream(|stream| stream.info.details.get_or_insert_with(|| details.to_owned()).clone());
        self.reset = true;
        self.over = true;
    }

    /// The chain buffers more than its limit.
    pub(super) fn too_large(&mut self, plugins: &mut Plugins<'_>, half: StreamHalf) {
        const REQUEST: &str = "request_payload_too_large";
        const RESPONSE: &str = "response_payload_too_large";
        let reply = match half {
            StreamHalf::Request => LocalReply::of_proxy(413, "Payload Too Large", REQUEST),
            StreamHalf::Response if self.downstream.response.is_some() => return self.reset_stream(RESPONSE),
            StreamHalf::Response => LocalReply::of_proxy(500, "Internal Server Error", RESPONSE),
        };
        self.local_reply(plugins, reply);
    }
}
