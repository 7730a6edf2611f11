//! A registry on the loopback address, which keeps its images in memory.

use std::fs::{self, File};
use std::net::SocketAddr;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use tempfile::TempDir;

use crate::mesh::http::Request;
use crate::mesh::poll;
use crate::tools::tool;

/// The time limit for the registry to start. Usually it takes a tenth of a second.
const TIMEOUT: Duration = Duration::from_secs(30);

const CONFIG: &str = "
version: 0.1
storage: { inmemory: {} }
http: { addr: '127.0.0.1:0' }
";

/// A running registry. It stops when the value is dropped.
#[derive(Debug)]
pub(super) struct Registry {
    child: Child,
    address: SocketAddr,
    _dir: TempDir,
}

impl Registry {
    /// Starts a registry without images on a free port.
    pub(super) fn start() -> Self {
        let dir = tempfile::tempdir().expect("a temporary directory");
        let (config, log) = (dir.path().join("config.yaml"), dir.path().join("log"));
        fs::write(&config, CONFIG).expect("a file");
        let mut command = Command::new(tool("registry"));
        command.arg("serve").arg(config).env("OTEL_TRACES_EXPORTER", "none");
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(File::create(&log).expect("a file"));
        let mut child = command.spawn().expect("the registry runs");
        let read = || fs::read_to_string(&log).expect("a log");
        let Some(address) = poll(TIMEOUT, || listening(&read())) else {
            // Fails if the registry has already exited.
            _ = child.kill();
            panic!("the registry does not listen:\n{}", read());
        };
        Self { child, address, _dir: dir }
    }

    /// The host and the port in the name of an image.
    pub(super) fn host(&self) -> String {
        self.address.to_string()
    }

    /// The bytes of a manifest, by its tag or digest.
    #[track_caller]
    pub(super) fn manifest(&self, repository: &str, reference: &str) -> Vec<u8> {
        let path = format!("/v2/{repository}/manifests/{reference}");
        let headers = [("accept", "application/vnd.oci.image.manifest.v1+json")];
        let request = Request { path: &path, headers: &headers, ..Request::default() };
        let response = request.send(self.address).expect("a response");
        assert_eq!(response.status, 200, "{path}: {}", String::from_utf8_lossy(&response.body));
        response.body
    }
}

/// The address in the log.
fn listening(log: &str) -> Option<SocketAddr> {
    let (_, after) = log.split_once("listening on ")?;
    let (address, _) = after.split_once('"')?;
    address.parse().ok()
}

impl Drop for Registry {
    fn drop(&mut self) {
        // Both fail only if the registry has already exited.
        _ = self.child.kill();
        _ = self.child.wait();
    }
}
