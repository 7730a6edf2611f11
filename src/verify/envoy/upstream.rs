//! The other side: the workload, and the clusters that filters call, all of them in this process.

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
use super::http2::{self, Server};
use super::journal::Journal;
use super::marker::Marker;
use super::wire::{self, Part, Reader, Side};

/// How long a connection may say nothing. Envoy ends its connections long before.
const IDLE: Duration = Duration::from_secs(3600);
/// How long it may take until Envoy's log tells of a call that has arrived.
const LOGGED: Duration = Duration::from_secs(1);

/// The servers. They end with the value.
#[derive(Debug)]
pub(super) struct Upstream {
    shared: Arc<Shared>,
    workload: SocketAddr,
    /// Their endpoints, for HTTP/1.1 and for gRPC.
    clusters: BTreeMap<(String, Protocol), SocketAddr>,
}

/// What a cluster speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Protocol {
    Http1,
    /// For gRPC.
    Http2,
}

#[derive(Debug)]
struct Shared {
    stage: Mutex<Stage>,
    over: AtomicBool,
}

/// What is played.
#[derive(Debug, Default)]
struct Stage {
    envoy: Option<Arc<Watched>>,
    answer: Option<Response>,
    /// The request as the workload gets it.
    request: Option<Message>,
    callouts: BTreeMap<String, Vec<Callout>>,
    /// How many calls each cluster has answered: those of the worker and those of the main thread, whose VM is another.
    answered: BTreeMap<(String, bool), usize>,
    calls: Vec<Call>,
}

/// The Envoy that is answered.
#[derive(Debug)]
pub(super) struct Watched {
    pub(super) journal: Arc<Journal>,
    pub(super) marker: Marker,
}

