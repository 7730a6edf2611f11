//! The API server over the Unix socket of `kubectl proxy`, which takes care of TLS and of the administrator's token.

use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use serde_json::{Value, json};

use super::http::{Client, Response};
use crate::control_plane::Program;
use crate::tools::tool;

/// Longer than any request of the kubelet takes.
const TIMEOUT: Duration = Duration::from_secs(30);

/// A client of the API server. Dropping it ends the proxy.
#[derive(Debug)]
pub(super) struct Api {
    socket: PathBuf,
    _proxy: Program,
}

impl Api {
    /// Starts the proxy, which ends with the calling thread.
    pub(super) fn start(kubeconfig: &Path, dir: &Path) -> Result<Self, String> {
        let socket = dir.join("api.sock");
        let mut command = Command::new(tool("kubectl"));
        command.arg("--kubeconfig").arg(kubeconfig).arg("proxy").arg("--unix-socket").arg(&socket);
        let mut proxy = Program::start("kubectl-proxy", &command, dir)?;
        proxy.wait(|| UnixStream::connect(&socket).map(drop).map_err(|error| error.to_string()))?;
        Ok(Self { socket, _proxy: proxy })
    }

    /// An object or a list. `None` if it does not exist.
    pub(super) fn get(&self, path: &str) -> Result<Option<Value>, String> {
        let response = self.send(("GET", path), None)?;
        if response.status == 404 { Ok(None) } else { json_of(path, &response).map(Some) }
    }

    /// The items of a list.
    pub(super) fn list(&self, path: &str) -> Result<Vec<Value>, String> {
        let list = self.get(path)?.ok_or_else(|| format!("{path} does not exist"))?;
        Ok(list["items"].as_array().cloned().unwrap_or_default())
    }

    /// Assigns a pod to this node, as the scheduler does.
    pub(super) fn bind(&self, (pod, name): (&str, &str)) -> Result<(), String> {
        let target = json!({ "apiVersion": "v1", "kind": "Node", "name": "test" });
        let binding = json!({ "apiVersion": "v1", "kind": "Binding", "metadata": { "name": name }, "target": target });
        self.change(("POST", &format!("{pod}/binding")), "application/json", &binding)
    }

    /// Merges a status into that of a pod.
    pub(super) fn report(&self, pod: &str, status: &Value) -> Result<(), String> {
        let patch = json!({ "status": status });
        self.change(("PATCH", &format!("{pod}/status")), "application/merge-patch+json", &patch)
    }

    /// Deletes a pod for good, unless another one has its name by now.
    pub(super) fn delete(&self, pod: &str, uid: &str) -> Result<(), String> {
        let options = json!({ "gracePeriodSeconds": 0, "preconditions": { "uid": uid } });
        self.change(("DELETE", pod), "application/json", &options)
    }

    /// What no longer exists needs no change.
    fn change(&self, request: (&str, &str), media_type: &str, body: &Value) -> Result<(), String> {
        let response = self.send(request, Some((media_type, &body.to_string())))?;
        if response.status == 404 { Ok(()) } else { json_of(request.1, &response).map(drop) }
    }

    fn send(&self, request: (&str, &str), body: Option<(&str, &str)>) -> Result<Response, String> {
        let send = || {
            let stream = UnixStream::connect(&self.socket)?;
            stream.set_read_timeout(Some(TIMEOUT))?;
            Client::new(stream).send("localhost", request, body)
        };
        send().map_err(|error| format!("{} {}: {error}", request.0, request.1))
    }
}

fn json_of(path: &str, response: &Response) -> Result<Value, String> {
    if !(200..300).contains(&response.status) {
        return Err(format!("{path}: {} {}", response.status, response.body()));
    }
    serde_json::from_str(response.body()).map_err(|error| format!("{path}: {error}"))
}
