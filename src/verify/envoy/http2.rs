//! A server for HTTP/2 without TLS, as Envoy speaks it to a cluster that answers gRPC. One request at a time is all that a test needs,
//! and answers that fit into the window that every connection begins with.

use std::io::{self, Read as _};
use std::net::TcpStream;

use mesh_compile_host::{Fields, Message};

use super::hpack::{self, Decoder};
use super::wire;

const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
/// The head of a frame: its length, kind, flags and stream.
const HEAD: usize = 9;
/// The length, compressed or not, of a gRPC message.
const MESSAGE: usize = 5;
/// Bytes of a frame at most.
const FRAME: usize = 16_384;

const DATA: u8 = 0;
const HEADERS: u8 = 1;
const RST_STREAM: u8 = 3;
const SETTINGS: u8 = 4;
const PING: u8 = 6;
const WINDOW_UPDATE: u8 = 8;
const CONTINUATION: u8 = 9;

const END_STREAM: u8 = 1;
const ACK: u8 = 1;
const END_HEADERS: u8 = 4;
const PADDED: u8 = 8;
const PRIORITY: u8 = 32;

/// A connection.
pub(super) struct Server {
    stream: TcpStream,
    decoder: Decoder,
    /// A header block that goes on in further frames.
    block: Vec<u8>,
    /// Whether its stream ends with it.
    ends: bool,
    requests: Vec<(u32, Request)>,
}

/// A request on its way.
#[derive(Debug, Default)]
struct Request {
    message: Message,
    /// What has come of the next gRPC message, or of the body.
    data: Vec<u8>,
    answered: bool,
}

#[derive(Debug)]
struct Frame {
    kind: u8,
    flags: u8,
    stream: u32,
    payload: Vec<u8>,
}

impl Request {
    fn is_grpc(&self) -> bool {
        self.message.headers.first("content-type").is_some_and(|value| value.starts_with(b"application/grpc"))
    }

    /// Takes whole gRPC messages out of what has come. Whether there were any.
    fn take_messages(&mut self) -> bool {
        let messages = take_messages(&mut self.data);
        let any = !messages.is_empty();
        self.message.body.extend(messages);
        any
    }
}

/// Takes whole gRPC messages, without their frames, out of the bytes of a body.
pub(super) fn take_messages(data: &mut Vec<u8>) -> Vec<Vec<u8>> {
    let mut messages = Vec::new();
    while let Some(length) = data.first_chunk::<MESSAGE>().map(|head| [head[1], head[2], head[3], head[4]]) {
        let length = u32::from_be_bytes(length) as usize;
        if data.len() < MESSAGE + length {
            break;
        }
        messages.push(data[MESSAGE..MESSAGE + length].to_vec());
        data.drain(..MESSAGE + length);
    }
    messages
}

impl Server {
    /// Shakes hands.
    pub(super) fn accept(mut stream: TcpStream) -> io::Result<Self> {
        let mut preface = [0; PREFACE.len()];
        stream.read_exact(&mut preface)?;
        if preface != PREFACE {
            return Err(io::Error::other("no HTTP/2"));
        }
        let mut server =
            Self { stream, decoder: Decoder::default(), block: Vec::new(), ends: false, requests: Vec::new() };
        server.write(SETTINGS, 0, 0, &[])?;
        Ok(server)
    }

    /// The next request and its stream: whole, or of a gRPC stream the first message.
    pub(super) fn next(&mut self) -> io::Result<(u32, Message)> {
        loop {
            let frame = self.read()?;
            if let Some(message) = self.take(&frame)? {
                return Ok((frame.stream, message));
            }
        }
    }

    fn take(&mut self, frame: &Frame) -> io::Result<Option<Message>> {
        match frame.kind {
            HEADERS | CONTINUATION => self.headers(frame),
            DATA => self.data(frame),
            SETTINGS if frame.flags & ACK == 0 => self.write(SETTINGS, ACK, 0, &[]).map(|()| None),
            PING if frame.flags & ACK == 0 => self.write(PING, ACK, 0, &frame.payload).map(|()| None),
            RST_STREAM => {
                self.requests.retain(|(stream, _)| *stream != frame.stream);
                Ok(None)
            }
            _ => Ok(None),
        }
    }

    fn headers(&mut self, frame: &Frame) -> io::Result<Option<Message>> {
        let payload = frame.content();
        if frame.kind == HEADERS {
            self.block.clear();
            self.ends = frame.flags & END_STREAM != 0;
        }
        self.block.extend_from_slice(payload);
        if frame.flags & END_HEADERS == 0 {
            return Ok(None);
        }
        let fields = self.decoder.decode(&self.block).ok_or_else(|| io::Error::other("damaged headers"))?;
        let ends = self.ends;
        let request = self.request(frame.stream);
        if request.message.headers.0.is_empty() {
            request.message.headers = ordered(&fields);
        } else {
            request.message.trailers = Some(fields);
        }
        Ok(self.whole(frame.stream, ends))
    }

