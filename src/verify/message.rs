//! HTTP as both engines see it: fields in their order, bodies in the chunks that they travel in.

/// Header or trailer fields, in their order; names in lower case, a name as often as it stands there. Values are bytes, as Envoy's.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Fields(pub(crate) Vec<(Vec<u8>, Vec<u8>)>);

impl Fields {
    pub(crate) fn add(&mut self, name: impl AsRef<[u8]>, value: impl AsRef<[u8]>) {
        self.0.push((name.as_ref().to_ascii_lowercase(), value.as_ref().to_vec()));
    }

    /// The values of a field in their order; `name` in lower case.
    pub(crate) fn values<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a [u8]> {
        self.0.iter().filter(move |(key, _)| key == name.as_bytes()).map(|(_, value)| value.as_slice())
    }

    /// The first value of a field.
    pub(crate) fn first(&self, name: &str) -> Option<&[u8]> {
        self.0.iter().find(|(key, _)| key == name.as_bytes()).map(|(_, value)| value.as_slice())
    }

    pub(crate) fn remove(&mut self, name: &str) {
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
pub(crate) struct Message {
    pub(crate) headers: Fields,
    /// In the chunks in which it is sent or came. Empty: the headers end the message, or trailers follow them.
    pub(crate) body: Vec<Vec<u8>>,
    pub(crate) trailers: Option<Fields>,
}

impl Message {
    /// The whole body.
    pub(crate) fn body(&self) -> Vec<u8> {
        self.body.concat()
    }
}
