//! The ends of the chain: what has passed all filters goes to the router or to the client.

use super::{FilterManager, Plugins};
use crate::direction::Direction;
use crate::message::{Fields, Message};
use crate::outcome::Remark;
use crate::stream::DataRef;

impl FilterManager {
    /// Headers that have passed the chain.
    pub(super) fn headers_through(&mut self, plugins: &mut Plugins<'_>, direction: Direction, end: bool) {
        if self.over {
            return;
        }
        let headers = self.with_half(direction, |half| half.headers.clone()).flatten().unwrap_or_default();
        match direction {
            Direction::Request => match self.router.headers(headers, end) {
                Ok(()) if end => self.router.request_sent(&self.world),
                Ok(()) => {}
                Err(reply) => self.local_reply(plugins, reply),
            },
            Direction::Response => self.respond(plugins, headers, end),
        }
    }

    /// Sends headers to the client.
    pub(super) fn respond(&mut self, plugins: &mut Plugins<'_>, headers: Fields, end: bool) {
        let code = headers.code();
        match self.downstream.headers(headers, end) {
            Ok(()) => {
                self.with_stream(|stream| stream.info.code = code);
                if end {
                    self.ended(plugins, Direction::Response);
                }
            }
            Err(reply) => self.local_reply(plugins, reply),
        }
    }

    /// The message as it leaves the chain.
    const fn sent(&mut self, direction: Direction) -> Option<&mut Message> {
        match direction {
            Direction::Request => self.router.request.as_mut(),
            Direction::Response => self.downstream.response.as_mut(),
        }
    }

    /// A chunk that has passed the chain.
    pub(super) fn data_through(&mut self, plugins: &mut Plugins<'_>, direction: Direction, data: DataRef, end: bool) {
        if self.over || self.aborted[direction] {
            return;
        }
        let bytes = self.with_stream(|stream| stream.take(direction, data)).unwrap_or_default();
        if let Some(message) = self.sent(direction).filter(|_| !bytes.is_empty()) {
            message.body.push(bytes);
        }
        if end {
            self.ended(plugins, direction);
        }
    }

    /// Trailers that have passed the chain.
    pub(super) fn trailers_through(&mut self, plugins: &mut Plugins<'_>, direction: Direction) {
        if self.over {
            return;
        }
        let trailers = self.with_half(direction, |half| half.trailers.clone()).flatten();
        if let Some(message) = self.sent(direction) {
            message.trailers = trailers;
        }
        self.ended(plugins, direction);
    }

    /// The end of a direction has passed the chain.
    pub(super) fn ended(&mut self, plugins: &mut Plugins<'_>, direction: Direction) {
        self.cut_to_length(plugins, direction);
        match direction {
            Direction::Request => self.router.request_sent(&self.world),
            Direction::Response => self.over = true,
        }
    }

    /// Cuts a body to its `content-length`, as the receiver does, and remarks on it.
    fn cut_to_length(&mut self, plugins: &mut Plugins<'_>, direction: Direction) {
        let what = match direction {
            Direction::Request => "the request",
            Direction::Response => "the response",
        };
        let Some(message) = self.sent(direction).filter(|message| !message.body.is_empty()) else { return };
        let Some((declared, length)) = message.cut_to_length() else { return };
        // The last plugin that changed a body is the likely cause.
        let plugin = plugins.trace.last_body_change().or_else(|| Some(self.filters.first()?.context.plugin));
        let remark = Remark::WrongLength(format!("`content-length: {declared}` on {length} B of {what}"));
        self.world.borrow_mut().remark(plugin, remark);
    }
}
