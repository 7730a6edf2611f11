//! What a test sends and what is answered: requests, the workload's answers, those of other clusters.

use std::collections::BTreeMap;

use mesh_compile_host::{Callout, Fields, Message, Response};

use super::values::{Check, is_token, short};
use crate::diag::{Code, Diagnostic};
use crate::spec::Place;
use crate::spec::types::traffic::{self, Text, Values};

/// Headers that speak of the connection or that Envoy answers by itself: none of them gets through a proxy as it is.
const OF_THE_CONNECTION: [&str; 5] = ["connection", "expect", "keep-alive", "proxy-connection", "upgrade"];
/// Headers that say where a body ends.
const LENGTH: &str = "content-length";
const ENCODING: &str = "transfer-encoding";

/// Which part of which message fields are of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Part {
    RequestHeaders,
    AnswerHeaders,
    Trailers,
}

/// A message as a test writes it.
struct Written<'a> {
    headers: &'a BTreeMap<String, Values>,
    body: Option<&'a Text>,
    chunks: Option<&'a [Text]>,
    trailers: &'a BTreeMap<String, Values>,
}

impl Check<'_> {
    pub(super) fn request(&mut self, written: Option<&traffic::Request>, place: &Place) -> Message {
        let default = traffic::Request::default();
        let written = written.unwrap_or(&default);
        let method = written.method.as_deref().unwrap_or("GET");
        let path = written.path.as_deref().unwrap_or("/");
        let authority = written.authority.as_deref().unwrap_or("mesh.test");
        let scheme = written.scheme.as_deref().unwrap_or("http");
        self.method(method, &place.key("method"));
        self.path(path, &place.key("path"));
        if authority.is_empty() || authority.contains(|c: char| !c.is_ascii_graphic() || "/?#@".contains(c)) {
            let message = format!("{} is not an authority", short(authority));
            self.refuse(
                self.document.at(&place.key("authority")),
                message,
                "write the host, with its port if need be: `shop.example:8080`",
            );
        }
        if !matches!(scheme, "http" | "https") {
            let message = format!("{} is not a scheme that a proxy takes", short(scheme));
            self.refuse(self.document.at(&place.key("scheme")), message, "it takes `http`, `https`");
        }
        let pseudo = [(":authority", authority), (":path", path), (":method", method), (":scheme", scheme)];
        let parts = Written {
            headers: &written.headers,
            body: written.body.as_ref(),
            chunks: written.chunks.as_deref(),
            trailers: &written.trailers,
        };
        self.message(pseudo.into_iter().collect(), Part::RequestHeaders, &parts, place)
    }

    /// What the workload answers.
    pub(super) fn upstream(&mut self, written: Option<&traffic::Answer>, place: &Place) -> Response {
        let default = traffic::Answer::default();
        let written = written.unwrap_or(&default);
        let parts = Written {
            headers: &written.headers,
            body: written.body.as_ref(),
            chunks: written.chunks.as_deref(),
            trailers: &written.trailers,
        };
        if self.is_reset(written.reset, place) {
            return Response::Reset;
        }
        Response::Message(self.answer(written.status, &parts, place))
    }

    /// What a cluster answers, call by call.
    pub(super) fn callouts(&mut self, written: &traffic::Callouts, place: &Place) -> Vec<Callout> {
        match written {
            traffic::Callouts::Always(only) => vec![self.callout(only, place)],
            traffic::Callouts::InTurn(several) => {
                several.iter().enumerate().map(|(i, one)| self.callout(one, &place.index(i))).collect()
            }
        }
    }

    fn callout(&mut self, written: &traffic::Callout, place: &Place) -> Callout {
        let after = self.duration(written.after.as_deref(), &place.key("after"));
        let response = if self.is_reset(written.reset, place) {
            Response::Reset
        } else if written.grpc_status.is_some() || written.grpc_message.is_some() || written.messages.is_some() {
            Response::Message(self.grpc(written, place))
        } else {
            let parts = Written {
                headers: &written.headers,
                body: written.body.as_ref(),
                chunks: written.chunks.as_deref(),
                trailers: &written.trailers,
            };
            Response::Message(self.answer(written.status, &parts, place))
        };
        Callout { after, response }
    }

    /// Whether the connection is to break; then nothing but `after` may stand beside it.
    fn is_reset(&mut self, reset: Option<bool>, place: &Place) -> bool {
        const OTHERS: [&str; 8] =
            ["status", "headers", "body", "chunks", "trailers", "grpc-status", "grpc-message", "messages"];
        let is_reset = reset == Some(true);
        if let Some(other) = OTHERS.iter().find(|key| is_reset && self.document.has(&place.key(**key))) {
            self.exclusive(place, ["reset", other], "where the connection breaks, nothing is answered");
        }
        is_reset
    }

    fn answer(&mut self, status: Option<u16>, parts: &Written<'_>, place: &Place) -> Message {
        let status = status.unwrap_or(200);
        let has_body = !parts.trailers.is_empty() || parts.chunks.is_some();
        let has_body = has_body || parts.body.is_some_and(|body| !matches!(body, Text::Plain(text) if text.is_empty()));
        if matches!(status, 204 | 304) && has_body {
            let message = format!("an answer of {status} has no body");
            self.refuse(self.document.at(&place.key("status")), message, "remove the body, or choose another status");
        }
        let pseudo = [(":status", status.to_string())].into_iter().collect();
        self.message(pseudo, Part::AnswerHeaders, parts, place)
    }

    /// A gRPC answer: each chunk is a message. Without any, it is one of trailers only, which come as headers.
    fn grpc(&mut self, written: &traffic::Callout, place: &Place) -> Message {
        let first =
            ["grpc-status", "grpc-message", "messages"].into_iter().find(|key| self.document.has(&place.key(*key)));
        for key in ["status", "body", "chunks"].into_iter().filter(|key| self.document.has(&place.key(*key))) {
            let help = "`grpc-status`, `grpc-message` and `messages` make a gRPC answer, whose status is 200 and whose body is its messages";
            self.exclusive(place, [first.unwrap_or("grpc-status"), key], help);
        }
        let mut headers: Fields = [(":status", "200")].into_iter().collect();
        let own = self.fields(&written.headers, Part::AnswerHeaders, &place.key("headers"));
        if own.first("content-type").is_none() {
            headers.add("content-type", "application/grpc");
        }
        headers.0.extend(own.0);
        let mut end = self.fields(&written.trailers, Part::Trailers, &place.key("trailers"));
        let only_trailers = end.0.is_empty() && written.messages.as_ref().is_none_or(Vec::is_empty);
        end.add("grpc-status", written.grpc_status.unwrap_or(0).to_string());
        if let Some(message) = written.grpc_message.as_deref().filter(|message| !message.is_empty()) {
            self.header_value("grpc-message", message, &place.key("grpc-message"));
            end.add("grpc-message", message);
        }
        let messages = written.messages.iter().flatten().enumerate();
        let body = messages.map(|(i, message)| self.bytes(message, &place.key("messages").index(i))).collect();
        if only_trailers {
            headers.0.extend(end.0);
            return Message { headers, body, trailers: None };
        }
        Message { headers, body, trailers: Some(end) }
    }

    fn message(&mut self, mut headers: Fields, part: Part, written: &Written<'_>, place: &Place) -> Message {
        headers.0.extend(self.fields(written.headers, part, &place.key("headers")).0);
        let trailers = self.fields(written.trailers, Part::Trailers, &place.key("trailers"));
        let body = self.body(written, place);
        let mut message = Message { headers, body, trailers: Some(trailers).filter(|fields| !fields.0.is_empty()) };
        self.length(&message, written, place);
        if written.chunks.is_some() {
            message.mark_chunked();
        }
        message
    }

    fn body(&mut self, written: &Written<'_>, place: &Place) -> Vec<Vec<u8>> {
        if written.body.is_some() && written.chunks.is_some() {
            self.exclusive(place, ["body", "chunks"], "`body` goes in one piece, `chunks` in several");
        }
        let whole = written.body.map(|body| self.bytes(body, &place.key("body"))).filter(|body| !body.is_empty());
        let mut chunks = Vec::new();
        for (i, chunk) in written.chunks.into_iter().flatten().enumerate() {
            let here = place.key("chunks").index(i);
            let bytes = self.bytes(chunk, &here);
            if bytes.is_empty() {
                self.refuse(
                    self.document.at(&here),
                    "a chunk is empty",
                    "remove it: in HTTP/1.1 it would end the body",
                );
            }
            chunks.push(bytes);
        }
        whole.into_iter().chain(chunks).collect()
    }

    /// A length that is not the body's, or that stands beside chunks, breaks the connection before any filter sees it.
    fn length(&mut self, message: &Message, written: &Written<'_>, place: &Place) {
        let Some(name) = written.headers.keys().find(|name| name.eq_ignore_ascii_case(LENGTH)) else { return };
        let location = self.document.at(&place.key("headers").key(name));
        let length = message.body().len();
        let is_chunked = written.chunks.is_some() || message.trailers.is_some();
        if is_chunked || message.headers.first(ENCODING).is_some() {
            let help = "remove it: what is sent in chunks or has trailers says by itself where it ends";
            self.refuse(location, "`content-length` cannot stand beside chunks or trailers", help);
        } else if message.headers.first(LENGTH) != Some(length.to_string().as_bytes()) {
            let help = "remove it: the right length is sent by itself";
            self.refuse(location, format!("`content-length` is not the length of the body, which is {length}"), help);
        }
    }

    fn fields(&mut self, written: &BTreeMap<String, Values>, part: Part, place: &Place) -> Fields {
        let mut fields = Fields::default();
        self.once(written.keys(), place);
        for (name, values) in written {
            let here = place.key(name);
            self.field_name(name, part, &here);
            let values: Vec<_> = match values {
                Values::One(value) => vec![(value, here.clone())],
                Values::Several(values) => values.iter().enumerate().map(|(i, it)| (it, here.index(i))).collect(),
            };
            for (value, place) in values {
                self.header_value(name, value, &place);
                if name.eq_ignore_ascii_case(ENCODING) && value != "chunked" {
                    self.refuse(
                        self.document.at(&place),
                        format!("no test can send a body as {}", short(value)),
                        "it takes `chunked`",
                    );
                }
                fields.add(name, value);
            }
        }
        fields
    }

    /// Names that differ only in case are one header.
    pub(super) fn once<'n>(&mut self, names: impl Iterator<Item = &'n String>, place: &Place) {
        let mut seen: BTreeMap<String, &String> = BTreeMap::new();
        for name in names {
            if let Some(first) = seen.insert(name.to_ascii_lowercase(), name) {
                self.sink.push(
                    Diagnostic::error(Code::MC0119, format!("`{first}` and `{name}` are one header"))
                        .at_label(self.document.key(&place.key(name)), "again here")
                        .related(self.document.key(&place.key(first)), "first here")
                        .help("write it once, with a list of its values"),
                );
            }
        }
    }

    fn field_name(&mut self, name: &str, part: Part, place: &Place) {
        let lower = name.to_ascii_lowercase();
        let (reason, help) = match (lower.as_str(), part) {
            (":method" | ":path" | ":authority" | ":scheme", Part::RequestHeaders) => {
                let key = &lower[1..];
                (format!("`{name}` has a key of its own"), format!("write `{key} = \"…\"` beside `headers`"))
            }
            ("host", Part::RequestHeaders) => {
                ("`host` has a key of its own".to_owned(), "write `authority = \"…\"` beside `headers`".to_owned())
            }
            (":status", Part::AnswerHeaders) => {
                (format!("`{name}` has a key of its own"), "write `status = …` beside `headers`".to_owned())
            }
            (LENGTH | ENCODING, Part::Trailers) => (format!("`{name}` cannot be a trailer"), "remove it".to_owned()),
            _ if OF_THE_CONNECTION.contains(&lower.as_str()) => {
                let reason = format!("`{name}` cannot be sent by a test: it is between two ends of one connection");
                (reason, "remove it: the proxy never hands it on as it is".to_owned())
            }
            _ if !is_token(name) => {
                let help = "letters, digits and ``!#$%&'*+-.^_`|~`` may stand there".to_owned();
                (format!("{} is not the name of a header", short(name)), help)
            }
            _ => return,
        };
        self.refuse(self.document.key(place), reason, help);
    }

    fn method(&mut self, method: &str, place: &Place) {
        let (message, help) = if !is_token(method) {
            (format!("{} is not a method", short(method)), "write `GET`, `POST`, `PUT` …".to_owned())
        } else if method.bytes().any(|byte| byte.is_ascii_lowercase()) {
            let help = format!("write `{}`", method.to_ascii_uppercase());
            (format!("`{method}` is not a method: their names are in upper case"), help)
        } else if method == "CONNECT" {
            ("`CONNECT` makes a tunnel, which no test can go through".to_owned(), "choose another method".to_owned())
        } else {
            return;
        };
        self.refuse(self.document.at(place), message, help);
    }

    fn path(&mut self, path: &str, place: &Place) {
        let (message, help) = if !path.starts_with(['/', '*']) {
            (
                format!("the path {} does not begin with `/`", short(path)),
                "begin it with `/`; the host is `authority`".to_owned(),
            )
        } else if let Some(bad) = path.chars().find(|c| !c.is_ascii_graphic() || *c == '#') {
            let escaped: String = bad.to_string().bytes().map(|byte| format!("%{byte:02X}")).collect();
            (format!("the path holds {bad:?}, which no request line can"), format!("write it as `{escaped}`"))
        } else {
            return;
        };
        self.refuse(self.document.at(place), message, help);
    }
}
