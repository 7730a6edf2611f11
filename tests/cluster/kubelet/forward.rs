//! Forwards a Unix socket to a TCP port of the tests' network: the way from a pod's network to istiod.

use std::io;
use std::net::{Ipv4Addr, Shutdown, TcpStream};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::Path;
use std::thread;

/// Forwards connections until the process ends.
pub(super) fn forward(socket: &Path, port: u16) -> io::Result<()> {
    let listener = UnixListener::bind(socket)?;
    thread::spawn(move || {
        for stream in listener.incoming().map_while(Result::ok) {
            // A failure closes the connection, and Envoy connects again.
            let _ = connect(stream, port);
        }
    });
    Ok(())
}

/// Copies both directions until one side closes the connection.
fn connect(near: UnixStream, port: u16) -> io::Result<()> {
    let far = TcpStream::connect((Ipv4Addr::LOCALHOST, port))?;
    let (near_too, far_too) = (near.try_clone()?, far.try_clone()?);
    thread::spawn(move || {
        let _ = io::copy(&mut &near, &mut &far);
        let _ = far.shutdown(Shutdown::Both);
    });
    thread::spawn(move || {
        let _ = io::copy(&mut &far_too, &mut &near_too);
        let _ = near_too.shutdown(Shutdown::Both);
    });
    Ok(())
}
