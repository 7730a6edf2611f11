//! The client's connection: its network filters, and the bytes that an exchange is on the wire (Envoy's `Context::onNewConnection` and
//! its neighbors). What network filters change does not reach the HTTP filters: the host remarks on changed bytes.

use super::plugins::{ContextRef, Plugins, length};
use crate::callback::Callback;
use crate::config::FailurePolicy;
use crate::context::ContextKind;
use crate::half::StreamHalf;
use crate::message::Message;
use crate::outcome::{Effect, Remark, Returned};

/// Who closed a connection, as the ABI numbers it: here always the client.
const CLOSED_BY_PEER: u32 = 2;

/// The network filters of a connection, in the order of the chain.
#[derive(Debug, Default)]
pub(super) struct Connection {
    filters: Vec<ContextRef>,
}

/// What a network filter does with its connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Verdict {
    Continue,
    /// The filter holds the connection until it resumes.
    Hold,
    /// The filter's VM has failed, so Envoy closes the connection.
    Close,
}

impl Connection {
    /// Adds the plugin's filter.
    pub(super) fn add(&mut self, plugins: &mut Plugins<'_>, plugin: usize) -> ContextRef {
        let filter = plugins.create(plugin, ContextKind::Network);
        self.filters.push(filter);
        filter
    }

    pub(super) fn filters(&self) -> Vec<ContextRef> {
        self.filters.clone()
    }

    /// Tells the filter that the client has connected.
    pub(super) fn opened(plugins: &mut Plugins<'_>, filter: ContextRef) -> Verdict {
        call(plugins, filter, Callback::NewConnection, &[])
    }

    /// Passes bytes to the filter.
    pub(super) fn bytes(plugins: &mut Plugins<'_>, filter: ContextRef, half: StreamHalf, bytes: &[u8]) -> Verdict {
        plugins.with_context(filter, |context| context.bytes[half] = Some(bytes.to_vec()));
        let callback = match half {
            StreamHalf::Request => Callback::DownstreamData,
            StreamHalf::Response => Callback::UpstreamData,
        };
        call(plugins, filter, callback, &[length(bytes.len()), 0])
    }

    /// Takes the bytes back from the filter. `None`: the filter has not changed them.
    pub(super) fn changed(
        plugins: &mut Plugins<'_>,
        filter: ContextRef,
        half: StreamHalf,
        bytes: &[u8],
    ) -> Option<Remark> {
        let left = plugins.context(filter)?.bytes[half].take()?;
        (left != bytes).then(|| Remark::NotSimulated("changes the bytes of its connection".into()))
    }

    /// The callbacks when the client closes the connection.
    pub(super) const CLOSING: [Callback; 4] =
        [Callback::DownstreamConnectionClose, Callback::Done, Callback::Log, Callback::Delete];

    /// Makes one of the callbacks of [`Self::CLOSING`].
    pub(super) fn closing(plugins: &mut Plugins<'_>, filter: ContextRef, callback: Callback) {
        let arguments: &[u32] = if callback == Callback::DownstreamConnectionClose { &[CLOSED_BY_PEER] } else { &[] };
        plugins.call(filter, callback, arguments);
    }

    /// Forgets the filters.
    pub(super) fn close(&mut self) {
        self.filters.clear();
    }
}

fn call(plugins: &mut Plugins<'_>, filter: ContextRef, callback: Callback, arguments: &[u32]) -> Verdict {
    if !plugins.has(filter.vm, callback) {
        return Verdict::Continue;
    }
    let returned = plugins.call(filter, callback, arguments);
    let action = if returned == Some(0) { Returned::Continue } else { Returned::StopIteration };
    let actions = plugins.actions(filter.vm);
    let (fields, body) = (None, None);
    plugins.trace.effect(Effect { plugin: filter.plugin, callback, returned: action, fields, body, actions });
    match returned {
        _ if plugins.is_failed(filter.vm) => match plugins.policy(filter.plugin) {
            FailurePolicy::Open | FailurePolicy::LegacyFailOpen => Verdict::Continue,
            FailurePolicy::Unspecified | FailurePolicy::Closed | FailurePolicy::Reload => Verdict::Close,
        },
        Some(0) => Verdict::Continue,
        _ => Verdict::Hold,
    }
}

/// The request as HTTP/1.1.
pub(super) fn request_bytes(request: &Message) -> Vec<u8> {
    let line = |name: &str| request.headers.first(name).unwrap_or_default();
    let start = [line(":method"), b" ", line(":path"), b" HTTP/1.1\r\nhost: ", line(":authority"), b"\r\n"].concat();
    wire(start, request)
}

/// The response as HTTP/1.1.
pub(super) fn response_bytes(response: &Message) -> Vec<u8> {
    let status = response.headers.first(":status").unwrap_or_default();
    wire([b"HTTP/1.1 ", status, b"\r\n"].concat(), response)
}

/// Appends the fields and the body to the start of a message.
fn wire(mut bytes: Vec<u8>, message: &Message) -> Vec<u8> {
    for (name, value) in message.headers.0.iter().filter(|(name, _)| !name.starts_with(b":")) {
        bytes.extend([name.as_slice(), b": ", value, b"\r\n"].concat());
    }
    bytes.extend(b"\r\n");
    bytes.extend(message.body());
    bytes
}
