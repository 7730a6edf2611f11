//! HTTP/1.1 as it goes over a socket, piece by piece: a chunk of a test is a write of its own.

use std::io::{self, ErrorKind, Read};
use std::net::TcpStream;

use httparse::{EMPTY_HEADER, Request, Response, Status};
use mesh_compile_host::{Fields, Message};

use super::clock::Deadline;

/// Fields of a head at most; Envoy itself takes a hundred from upstream.
const FIELDS: usize = 256;
/// Bytes that are read at once.
const PIECE: usize = 64 * 1024;
/// Fields that the two ends of a connection say to each other; no test is about them.
const HOP_BY_HOP: [&str; 6] = [
    "connection",
    "date",
    "transfer-encoding",
    "x-envoy-expected-rq-timeout-ms",
    "x-envoy-internal",
    "x-envoy-upstream-service-time",
];

/// How the end of a body is found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Framing {
    /// Behind so many bytes.
    Length(usize),
    /// Between chunks.
    BetweenChunks,
    /// Within a chunk that has so many bytes left.
    Chunk(usize),
    /// Where the connection ends.
    Close,
}

/// A piece of a message.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Part {
    /// The head, in the form of [`Message::headers`].
    Head(Fields),
    Body(Vec<u8>),
    /// The message is whole.
    End(Option<Fields>),
}

/// Why there is no further piece.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Stop {
    /// Not yet.
    Late,
    /// The connection has ended, or what comes is no HTTP.
    Closed,
}

/// Which side's messages are read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Side {
    Requests,
    /// The answers to requests of which the first has this property: an answer to HEAD has no body, whatever its head says.
    Responses {
        to_head: bool,
    },
}

/// Reads messages from a connection.
#[derive(Debug)]
pub(super) struct Reader {
    stream: TcpStream,
    side: Side,
    buffer: Vec<u8>,
    /// How the body of the message ends that is being read. `None`: its head has not come.
    framing: Option<Framing>,
    closed: bool,
}

impl Reader {
    pub(super) fn new(stream: TcpStream, side: Side) -> Self {
        Self { stream, side, buffer: Vec::new(), framing: None, closed: false }
    }

    /// The next piece, waiting for it until the deadline.
    pub(super) fn next(&mut self, deadline: Deadline) -> Result<Part, Stop> {
        loop {
            if let Some(part) = self.part()? {
                return Ok(part);
            }
            if self.closed {
                return self.end_by_close();
            }
            self.fill(deadline)?;
        }
    }

    /// A whole message, as far as it comes.
    pub(super) fn message(&mut self, into: &mut Option<Message>, deadline: Deadline) -> Result<(), Stop> {
        loop {
            match self.next(deadline)? {
                Part::Head(headers) => *into = Some(Message { headers, ..Message::default() }),
                Part::Body(bytes) => into.get_or_insert_default().body.push(bytes),
                Part::End(trailers) => {
                    into.get_or_insert_default().trailers = trailers;
                    return Ok(());
                }
            }
        }
    }

    fn fill(&mut self, deadline: Deadline) -> Result<(), Stop> {
        let left = deadline.left();
        if left.is_zero() {
            return Err(Stop::Late);
        }
        let mut piece = vec![0; PIECE];
        let read = self.stream.set_read_timeout(Some(left)).and_then(|()| self.stream.read(&mut piece));
        match read {
            Ok(0) => self.closed = true,
            Ok(length) => self.buffer.extend_from_slice(&piece[..length]),
            Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => {
                return Err(Stop::Late);
            }
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(_) => self.closed = true,
        }
        Ok(())
    }

    /// The next piece, if the buffer holds it.
    fn part(&mut self) -> Result<Option<Part>, Stop> {
        let Some(framing) = self.framing else { return self.head() };
        match framing {
            Framing::Length(0) => Ok(Some(self.end(None))),
            Framing::Length(left) => Ok(self.bytes(left).map(|bytes| {
                self.framing = Some(Framing::Length(left - bytes.len()));
                Part::Body(bytes)
            })),
            Framing::Close => Ok(self.bytes(usize::MAX).map(Part::Body)),
            Framing::Chunk(left) => Ok(self.chunk(left).map(Part::Body)),
            Framing::BetweenChunks => self.between_chunks(),
        }
    }

