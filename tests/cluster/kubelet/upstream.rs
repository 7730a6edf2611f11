//! The app of a pod: answers every request with status 200 and what it received.

use std::fs::File;
use std::io::{self, BufReader, Write as _};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use serde_json::{Map, json};

use super::http::Message;
use super::network::inside;

/// The app on one port of a pod. Dropping it closes the port.
#[derive(Debug)]
pub(super) struct Upstream {
    network: File,
    port: u16,
    is_stopped: Arc<AtomicBool>,
}

impl Upstream {
    pub(super) fn start(network: &File, port: u16) -> io::Result<Self> {
        let listener = inside(network, || TcpListener::bind((Ipv4Addr::UNSPECIFIED, port)))?;
        let is_stopped = Arc::new(AtomicBool::new(false));
        let stop = Arc::clone(&is_stopped);
        std::thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                if stop.load(Ordering::Relaxed) {
                    break;
                }
                // It ends with the connection, which fails if the sidecar is stopped.
                std::thread::spawn(move || serve(&stream));
            }
        });
        Ok(Self { network: network.try_clone()?, port, is_stopped })
    }
}

impl Drop for Upstream {
    fn drop(&mut self) {
        self.is_stopped.store(true, Ordering::Relaxed);
        // Wakes the thread, which then sees that it ends.
        let _ = inside(&self.network, || TcpStream::connect((Ipv4Addr::LOCALHOST, self.port)));
    }
}

/// Answers the requests of a connection.
fn serve(stream: &TcpStream) -> io::Result<()> {
    let mut reader = BufReader::new(stream);
    while let Some(request) = Message::read(&mut reader)? {
        let headers: Map<_, _> = request.headers.into_iter().map(|(name, value)| (name, value.into())).collect();
        let body = json!({ "request": request.start, "headers": headers, "body": request.body }).to_string();
        let head =
            format!("HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n", body.len());
        let mut stream = stream;
        stream.write_all((head + &body).as_bytes())?;
    }
    Ok(())
}
