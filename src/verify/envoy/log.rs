//! Envoy's log. It shows what filters log, which callbacks run, and what fails.
//!
//! Envoy writes it to a file with [`FORMAT`], escaped, so that each message is one line whatever a filter logs. The Wasm component logs
//! at level `trace`, so that the start and the end of each callback are in the log, with the thread that runs it.

use mesh_compile_host::Callback;
use mesh_compile_host::outcome::Level;
use mesh_compile_module::abi;

/// Thread, level, component, message.
pub(super) const FORMAT: &str = "[%t][%l][%n] %v";

/// Functions that run before a plugin starts.
pub(super) fn initializers() -> impl Iterator<Item = &'static str> {
    [&abi::INIT, &abi::START].into_iter().chain(&abi::AFTER_INIT).map(|function| function.name)
}

/// A line of the log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Line {
    pub(super) thread: u64,
    pub(super) level: Level,
    pub(super) component: String,
    pub(super) text: String,
}

impl Line {
    /// Reads an escaped line. `None` if it has another form, like output of V8 or of the dynamic loader.
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

    /// The event that the line reports, if it comes from the Wasm component or the router.
    pub(super) fn event(&self) -> Event<'_> {
        if self.component == "router" {
            return routed(&self.text).unwrap_or(Event::Other);
        }
        if self.component != "wasm" {
            return Event::Other;
        }
        let text = self.text.as_str();
        if let Some(rest) = text.strip_prefix("wasm log") {
            return Event::Logged(rest);
        }
        if let Some(call) = text.strip_prefix("[host->vm] ") {
            let (name, arguments) = call.split_once('(').unwrap_or((call, ""));
            let of_vm = [Callback::VmStart, Callback::Configure].map(Callback::as_str);
            // A stream context has a parent; a root context has none.
            let of_root = name == Callback::ContextCreate.as_str() && arguments.ends_with(", 0)");
            let starts = of_root || of_vm.contains(&name) || initializers().any(|function| function == name);
            return Event::CallbackStarted { callback: name, starts };
        }
        if let Some(returned) = text.strip_prefix("[host<-vm] ") {
            let (_, value) = returned.split_once(" return: ").unwrap_or_default();
            return Event::CallbackReturned { returned: value.parse().unwrap_or_default() };
        }
        if text.starts_with("[vm->host] env.proxy_continue_") {
            return Event::Resumed;
        }
        if let Some(returned) = text.strip_prefix("[vm<-host] ") {
            return match returned.split_once(" return: ") {
                Some(("env.proxy_http_call" | "env.proxy_grpc_call" | "env.proxy_grpc_stream", "0")) => {
                    Event::CalloutSent
                }
                _ => Event::Other,
            };
        }
        if text.starts_with("Function: ") {
            return Event::Trapped(first_line(text));
        }
        match self.level {
            Level::Error => Event::ErrorLogged(first_line(text.strip_prefix("Wasm VM failed ").unwrap_or(text))),
            _ if text.starts_with("Thread-Local Wasm created") => Event::VmCreated,
            _ if text.starts_with("~Wasm") => Event::VmDestroyed,
            _ => Event::Other,
        }
    }
}

