//! HTTP messages: fields in their order, bodies in the chunks that they arrive in.

/// Header or trailer fields in their order. Names are in lower case and can repeat. Values are bytes, as in Envoy.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Fields(pub Vec<(Vec<u8>, Vec<u8>)>);

impl Fields {
    /// Appends a field, with its name in lower case.
    pub fn add(&mut self, name: impl AsRef<[u8]>, value: impl AsRef<[u8]>) {
        self.0.push((name.as_ref().to_ascii_lowercase(), value.as_ref().to_vec()));
    }

    /// The first value of a field.
    #[must_use]
    pub fn first(&self, name: &str) -> Option<&[u8]> {
        self.0.iter().find(|(key, _)| key == name.as_bytes()).map(|(_, value)| value.as_slice())
    }

    /// Bytes of all names and values.
    #[must_use]
    pub fn size(&self) -> usize {
        self.0.iter().map(|(name, value)| name.len() + value.len()).sum()
    }

    /// Removes every value of a field.
    pub fn remove(&mut self, name: &str) {
        self.0.retain(|(key, _)| key != name.as_bytes());
    }

    /// The status of a response.
    pub(crate) fn code(&self) -> Option<u16> {
        self.number(":status")
    }

    fn number<N: std::str::FromStr>(&self, name: &str) -> Option<N> {
        std::str::from_utf8(self.first(name)?).ok()?.parse().ok()
    }
}

impl<N: AsRef<[u8]>, V: AsRef<[u8]>> FromIterator<(N, V)> for Fields {
    fn from_iter<I: IntoIterator<Item = (N, V)>>(fields: I) -> Self {
        let mut all = Self::default();
        fields.into_iter().for_each(|(name, value)| all.add(name, value));
        all
    }
}

/// A request, with `:method`, `:scheme`, `:authority` and `:path` among its headers, or a response, with `:status`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Message {
    /// The fields, pseudo-headers included.
    pub headers: Fields,
    /// The body in the chunks that it is sent or received in. Empty: the headers end the message, or trailers follow them.
    pub body: Vec<Vec<u8>>,
    /// The trailers, if there are any.
    pub trailers: Option<Fields>,
}

/// Fields that differ from run to run or from hop to hop. [`Message::observed`] removes them, so no test can expect them.
pub const UNOBSERVED: [&str; 6] = [
    "connection",
    "date",
    "transfer-encoding",
    "x-envoy-expected-rq-timeout-ms",
    "x-envoy-internal",
    "x-envoy-upstream-service-time",
];

/// Fields that Envoy removes from a request.
pub const HOP_BY_HOP: [&str; 4] = ["connection", "keep-alive", "proxy-connection", "transfer-encoding"];

/// The id of requests that set none.
const REQUEST_ID: &str = "00000000-0000-4000-8000-000000000000";

impl Message {
    /// The whole body.
    #[must_use]
    pub fn body(&self) -> Vec<u8> {
        self.body.concat()
    }

    /// Bytes of the whole message.
    #[must_use]
    pub fn size(&self) -> usize {
        let body: usize = self.body.iter().map(Vec::len).sum();
        self.headers.size() + body + self.trailers.as_ref().map_or(0, Fields::size)
    }

    /// Sends the body in chunks, even a body of one chunk.
    pub fn mark_chunked(&mut self) {
        if !self.is_framed() {
            self.headers.add("transfer-encoding", "chunked");
        }
    }

    /// The request as the client sends it over HTTP/1.1: with the fields that frame its body, and with an id. Envoy adds
    /// `x-forwarded-proto: http`.
    #[must_use]
    pub fn framed_request(&self) -> Self {
        let mut sent = self.clone();
        if !sent.is_framed() {
            if sent.is_chunked() {
                sent.mark_chunked();
            } else if !sent.body.is_empty() {
                sent.add_length();
            }
        }
        if sent.headers.first("x-request-id").is_none() {
            sent.headers.add("x-request-id", REQUEST_ID);
        }
        sent
    }

