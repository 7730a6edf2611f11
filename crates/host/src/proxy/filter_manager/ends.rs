//! The ends of the chain: what has passed all filters goes to the router or to the client.

use super::{FilterManager, Plugins};
use crate::half::StreamHalf;
use crate::message::{Fields, Message};
use crate::outcome::Remark;
use crate::stream::DataRef;

impl FilterManager {
    /// Headers that have passed the chain.
    pub(super) fn headers_through(&mut self, plugins: &mut Plugins<'_>, half: StreamHalf, end: bool) {
        if self.over {
            return;
        }
        let headers = self.with_half(half, |state| state.headers.clone()).flatten().unwrap_or_default();
        match half {
            StreamHalf::Request => match self.router.headers(headers, end) {
                Ok(()) if end => self.router.request_sent(&self.proxy_state),
                Ok(()) => {}
                Err(reply) => self.local_reply(plugins, reply),
            },
            StreamHalf::Response => self.respond(plugins, headers, end),
        }
    }

    /// Sends headers to the client.
    pub(super) fn respond(&mut self, plugins: &mut Plugins<'_>, headers: Fields, end: bool) {
        let code = headers.code();
        match self.downstream.headers(headers, end) {
            Ok(()) => {
                self.with_stream(|stream| stream.info.code = code);
                if end {
                    self.ended(plugins, StreamHalf::Response);
                }
            }
            Err(reply) => self.local_reply(plugins, reply),
        }
    }

    /// The message as it leaves the chain.
    const fn sent(&mut self, half: StreamHalf) -> Option<&mut Message> {
        match half {
            StreamHalf::Request => self.router.request.as_mut(),
            StreamHalf::Response => self.downstream.response.as_mut(),
        }
    }

    /// A chunk that has passed the chain.
    pub(super) fn data_through(&mut self, plugins: &mut Plugins<'_>, half: StreamHalf, data: DataRef, end: bool) {
        if self.over || self.aborted[half] {
            return;
        }
        let bytes = self.with_stream(|stream| stream.take(half, data)).unwrap_or_default();
        if let Some(message) = self.sent(half).filter(|_| !bytes.is_empty()) {
            message.body.push(bytes);
        }
        if end {
            self.ended(plugins, half);
        }
    }

    /// Trailers that have passed the chain.
    pub(super) fn trailers_through(&mut self, plugins: &mut Plugins<'_>, half: StreamHalf) {
        if self.over {
            return;
        }
        let trailers = self.with_half(half, |state| state.trailers.clone()).flatten();
        if let Some(message) = self.sent(half) {
            message.trailers = trailers;
        }
        self.ended(plugins, half);
    }

    /// The end of a half has passed the chain.
    pub(super) fn ended(&mut self, plugins: &mut Plugins<'_>, half: StreamHalf) {
        self.cut_to_length(plugins, half);
        match half {
            StreamHalf::Request => self.router.request_sent(&self.proxy_state),
            StreamHalf::Response => self.over = true,
        }
    }

    /// Cuts a body to its `content-length`, as the receiver does, and remarks on it.
    fn cut_to_length(&mut self, plugins: &mut Plugins<'_>, half: StreamHalf) {
        let what = match half {
            StreamHalf::Request => "the request",
            StreamHalf::Response => "the response",
        };
        let Some(message) = self.sent(half).filter(|message| !message.body.is_empty()) else { return };
        let Some((declared, length)) = message.cut_to_length() else { return };
        // The last plugin that changed a body is the likely cause.
        let plugin = plugins.trace.last_body_change().or_else(|| Some(self.filters.first()?.context.plugin));
        let remark = Remark::WrongLength(format!("{length} B with `content-length: {declared}` in {what}"));
        self.proxy_state.borrow_mut().remark(plugin, remark);
    }
}
