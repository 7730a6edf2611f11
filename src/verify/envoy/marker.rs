//! How far the worker has come.
//!
//! Envoy runs with one worker, a loop over sockets. What is written to one of its sockets, and then to that of the marker, it reads in
//! that order: when the marker answers, what was written before has been through every filter that does not hold it. The first answer
//! may come in the turn in which a new connection is only accepted, or what goes away is only marked as such; the second cannot.

use std::net::{SocketAddr, TcpStream};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use super::clock::Deadline;
use super::config::MARKER;
use super::wire::{self, Reader, Side};

/// A connection to the listener [`MARKER`].
#[derive(Debug)]
pub(super) struct Marker {
    patience: Duration,
    connection: Mutex<Option<Connection>>,
}

#[derive(Debug)]
struct Connection {
    stream: TcpStream,
    reader: Reader,
}

impl Marker {
    pub(super) fn new(address: SocketAddr, patience: Duration) -> Self {
        Self { patience, connection: Mutex::new(Connection::to(address).ok()) }
    }

    /// Waits until the worker has dealt with all that has been written to it. False: it does not come back, or not in time.
    pub(super) fn reached(&self) -> bool {
        let mut connection = self.connection.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(open) = connection.as_mut() else { return false };
        let reached = (0..2).all(|_| open.ask(Deadline::after(self.patience)));
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

    fn ask(&mut self, deadline: Deadline) -> bool {
        let request = format!("GET / HTTP/1.1\r\nhost: {MARKER}\r\n\r\n");
        wire::write(&mut self.stream, request.as_bytes()).is_ok() && self.reader.message(&mut None, deadline).is_ok()
    }
}
