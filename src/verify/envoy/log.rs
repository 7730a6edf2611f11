//! Envoy's log, which is where almost everything is to be seen: what filters log, which callbacks run, what fails.
//!
//! It is written to a file with [`FORMAT`] and escaped, so that a line is a line whatever a filter logs, and at the level `trace` for
//! Wasm, so that each callback's beginning and end stands in it, with the thread it runs on.

use mesh_compile_host::outcome::Level;

/// Thread, level, component, message.
pub(super) const FORMAT: &str = "[%t][%l][%n] %v";

/// Functions that run before traffic.
const START_UP: [&str; 7] =
    ["_initialize", "_start", "main", "__main_void", CONTEXT, "proxy_on_vm_start", "proxy_on_configure"];
const CONTEXT: &str = "proxy_on_context_create";

/// A line of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Line {
    pub(super) thread: u64,
    pub(super) level: Level,
    pub(super) component: String,
    pub(super) text: String,
}

impl Line {
    /// Reads an escaped line; `None` for what has another form: V8's own last words, a loader's complaint.
    pub(super) fn parse(line: &[u8]) -> Option<Self> {
        let (thread, rest) = bracketed(line)?;
        let (level, rest) = bracketed(rest)?;
        let (component, rest) = bracketed(rest)?;
        let level = match level {
            "trace" => Level::Trace,
            "debug" => Level::Debug,
            "info" => Level::Info,
            "warning" => Level::Warn,
            "error" => Level::Error,
            "critical" => Level::Critical,
            _ => return None,
        };
        let text = String::from_utf8_lossy(&unescape(rest.strip_prefix(b" ").unwrap_or(rest))).into_owned();
        Some(Self { thread: thread.parse().ok()?, level, component: component.to_owned(), text })
    }

    /// What happened, if it is the Wasm component's or the router's.
    pub(super) fn event(&self) -> Event<'_> {
        if self.component == "router" {
            return routed(&self.text).unwrap_or(Event::Other);
        }
        if self.component != "wasm" {
            return Event::Other;
        }
        let text = self.text.as_str();
        if let Some(rest) = text.strip_prefix("wasm log") {
            return Event::Said(rest);
        }
        if let Some(call) = text.strip_prefix("[host->vm] ") {
            let (name, arguments) = call.split_once('(').unwrap_or((call, ""));
            // A stream's context has a parent.
            let starts = START_UP.contains(&name) && (name != CONTEXT || arguments.ends_with(", 0)"));
            return Event::Entered { callback: name, starts };
        }
        if let Some(returned) = text.strip_prefix("[host<-vm] ") {
            let (_, value) = returned.split_once(" return: ").unwrap_or_default();
            return Event::Left { returned: value.parse().unwrap_or_default() };
        }
        if text.starts_with("[vm->host] env.proxy_continue_") {
            return Event::Released;
        }
        if let Some(returned) = text.strip_prefix("[vm<-host] ") {
            return match returned.split_once(" return: ") {
                Some(("env.proxy_http_call" | "env.proxy_grpc_call" | "env.proxy_grpc_stream", "0")) => Event::Called,
                _ => Event::Other,
            };
        }
        if text.starts_with("Function: ") {
            return Event::Failed(first_line(text));
        }
        match self.level {
            Level::Error => Event::Complained(first_line(text.strip_prefix("Wasm VM failed ").unwrap_or(text))),
            _ if text.starts_with("Thread-Local Wasm created") => Event::Cloned,
            _ if text.starts_with("~Wasm") => Event::Ended,
            _ => Event::Other,
        }
    }
}