    fn data(&mut self, frame: &Frame) -> io::Result<Option<Message>> {
        let length = u32::try_from(frame.payload.len()).map_err(io::Error::other)?;
        if length > 0 {
            // What is read is room for more.
            for stream in [0, frame.stream] {
                self.write(WINDOW_UPDATE, 0, stream, &length.to_be_bytes())?;
            }
        }
        self.request(frame.stream).data.extend_from_slice(frame.content());
        Ok(self.whole(frame.stream, frame.flags & END_STREAM != 0))
    }

    fn request(&mut self, stream: u32) -> &mut Request {
        let at = self.requests.iter().position(|(of, _)| *of == stream).unwrap_or_else(|| {
            self.requests.push((stream, Request::default()));
            self.requests.len() - 1
        });
        &mut self.requests[at].1
    }

    /// The request, if it is to be answered now.
    fn whole(&mut self, stream: u32, ends: bool) -> Option<Message> {
        let request = self.request(stream);
        let is_grpc = request.is_grpc();
        let has_message = is_grpc && request.take_messages();
        if !is_grpc && ends && !request.data.is_empty() {
            let body = std::mem::take(&mut request.data);
            request.message.body.push(body);
        }
        let now = !request.answered && (ends || has_message);
        request.answered |= now;
        let message = now.then(|| request.message.clone());
        if ends {
            self.requests.retain(|(of, _)| *of != stream);
        }
        message
    }

    /// Answers; `grpc`: each chunk of the body is a message.
    pub(super) fn answer(&mut self, stream: u32, answer: &Message, grpc: bool) -> io::Result<()> {
        let mut headers = answer.headers.clone();
        if grpc && headers.first("content-type").is_none() {
            headers.add("content-type", "application/grpc");
        }
        let mut left = answer.body.len();
        let flags = |last: bool| if last { END_STREAM } else { 0 };
        let ends = left == 0 && answer.trailers.is_none();
        self.write(HEADERS, END_HEADERS | flags(ends), stream, &hpack::encode(&headers))?;
        for chunk in &answer.body {
            left -= 1;
            let length = u32::try_from(chunk.len()).map_err(io::Error::other)?;
            let head = if grpc { [&[0], &length.to_be_bytes()[..]].concat() } else { Vec::new() };
            let bytes = [&head[..], chunk].concat();
            let pieces = bytes.chunks(FRAME).count();
            for (at, piece) in bytes.chunks(FRAME).enumerate() {
                let last = left == 0 && at + 1 == pieces && answer.trailers.is_none();
                self.write(DATA, flags(last), stream, piece)?;
            }
        }
        match &answer.trailers {
            Some(trailers) => self.write(HEADERS, END_HEADERS | END_STREAM, stream, &hpack::encode(trailers)),
            None => Ok(()),
        }
    }

    fn read(&mut self) -> io::Result<Frame> {
        let mut head = [0; HEAD];
        self.stream.read_exact(&mut head)?;
        let [a, b, c, kind, flags, stream @ ..] = head;
        let mut payload = vec![0; u32::from_be_bytes([0, a, b, c]) as usize];
        self.stream.read_exact(&mut payload)?;
        Ok(Frame { kind, flags, stream: u32::from_be_bytes(stream) & 0x7fff_ffff, payload })
    }

    fn write(&mut self, kind: u8, flags: u8, stream: u32, payload: &[u8]) -> io::Result<()> {
        let length = u32::try_from(payload.len()).map_err(io::Error::other)?.to_be_bytes();
        let head = [&length[1..], &[kind, flags], &stream.to_be_bytes()].concat();
        wire::write(&mut self.stream, &[&head[..], payload].concat())
    }
}

impl Frame {
    /// The payload without padding and priority.
    fn content(&self) -> &[u8] {
        if self.kind == CONTINUATION {
            return &self.payload;
        }
        let (mut bytes, mut padding) = (&self.payload[..], 0);
        if self.flags & PADDED != 0
            && let Some((length, rest)) = bytes.split_first()
        {
            (bytes, padding) = (rest, usize::from(*length));
        }
        if self.kind == HEADERS && self.flags & PRIORITY != 0 {
            bytes = bytes.get(5..).unwrap_or_default();
        }
        &bytes[..bytes.len().saturating_sub(padding)]
    }
}

/// The pseudo-headers in the order of HTTP/1.1's.
fn ordered(fields: &Fields) -> Fields {
    const FIRST: [&str; 4] = [":authority", ":path", ":method", ":scheme"];
    let first = FIRST.iter().filter_map(|name| Some((name.as_bytes(), fields.first(name)?)));
    let rest = fields.0.iter().filter(|(name, _)| !name.starts_with(b":"));
    first.chain(rest.map(|(name, value)| (&name[..], &value[..]))).collect()
}
