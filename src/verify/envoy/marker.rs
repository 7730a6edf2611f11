//! Waits until Envoy's worker has processed everything written to it.
//!
//! Envoy runs with one worker, which loops over its sockets. It reads data written to one socket before data written later to the
//! marker's socket. So a response of the marker shows that the earlier data has passed every filter that does not hold it. The first
//! response may come in the iteration that only accepts a new connection or only marks something for removal; the second comes after.

use std::net::{SocketAddr, TcpStream};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use super::clock::Deadline;
use super::config::MARKER;
use super::http1::{self, Reader, Side};

/// A connection to the listener [`MARKER`].
#[derive(Debug)]
pub(super) struct Marker {
    timeout: Duration,
    connection: Mutex<Option<Connection>>,
}

#[derive(Debug)]
struct Connection {
    stream: TcpStream,
    reader: Reader,
}

impl Marker {
    pub(super) fn new(address: SocketAddr, timeout: Duration) -> Self {
        Self { timeout, connection: Mutex::new(Connection::to(address).ok()) }
    }

    /// Waits until the worker has processed everything written to it. False: the worker does not respond in time.
    pub(super) fn reached(&self) -> bool {
        let mut connection = self.connection.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(open) = connection.as_mut() else { return false };
        let reached = (0..2).all(|_| open.round_trip(Deadline::after(self.timeout)));
        if !reached {
            *connection = None;
        }
        reached
    }
}

impl Connection {
    fn to(address: SocketAddr) -> std::io::Result<Self> {
        let stream = TcpStream::connect(address)?;
        stream.set_nodelay(true)?;
        let reader = Reader::new(stream.try_clone()?, Side::Responses { to_head: false });
        Ok(Self { stream, reader })
    }

    fn round_trip(&mut self, deadline: Deadline) -> bool {
        let request = format!("GET / HTTP/1.1\r\nhost: {MARKER}\r\n\r\n");
        http1::write(&mut self.stream, request.as_bytes()).is_ok() && self.reader.message(&mut None, deadline).is_ok()
    }
}