/// What a line of the log reports.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Event<'a> {
    /// A filter logged: the prefix, a colon and the message.
    Logged(&'a str),
    /// A callback starts. `starts`: it starts a VM or a plugin.
    CallbackStarted {
        callback: &'a str,
        starts: bool,
    },
    /// A callback returned this value, or nothing.
    CallbackReturned {
        returned: u32,
    },
    /// A filter resumed a stream.
    Resumed,
    /// A filter sent a callout.
    CalloutSent,
    /// The router sends a request or a callout to a cluster.
    Routed {
        cluster: &'a str,
        path: &'a str,
    },
    /// A callback trapped: `Function: proxy_on_tick failed: Uncaught RuntimeError: unreachable`.
    Trapped(&'a str),
    /// Another error, in Envoy's words.
    ErrorLogged(&'a str),
    /// Envoy created a VM, for a thread or for the trial of a plugin.
    VmCreated,
    /// Envoy destroyed a VM.
    VmDestroyed,
    Other,
}

/// `cluster 'auth' match for URL '/check'`, after the stream's tags.
fn routed(text: &str) -> Option<Event<'_>> {
    let (_, rest) = text.split_once("cluster '")?;
    let (cluster, path) = rest.split_once("' match for URL '")?;
    Some(Event::Routed { cluster, path: path.strip_suffix('\'')? })
}

/// The text without the backtrace below it.
fn first_line(text: &str) -> &str {
    text.lines().next().unwrap_or_default()
}

fn bracketed(bytes: &[u8]) -> Option<(&str, &[u8])> {
    let rest = bytes.strip_prefix(b"[")?;
    let end = rest.iter().position(|byte| *byte == b']')?;
    Some((std::str::from_utf8(&rest[..end]).ok()?, &rest[end + 1..]))
}

/// Reverses `--log-format-escaped`: C escapes, octal ones for bytes outside ASCII.
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
    fn lines_are_parsed_and_unescaped() {
        let escaped = r#"[19630][info][wasm] wasm log p r v: one\ntwo \"\\\t\303\251 \000nul\r\n"#;
        let expected = "wasm log p r v: one\ntwo \"\\\té \0nul\r\n";
        let line = line(escaped);
        assert_eq!((line.thread, line.level, line.component.as_str()), (19630, Level::Info, "wasm"));
        assert_eq!(line.text, expected);
        assert_eq!(line.event(), Event::Logged(" p r v: one\ntwo \"\\\té \0nul\r\n"));
        assert_eq!(Line::parse(b"Proxy-Wasm plugin in-VM backtrace:"), None);
        assert_eq!(Line::parse(b"[x][info][wasm] a"), None);
    }

    #[test]
    fn invalid_utf8_does_not_break_a_line() {
        assert_eq!(line(r"[1][error][wasm] raw\377\376 end\").text, "raw\u{fffd}\u{fffd} end");
    }

    #[test]
    fn events_are_recognized() {
        let event = |text: &str| format!("{:?}", line(&format!("[1]{text}")).event());
        let started = "CallbackStarted { callback: \"proxy_on_request_headers\", starts: false }";
        assert_eq!(event("[trace][wasm] [host->vm] proxy_on_request_headers(2, 8, 1)"), started);
        assert_eq!(
            event("[trace][wasm] [host->vm] _initialize()"),
            "CallbackStarted { callback: \"_initialize\", starts: true }"
        );
        assert!(event("[trace][wasm] [host->vm] proxy_on_context_create(1, 0)").ends_with("starts: true }"));
        assert!(event("[trace][wasm] [host->vm] proxy_on_context_create(2, 1)").ends_with("starts: false }"));
        assert_eq!(
            event("[trace][wasm] [host<-vm] proxy_on_request_headers return: 0"),
            "CallbackReturned { returned: 0 }"
        );
        assert_eq!(event("[trace][wasm] [vm<-host] env.proxy_http_call return: 0"), "CalloutSent");
        assert_eq!(event("[trace][wasm] [vm<-host] env.proxy_http_call return: 2"), "Other");
        let routed = event("[debug][router] [Tags: \"StreamId\":\"7\"] cluster 'auth' match for URL '/it's'");
        assert_eq!(routed, r#"Routed { cluster: "auth", path: "/it's" }"#);
        assert_eq!(event("[debug][router] [Tags: \"StreamId\":\"7\"] router decoding headers:"), "Other");
        assert_eq!(
            event("[error][wasm] Wasm VM failed Failed to start base Wasm"),
            "ErrorLogged(\"Failed to start base Wasm\")"
        );
        let trap =
            r"[error][wasm] Function: proxy_on_tick failed: Uncaught RuntimeError: unreachable\nbacktrace:\n  0: x";
        assert_eq!(event(trap), "Trapped(\"Function: proxy_on_tick failed: Uncaught RuntimeError: unreachable\")");
        assert_eq!(event("[debug][wasm] Thread-Local Wasm created 2 now active"), "VmCreated");
        assert_eq!(event("[debug][wasm] ~Wasm 1 remaining active"), "VmDestroyed");
        assert_eq!(event("[error][config] wasm log a: b"), "Other");
    }
}
