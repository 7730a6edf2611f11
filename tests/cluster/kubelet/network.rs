//! Sockets in the network namespace of a pod. A socket stays in the namespace of the thread that made it, whoever uses it.

use std::fs::File;
use std::io;
use std::os::fd::AsFd as _;

use rustix::thread::{LinkNameSpaceType, move_into_link_name_space};

/// Runs an action in a network namespace, on a thread of its own.
pub(super) fn inside<T: Send>(network: &File, action: impl FnOnce() -> io::Result<T> + Send) -> io::Result<T> {
    std::thread::scope(|scope| {
        let thread = scope.spawn(|| {
            move_into_link_name_space(network.as_fd(), Some(LinkNameSpaceType::Network))?;
            action()
        });
        thread.join().unwrap_or_else(|_| Err(io::Error::other("the action panicked")))
    })
}
