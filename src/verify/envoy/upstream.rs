//! The servers that Envoy talks to, all in this process: the workload, and the clusters that filters call.

use std::collections::BTreeMap;
use std::io;
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

use mesh_compile_host::outcome::Call;
use mesh_compile_host::{Callout, Message, Response};

use super::clock::Deadline;
use super::http1::{self, Part, Reader, Side};
use super::journal::Journal;
use super::marker::Marker;
use super::{grpc, http2};

/// How long a connection may be idle. Envoy closes its connections long before.
const IDLE: Duration = Duration::from_secs(3600);
/// How long Envoy's log may take to show a callout that has arrived.
const LOGGED: Duration = Duration::from_secs(1);

/// The servers. They stop when the value is dropped.
#[derive(Debug)]
pub(super) struct Upstream {
    shared: Arc<Shared>,
    workload: SocketAddr,
    /// The endpoint of each cluster and protocol.
    clusters: BTreeMap<(String, Protocol), SocketAddr>,
}

/// The protocol of a cluster.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Protocol {
    Http1,
    /// For gRPC.
    Http2,
}

#[derive(Debug)]
struct Shared {
    state: Mutex<State>,
    stopped: AtomicBool,
}

/// The script of the running test, and what has happened.
#[derive(Debug, Default)]
struct State {
    envoy: Option<Arc<Observer>>,
    /// The workload's response.
    response: Option<Response>,
    /// The request as it reached the workload.
    request: Option<Message>,
    callouts: BTreeMap<String, Vec<Callout>>,
    /// How many callouts each cluster has received from the worker, and from the main thread, which has its own VM.
    received: BTreeMap<(String, bool), usize>,
    calls: Vec<Call>,
}

/// Shows how far the running Envoy has come.
#[derive(Debug)]
pub(super) struct Observer {
    pub(super) journal: Arc<Journal>,
    pub(super) marker: Marker,
}

impl Shared {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Upstream {
    pub(super) fn start() -> io::Result<Self> {
        let shared = Arc::new(Shared { state: Mutex::default(), stopped: AtomicBool::new(false) });
        let workload = serve(&shared, None, Protocol::Http1)?;
        Ok(Self { shared, workload, clusters: BTreeMap::new() })
    }

    pub(super) fn workload(&self) -> SocketAddr {
        self.workload
    }

    /// The endpoint of a cluster. Starts its server if there is none.
    pub(super) fn cluster(&mut self, name: &str, protocol: Protocol) -> io::Result<SocketAddr> {
        let key = (name.to_owned(), protocol);
        if let Some(address) = self.clusters.get(&key) {
            return Ok(*address);
        }
        let address = serve(&self.shared, Some(name), protocol)?;
        self.clusters.insert(key, address);
        Ok(address)
    }

    /// Sets the running Envoy.
    pub(super) fn observe(&self, envoy: Option<Arc<Observer>>) {
        self.shared.state().envoy = envoy;
    }

    /// Starts a test.
    pub(super) fn start_test(&self, callouts: &BTreeMap<String, Vec<Callout>>) {
        let mut state = self.shared.state();
        let envoy = state.envoy.take();
        *state = State { envoy, callouts: callouts.clone(), ..State::default() };
    }

    /// Starts an exchange, which the workload answers with `response`.
    pub(super) fn start_exchange(&self, response: &Response) {
        let mut state = self.shared.state();
        state.response = Some(response.clone());
        state.request = None;
    }

    /// The request as it reached the workload in this exchange, and the callouts since the last query.
    pub(super) fn take_received(&self) -> (Option<Message>, Vec<Call>) {
        let mut state = self.shared.state();
        (state.request.take(), std::mem::take(&mut state.calls))
    }
}

impl Drop for Upstream {
    fn drop(&mut self) {
        self.shared.stopped.store(true, Ordering::Relaxed);
        for address in self.clusters.values().chain([&self.workload]) {
            // Wakes the thread that accepts connections.
            _ = TcpStream::connect(address);
        }
    }
}

/// Starts a server on a free port. `cluster`: `None` for the workload.
fn serve(shared: &Arc<Shared>, cluster: Option<&str>, protocol: Protocol) -> io::Result<SocketAddr> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
    let address = listener.local_addr()?;
    let (shared, cluster) = (Arc::clone(shared), cluster.map(str::to_owned));
    thread::spawn(move || {
        for stream in listener.incoming() {
            if shared.stopped.load(Ordering::Relaxed) {
                break;
            }
            let Ok(stream) = stream else { continue };
            let (shared, cluster) = (Arc::clone(&shared), cluster.clone());
            thread::spawn(move || match (protocol, cluster.as_deref()) {
                (Protocol::Http2, Some(cluster)) => grpc_connection(&shared, cluster, stream),
                (_, cluster) => connection(&shared, cluster, stream),
            });
        }
    });
    Ok(address)
}