/// What a line tells.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Event<'a> {
    /// A filter has logged: the prefix, a colon and the message.
    Said(&'a str),
    /// A callback begins, and whether it is one that starts a VM or a plugin.
    Entered {
        callback: &'a str,
        starts: bool,
    },
    /// It has ended, and returned this, or nothing.
    Left {
        returned: u32,
    },
    /// A filter lets a stream go on.
    Released,
    /// A call to another cluster is on its way.
    Called,
    /// A request or a call goes to a cluster.
    Routed {
        cluster: &'a str,
        path: &'a str,
    },
    /// A callback has trapped: `Function: proxy_on_tick failed: Uncaught RuntimeError: unreachable`.
    Failed(&'a str),
    /// Another error, in Envoy's words.
    Complained(&'a str),
    /// A thread has got a VM of its own, or a VM to try a plugin out on.
    Cloned,
    /// A VM has gone.
    Ended,
    Other,
}

/// `cluster 'auth' match for URL '/check'`, behind what names the stream.
fn routed(text: &str) -> Option<Event<'_>> {
    let (_, rest) = text.split_once("cluster '")?;
    let (cluster, path) = rest.split_once("' match for URL '")?;
    Some(Event::Routed { cluster, path: path.strip_suffix('\'')? })
}

/// Without the backtrace below it.
fn first_line(text: &str) -> &str {
    text.lines().next().unwrap_or_default()
}

fn bracketed(bytes: &[u8]) -> Option<(&str, &[u8])> {
    let rest = bytes.strip_prefix(b"[")?;
    let end = rest.iter().position(|byte| *byte == b']')?;
    Some((std::str::from_utf8(&rest[..end]).ok()?, &rest[end + 1..]))
}

/// Undoes `--log-format-escaped`: C's escapes, octal ones for what is not ASCII.
fn unescape(escaped: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(escaped.len());
    let mut rest = escaped;
    while let Some((byte, after)) = rest.split_first() {
        rest = after;
        if *byte != b'\\' {
            bytes.push(*byte);
            continue;
        }
        let Some((escape, after)) = rest.split_first() else { break };
        rest = after;
        match escape {
            b'n' => bytes.push(b'\n'),
            b'r' => bytes.push(b'\r'),
            b't' => bytes.push(b'\t'),
            b'0'..=b'3' if rest.len() >= 2 => {
                let value = |digit: u8| digit.wrapping_sub(b'0') & 7;
                bytes.push(value(*escape) << 6 | value(rest[0]) << 3 | value(rest[1]));
                rest = &rest[2..];
            }
            other => bytes.push(*other),
        }
    }
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(text: &str) -> Line {
        Line::parse(text.as_bytes()).expect("a line")
    }

    #[test]
    fn lines_are_taken_apart_and_unescaped() {
        let escaped = r#"[19630][info][wasm] wasm log p r v: one\ntwo \"\\\t\303\251 \000nul\r\n"#;
        let expected = "wasm log p r v: one\ntwo \"\\\té \0nul\r\n";
        let line = line(escaped);
        assert_eq!((line.thread, line.level, line.component.as_str()), (19630, Level::Info, "wasm"));
        assert_eq!(line.text, expected);
        assert_eq!(line.event(), Event::Said(" p r v: one\ntwo \"\\\té \0nul\r\n"));
        assert_eq!(Line::parse(b"Proxy-Wasm plugin in-VM backtrace:"), None);
        assert_eq!(Line::parse(b"[x][info][wasm] a"), None);
    }

    #[test]
    fn bytes_that_are_no_text_do_not_break_a_line() {
        assert_eq!(line(r"[1][error][wasm] raw\377\376 end\").text, "raw\u{fffd}\u{fffd} end");
    }

    #[test]
    fn events_are_told_apart() {
        let event = |text: &str| format!("{:?}", line(&format!("[1]{text}")).event());
        let entered = "Entered { callback: \"proxy_on_request_headers\", starts: false }";
        assert_eq!(event("[trace][wasm] [host->vm] proxy_on_request_headers(2, 8, 1)"), entered);
        assert_eq!(
            event("[trace][wasm] [host->vm] _initialize()"),
            "Entered { callback: \"_initialize\", starts: true }"
        );
        assert!(event("[trace][wasm] [host->vm] proxy_on_context_create(1, 0)").ends_with("starts: true }"));
        assert!(event("[trace][wasm] [host->vm] proxy_on_context_create(2, 1)").ends_with("starts: false }"));
        assert_eq!(event("[trace][wasm] [host<-vm] proxy_on_request_headers return: 0"), "Left { returned: 0 }");
        assert_eq!(event("[trace][wasm] [vm<-host] env.proxy_http_call return: 0"), "Called");
        assert_eq!(event("[trace][wasm] [vm<-host] env.proxy_http_call return: 2"), "Other");
        let routed = event("[debug][router] [Tags: \"StreamId\":\"7\"] cluster 'auth' match for URL '/it's'");
        assert_eq!(routed, r#"Routed { cluster: "auth", path: "/it's" }"#);
        assert_eq!(event("[debug][router] [Tags: \"StreamId\":\"7\"] router decoding headers:"), "Other");
        assert_eq!(
            event("[error][wasm] Wasm VM failed Failed to start base Wasm"),
            "Complained(\"Failed to start base Wasm\")"
        );
        let trap =
            r"[error][wasm] Function: proxy_on_tick failed: Uncaught RuntimeError: unreachable\nbacktrace:\n  0: x";
        assert_eq!(event(trap), "Failed(\"Function: proxy_on_tick failed: Uncaught RuntimeError: unreachable\")");
        assert_eq!(event("[debug][wasm] Thread-Local Wasm created 2 now active"), "Cloned");
        assert_eq!(event("[debug][wasm] ~Wasm 1 remaining active"), "Ended");
        assert_eq!(event("[error][config] wasm log a: b"), "Other");
    }
}
