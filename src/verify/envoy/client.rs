//! The client: one exchange over a connection of its own.

use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use mesh_compile_host::Message;

use super::clock::Deadline;
use super::marker::Marker;
use super::wire::{self, Reader, Side, Stop};

/// What came back.
#[derive(Debug)]
pub(super) struct Received {
    /// As far as it came.
    pub(super) response: Option<Message>,
    pub(super) end: Ending,
}

/// How it ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Ending {
    /// The answer is whole.
    Whole,
    /// The connection ended before that.
    Cut,
    /// Nothing further came in time.
    Late,
}

/// Sends the request, each chunk when Envoy is through with what is before it, and waits `patience` for the answer.
pub(super) fn exchange(address: SocketAddr, request: &Message, marker: &Marker, patience: Duration) -> Received {
    let cut = Received { response: None, end: Ending::Cut };
    let Ok(mut stream) = TcpStream::connect(address) else { return cut };
    let Ok(reading) = stream.set_nodelay(true).and_then(|()| stream.try_clone()) else { return cut };
    let to_head = request.headers.first(":method") == Some(b"HEAD");
    let mut reader = Reader::new(reading, Side::Responses { to_head });

    let pieces = wire::request(request);
    let mut response = None;
    let mut result = Err(Stop::Late);
    for piece in std::iter::once(&pieces.head).chain(&pieces.rest) {
        // A filter's answer may come before the request is through, and Envoy may not read the rest.
        if wire::write(&mut stream, piece).is_err() || !marker.reached() {
            break;
        }
        result = reader.message(&mut response, Deadline::after(Duration::from_millis(1)));
        if result != Err(Stop::Late) {
            break;
        }
    }
    if result == Err(Stop::Late) {
        result = reader.message(&mut response, Deadline::after(patience));
    }
    let end = match result {
        Ok(()) => Ending::Whole,
        Err(Stop::Closed) => Ending::Cut,
        Err(Stop::Late) => Ending::Late,
    };
    Received { response, end }
}