    fn end(&mut self, trailers: Option<Fields>) -> Part {
        self.framing = None;
        if let Side::Responses { to_head } = &mut self.side {
            *to_head = false;
        }
        Part::End(trailers)
    }

    fn end_by_close(&mut self) -> Result<Part, Stop> {
        if self.framing == Some(Framing::Close) { Ok(self.end(None)) } else { Err(Stop::Closed) }
    }

    /// What of the body is there, `most` bytes of it.
    fn bytes(&mut self, most: usize) -> Option<Vec<u8>> {
        let length = self.buffer.len().min(most);
        (length > 0).then(|| self.buffer.drain(..length).collect())
    }

    /// A whole chunk, however many reads it takes.
    fn chunk(&mut self, left: usize) -> Option<Vec<u8>> {
        if self.buffer.len() < left + 2 {
            return None;
        }
        let bytes = self.buffer.drain(..left).collect();
        self.buffer.drain(..2);
        self.framing = Some(Framing::BetweenChunks);
        Some(bytes)
    }

    fn between_chunks(&mut self) -> Result<Option<Part>, Stop> {
        let (line, size) = match httparse::parse_chunk_size(&self.buffer) {
            Ok(Status::Complete(found)) => found,
            Ok(Status::Partial) => return Ok(None),
            Err(_) => return Err(Stop::Closed),
        };
        if size > 0 {
            self.buffer.drain(..line);
            let size = usize::try_from(size).map_err(|_| Stop::Closed)?;
            self.framing = Some(Framing::Chunk(size));
            return self.part();
        }
        let mut fields = [EMPTY_HEADER; FIELDS];
        match httparse::parse_headers(&self.buffer[line..], &mut fields) {
            Ok(Status::Complete((length, found))) => {
                let trailers: Fields = found.iter().map(|field| (field.name, field.value)).collect();
                self.buffer.drain(..line + length);
                Ok(Some(self.end(Some(trailers).filter(|it| !it.0.is_empty()))))
            }
            Ok(Status::Partial) => Ok(None),
            Err(_) => Err(Stop::Closed),
        }
    }

    fn head(&mut self) -> Result<Option<Part>, Stop> {
        let mut fields = [EMPTY_HEADER; FIELDS];
        let parsed = match self.side {
            Side::Requests => {
                let mut request = Request::new(&mut fields);
                request.parse(&self.buffer).map(|status| (status, request_head(&request)))
            }
            Side::Responses { .. } => {
                let mut response = Response::new(&mut fields);
                response.parse(&self.buffer).map(|status| (status, response_head(&response)))
            }
        };
        let (length, head) = match parsed {
            Ok((Status::Complete(length), head)) => (length, head),
            Ok((Status::Partial, _)) => return Ok(None),
            Err(_) => return Err(Stop::Closed),
        };
        self.buffer.drain(..length);
        // `100 Continue` and its like come before the answer.
        if self.side != Side::Requests && head.first(":status").is_some_and(|status| status.starts_with(b"1")) {
            return self.head();
        }
        self.framing = Some(self.framing_of(&head));
        Ok(Some(Part::Head(head)))
    }

    fn framing_of(&self, head: &Fields) -> Framing {
        let length = head.first("content-length").and_then(|value| std::str::from_utf8(value).ok()?.parse().ok());
        let status = head.first(":status").unwrap_or_default();
        let bodiless = self.side == Side::Responses { to_head: true } || status == b"204" || status == b"304";
        match (self.side, length) {
            _ if bodiless => Framing::Length(0),
            _ if head.first("transfer-encoding").is_some_and(|value| value.ends_with(b"chunked")) => {
                Framing::BetweenChunks
            }
            (_, Some(length)) => Framing::Length(length),
            (Side::Requests, None) => Framing::Length(0),
            (Side::Responses { .. }, None) => Framing::Close,
        }
    }
}

fn request_head(request: &Request<'_, '_>) -> Fields {
    let host = request.headers.iter().find(|field| field.name.eq_ignore_ascii_case("host"));
    let mut head = Fields::default();
    host.iter().for_each(|field| head.add(":authority", field.value));
    head.add(":path", request.path.unwrap_or_default());
    head.add(":method", request.method.unwrap_or_default());
    // HTTP/1.1 does not say it; a filter that changes it changes nothing that a workload sees.
    head.add(":scheme", "http");
    let rest = request.headers.iter().filter(|field| !field.name.eq_ignore_ascii_case("host"));
    rest.for_each(|field| head.add(field.name, field.value));
    head
}