    /// The response as the workload or another cluster sends it over HTTP/1.1: with the fields that frame its body, and without a body
    /// that the response cannot have (RFC 9110, 6.4.1). `method` is the method of the request as it arrived.
    #[must_use]
    pub fn framed_response(&self, method: &[u8]) -> Self {
        let mut sent = self.clone();
        let is_bare = matches!(sent.headers.first(":status"), Some(b"204" | b"304"));
        if !is_bare && !sent.is_framed() {
            if sent.is_chunked() { sent.mark_chunked() } else { sent.add_length() }
        }
        if is_bare || method == b"HEAD" {
            sent.body.clear();
            sent.trailers = None;
        }
        sent
    }

    /// The message without the fields that tests do not observe.
    #[must_use]
    pub fn observed(mut self) -> Self {
        UNOBSERVED.iter().for_each(|name| self.headers.remove(name));
        self
    }

    /// Cuts the body to its `content-length`. Returns both lengths if they differ: the declared one, then the body's.
    pub(crate) fn cut_to_length(&mut self) -> Option<(usize, usize)> {
        let declared = self.headers.number("content-length")?;
        let length: usize = self.body.iter().map(Vec::len).sum();
        if declared == length {
            return None;
        }
        let mut left = declared;
        for chunk in &mut self.body {
            chunk.truncate(left);
            left -= chunk.len();
        }
        self.body.retain(|chunk| !chunk.is_empty());
        Some((declared, length))
    }

    fn is_framed(&self) -> bool {
        self.headers.first("content-length").is_some() || self.headers.first("transfer-encoding").is_some()
    }

    fn is_chunked(&self) -> bool {
        self.body.len() > 1 || self.trailers.is_some()
    }

    fn add_length(&mut self) {
        let length: usize = self.body.iter().map(Vec::len).sum();
        self.headers.add("content-length", length.to_string());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(headers: &[(&str, &str)], body: &[&str]) -> Message {
        let body = body.iter().map(|chunk| chunk.as_bytes().to_vec()).collect();
        Message { headers: headers.iter().copied().collect(), body, trailers: None }
    }

    fn names(message: &Message) -> Vec<String> {
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        message.headers.0.iter().map(|(name, value)| format!("{}: {}", text(name), text(value))).collect()
    }

    #[test]
    fn a_request_frames_its_body() {
        let id = format!("x-request-id: {REQUEST_ID}");
        assert_eq!(names(&message(&[], &[]).framed_request()), [id.as_str()]);
        assert_eq!(names(&message(&[], &["abc"]).framed_request()), ["content-length: 3", &id]);
        assert_eq!(names(&message(&[], &["a", "b"]).framed_request()), ["transfer-encoding: chunked", &id]);
        let trailers = Message { trailers: Some([("t", "1")].into_iter().collect()), ..Message::default() };
        assert_eq!(names(&trailers.framed_request()), ["transfer-encoding: chunked", &id]);
        let own = message(&[("content-length", "3"), ("X-Request-Id", "7")], &["abc"]);
        assert_eq!(names(&own.framed_request()), ["content-length: 3", "x-request-id: 7"]);
        let mut one_chunk = message(&[], &["a"]);
        one_chunk.mark_chunked();
        one_chunk.mark_chunked();
        assert_eq!(names(&one_chunk.framed_request()), ["transfer-encoding: chunked", &id]);
    }

    #[test]
    fn a_response_frames_its_body() {
        let ok = [(":status", "200")];
        assert_eq!(names(&message(&ok, &[]).framed_response(b"GET")), [":status: 200", "content-length: 0"]);
        assert_eq!(
            names(&message(&ok, &["a", "b"]).framed_response(b"GET")),
            [":status: 200", "transfer-encoding: chunked"]
        );
        let head = message(&ok, &["abc"]).framed_response(b"HEAD");
        assert_eq!((names(&head), head.body.len()), (vec![":status: 200".into(), "content-length: 3".into()], 0));
        assert_eq!(names(&message(&[(":status", "204")], &[]).framed_response(b"GET")), [":status: 204"]);
    }

    #[test]
    fn fields_that_differ_from_run_to_run_are_not_observed() {
        let seen =
            message(&[(":status", "200"), ("Date", "today"), ("connection", "close"), ("a", "1")], &[]).observed();
        assert_eq!(names(&seen), [":status: 200", "a: 1"]);
    }
}
