//! The HTTP/2 side of a cluster that filters call over gRPC, without TLS.
//!
//! The `h2` crate speaks the protocol, with two limits. It keeps the fields of a message in a map, so repeated fields arrive together, at
//! the place of the first one; HTTP gives both orders the same meaning. And it resets a request whose `:path` is not a valid URI, which
//! only a gRPC service or method with such a name would cause.

use std::future::{Future, poll_fn};
use std::io;
use std::net::TcpStream;
use std::pin::pin;
use std::task::Poll;

use bytes::Bytes;
use h2::RecvStream;
use h2::server::{self, SendResponse};
use http::request::Parts;
use http::{HeaderMap, HeaderName, HeaderValue, Request, Response, StatusCode};
use mesh_compile_host::message::HOP_BY_HOP;
use mesh_compile_host::{Fields, Message};

use super::grpc;

/// Serves the one request of a connection: Envoy opens a connection for each ([`super::config::cluster`]). `respond` gets the whole
/// request, or the first messages of a gRPC stream that is still open. Without a response the connection is closed.
///
/// # Errors
/// If the connection breaks, or if HTTP/2 cannot express the response.
pub(super) fn serve(stream: TcpStream, respond: impl FnOnce(Message) -> Option<Message>) -> io::Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_io().build()?;
    stream.set_nonblocking(true)?;
    runtime.block_on(async {
        let stream = tokio::net::TcpStream::from_std(stream)?;
        let mut connection = server::handshake(stream).await.map_err(io::Error::other)?;
        let Some(accepted) = connection.accept().await else { return Ok(()) };
        let (request, sender) = accepted.map_err(io::Error::other)?;
        let mut exchange = pin!(exchange(request, sender, respond));
        let responded = poll_fn(|context| match exchange.as_mut().poll(context) {
            // The connection moves the frames that the exchange waits for.
            Poll::Pending => connection.poll_closed(context).map(|_| Ok(false)),
            ready => ready,
        });
        if responded.await? {
            poll_fn(|context| connection.poll_closed(context)).await.map_err(io::Error::other)?;
        }
        Ok(())
    })
}

/// Reads the request and writes the response, if there is one.
async fn exchange(
    request: Request<RecvStream>,
    mut sender: SendResponse<Bytes>,
    respond: impl FnOnce(Message) -> Option<Message>,
) -> io::Result<bool> {
    let (head, mut body) = request.into_parts();
    let mut message = Message { headers: request_fields(&head), ..Message::default() };
    let is_grpc = grpc::is_call(&message);
    read(&mut body, &mut message, is_grpc).await.map_err(io::Error::other)?;
    let Some(response) = respond(message) else { return Ok(false) };
    write(&mut sender, &response, is_grpc)?;
    // A gRPC stream may stay open on the other side. Dropping the body would reset it.
    while let Some(Ok(bytes)) = body.data().await {
        _ = body.flow_control().release_capacity(bytes.len());
    }
    Ok(true)
}

/// Reads up to the end of the request or, of a gRPC stream, up to the first message.
async fn read(body: &mut RecvStream, message: &mut Message, is_grpc: bool) -> Result<(), h2::Error> {
    let mut data = Vec::new();
    while let Some(bytes) = body.data().await {
        let bytes = bytes?;
        body.flow_control().release_capacity(bytes.len())?;
        data.extend_from_slice(&bytes);
        if is_grpc {
            message.body = grpc::take_messages(&mut data);
            if !message.body.is_empty() {
                return Ok(());
            }
        }
    }
    if !is_grpc && !data.is_empty() {
        message.body.push(data);
    }
    message.trailers = body.trailers().await?.as_ref().map(fields);
    Ok(())
}

/// Queues the response; the connection sends it. Each chunk of a gRPC response is a message.
fn write(sender: &mut SendResponse<Bytes>, response: &Message, is_grpc: bool) -> io::Result<()> {
    let mut head = Response::new(());
    *head.status_mut() = response
        .headers
        .first(":status")
        .map_or(Ok(StatusCode::OK), StatusCode::from_bytes)
        .map_err(io::Error::other)?;
    *head.headers_mut() = header_map(&response.headers)?;
    if is_grpc {
        head.headers_mut().entry("content-type").or_insert(HeaderValue::from_static("application/grpc"));
    }
    let trailers = response.trailers.as_ref().map(header_map).transpose()?;
    let ends = response.body.is_empty() && trailers.is_none();
    let mut stream = sender.send_response(head, ends).map_err(io::Error::other)?;
    for (at, chunk) in response.body.iter().enumerate() {
        let bytes = if is_grpc { grpc::with_prefix(chunk) } else { chunk.clone() };
        let ends = at + 1 == response.body.len() && trailers.is_none();
        stream.send_data(bytes.into(), ends).map_err(io::Error::other)?;
    }
    trailers.map_or(Ok(()), |trailers| stream.send_trailers(trailers)).map_err(io::Error::other)
}

/// The fields of a request, pseudo-headers in the order of HTTP/1.1's request line.
fn request_fields(head: &Parts) -> Fields {
    let mut all = Fields::default();
    let mut pseudo = |name, value: Option<&str>| value.into_iter().for_each(|value| all.add(name, value));
    pseudo(":authority", head.uri.authority().map(|it| it.as_str()));
    pseudo(":path", head.uri.path_and_query().map(|it| it.as_str()));
    pseudo(":method", Some(head.method.as_str()));
    pseudo(":scheme", head.uri.scheme_str());
    all.0.extend(fields(&head.headers).0);
    all
}

fn fields(map: &HeaderMap) -> Fields {
    map.iter().map(|(name, value)| (name.as_str(), value.as_bytes())).collect()
}

fn header_map(fields: &Fields) -> io::Result<HeaderMap> {
    let mut map = HeaderMap::new();
    for (name, value) in fields.0.iter().filter(|(name, _)| !name.starts_with(b":")) {
        let name = HeaderName::from_bytes(name).map_err(io::Error::other)?;
        // HTTP/2 forbids them (RFC 9113, 8.2.2).
        if !HOP_BY_HOP.contains(&name.as_str()) {
            map.append(name, HeaderValue::from_bytes(value).map_err(io::Error::other)?);
        }
    }
    Ok(map)
}