fn response_head(response: &Response<'_, '_>) -> Fields {
    let mut head = Fields::default();
    head.add(":status", response.code.unwrap_or_default().to_string());
    response.headers.iter().for_each(|field| head.add(field.name, field.value));
    head
}

/// The message without what no test is about.
pub(super) fn observed(mut message: Message) -> Message {
    HOP_BY_HOP.iter().for_each(|name| message.headers.remove(name));
    message
}

/// A message in the pieces in which it is to be written.
pub(super) struct Pieces {
    pub(super) head: Vec<u8>,
    pub(super) rest: Vec<Vec<u8>>,
}

/// A test's request, with what a client adds to it.
pub(super) fn request(message: &Message) -> Pieces {
    let pseudo = |name: &str| message.headers.first(name).unwrap_or_default().to_vec();
    let (authority, scheme) = (pseudo(":authority"), pseudo(":scheme"));
    // HTTP/1.1 names no scheme, unless the whole address is asked for.
    let origin = if scheme == b"http" { Vec::new() } else { [&scheme[..], b"://", &authority].concat() };
    let line = [&pseudo(":method")[..], b" ", &origin, &pseudo(":path"), b" HTTP/1.1\r\nhost: ", &authority, b"\r\n"];
    let mut head = line.concat();
    fields(&mut head, &message.headers);
    let chunked = framing(&mut head, message, None);
    if message.headers.first("x-request-id").is_none() {
        head.extend_from_slice(b"x-request-id: 00000000-0000-4000-8000-000000000000\r\n");
    }
    head.extend_from_slice(b"\r\n");
    Pieces { head, rest: body(message, chunked) }
}

/// A scripted answer. `to_head`: to a HEAD request, which gets the head alone.
pub(super) fn response(message: &Message, to_head: bool) -> Pieces {
    let status = message.headers.first(":status").unwrap_or(b"200");
    // Reason phrases do not reach filters.
    let mut head = [b"HTTP/1.1 ", status, b" \r\n"].concat();
    fields(&mut head, &message.headers);
    let chunked = framing(&mut head, message, Some(status));
    head.extend_from_slice(b"\r\n");
    let rest = if to_head { Vec::new() } else { body(message, chunked) };
    Pieces { head, rest }
}

fn fields(into: &mut Vec<u8>, fields: &Fields) {
    for (name, value) in fields.0.iter().filter(|(name, _)| !name.starts_with(b":")) {
        into.extend_from_slice(&[name, &b": "[..], value, b"\r\n"].concat());
    }
}

/// Says how the body ends, unless the test's own fields do. Whether it goes in chunks.
fn framing(into: &mut Vec<u8>, message: &Message, status: Option<&[u8]>) -> bool {
    if let Some(coding) = message.headers.first("transfer-encoding") {
        return coding.ends_with(b"chunked");
    }
    if message.headers.first("content-length").is_some() {
        return false;
    }
    if message.body.len() > 1 || message.trailers.is_some() {
        into.extend_from_slice(b"transfer-encoding: chunked\r\n");
        return true;
    }
    let length: usize = message.body.iter().map(Vec::len).sum();
    let said = match status {
        None => length > 0,
        Some(status) => status != b"204" && status != b"304",
    };
    if said {
        into.extend_from_slice(format!("content-length: {length}\r\n").as_bytes());
    }
    false
}

fn body(message: &Message, chunked: bool) -> Vec<Vec<u8>> {
    let chunks = message.body.iter().filter(|chunk| !chunk.is_empty());
    if !chunked {
        return chunks.cloned().collect();
    }
    let mut pieces: Vec<Vec<u8>> =
        chunks.map(|chunk| [format!("{:x}\r\n", chunk.len()).as_bytes(), chunk, b"\r\n"].concat()).collect();
    let mut last = b"0\r\n".to_vec();
    message.trailers.iter().for_each(|trailers| fields(&mut last, trailers));
    last.extend_from_slice(b"\r\n");
    pieces.push(last);
    pieces
}

/// Writes, and tells whether the other side still takes it.
pub(super) fn write(stream: &mut TcpStream, bytes: &[u8]) -> io::Result<()> {
    io::Write::write_all(stream, bytes)
}
