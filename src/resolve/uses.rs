//! The list of a workload: which filters it uses, and with which settings.

use std::collections::{BTreeMap, BTreeSet};

use super::configuration::{self, Configuration, Keys};
use super::filters::Filter;
use super::mesh;
use super::placement;
use super::roster::Entry;
use crate::diag::{Code, Diagnostic, Location, Sink, suggest};
use crate::domain::{Direction, Insert};
use crate::spec::types::{self, UseSettings};
use crate::spec::{Spanned, Spec};
use crate::world::World;

/// A filter as a workload uses it.
#[derive(Debug)]
pub(super) struct Use<'a> {
    pub(super) filter: &'a Filter<'a>,
    /// Replaces the filter's configuration.
    pub(super) configuration: Option<Configuration<'a>>,
    pub(super) scope: mesh::Scope,
    /// Whether any setting differs from the filter as declared.
    pub(super) has_settings: bool,
    /// The entry in the list.
    pub(super) location: Location,
    /// The filter's name in the entry.
    pub(super) name_location: Location,
    /// Where the port is set, or the entry.
    pub(super) port_location: Location,
    /// Where the direction is set: in the entry or for the workload. Otherwise the entry.
    pub(super) direction_location: Location,
    /// The place in the chain, as the entry sets it.
    pub(super) insert: Option<&'a Spanned<types::Insert>>,
}

/// The uses of a workload. Filters that do not exist are reported, or are among the filters with errors. `is_moved`: the modules
/// are not mounted at the default path.
pub(super) fn resolve<'a>(
    world: &dyn World,
    spec: &'a Spec,
    filters: &'a BTreeMap<&'a str, Filter<'a>>,
    entry: &Entry<'a>,
    is_moved: bool,
    sink: &mut Sink,
) -> Vec<Use<'a>> {
    let default_direction = entry.direction();
    let common_direction: Direction = spec.default_workload.direction.as_deref().copied().unwrap_or_default();
    let mut seen: BTreeMap<&str, Location> = BTreeMap::new();
    let mut uses = Vec::new();
    for item in entry.uses.iter().map(|one| one.written) {
        let (name, with, name_location) = (item.filter(), item.settings(), item.filter_at());
        if let Some(first) = seen.get(name) {
            sink.push(
                Diagnostic::error(Code::MC0211, format!("`{name}` is listed twice"))
                    .at_label(name_location, "listed again here")
                    .related(*first, "first listed here")
                    .help("to run the module twice, declare a second filter with the other configuration"),
            );
            continue;
        }
        seen.insert(name, name_location);
        let configuration = with.and_then(|with| configuration::resolve(world, spec, &Keys::from(with), sink));
        let Some(filter) = filters.get(name) else {
            undefined(spec, name, name_location, sink);
            continue;
        };
        let scope = mesh::Scope {
            direction: with.and_then(|with| with.direction.as_deref().copied()).unwrap_or(default_direction),
            port: with.and_then(|with| with.port.as_deref().copied()),
            insert: Insert::default(),
        };
        let own_direction = with.and_then(|with| with.direction.as_ref());
        let direction_at = own_direction.or(entry.written.direction.as_ref());
        let has_settings = is_moved || default_direction != common_direction || with.is_some_and(differs);
        uses.push(Use {
            filter,
            configuration,
            scope,
            has_settings,
            location: item.location(),
            name_location,
            port_location: with.and_then(|with| with.port.as_ref()).map_or_else(|| item.location(), Spanned::location),
            direction_location: direction_at.map_or_else(|| item.location(), Spanned::location),
            insert: with.and_then(|with| with.insert.as_ref()),
        });
    }
    placement::resolve(&mut uses, sink);
    uses
}

/// Whether any key but the filter's name is set. Its value does not matter: setting the default explicitly must not move the pods
/// to another label.
fn differs(with: &UseSettings) -> bool {
    !Keys::from(with).is_empty() || with.port.is_some() || with.insert.is_some() || with.direction.is_some()
}

/// Reports a filter that does not exist.
pub(super) fn undefined(spec: &Spec, name: &str, location: Location, sink: &mut Sink) {
    let unread = &spec.unread;
    if unread.any || spec.filters.contains_key(name) || unread.filters.contains(name) {
        return; // the filter exists and its errors are reported, or it may be among what could not be read
    }
    let known: BTreeSet<&str> = spec.filters.keys().chain(&unread.filters).map(String::as_str).collect();
    let help = match suggest(name, known.iter().copied()) {
        Some(near) => format!("did you mean `{near}`?"),
        None if known.is_empty() => format!("declare it as `[filters.{name}]`"),
        None => {
            let list = known.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ");
            format!("declare it as `[filters.{name}]`; declared filters: {list}")
        }
    };
    sink.push(Diagnostic::error(Code::MC0110, format!("the filter `{name}` does not exist")).at(location).help(help));
}