/// Answers requests until the connection closes.
fn connection(shared: &Shared, cluster: Option<&str>, mut stream: TcpStream) -> io::Result<()> {
    stream.set_nodelay(true)?;
    let mut reader = Reader::new(stream.try_clone()?, Side::Requests);
    loop {
        let Some(request) = receive(shared, cluster, &mut reader) else { return Ok(()) };
        let method = request.headers.first(":method").unwrap_or_default().to_vec();
        let response = match cluster {
            None => shared.state().response.clone(),
            Some(cluster) => callout(shared, cluster, request),
        };
        // A reset, or a request after the end of the script. Envoy sees no difference between reset and close once the request is read.
        let Some(Response::Message(response)) = response else { return Ok(()) };
        send(shared, &mut stream, &response, &method)?;
    }
}

/// Answers the gRPC call of a connection.
fn grpc_connection(shared: &Shared, cluster: &str, stream: TcpStream) -> io::Result<()> {
    stream.set_nodelay(true)?;
    http2::serve(stream, |request| match callout(shared, cluster, request.observed())? {
        Response::Message(response) => Some(response),
        Response::Reset => None,
    })
}

/// Reads a request. A request to the workload is recorded piece by piece, because the rest may never arrive.
fn receive(shared: &Shared, cluster: Option<&str>, reader: &mut Reader) -> Option<Message> {
    let mut request = Message::default();
    loop {
        match reader.next(Deadline::after(IDLE)).ok()? {
            Part::Head(headers) => request = Message { headers, ..Message::default() }.observed(),
            Part::Body(bytes) => request.body.push(bytes),
            Part::End(trailers) => {
                request.trailers = trailers;
                if cluster.is_some() && grpc::is_call(&request) {
                    // A cluster whose script only resets gets gRPC calls over HTTP/1.1.
                    request.body = grpc::take_messages(&mut request.body());
                }
                if cluster.is_none() {
                    shared.state().request = Some(request.clone());
                }
                return Some(request);
            }
        }
        if cluster.is_none() {
            shared.state().request = Some(request.clone());
        }
    }
}

/// Records a callout and returns its scripted response after the scripted delay.
///
/// Envoy's main thread has its own copy of each VM, which ticks and sends callouts like the worker's. Its callouts have their own
/// position in the script and are not recorded.
fn callout(shared: &Shared, cluster: &str, request: Message) -> Option<Response> {
    let envoy = shared.state().envoy.clone()?;
    let callout = {
        // Locked before the journal counts the callout as arrived, so that every arrived callout is recorded.
        let mut state = shared.state();
        let main = envoy.journal.is_callout_of_main(Deadline::after(LOGGED));
        if !main {
            state.calls.push(Call { cluster: cluster.to_owned(), request });
        }
        let received = state.received.entry((cluster.to_owned(), main)).or_default();
        let index = *received;
        *received += 1;
        let script = state.callouts.get(cluster)?;
        script.get(index).or(script.last())?.clone()
    };
    thread::sleep(callout.after);
    Some(callout.response)
}

/// Writes a response, each chunk after Envoy has processed the one before.
fn send(shared: &Shared, stream: &mut TcpStream, response: &Message, method: &[u8]) -> io::Result<()> {
    let pieces = http1::response(response, method);
    http1::write(stream, &pieces.head)?;
    for piece in &pieces.rest {
        let envoy = shared.state().envoy.clone();
        if let Some(envoy) = envoy {
            envoy.marker.reached();
        }
        http1::write(stream, piece)?;
    }
    Ok(())
}
