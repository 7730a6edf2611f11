//! Whose a line of the log is.

use std::collections::{BTreeMap, BTreeSet};

use wasmparser::{ExternalKind, Parser, Payload};

use super::journal::Entry;
use super::log::Event;
use crate::traffic::outcome::LogLine;
use crate::verify::subject::{Chain, FailurePolicy, Placed};

/// Callbacks that may hold a stream, by the ends of their names.
const PAUSING: [&str; 4] = ["_headers", "_body", "_trailers", "_data"];

/// The plugins that a test's traffic goes through, and what is known of their VMs.
pub(super) struct Chained<'a> {
    /// Each with its place among the subject's plugins: the network chain, then the HTTP chain.
    plugins: Vec<(usize, &'a Placed)>,
    exports: Vec<BTreeSet<String>>,
    /// The VMs that have failed for good, by the places of their plugins.
    dead: BTreeSet<usize>,
    /// Whether any VM has failed.
    failed: bool,
    /// The plugin that has last held the stream and not let it go on, where that can be told.
    holder: Option<usize>,
    /// How often each callback has run since the exchange began.
    turns: BTreeMap<String, usize>,
}

impl<'a> Chained<'a> {
    pub(super) fn new(all: &'a [Placed], chains: [&[&'a Placed]; 2]) -> Self {
        let place = |placed: &&'a Placed| all.iter().position(|it| std::ptr::eq(it, *placed)).map(|at| (at, *placed));
        let plugins: Vec<_> = chains.into_iter().flatten().filter_map(place).collect();
        let exports = plugins.iter().map(|(_, placed)| exports(&placed.plugin.module.bytes)).collect();
        Self { plugins, exports, dead: BTreeSet::new(), failed: false, holder: None, turns: BTreeMap::new() }
    }

    pub(super) fn exchange_begins(&mut self) {
        self.turns.clear();
        self.holder = None;
    }

    /// Follows the callbacks: which is whose can be told by their order.
    pub(super) fn follow(&mut self, entry: &Entry) {
        match entry.line.event() {
            Event::Entered { callback, .. } => *self.turns.entry(callback.to_owned()).or_default() += 1,
            Event::Released => self.holder = None,
            Event::Left { returned } => {
                let callback = entry.callback.as_deref().unwrap_or_default();
                if PAUSING.iter().any(|suffix| callback.ends_with(suffix)) {
                    self.holder = self.whose(callback).filter(|_| returned != 0);
                }
            }
            _ => {}
        }
    }

    /// Whom a stream that stalls waits for.
    pub(super) fn holder(&self) -> Option<usize> {
        self.holder
    }

    /// Whether it comes from the start of the VMs, before all traffic. One that is reloaded starts again among it.
    pub(super) fn comes_before_traffic(&self, entry: &Entry) -> bool {
        entry.starting && !self.failed
    }

    /// A line that a filter logged, without Envoy's prefix; `rest` follows `wasm log`.
    pub(super) fn line(&self, entry: &Entry, rest: &str) -> LogLine {
        let mine = |(at, placed): &(usize, &Placed)| Some((*at, message(placed, rest)?));
        let found: Vec<(usize, &str)> = self.plugins.iter().filter_map(mine).collect();
        let unknown = || rest.split_once(": ").map_or(rest, |(_, message)| message);
        LogLine {
            level: entry.line.level,
            // Two plugins of one name in one VM log alike.
            plugin: if let [(at, _)] = found[..] { Some(at) } else { None },
            message: found.first().map_or_else(unknown, |(_, message)| message).to_owned(),
        }
    }

    /// The plugin whose callback has failed, by its place among the subject's: its VM is lost, unless it is reloaded. `speaker` is the one
    /// that has logged in that callback.
    pub(super) fn failed(&mut self, callback: &str, speaker: Option<usize>) -> usize {
        self.failed = true;
        let at = speaker.or_else(|| self.whose(callback)).unwrap_or_default();
        let Some((_, failed)) = self.plugins.iter().find(|(place, _)| *place == at) else { return at };
        if failed.plugin.on_failure() != FailurePolicy::Reload {
            let key = failed.plugin.vm_key();
            self.dead.extend(self.plugins.iter().filter(|(_, it)| it.plugin.vm_key() == key).map(|(place, _)| *place));
        }
        at
    }

    /// Whose turn it is: filters get headers one after the other. Of those that have any other callback it may be the first.
    fn whose(&self, callback: &str) -> Option<usize> {
        let chain = chain_of(callback);
        let may = |(at, placed): &(usize, &Placed), exports: &BTreeSet<String>| {
            let allowed = placed.plugin.config.allowed_capabilities().is_none_or(|names| names.contains_key(callback));
            let may = !self.dead.contains(at) && exports.contains(callback) && allowed;
            (may && chain.is_none_or(|chain| chain == placed.chain)).then_some(*at)
        };
        let all = self.plugins.iter().zip(&self.exports);
        let mut may: Vec<usize> = all.filter_map(|(plugin, exports)| may(plugin, exports)).collect();
        if callback == "proxy_on_response_headers" {
            may.reverse();
        }
        let turn = self.turns.get(callback).copied().unwrap_or_default();
        let one_each = matches!(callback, "proxy_on_request_headers" | "proxy_on_response_headers");
        let by_turn = may.get(turn.saturating_sub(1)).filter(|_| one_each);
        by_turn.or_else(|| may.first()).copied()
    }
}

/// The chain that the callback is for; `None`: either.
fn chain_of(callback: &str) -> Option<Chain> {
    let name = callback.strip_prefix("proxy_on_")?;
    let is = |names: &[&str]| names.iter().any(|it| name.contains(it));
    if is(&["downstream", "upstream", "new_connection"]) {
        Some(Chain::Network)
    } else {
        is(&["_headers", "_body", "_trailers"]).then_some(Chain::Http)
    }
}

/// The message behind the prefix of the plugin's contexts: name, root id and VM id for a stream's, without the name for the root's; what
/// is empty is left out.
fn message<'a>(placed: &Placed, rest: &'a str) -> Option<&'a str> {
    let plugin = &placed.plugin;
    let prefix = |parts: &[&str]| {
        let parts = parts.iter().filter(|part| !part.is_empty());
        parts.map(|part| format!(" {part}")).collect::<String>() + ": "
    };
    let stream = prefix(&[plugin.name(), plugin.root_id(), plugin.vm_id()]);
    let root = prefix(&[plugin.root_id(), plugin.vm_id()]);
    rest.strip_prefix(&stream).or_else(|| rest.strip_prefix(&root))
}

/// The names of a module's functions; Envoy has loaded it.
fn exports(module: &[u8]) -> BTreeSet<String> {
    let mut names = BTreeSet::new();
    for payload in Parser::new(0).parse_all(module) {
        if let Ok(Payload::ExportSection(section)) = payload {
            let functions = section.into_iter().flatten().filter(|export| export.kind == ExternalKind::Func);
            names.extend(functions.map(|export| export.name.to_owned()));
        }
    }
    names
}
