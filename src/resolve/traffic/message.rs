//! The messages of a test: requests, the workload's responses, and the responses of other clusters.

use mesh_compile_host::{Callout, Fields, Message, Response};

use super::headers::{ENCODING, LENGTH, Part};
use super::values::{Check, is_token, short};
use crate::diag::Location;
use crate::spec::Spanned;
use crate::spec::types::traffic::{self, Text};

/// The headers, body and trailers of a message, as a test sets them.
struct Written<'a> {
    headers: Option<&'a Spanned<traffic::Fields>>,
    body: Option<&'a Spanned<Text>>,
    chunks: Option<&'a Spanned<Vec<Spanned<Text>>>>,
    trailers: Option<&'a Spanned<traffic::Fields>>,
}

/// A key of a test and where it is, if it is set.
type Key = (&'static str, Option<Location>);

/// The location of a key, if it is set.
fn key<T>(name: &'static str, written: Option<&Spanned<T>>) -> Key {
    (name, written.map(Spanned::key_location))
}

/// The keys that are set.
fn set(keys: impl IntoIterator<Item = Key>) -> impl Iterator<Item = (&'static str, Location)> {
    keys.into_iter().filter_map(|(name, location)| Some((name, location?)))
}

impl<'a> Written<'a> {
    fn keys(&self) -> [Key; 4] {
        [
            key("headers", self.headers),
            key("body", self.body),
            key("chunks", self.chunks),
            key("trailers", self.trailers),
        ]
    }
}

macro_rules! written {
    ($message:expr) => {
        Written {
            headers: $message.headers.as_ref(),
            body: $message.body.as_ref(),
            chunks: $message.chunks.as_ref(),
            trailers: $message.trailers.as_ref(),
        }
    };
}

impl Check<'_> {
    pub(super) fn request(&mut self, written: Option<&Spanned<traffic::Request>>) -> Message {
        let default = traffic::Request::default();
        let written = written.map_or(&default, |written| written);
        if let Some(method) = &written.method {
            self.method(method);
        }
        if let Some(path) = &written.path {
            self.path(path);
        }
        if let Some(authority) = &written.authority
            && (authority.is_empty() || authority.contains(|c: char| !c.is_ascii_graphic() || "/?#@".contains(c)))
        {
            let message = format!("{} is not a valid authority", short(authority));
            self.reject(authority.location(), message, "set the host, with its port if needed: `shop.example:8080`");
        }
        if let Some(scheme) = written.scheme.as_ref().filter(|scheme| !matches!(scheme.as_str(), "http" | "https")) {
            let message = format!("a proxy does not accept the scheme {}", short(scheme));
            self.reject(scheme.location(), message, "valid values: `http`, `https`");
        }
        let or = |written: &Option<Spanned<String>>, default: &str| {
            written.as_ref().map_or_else(|| default.to_owned(), |text| text.to_string())
        };
        let pseudo = [
            (":authority", or(&written.authority, "mesh.test")),
            (":path", or(&written.path, "/")),
            (":method", or(&written.method, "GET")),
            (":scheme", or(&written.scheme, "http")),
        ];
        self.message(pseudo.into_iter().collect(), Part::RequestHeaders, &written!(written))
    }

    /// The workload's response.
    pub(super) fn upstream(&mut self, written: Option<&Spanned<traffic::Response>>) -> Response {
        let default = traffic::Response::default();
        let written = written.map_or(&default, |written| written);
        let parts = written!(written);
        let others = [key("status", written.status.as_ref())].into_iter().chain(parts.keys());
        if self.is_reset(written.reset.as_ref(), others) {
            return Response::Reset;
        }
        Response::Message(self.response(written.status.as_ref(), &parts))
    }

    /// The responses of a cluster to successive callouts.
    pub(super) fn callouts(&mut self, written: &traffic::Callouts) -> Vec<Callout> {
        match written {
            traffic::Callouts::Always(only) => vec![self.callout(only)],
            traffic::Callouts::InTurn(several) => several.iter().map(|one| self.callout(one)).collect(),
        }
    }

    fn callout(&mut self, written: &traffic::Callout) -> Callout {
        let after = self.duration(written.after.as_ref());
        let parts = written!(written);
        let of_grpc = [
            key("grpc-status", written.grpc_status.as_ref()),
            key("grpc-message", written.grpc_message.as_ref()),
            key("messages", written.messages.as_ref()),
        ];
        let others = [key("status", written.status.as_ref())].into_iter().chain(parts.keys()).chain(of_grpc);
        let response = if self.is_reset(written.reset.as_ref(), others) {
            Response::Reset
        } else if let Some(first) = set(of_grpc).next() {
            Response::Message(self.grpc(written, first))
        } else {
            Response::Message(self.response(written.status.as_ref(), &parts))
        };
        Callout { after, response }
    }

    /// Whether the connection is reset. Then no other key but `after` can be set.
    fn is_reset(&mut self, reset: Option<&Spanned<bool>>, others: impl IntoIterator<Item = Key>) -> bool {
        let Some(reset) = reset.filter(|reset| ***reset) else { return false };
        if let Some(other) = set(others).next() {
            let help = "a connection that is reset sends no response";
            self.exclusive([("reset", reset.key_location()), other], help);
        }
        true
    }

    fn response(&mut self, status: Option<&Spanned<u16>>, parts: &Written<'_>) -> Message {
        let is_empty = |body: &Spanned<Text>| matches!(&**body, Text::Plain(text) if text.is_empty());
        let has_trailers = parts.trailers.is_some_and(|trailers| !trailers.is_empty());
        let has_body = has_trailers || parts.chunks.is_some() || parts.body.is_some_and(|body| !is_empty(body));
        if let Some(status) = status.filter(|status| has_body && matches!(***status, 204 | 304)) {
            let message = format!("a response with status {} has no body", **status);
            self.reject(status.location(), message, "remove the body, or set another status");
        }
        let status = status.map_or(200, |status| **status);
        let pseudo = [(":status", status.to_string())].into_iter().collect();
        self.message(pseudo, Part::ResponseHeaders, parts)
    }

    /// A gRPC response: each chunk is a message. A response without messages has only trailers, which are sent as headers.
    fn grpc(&mut self, written: &traffic::Callout, first: (&'static str, Location)) -> Message {
        let of_http = [
            key("status", written.status.as_ref()),
            key("body", written.body.as_ref()),
            key("chunks", written.chunks.as_ref()),
        ];
        for other in set(of_http) {
            let help = "`grpc-status`, `grpc-message` and `messages` make it a gRPC response, which has the status 200 and its messages as the body";
            self.exclusive([first, other], help);
        }
        let mut headers: Fields = [(":status", "200")].into_iter().collect();
        let own = self.fields(written.headers.as_ref(), Part::ResponseHeaders);
        if own.first("content-type").is_none() {
            headers.add("content-type", "application/grpc");
        }
        headers.0.extend(own.0);
        let mut end = self.fields(written.trailers.as_ref(), Part::Trailers);
        let messages = written.messages.as_ref().map_or(&[][..], |messages| messages.as_slice());
        let only_trailers = end.0.is_empty() && messages.is_empty();
        end.add("grpc-status", written.grpc_status.as_ref().map_or(0, |status| **status).to_string());
        if let Some(message) = written.grpc_message.as_ref().filter(|message| !message.is_empty()) {
            self.header_value("grpc-message", message, message.location());
            end.add("grpc-message", message.as_str());
        }
        let body = messages.iter().map(|message| self.bytes(message)).collect();
        if only_trailers {
            headers.0.extend(end.0);
            return Message { headers, body, trailers: None };
        }
        Message { headers, body, trailers: Some(end) }
    }

    fn message(&mut self, mut headers: Fields, part: Part, written: &Written<'_>) -> Message {
        headers.0.extend(self.fields(written.headers, part).0);
        let trailers = self.fields(written.trailers, Part::Trailers);
        let body = self.body(written);
        let mut message = Message { headers, body, trailers: Some(trailers).filter(|fields| !fields.0.is_empty()) };
        self.length(&message, written);
        if written.chunks.is_some() {
            message.mark_chunked();
        }
        message
    }

    fn body(&mut self, written: &Written<'_>) -> Vec<Vec<u8>> {
        if let (Some(body), Some(chunks)) = (written.body, written.chunks) {
            let help = "`body` is sent in one piece, `chunks` in several";
            self.exclusive([("body", body.key_location()), ("chunks", chunks.key_location())], help);
        }
        let whole = written.body.map(|body| self.bytes(body)).filter(|body| !body.is_empty());
        let mut chunks = Vec::new();
        for chunk in written.chunks.into_iter().flat_map(|chunks| chunks.iter()) {
            let bytes = self.bytes(chunk);
            if bytes.is_empty() {
                self.reject(
                    chunk.location(),
                    "a chunk is empty",
                    "remove it: in HTTP/1.1, an empty chunk ends the body",
                );
            }
            chunks.push(bytes);
        }
        whole.into_iter().chain(chunks).collect()
    }

    /// Reports a length that differs from the body's, or that is set together with chunks: the proxy would reset the connection
    /// before any filter sees the message.
    fn length(&mut self, message: &Message, written: &Written<'_>) {
        let headers = written.headers.into_iter().flat_map(|headers| headers.iter());
        let Some((_, written_length)) = { headers }.find(|(name, _)| name.eq_ignore_ascii_case(LENGTH)) else { return };
        let location = written_length.location();
        let length = message.body().len();
        let is_chunked = written.chunks.is_some() || message.trailers.is_some();
        if is_chunked || message.headers.first(ENCODING).is_some() {
            let help = "remove it: chunks and trailers define the end of the body";
            self.reject(location, "`content-length` cannot be combined with chunks or trailers", help);
        } else if message.headers.first(LENGTH) != Some(length.to_string().as_bytes()) {
            let help = "remove it: the length is set automatically";
            self.reject(location, format!("`content-length` is not the length of the body, {length}"), help);
        }
    }

    fn method(&mut self, method: &Spanned<String>) {
        let (message, help) = if !is_token(method) {
            (format!("{} is not a valid method", short(method)), "use `GET`, `POST`, `PUT` …".to_owned())
        } else if method.bytes().any(|byte| byte.is_ascii_lowercase()) {
            let help = format!("use `{}`", method.to_ascii_uppercase());
            (format!("`{}` is not a valid method: methods are in upper case", method.as_str()), help)
        } else if method.as_str() == "CONNECT" {
            let message = "tests do not support `CONNECT`, which opens a tunnel".to_owned();
            (message, "use another method".to_owned())
        } else {
            return;
        };
        self.reject(method.location(), message, help);
    }

    fn path(&mut self, path: &Spanned<String>) {
        let (message, help) = if !path.starts_with(['/', '*']) {
            let message = format!("the path {} does not start with `/`", short(path));
            (message, "add the `/`; the host is `authority`".to_owned())
        } else if let Some(bad) = path.chars().find(|c| !c.is_ascii_graphic() || *c == '#') {
            let escaped: String = bad.to_string().bytes().map(|byte| format!("%{byte:02X}")).collect();
            (format!("the path contains {bad:?}, which a request line cannot"), format!("escape it as `{escaped}`"))
        } else {
            return;
        };
        self.reject(path.location(), message, help);
    }
}
