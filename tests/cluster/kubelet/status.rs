//! The status of a pod, as the kubelet reports it.

use std::net::Ipv4Addr;

use serde_json::{Value, json};

use super::manifest::items;
use super::volumes::Waiting;

/// How far a pod is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Progress {
    /// Its containers cannot run.
    Waiting(Waiting),
    Started,
    Ready,
}

/// The status of a pod that has an address or has none yet.
pub(super) fn status(pod: &Value, progress: &Progress, address: Option<Ipv4Addr>) -> Value {
    let now = jiff::Timestamp::now().to_string();
    let is_waiting = matches!(progress, Progress::Waiting(_));
    let condition = |(kind, holds): (&str, bool)| json!({ "type": kind, "status": if holds { "True" } else { "False" }, "lastTransitionTime": now });
    let is_ready = *progress == Progress::Ready;
    let conditions =
        [("PodScheduled", true), ("Initialized", !is_waiting), ("ContainersReady", is_ready), ("Ready", is_ready)];
    let state = match progress {
        Progress::Waiting(Waiting { reason, message }) => {
            json!({ "waiting": { "reason": reason, "message": message } })
        }
        Progress::Started | Progress::Ready => json!({ "running": { "startedAt": now } }),
    };
    let container = |container: &Value, state: &Value, is_ready: bool| {
        json!({
            "name": container["name"],
            "ready": is_ready,
            "started": !is_waiting,
            "restartCount": 0,
            "image": container["image"],
            "imageID": container["image"],
            "state": state,
        })
    };
    // An init container ends, unless it is a native sidecar.
    let done = json!({ "terminated": { "exitCode": 0, "reason": "Completed", "startedAt": now, "finishedAt": now } });
    let init = |it: &Value| {
        let is_done = it["restartPolicy"] != "Always" && !is_waiting;
        container(it, if is_done { &done } else { &state }, is_done || is_ready)
    };
    let mut status = json!({
        "phase": if is_waiting { "Pending" } else { "Running" },
        "conditions": conditions.map(condition),
        "hostIP": "127.0.0.1",
        "startTime": now,
        "containerStatuses": items(&pod["spec"]["containers"]).map(|it| container(it, &state, is_ready)).collect::<Vec<_>>(),
        "initContainerStatuses": items(&pod["spec"]["initContainers"]).map(init).collect::<Vec<_>>(),
    });
    if let Some(address) = address {
        status["podIP"] = address.to_string().into();
        status["podIPs"] = json!([{ "ip": address.to_string() }]);
    }
    status
}
