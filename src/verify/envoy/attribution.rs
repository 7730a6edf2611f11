//! Which plugin a line of Envoy's log comes from.

use std::collections::{BTreeMap, BTreeSet};

use mesh_compile_host::Callback;
use mesh_compile_host::FailurePolicy;
use mesh_compile_host::outcome::LogLine;
use wasmparser::{ExternalKind, Parser, Payload};

use super::journal::Entry;
use super::log::Event;
use crate::domain::FilterType;
use crate::verify::subject::ChainEntry;

/// Endings of the names of callbacks that can pause a stream.
const PAUSING: [&str; 4] = ["_headers", "_body", "_trailers", "_data"];

/// The plugins that a test's traffic passes through, and the state of their VMs.
pub(super) struct Chained<'a> {
    /// Each with its index among the subject's plugins: the network chain, then the HTTP chain.
    plugins: Vec<(usize, &'a ChainEntry)>,
    exports: Vec<BTreeSet<String>>,
    /// Indexes of the plugins whose VMs failed and are not reloaded.
    dead: BTreeSet<usize>,
    /// Whether any VM has failed.
    failed: bool,
    /// The plugin that paused the stream last and has not resumed it, where known.
    holder: Option<usize>,
    /// How often each callback has run in this exchange.
    turns: BTreeMap<String, usize>,
}

impl<'a> Chained<'a> {
    pub(super) fn new(all: &'a [ChainEntry], chains: [&[&'a ChainEntry]; 2]) -> Self {
        let place = |chain_entry: &&'a ChainEntry| {
            all.iter().position(|it| std::ptr::eq(it, *chain_entry)).map(|at| (at, *chain_entry))
        };
        let plugins: Vec<_> = chains.into_iter().flatten().filter_map(place).collect();
        let exports = plugins.iter().map(|(_, chain_entry)| exports(&chain_entry.plugin.module.bytes)).collect();
        Self { plugins, exports, dead: BTreeSet::new(), failed: false, holder: None, turns: BTreeMap::new() }
    }

    pub(super) fn start_exchange(&mut self) {
        self.turns.clear();
        self.holder = None;
    }

    /// Follows the callbacks. Their order tells which plugin each belongs to.
    pub(super) fn follow(&mut self, entry: &Entry) {
        match entry.line.event() {
            Event::CallbackStarted { callback, .. } => *self.turns.entry(callback.to_owned()).or_default() += 1,
            Event::Resumed => self.holder = None,
            Event::CallbackReturned { returned } => {
                let callback = entry.callback.as_deref().unwrap_or_default();
                if PAUSING.iter().any(|suffix| callback.ends_with(suffix)) {
                    self.holder = self.owner(callback).filter(|_| returned != 0);
                }
            }
            _ => {}
        }
    }

    /// The plugin that a stalled stream waits for.
    pub(super) fn holder(&self) -> Option<usize> {
        self.holder
    }

    /// Whether the entry comes from the start of the VMs, before any traffic. A VM that is reloaded starts again during traffic.
    pub(super) fn is_before_traffic(&self, entry: &Entry) -> bool {
        entry.starting && !self.failed
    }

    /// A line that a filter logged, without Envoy's prefix. `rest` follows `wasm log`.
    pub(super) fn line(&self, entry: &Entry, rest: &str) -> LogLine {
        let logged_by = |(at, chain_entry): &(usize, &ChainEntry)| Some((*at, message(chain_entry, rest)?));
        let found: Vec<(usize, &str)> = self.plugins.iter().filter_map(logged_by).collect();
        let unknown = || rest.split_once(": ").map_or(rest, |(_, message)| message);
        LogLine {
            level: entry.line.level,
            // Two plugins with one name in one VM have the same prefix.
            plugin: if let [(at, _)] = found[..] { Some(at) } else { None },
            message: found.first().map_or_else(unknown, |(_, message)| message).to_owned(),
        }
    }

    /// The index of the plugin whose callback failed. Its VM is dead from now on, unless it is reloaded. `logger` is the plugin that
    /// logged during that callback.
    pub(super) fn failed(&mut self, callback: &str, logger: Option<usize>) -> usize {
        self.failed = true;
        let at = logger.or_else(|| self.owner(callback)).unwrap_or_default();
        let Some((_, failed)) = self.plugins.iter().find(|(place, _)| *place == at) else { return at };
        if failed.plugin.on_failure() != FailurePolicy::Reload {
            let key = failed.plugin.vm_key();
            self.dead.extend(self.plugins.iter().filter(|(_, it)| it.plugin.vm_key() == key).map(|(place, _)| *place));
        }
        at
    }

    /// The plugin that the running callback belongs to. Each filter gets headers once, in order. For other callbacks this is the first
    /// plugin that has the callback.
    fn owner(&self, callback: &str) -> Option<usize> {
        let chain = chain_of(callback);
        let candidate = |(at, chain_entry): &(usize, &ChainEntry), exports: &BTreeSet<String>| {
            let allowed =
                chain_entry.plugin.config.allowed_capabilities().is_none_or(|names| names.contains_key(callback));
            let runs = !self.dead.contains(at) && exports.contains(callback) && allowed;
            (runs && chain.is_none_or(|chain| chain == chain_entry.chain)).then_some(*at)
        };
        let all = self.plugins.iter().zip(&self.exports);
        let mut candidates: Vec<usize> = all.filter_map(|(plugin, exports)| candidate(plugin, exports)).collect();
        if callback == Callback::ResponseHeaders.as_str() {
            candidates.reverse();
        }
        let turn = self.turns.get(callback).copied().unwrap_or_default();
        let headers = [Callback::RequestHeaders, Callback::ResponseHeaders];
        let once_per_filter = headers.iter().any(|headers| callback == headers.as_str());
        let by_turn = candidates.get(turn.saturating_sub(1)).filter(|_| once_per_filter);
        by_turn.or_else(|| candidates.first()).copied()
    }
}

/// The chain that calls the callback. `None`: either.
fn chain_of(callback: &str) -> Option<FilterType> {
    let name = callback.strip_prefix("proxy_on_")?;
    let is = |names: &[&str]| names.iter().any(|it| name.contains(it));
    if is(&["downstream", "upstream", "new_connection"]) {
        Some(FilterType::Network)
    } else {
        is(&["_headers", "_body", "_trailers"]).then_some(FilterType::Http)
    }
}

/// The message after the prefix of the plugin's contexts. The prefix is the name, root id and VM id for a stream context, and lacks the
/// name for the root context. Envoy omits empty parts.
fn message<'a>(chain_entry: &ChainEntry, rest: &'a str) -> Option<&'a str> {
    let plugin = &chain_entry.plugin;
    let prefix = |parts: &[&str]| {
        let parts = parts.iter().filter(|part| !part.is_empty());
        parts.map(|part| format!(" {part}")).collect::<String>() + ": "
    };
    let stream = prefix(&[plugin.name(), plugin.root_id(), plugin.vm_id()]);
    let root = prefix(&[plugin.root_id(), plugin.vm_id()]);
    rest.strip_prefix(&stream).or_else(|| rest.strip_prefix(&root))
}

/// The names of a module's exported functions.
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
