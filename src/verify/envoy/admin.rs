//! Envoy's admin interface.

use std::collections::BTreeMap;
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use serde_json::Value;

use super::clock::Deadline;
use super::http1::{self, Reader, Side};

/// A client of the admin interface.
#[derive(Debug, Clone, Copy)]
pub(super) struct Admin {
    pub(super) address: SocketAddr,
    /// How long a response may take. It comes from Envoy's main thread, which also loads modules and configures plugins.
    pub(super) timeout: Duration,
}

impl Admin {
    /// The body of the response to a GET, if its status is 200.
    pub(super) fn get(&self, path: &str) -> Option<Vec<u8>> {
        let mut stream = TcpStream::connect_timeout(&self.address, self.timeout).ok()?;
        let request = format!("GET {path} HTTP/1.1\r\nhost: admin\r\nconnection: close\r\n\r\n");
        http1::write(&mut stream, request.as_bytes()).ok()?;
        let mut response = None;
        let mut reader = Reader::new(stream, Side::Responses { to_head: false });
        reader.message(&mut response, Deadline::after(self.timeout)).ok()?;
        response.filter(|it| it.headers.first(":status") == Some(b"200")).map(|it| it.body())
    }

    /// The values of all counters and gauges whose names match the expression.
    pub(super) fn stats(&self, expression: &str) -> Option<BTreeMap<String, u64>> {
        values(&self.get(&format!("/stats?format=json&filter={expression}"))?)
    }

    /// The address of each listener that serves, by the listener's name.
    pub(super) fn listeners(&self) -> Option<BTreeMap<String, SocketAddr>> {
        addresses(&self.get("/listeners?format=json")?)
    }
}

fn values(json: &[u8]) -> Option<BTreeMap<String, u64>> {
    let json: Value = serde_json::from_slice(json).ok()?;
    let value = |stat: &Value| Some((stat["name"].as_str()?.to_owned(), stat["value"].as_u64()?));
    Some(json["stats"].as_array()?.iter().filter_map(value).collect())
}

fn addresses(json: &[u8]) -> Option<BTreeMap<String, SocketAddr>> {
    let json: Value = serde_json::from_slice(json).ok()?;
    let address = |status: &Value| {
        let socket = status.pointer("/local_address/socket_address")?;
        let port = u16::try_from(socket["port_value"].as_u64()?).ok().filter(|port| *port != 0)?;
        let ip = socket["address"].as_str()?.parse().ok()?;
        Some((status["name"].as_str()?.to_owned(), SocketAddr::new(ip, port)))
    };
    let none = Vec::new();
    Some(json["listener_statuses"].as_array().unwrap_or(&none).iter().filter_map(address).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counters_are_read_and_histograms_are_skipped() {
        let json = br#"{"stats":[{"name":"wasmcustom.a","value":2},{"histograms":{"computed_quantiles":[]}}]}"#;
        assert_eq!(values(json), Some([("wasmcustom.a".to_owned(), 2)].into()));
        assert_eq!(values(b"{"), None);
    }

    #[test]
    fn a_listener_without_a_port_is_not_serving_yet() {
        let json = br#"{"listener_statuses":[
            {"name":"a","local_address":{"socket_address":{"address":"127.0.0.1","port_value":41}}},
            {"name":"b","local_address":{"socket_address":{"address":"127.0.0.1","port_value":0}}}]}"#;
        let address = SocketAddr::from(([127, 0, 0, 1], 41));
        assert_eq!(addresses(json), Some([("a".to_owned(), address)].into()));
        assert_eq!(addresses(b"{}"), Some(BTreeMap::new()));
    }
}
