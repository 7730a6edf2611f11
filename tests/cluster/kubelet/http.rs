//! A small HTTP/1.1 client for the API server, Envoy's admin interface and the pods, and what the upstream shares with it.

use std::fmt;
use std::io::{self, BufRead, BufReader, Read, Write};

/// The largest head and the most headers that a message may have here.
const MAX_HEAD: u64 = 64 << 10;
const MAX_HEADERS: usize = 100;

/// A request or a response.
#[derive(Debug)]
pub(super) struct Message {
    /// The request line or the status line.
    pub(super) start: String,
    pub(super) headers: Vec<(String, String)>,
    pub(super) body: String,
}

impl Message {
    /// Reads a message. `None` if the peer closed the connection instead of sending one.
    pub(super) fn read(reader: &mut impl BufRead) -> io::Result<Option<Self>> {
        let Some(head) = read_head(reader)? else { return Ok(None) };
        let (start, rest) = head.split_once("\r\n").ok_or_else(|| invalid("no start line"))?;
        let mut headers = [httparse::EMPTY_HEADER; MAX_HEADERS];
        let parsed = httparse::parse_headers(rest.as_bytes(), &mut headers).map_err(invalid)?;
        let httparse::Status::Complete((_, parsed)) = parsed else { return Err(invalid("an incomplete head")) };
        let headers = parsed.iter().map(|it| (it.name.to_lowercase(), String::from_utf8_lossy(it.value).into_owned()));
        let mut message = Self { start: start.to_owned(), headers: headers.collect(), body: String::new() };
        message.body = read_body(reader, &message)?;
        Ok(Some(message))
    }

    /// The first header with a name in lower case.
    pub(super) fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(found, _)| found == name).map(|(_, value)| value.as_str())
    }
}

/// A response to a test.
#[derive(Debug)]
pub(crate) struct Response {
    pub(crate) status: u16,
    message: Message,
}

impl Response {
    /// The first header with a name in lower case.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.message.header(name)
    }

    pub(crate) fn body(&self) -> &str {
        &self.message.body
    }
}

/// A connection that carries one request after the other.
#[derive(Debug)]
pub(super) struct Client<S>(BufReader<S>);

impl<S: Read + Write> Client<S> {
    pub(super) fn new(stream: S) -> Self {
        Self(BufReader::new(stream))
    }

    /// Sends a request without a body.
    pub(super) fn get(&mut self, host: &str, path: &str) -> io::Result<Response> {
        self.send(host, ("GET", path), None)
    }

    /// Sends a request, with the media type and the text of its body.
    pub(super) fn send(
        &mut self,
        host: &str,
        (method, path): (&str, &str),
        body: Option<(&str, &str)>,
    ) -> io::Result<Response> {
        let mut request = format!("{method} {path} HTTP/1.1\r\nhost: {host}\r\n");
        if let Some((media_type, text)) = body {
            request += &format!("content-type: {media_type}\r\ncontent-length: {}\r\n\r\n{text}", text.len());
        } else {
            request += "\r\n";
        }
        self.0.get_mut().write_all(request.as_bytes())?;
        let message = Message::read(&mut self.0)?.ok_or(io::ErrorKind::UnexpectedEof)?;
        let status = message.start.split(' ').nth(1).and_then(|status| status.parse().ok());
        Ok(Response { status: status.ok_or_else(|| invalid(&message.start))?, message })
    }
}

fn read_head(reader: &mut impl BufRead) -> io::Result<Option<String>> {
    let mut head = String::new();
    let mut limited = reader.take(MAX_HEAD);
    while !head.ends_with("\r\n\r\n") {
        if limited.read_line(&mut head)? == 0 {
            return if head.is_empty() { Ok(None) } else { Err(io::ErrorKind::UnexpectedEof.into()) };
        }
    }
    Ok(Some(head))
}

/// Envoy and the API server delimit every body: none ends with the connection.
fn read_body(reader: &mut impl BufRead, message: &Message) -> io::Result<String> {
    let mut body = Vec::new();
    if message.header("transfer-encoding") == Some("chunked") {
        loop {
            let mut line = String::new();
            reader.read_line(&mut line)?;
            let size = u64::from_str_radix(line.trim_end(), 16).map_err(invalid)?;
            reader.take(size).read_to_end(&mut body)?;
            // The end of the chunk, or of the trailers, which nobody sends.
            reader.read_line(&mut line)?;
            if size == 0 {
                break;
            }
        }
    } else if let Some(length) = message.header("content-length") {
        reader.take(length.parse().map_err(invalid)?).read_to_end(&mut body)?;
    }
    Ok(String::from_utf8_lossy(&body).into_owned())
}

fn invalid(reason: impl fmt::Display) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, reason.to_string())
}
