//! HTTP/1.1 over a socket, piece by piece: each chunk of a test is written by itself.

use std::io::{self, ErrorKind, Read};
use std::net::TcpStream;

use httparse::{EMPTY_HEADER, Request, Response, Status};
use mesh_compile_host::{Fields, Message};

use super::clock::Deadline;

/// Limit of fields in a head. Envoy's own limit is 100.
const FIELDS: usize = 256;
/// Bytes per read.
const PIECE: usize = 64 * 1024;
/// How the end of a body is found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Framing {
    /// After this many bytes.
    Length(usize),
    /// Between chunks.
    BetweenChunks,
    /// In a chunk with this many bytes left.
    Chunk(usize),
    /// When the connection closes.
    Close,
}

/// A piece of a message.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Part {
    /// The head, as in [`Message::headers`].
    Head(Fields),
    Body(Vec<u8>),
    /// The end of the message, with its trailers.
    End(Option<Fields>),
}

/// Why no piece was read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum ReadError {
    /// The deadline passed.
    TimedOut,
    /// The connection closed, or the data is not HTTP.
    Closed,
}

/// The kind of messages on a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Side {
    Requests,
    /// Responses. `to_head`: the next one is a response to HEAD and has no body, whatever its head says.
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
    /// How the body of the current message ends. `None`: its head is not complete.
    framing: Option<Framing>,
    closed: bool,
}

impl Reader {
    pub(super) fn new(stream: TcpStream, side: Side) -> Self {
        Self { stream, side, buffer: Vec::new(), framing: None, closed: false }
    }

    /// Waits for the next piece until the deadline.
    pub(super) fn next(&mut self, deadline: Deadline) -> Result<Part, ReadError> {
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

    /// Reads a message up to its end. `into` gets what arrives.
    pub(super) fn message(&mut self, into: &mut Option<Message>, deadline: Deadline) -> Result<(), ReadError> {
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

    fn fill(&mut self, deadline: Deadline) -> Result<(), ReadError> {
        let remaining = deadline.remaining();
        if remaining.is_zero() {
            return Err(ReadError::TimedOut);
        }
        let mut piece = vec![0; PIECE];
        let read = self.stream.set_read_timeout(Some(remaining)).and_then(|()| self.stream.read(&mut piece));
        match read {
            Ok(0) => self.closed = true,
            Ok(length) => self.buffer.extend_from_slice(&piece[..length]),
            Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => {
                return Err(ReadError::TimedOut);
            }
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(_) => self.closed = true,
        }
        Ok(())
    }

    /// The next piece, if it is in the buffer.
    fn part(&mut self) -> Result<Option<Part>, ReadError> {
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

    fn end_by_close(&mut self) -> Result<Part, ReadError> {
        if self.framing == Some(Framing::Close) { Ok(self.end(None)) } else { Err(ReadError::Closed) }
    }

    /// Up to `most` bytes of the body from the buffer.
    fn bytes(&mut self, most: usize) -> Option<Vec<u8>> {
        let length = self.buffer.len().min(most);
        (length > 0).then(|| self.buffer.drain(..length).collect())
    }

    /// A chunk, once it is complete.
    fn chunk(&mut self, left: usize) -> Option<Vec<u8>> {
        if self.buffer.len() < left + 2 {
            return None;
        }
        let bytes = self.buffer.drain(..left).collect();
        self.buffer.drain(..2);
        self.framing = Some(Framing::BetweenChunks);
        Some(bytes)
    }

    fn between_chunks(&mut self) -> Result<Option<Part>, ReadError> {
        let (line, size) = match httparse::parse_chunk_size(&self.buffer) {
            Ok(Status::Complete(found)) => found,
            Ok(Status::Partial) => return Ok(None),
            Err(_) => return Err(ReadError::Closed),
        };
        if size > 0 {
            self.buffer.drain(..line);
            let size = usize::try_from(size).map_err(|_| ReadError::Closed)?;
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
            Err(_) => Err(ReadError::Closed),
        }
    }

    fn head(&mut self) -> Result<Option<Part>, ReadError> {
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
            Err(_) => return Err(ReadError::Closed),
        };
        self.buffer.drain(..length);
        // Informational responses such as `100 Continue` precede the response.
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
    // HTTP/1.1 does not transmit the scheme, so a workload cannot see a filter's change to it.
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

/// The bytes of a message, in the pieces in which they are written.
pub(super) struct Pieces {
    pub(super) head: Vec<u8>,
    pub(super) rest: Vec<Vec<u8>>,
}

/// A test's request as the client sends it.
pub(super) fn request(message: &Message) -> Pieces {
    let pseudo = |name: &str| message.headers.first(name).unwrap_or_default();
    let (authority, scheme) = (pseudo(":authority"), pseudo(":scheme"));
    // A request line names a scheme only in front of a whole address.
    let origin = if scheme == b"http" { Vec::new() } else { [scheme, b"://", authority].concat() };
    let line = [pseudo(":method"), b" ", &origin, pseudo(":path"), b" HTTP/1.1\r\nhost: ", authority, b"\r\n"];
    pieces(line.concat(), &message.framed_request())
}

/// A scripted response to a request of this method.
pub(super) fn response(message: &Message, method: &[u8]) -> Pieces {
    let status = message.headers.first(":status").unwrap_or(b"200");
    // Reason phrases do not reach filters.
    let mut pieces = pieces([b"HTTP/1.1 ", status, b" \r\n"].concat(), &message.framed_response(method));
    if method == b"HEAD" {
        pieces.rest.clear();
    }
    pieces
}

fn pieces(mut head: Vec<u8>, message: &Message) -> Pieces {
    fields(&mut head, &message.headers);
    head.extend_from_slice(b"\r\n");
    let chunks = message.body.iter().filter(|chunk| !chunk.is_empty());
    if !message.headers.first("transfer-encoding").is_some_and(|coding| coding.ends_with(b"chunked")) {
        return Pieces { head, rest: chunks.cloned().collect() };
    }
    let chunk = |chunk: &Vec<u8>| [format!("{:x}\r\n", chunk.len()).as_bytes(), chunk, b"\r\n"].concat();
    let mut last = b"0\r\n".to_vec();
    message.trailers.iter().for_each(|trailers| fields(&mut last, trailers));
    last.extend_from_slice(b"\r\n");
    Pieces { head, rest: chunks.map(chunk).chain([last]).collect() }
}

fn fields(into: &mut Vec<u8>, fields: &Fields) {
    for (name, value) in fields.0.iter().filter(|(name, _)| !name.starts_with(b":")) {
        into.extend_from_slice(&[name, &b": "[..], value, b"\r\n"].concat());
    }
}

/// Writes all bytes.
pub(super) fn write(stream: &mut TcpStream, bytes: &[u8]) -> io::Result<()> {
    io::Write::write_all(stream, bytes)
}
