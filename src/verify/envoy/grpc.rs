//! gRPC's messages in the body of an HTTP message.

use mesh_compile_host::Message;

/// The bytes before each message: whether it is compressed, and its length.
const PREFIX: usize = 5;

/// Whether a request is a gRPC call.
pub(super) fn is_call(request: &Message) -> bool {
    request.headers.first("content-type").is_some_and(|value| value.starts_with(b"application/grpc"))
}

/// Removes the complete messages from the bytes of a body, and returns them without their prefixes.
pub(super) fn take_messages(data: &mut Vec<u8>) -> Vec<Vec<u8>> {
    let mut messages = Vec::new();
    while let Some([_, length @ ..]) = data.first_chunk::<PREFIX>() {
        let end = PREFIX + u32::from_be_bytes(*length) as usize;
        if data.len() < end {
            break;
        }
        messages.push(data[PREFIX..end].to_vec());
        data.drain(..end);
    }
    messages
}

/// The message with its prefix.
pub(super) fn with_prefix(message: &[u8]) -> Vec<u8> {
    // A test's body comes from mesh.toml, which is far smaller than 4 GiB.
    let length = u32::try_from(message.len()).unwrap_or(u32::MAX);
    [&[0], &length.to_be_bytes()[..], message].concat()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_complete_messages_are_taken() {
        let mut data = [with_prefix(b"one"), with_prefix(b""), with_prefix(b"three")].concat();
        let last = data.split_off(data.len() - 2);
        assert_eq!(take_messages(&mut data), [&b"one"[..], b""]);
        data.extend(last);
        assert_eq!(take_messages(&mut data), [b"three"]);
        assert!(data.is_empty());
    }
}
