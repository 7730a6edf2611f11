//! Exchanges in JSON, version 1.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use mesh_compile_host::outcome::{Call, End, ExchangeOutcome, FaultKind, Level, LogLine};
use mesh_compile_host::{Fields, Message};
use serde_json::{Value, json};

use crate::verify::subject::Subject;

/// The outcome of a step. Filters are identified by name.
pub(super) fn json(subject: &Subject, outcome: &ExchangeOutcome) -> Value {
    let filter = |plugin: usize| subject.plugins.get(plugin).map(|entry| entry.plugin.name().to_owned());
    let log = |line: &LogLine| {
        json!({
            "level": level(line.level),
            "filter": line.plugin.and_then(filter),
            "message": line.message,
        })
    };
    let faults = outcome.faults.iter().map(
        |(plugin, fault)| json!({ "filter": filter(*plugin), "kind": kind(fault.kind), "message": fault.message }),
    );
    let mut exchange = json!({
        "response": outcome.response.as_ref().map(response),
        "upstream": outcome.upstream.as_ref().map(message),
        "end": end(&outcome.end),
        "calls": outcome.calls.iter().map(call).collect::<Value>(),
        "log": outcome.log.iter().map(log).collect::<Value>(),
        "metrics": outcome.metrics,
        "faults": faults.collect::<Value>(),
    });
    match &outcome.end {
        End::LocalReply(details) => exchange["details"] = details.as_str().into(),
        End::Stalled(plugin) => exchange["filter"] = plugin.and_then(filter).into(),
        End::Complete | End::Reset => {}
    }
    exchange
}

/// The name of an exchange's end.
pub(in crate::verify) const fn end(end: &End) -> &'static str {
    match end {
        End::Complete => "complete",
        End::LocalReply(_) => "local-reply",
        End::Reset => "reset",
        End::Stalled(_) => "stalled",
    }
}

/// The name of a log level.
pub(in crate::verify) const fn level(level: Level) -> &'static str {
    match level {
        Level::Trace => "trace",
        Level::Debug => "debug",
        Level::Info => "info",
        Level::Warn => "warn",
        Level::Error => "error",
        Level::Critical => "critical",
    }
}

const fn kind(kind: FaultKind) -> &'static str {
    match kind {
        FaultKind::Load => "load",
        FaultKind::Start => "start",
        FaultKind::Configure => "configure",
        FaultKind::Trap => "trap",
        FaultKind::Restricted => "restricted",
        FaultKind::Endless => "endless",
        FaultKind::Limits => "limits",
        FaultKind::Unsupported => "unsupported",
        FaultKind::Engine => "engine",
        FaultKind::Crash => "crash",
    }
}

/// A response, with `status` apart from the other headers.
fn response(response: &Message) -> Value {
    let mut headers = response.headers.clone();
    let status = headers.first(":status").and_then(|status| std::str::from_utf8(status).ok()?.parse::<u16>().ok());
    headers.remove(":status");
    let mut json = message(&Message { headers, ..response.clone() });
    json["status"] = status.into();
    json
}

fn call(call: &Call) -> Value {
    let mut request = message(&call.request);
    request["cluster"] = call.cluster.as_str().into();
    request
}

fn message(message: &Message) -> Value {
    json!({
        "headers": fields(&message.headers),
        "body": text(&message.body()),
        "trailers": message.trailers.as_ref().map(fields),
    })
}

fn fields(fields: &Fields) -> Value {
    fields.0.iter().map(|(name, value)| json!([text(name), text(value)])).collect()
}

/// A string, or `{"base64": …}` if it is not UTF-8.
fn text(bytes: &[u8]) -> Value {
    match std::str::from_utf8(bytes) {
        Ok(text) => text.into(),
        Err(_) => json!({ "base64": STANDARD.encode(bytes) }),
    }
}