impl Shared {
    fn stage(&self) -> MutexGuard<'_, Stage> {
        self.stage.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Upstream {
    pub(super) fn start() -> io::Result<Self> {
        let shared = Arc::new(Shared { stage: Mutex::default(), over: AtomicBool::new(false) });
        let workload = serve(&shared, None, Protocol::Http1)?;
        Ok(Self { shared, workload, clusters: BTreeMap::new() })
    }

    pub(super) fn workload(&self) -> SocketAddr {
        self.workload
    }

    /// The endpoint of a cluster.
    pub(super) fn cluster(&mut self, name: &str, protocol: Protocol) -> io::Result<SocketAddr> {
        let key = (name.to_owned(), protocol);
        if let Some(address) = self.clusters.get(&key) {
            return Ok(*address);
        }
        let address = serve(&self.shared, Some(name), protocol)?;
        self.clusters.insert(key, address);
        Ok(address)
    }

    /// From now on this Envoy is answered.
    pub(super) fn watch(&self, envoy: Option<Arc<Watched>>) {
        self.shared.stage().envoy = envoy;
    }

    /// A test begins.
    pub(super) fn begin(&self, callouts: &BTreeMap<String, Vec<Callout>>) {
        let mut stage = self.shared.stage();
        let envoy = stage.envoy.take();
        *stage = Stage { envoy, callouts: callouts.clone(), ..Stage::default() };
    }

    /// An exchange begins.
    pub(super) fn answer(&self, answer: &Response) {
        let mut stage = self.shared.stage();
        stage.answer = Some(answer.clone());
        stage.request = None;
    }

    /// What the workload has got of this exchange, and the calls since the last time.
    pub(super) fn seen(&self) -> (Option<Message>, Vec<Call>) {
        let mut stage = self.shared.stage();
        (stage.request.take(), std::mem::take(&mut stage.calls))
    }
}

impl Drop for Upstream {
    fn drop(&mut self) {
        self.shared.over.store(true, Ordering::Relaxed);
        for address in self.clusters.values().chain([&self.workload]) {
            // Wakes the thread that waits for connections.
            _ = TcpStream::connect(address);
        }
    }
}

/// Listens; `None` is the workload.
fn serve(shared: &Arc<Shared>, cluster: Option<&str>, protocol: Protocol) -> io::Result<SocketAddr> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
    let address = listener.local_addr()?;
    let (shared, cluster) = (Arc::clone(shared), cluster.map(str::to_owned));
    thread::spawn(move || {
        for stream in listener.incoming() {
            if shared.over.load(Ordering::Relaxed) {
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

/// Answers requests until the connection ends.
fn connection(shared: &Shared, cluster: Option<&str>, mut stream: TcpStream) -> io::Result<()> {
    stream.set_nodelay(true)?;
    let mut reader = Reader::new(stream.try_clone()?, Side::Requests);
    loop {
        let Some(request) = receive(shared, cluster, &mut reader) else { return Ok(()) };
        let to_head = request.headers.first(":method") == Some(b"HEAD");
        let answer = match cluster {
            None => shared.stage().answer.clone(),
            Some(cluster) => called(shared, cluster, request),
        };
        // Nothing is scripted where nothing may come any more. Reset and end look the same to Envoy once a request is read.
        let Some(Response::Message(answer)) = answer else { return Ok(()) };
        send(shared, &mut stream, &answer, to_head)?;
    }
}

/// The same, for gRPC.
fn grpc_connection(shared: &Shared, cluster: &str, stream: TcpStream) -> io::Result<()> {
    stream.set_nodelay(true)?;
    let mut server = Server::accept(stream)?;
    loop {
        let (stream, request) = server.next()?;
        let request = wire::observed(request);
        let is_grpc = is_grpc(&request);
        let Some(Response::Message(answer)) = called(shared, cluster, request) else { return Ok(()) };
        server.answer(stream, &answer, is_grpc)?;
    }
}

fn is_grpc(request: &Message) -> bool {
    request.headers.first("content-type").is_some_and(|it| it.starts_with(b"application/grpc"))
}

/// Reads a request. Of the workload's each piece is seen at once: the rest may never come.
fn receive(shared: &Shared, cluster: Option<&str>, reader: &mut Reader) -> Option<Message> {
    let mut request = Message::default();
    loop {
        match reader.next(Deadline::after(IDLE)).ok()? {
            Part::Head(headers) => request = wire::observed(Message { headers, ..Message::default() }),
            Part::Body(bytes) => request.body.push(bytes),
            Part::End(trailers) => {
                request.trailers = trailers;
                if cluster.is_some() && is_grpc(&request) {
                    // A cluster that only breaks off is asked over HTTP/1.1.
                    request.body = http2::take_messages(&mut request.body());
                }
                if cluster.is_none() {
                    shared.stage().request = Some(request.clone());
                }
                return Some(request);
            }
        }
        if cluster.is_none() {
            shared.stage().request = Some(request.clone());
        }
    }
}

/// Takes down a call and finds its answer.
///
/// Envoy's main thread has a copy of each VM too, whose ticks call as the worker's do: it goes through the script by itself and is not
/// taken down.
fn called(shared: &Shared, cluster: &str, request: Message) -> Option<Response> {
    let envoy = shared.stage().envoy.clone()?;
    let callout = {
        // From here on, so that no call is seen to have arrived that is not taken down.
        let mut stage = shared.stage();
        let main = envoy.journal.is_call_of_main(Deadline::after(LOGGED));
        if !main {
            stage.calls.push(Call { cluster: cluster.to_owned(), request });
        }
        let answered = stage.answered.entry((cluster.to_owned(), main)).or_default();
        let turn = *answered;
        *answered += 1;
        let script = stage.callouts.get(cluster)?;
        script.get(turn).or(script.last())?.clone()
    };
    thread::sleep(callout.after);
    Some(callout.response)
}

/// Writes an answer, each chunk when Envoy is through with what is before it.
fn send(shared: &Shared, stream: &mut TcpStream, answer: &Message, to_head: bool) -> io::Result<()> {
    let pieces = wire::response(answer, to_head);
    wire::write(stream, &pieces.head)?;
    for piece in &pieces.rest {
        let envoy = shared.stage().envoy.clone();
        if let Some(envoy) = envoy {
            envoy.marker.reached();
        }
        wire::write(stream, piece)?;
    }
    Ok(())
}
