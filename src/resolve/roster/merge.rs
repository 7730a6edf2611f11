//! The filters of a workload: those of its bindings by their `order`, then those of its own list. A filter that arrives several
//! times runs once, where and as the last of its lists says.

use std::collections::{BTreeMap, BTreeSet};

use super::opt_out::OptOut;
use super::{BoundUse, Entry, Origin};
use crate::diag::{Code, Diagnostic, Sink};
use crate::domain::FilterType;
use crate::spec::{Binding, Spanned, Spec};

/// Pairs of bindings with the same order, and the workloads whose filters they leave without an order.
#[derive(Debug, Default)]
pub(super) struct Conflicts<'a>(BTreeMap<(usize, usize), Conflict<'a>>);

#[derive(Debug)]
struct Conflict<'a> {
    kind: Kind<'a>,
    workload: String,
    others: usize,
}

#[derive(Debug, Clone, Copy)]
enum Kind<'a> {
    /// Both add a filter that the other does not add, or both add the same filters in different orders.
    Order(&'a str, &'a str),
    /// Both add this filter, at least one of them with settings.
    Settings(&'a str),
}

/// The uses of a workload to which the bindings `bound` apply.
pub(super) fn merge<'a>(
    spec: &'a Spec,
    entry: &Entry<'a>,
    bound: &[usize],
    opt_out: &OptOut<'a>,
    conflicts: &mut Conflicts<'a>,
) -> Vec<BoundUse<'a>> {
    let own: BTreeSet<&str> = entry.written.filters().iter().map(|one| one.filter()).collect();
    let mut sorted: Vec<usize> = bound.to_vec();
    sorted.sort_by_key(|&index| (spec.bindings[index].order(), index));
    // From the last to the first: a filter that a later list adds is dropped from the earlier ones.
    let mut taken: BTreeSet<&str> = own;
    let mut groups = Vec::new();
    for group in sorted.chunk_by(|a, b| spec.bindings[*a].order() == spec.bindings[*b].order()).rev() {
        let lists: Vec<Vec<BoundUse<'a>>> =
            group.iter().map(|&index| added(&spec.bindings[index], index, opt_out, &taken)).collect();
        taken.extend(lists.iter().flatten().map(|one| one.written.filter()));
        groups.push(conflicts.combine(spec, entry, &lists));
    }
    let of_bindings = groups.into_iter().rev().flatten();
    let own = entry.written.filters().iter().map(|written| BoundUse { written, origin: Origin::Own });
    of_bindings.chain(own).collect()
}

/// What a binding adds to a workload.
fn added<'a>(
    binding: &'a Spanned<Binding>,
    index: usize,
    opt_out: &OptOut<'_>,
    taken: &BTreeSet<&str>,
) -> Vec<BoundUse<'a>> {
    let uses = binding.filters.iter().map(|written| BoundUse { written, origin: Origin::Binding(index) });
    uses.filter(|one| !taken.contains(one.written.filter()) && !opt_out.excludes(one.written.filter())).collect()
}

impl<'a> Conflicts<'a> {
    /// Combines what bindings of the same order add. That is no conflict if the order of the filters is clear all the same.
    fn combine<'s>(&mut self, spec: &'a Spec, entry: &Entry<'a>, lists: &'s [Vec<BoundUse<'a>>]) -> Vec<BoundUse<'a>> {
        let mut combined: Vec<BoundUse<'a>> = Vec::new();
        let mut seen: BTreeMap<&str, BoundUse<'a>> = BTreeMap::new();
        for (position, list) in lists.iter().enumerate() {
            let clash = |other: &'s Vec<BoundUse<'a>>| Some((clash(spec, other, list)?, other));
            if let Some((kind, other)) = lists[..position].iter().find_map(clash) {
                self.add(kind, (other, list), entry);
            }
            for one in list {
                // Twice in one list is reported with the workload.
                let name = one.written.filter();
                if seen.get(name).is_none_or(|first| first.origin == one.origin) {
                    seen.insert(name, *one);
                    combined.push(*one);
                }
            }
        }
        combined
    }

    fn add(&mut self, kind: Kind<'a>, (first, second): (&[BoundUse<'_>], &[BoundUse<'_>]), entry: &Entry<'_>) {
        let index = |list: &[BoundUse<'_>]| match list.first().map(|one| one.origin) {
            Some(Origin::Binding(index)) => index,
            Some(Origin::Own) | None => 0,
        };
        let pair = (index(first), index(second));
        let others = self.0.get(&pair).map_or(0, |conflict| conflict.others + 1);
        let new = Conflict { kind, workload: entry.key.clone(), others: 0 };
        self.0.entry(pair).or_insert(new).others = others;
    }

    pub(super) fn report(self, spec: &Spec, sink: &mut Sink) {
        for ((first, second), Conflict { kind, workload, others }) in self.0 {
            let (first, second) = (&spec.bindings[first], &spec.bindings[second]);
            let more = match others {
                0 => String::new(),
                1 => " and one other workload".to_owned(),
                _ => format!(" and {others} other workloads"),
            };
            let order = second.order();
            let (message, note) = match kind {
                Kind::Order(a, b) => (
                    format!("two bindings of order {order} add filters to `{workload}`{more}"),
                    format!("it is not clear whether `{a}` or `{b}` processes a request first"),
                ),
                Kind::Settings(name) => (
                    format!(
                        "two bindings of order {order} add `{name}` to `{workload}`{more}, with different settings"
                    ),
                    "a filter runs once, with the settings of the binding whose order is greater".to_owned(),
                ),
            };
            let label = |binding: &Spanned<Binding>| match binding.order {
                Some(_) => "the same order".to_owned(),
                None => "without an `order`, which is 0".to_owned(),
            };
            sink.push(
                Diagnostic::error(Code::MC0142, message)
                    .at_label(second.order_at(), label(second))
                    .related(first.order_at(), label(first))
                    .note(note)
                    .help("give them a different `order`: filters of the lower one process a request first"),
            );
        }
    }
}

/// How two lists leave open what runs, or in which order. HTTP filters and network filters have no order among each other.
fn clash<'a>(spec: &Spec, first: &[BoundUse<'a>], second: &[BoundUse<'a>]) -> Option<Kind<'a>> {
    let same = |one: &BoundUse<'_>, list: &[BoundUse<'a>]| {
        list.iter().find(|other| other.written.filter() == one.written.filter()).copied()
    };
    let with_settings = |one: &BoundUse<'_>| one.written.settings().is_some();
    for one in first {
        if same(one, second).is_some_and(|other| with_settings(one) || with_settings(&other)) {
            return Some(Kind::Settings(one.written.filter()));
        }
    }
    let type_of = |one: &&BoundUse<'a>| spec.filters.get(one.written.filter()).map(|filter| filter.filter_type());
    for filter_type in [FilterType::Http, FilterType::Network] {
        let of_type = |list: &[BoundUse<'a>]| -> Vec<&'a str> {
            let list = list.iter().filter(|one| type_of(one).is_none_or(|it| it == filter_type));
            list.map(|one| one.written.filter()).collect()
        };
        let (first, second) = (of_type(first), of_type(second));
        let (short, long) = if first.len() <= second.len() { (&first, &second) } else { (&second, &first) };
        // The longer list decides if it contains the shorter one in its order.
        let mut rest = long.iter();
        let open = short.iter().find(|one| !rest.any(|other| other == *one));
        if let Some(open) = open {
            let other = long.iter().find(|other| *other != open).unwrap_or(open);
            return Some(if first.contains(open) { Kind::Order(open, other) } else { Kind::Order(other, open) });
        }
    }
    None
}
