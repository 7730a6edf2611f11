//! A minimal HTTP/1.1 client, and the workloads behind the proxy.

use std::io::{self, BufReader, Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::LazyLock;
use std::thread;
use std::time::Duration;

use serde_json::{Value, json};

/// The time limit for a response.
const TIMEOUT: Duration = Duration::from_secs(10);

/// Headers in order, with names in lowercase. A name can occur several times.
pub(crate) type Headers = Vec<(String, String)>;

/// A request to send.
#[derive(Debug, Clone)]
pub(crate) struct Request<'a> {
    pub(crate) method: &'a str,
    pub(crate) path: &'a str,
    pub(crate) headers: &'a [(&'a str, &'a str)],
    pub(crate) body: &'a str,
}

/// A response.
#[derive(Debug, Clone)]
pub(crate) struct Response {
    pub(crate) status: u16,
    pub(crate) headers: Headers,
    pub(crate) body: Vec<u8>,
}

impl Default for Request<'_> {
    fn default() -> Self {
        Self { method: "GET", path: "/", headers: &[], body: "" }
    }
}

impl Request<'_> {
    /// Sends the request over a new connection.
    pub(crate) fn send(&self, to: SocketAddr) -> io::Result<Response> {
        let mut head = format!("{} {} HTTP/1.1\r\nhost: mesh.test\r\nconnection: close\r\n", self.method, self.path);
        if !self.body.is_empty() {
            head += &format!("content-length: {}\r\n", self.body.len());
        }
        for (name, value) in self.headers {
            head += &format!("{name}: {value}\r\n");
        }
        exchange(to, format!("{head}\r\n{}", self.body).as_bytes(), TIMEOUT)
    }
}

/// Sends bytes in one write, and reads a response.
pub(crate) fn exchange(to: SocketAddr, bytes: &[u8], timeout: Duration) -> io::Result<Response> {
    let stream = connect(to, timeout)?;
    (&stream).write_all(bytes)?;
    let mut reader = BufReader::new(stream);
    let first = line(&mut reader)?;
    let status = first.split(' ').nth(1).and_then(|status| status.parse().ok());
    let status = status.ok_or_else(|| io::Error::other(format!("no status line: {first:?}")))?;
    let (headers, body) = rest(&mut reader)?;
    Ok(Response { status, headers, body })
}

/// Sends bytes in one write, and reads the given number of bytes.
pub(crate) fn exchange_bytes(to: SocketAddr, bytes: &[u8], length: usize) -> io::Result<Vec<u8>> {
    let mut stream = connect(to, TIMEOUT)?;
    stream.write_all(bytes)?;
    let mut read = vec![0; length];
    stream.read_exact(&mut read)?;
    Ok(read)
}

impl Response {
    /// The values of a header in their order.
    pub(crate) fn values(&self, name: &str) -> Vec<&str> {
        values(&self.headers, name)
    }

    /// The request as the workload received it.
    pub(crate) fn upstream(&self) -> Upstream {
        let echo: Value = serde_json::from_slice(&self.body).unwrap_or_else(|error| {
            panic!("{error}: not a response of the workload: {} {}", self.status, String::from_utf8_lossy(&self.body))
        });
        let headers = serde_json::from_value(echo["headers"].clone()).expect("the workload's own JSON");
        Upstream { line: echo["line"].as_str().unwrap_or_default().to_owned(), headers }
    }
}

/// A request as the workload received it.
#[derive(Debug, Clone)]
pub(crate) struct Upstream {
    /// The request line, such as `GET /path HTTP/1.1`.
    pub(crate) line: String,
    headers: Headers,
}

impl Upstream {
    /// The values of a header in their order.
    pub(crate) fn values(&self, name: &str) -> Vec<&str> {
        values(&self.headers, name)
    }
}

/// Envoy can combine the values of a header into one line, which is equivalent (RFC 9110, section 5.3).
fn values<'a>(headers: &'a Headers, name: &str) -> Vec<&'a str> {
    let lines = headers.iter().filter(|(key, _)| key == name);
    lines.flat_map(|(_, value)| value.split(',')).map(str::trim).collect()
}

/// The workload behind every HTTP listener. It responds with status 200 and the request line and headers as JSON.
pub(crate) fn workload() -> SocketAddr {
    static ADDRESS: LazyLock<SocketAddr> = LazyLock::new(|| serve(respond));
    *ADDRESS
}

/// The workload behind every TCP listener. It echoes.
pub(crate) fn tcp_workload() -> SocketAddr {
    static ADDRESS: LazyLock<SocketAddr> =
        LazyLock::new(|| serve(|stream| io::copy(&mut &stream, &mut &stream).map(drop)));
    *ADDRESS
}

/// Serves each connection in its own thread until the test process exits.
fn serve(connection: fn(TcpStream) -> io::Result<()>) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let address = listener.local_addr().expect("a bound address");
    thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            // The proxy reports connections that fail.
            thread::spawn(move || connection(stream));
        }
    });
    address
}

fn respond(stream: TcpStream) -> io::Result<()> {
    let mut reader = BufReader::new(stream.try_clone()?);
    let first = line(&mut reader)?;
    let (headers, _) = rest(&mut reader)?;
    let body = json!({ "line": first, "headers": headers }).to_string();
    let head = "HTTP/1.1 200 OK\r\nx-powered-by: workload\r\nx-version: 1\r\nserver: workload\r\nconnection: close\r\n";
    (&stream).write_all(format!("{head}content-length: {}\r\n\r\n{body}", body.len()).as_bytes())
}

fn connect(to: SocketAddr, timeout: Duration) -> io::Result<TcpStream> {
    let stream = TcpStream::connect_timeout(&to, timeout)?;
    stream.set_read_timeout(Some(timeout))?;
    stream.set_write_timeout(Some(timeout))?;
    Ok(stream)
}

fn line(reader: &mut impl io::BufRead) -> io::Result<String> {
    let mut line = String::new();
    reader.read_line(&mut line)?;
    Ok(line.trim_end_matches(['\r', '\n']).to_owned())
}

/// The headers after the first line, and the body.
fn rest(reader: &mut BufReader<TcpStream>) -> io::Result<(Headers, Vec<u8>)> {
    let mut headers = Headers::new();
    loop {
        let line = line(reader)?;
        if line.is_empty() {
            break;
        }
        let (name, value) = line.split_once(':').ok_or_else(|| io::Error::other(format!("no header: {line:?}")))?;
        headers.push((name.to_ascii_lowercase(), value.trim().to_owned()));
    }
    let mut body = Vec::new();
    if values(&headers, "transfer-encoding").contains(&"chunked") {
        loop {
            let size = usize::from_str_radix(&line(reader)?, 16).map_err(io::Error::other)?;
            reader.by_ref().take(size as u64).read_to_end(&mut body)?;
            line(reader)?;
            if size == 0 {
                break;
            }
        }
    } else if let [length] = values(&headers, "content-length")[..] {
        let length = length.parse().map_err(io::Error::other)?;
        reader.by_ref().take(length).read_to_end(&mut body)?;
    }
    Ok((headers, body))
}
