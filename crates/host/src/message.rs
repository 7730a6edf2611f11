//! HTTP as both engines see it: fields in their order, bodies in the chunks that they travel in.

/// Header or trailer fields, in their order; names in lower case, a name as often as it stands there. Values are bytes, as Envoy's.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Fields(pub Vec<(Vec<u8>, Vec<u8>)>);

impl Fields {
    /// Appends a field; its name in lower case.
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
}

impl<N: AsRef<[u8]>, V: AsRef<[u8]>> FromIterator<(N, V)> for Fields {
    fn from_iter<I: IntoIterator<Item = (N, V)>>(fields: I) -> Self {
        let mut all = Self::default();
        fields.into_iter().for_each(|(name, value)| all.add(name, value));
        all
    }
}

/// Headers, a body and trailers: a request (with `:method`, `:scheme`, `:authority` and `:path` among the headers) or an answer (with
/// `:status`).
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Message {
    /// The fields, pseudo-headers included.
    pub headers: Fields,
    /// In the chunks in which it is sent or came. Empty: the headers end the message, or trailers follow them.
    pub body: Vec<Vec<u8>>,
    /// The trailers, if there are any.
    pub trailers: Option<Fields>,
}

/// Fields that differ from run to run or from hop to hop: they are taken out of what is observed, and no test can speak of them.
pub const UNOBSERVED: [&str; 6] = [
    "connection",
    "date",
    "transfer-encoding",
    "x-envoy-expected-rq-timeout-ms",
    "x-envoy-internal",
    "x-envoy-upstream-service-time",
];

/// The id that the client gives each request whose test gives none.
const REQUEST_ID: &str = "00000000-0000-4000-8000-000000000000";

impl Message {
    /// The whole body.
    #[must_use]
    pub fn body(&self) -> Vec<u8> {
        self.body.concat()
    }

    /// Bytes of all of it.
    #[must_use]
    pub fn size(&self) -> usize {
        let body: usize = self.body.iter().map(Vec::len).sum();
        self.headers.size() + body + self.trailers.as_ref().map_or(0, Fields::size)
    }

    /// Marks the body as one that is sent in chunks, also where there is but one of them.
    pub fn mark_chunked(&mut self) {
        if !self.is_framed() {
            self.headers.add("transfer-encoding", "chunked");
        }
    }

    /// A test's request as the client sends it, over HTTP/1.1: with the fields that say where its body ends, and an id. Envoy adds
    /// `x-forwarded-proto: http` by itself.
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

    /// A test's answer as the workload or another cluster sends it to a request of this method (as it arrived there), over HTTP/1.1:
    /// with the fields that say where its body ends. What can have no body (RFC 9110, 6.4.1) is sent without.
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

    /// What a test gets to see of a message that came.
    #[must_use]
    pub fn observed(mut self) -> Self {
        UNOBSERVED.iter().for_each(|name| self.headers.remove(name));
        self
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
    fn a_request_says_where_its_body_ends() {
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
    fn an_answer_says_where_its_body_ends() {
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
    fn what_differs_from_run_to_run_is_not_observed() {
        let seen =
            message(&[(":status", "200"), ("Date", "today"), ("connection", "close"), ("a", "1")], &[]).observed();
        assert_eq!(names(&seen), [":status: 200", "a: 1"]);
    }
}
