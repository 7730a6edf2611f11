//! The client. Each exchange has its own connection.

use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use mesh_compile_host::Message;

use super::clock::Deadline;
use super::http1::{self, ReadError, Reader, Side};
use super::marker::Marker;

/// The response of an exchange.
#[derive(Debug)]
pub(super) struct Received {
    /// The part that arrived.
    pub(super) response: Option<Message>,
    pub(super) end: Ending,
}

/// How reading the response ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Ending {
    /// The response is complete.
    Complete,
    /// The connection ended first.
    Cut,
    /// The response did not complete in time.
    TimedOut,
}

/// Sends the request, each chunk after Envoy has processed the one before, and waits up to `timeout` for the response.
pub(super) fn exchange(address: SocketAddr, request: &Message, marker: &Marker, timeout: Duration) -> Received {
    let cut = Received { response: None, end: Ending::Cut };
    let Ok(mut stream) = TcpStream::connect(address) else { return cut };
    let Ok(reading) = stream.set_nodelay(true).and_then(|()| stream.try_clone()) else { return cut };
    let to_head = request.headers.first(":method") == Some(b"HEAD");
    let mut reader = Reader::new(reading, Side::Responses { to_head });

    let pieces = http1::request(request);
    let mut response = None;
    let mut result = Err(ReadError::TimedOut);
    for piece in std::iter::once(&pieces.head).chain(&pieces.rest) {
        // A filter may respond before the whole request is sent, and Envoy may not read the rest.
        if http1::write(&mut stream, piece).is_err() || !marker.reached() {
            break;
        }
        result = reader.message(&mut response, Deadline::after(Duration::from_millis(1)));
        if result != Err(ReadError::TimedOut) {
            break;
        }
    }
    if result == Err(ReadError::TimedOut) {
        result = reader.message(&mut response, Deadline::after(timeout));
    }
    let end = match result {
        Ok(()) => Ending::Complete,
        Err(ReadError::Closed) => Ending::Cut,
        Err(ReadError::TimedOut) => Ending::TimedOut,
    };
    Received { response, end }
}
