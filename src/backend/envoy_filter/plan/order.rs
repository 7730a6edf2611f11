//! One order of priorities for all filters of a namespace.
//!
//! A shared EnvoyFilter has one priority, whichever workloads subscribe to it, so the lists of all workloads must fit one order.
//! Where lists contradict each other, the order fits as many as possible, and the other lists get objects of their own.

use std::collections::{BTreeMap, BTreeSet};

/// The distance between two filters in the common order. Nine more filters fit between them.
const STEP: i32 = 10;

/// The priority of a filter in a workload's list.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Position {
    /// Ascending along the list, at least 1.
    pub(super) priority: i32,
    /// Whether it is the filter's priority in the common order. Only then can the EnvoyFilter be shared.
    pub(super) common: bool,
}

/// The positions of every list of filters. No list contains a filter twice. The order of `lists` does not matter.
pub(super) fn arrange(lists: &[Vec<&str>]) -> Vec<Vec<Position>> {
    let common = common_order(lists);
    lists.iter().map(|list| place(list, &common)).collect()
}

/// Positions for a list that shares nothing: 10, 20, 30…
pub(super) fn alone(length: usize) -> Vec<Position> {
    (1..).map(|n| Position { priority: n * STEP, common: false }).take(length).collect()
}

/// The priority of every filter in one order that fits as many lists as possible. Lists of more workloads take precedence, then
/// lists by name.
fn common_order<'a>(lists: &[Vec<&'a str>]) -> BTreeMap<&'a str, i32> {
    let mut counts: BTreeMap<&[&str], usize> = BTreeMap::new();
    for list in lists {
        *counts.entry(list).or_default() += 1;
    }
    let mut distinct: Vec<_> = counts.into_iter().collect();
    distinct.sort_by_key(|(list, count)| (std::cmp::Reverse(*count), *list));

    let mut after: BTreeMap<&'a str, BTreeSet<&'a str>> = BTreeMap::new();
    for (list, _) in &distinct {
        for filter in *list {
            after.entry(filter).or_default();
        }
    }
    for (list, _) in &distinct {
        let mut extended = after.clone();
        for pair in list.windows(2) {
            extended.entry(pair[0]).or_default().insert(pair[1]);
        }
        if extended != after && topological(&extended).is_some() {
            after = extended;
        }
    }
    let order = topological(&after).unwrap_or_default();
    order.into_iter().zip((1..).map(|n| n * STEP)).collect()
}

/// The nodes in topological order, then by name. `None` for a cycle.
fn topological<'a>(after: &BTreeMap<&'a str, BTreeSet<&'a str>>) -> Option<Vec<&'a str>> {
    let mut waiting: BTreeMap<&str, usize> = after.keys().map(|node| (*node, 0)).collect();
    for next in after.values().flatten() {
        *waiting.entry(next).or_default() += 1;
    }
    let mut ready: BTreeSet<&str> = waiting.iter().filter(|(_, count)| **count == 0).map(|(node, _)| *node).collect();
    let mut order = Vec::with_capacity(after.len());
    while let Some(node) = ready.pop_first() {
        order.push(node);
        for next in after.get(node).into_iter().flatten() {
            if let Some(count) = waiting.get_mut(next) {
                *count -= 1;
                if *count == 0 {
                    ready.insert(next);
                }
            }
        }
    }
    (order.len() == waiting.len()).then_some(order)
}

fn place(list: &[&str], common: &BTreeMap<&str, i32>) -> Vec<Position> {
    let priorities: Vec<i32> = list.iter().map(|filter| common.get(filter).copied().unwrap_or_default()).collect();
    let kept = longest_rising(&priorities);
    let mut positions: Vec<_> = priorities.iter().map(|&priority| Position { priority, common: true }).collect();
    // Filters outside the common order get priorities between those of their neighbors.
    let bounds: Vec<usize> = kept.iter().copied().chain([list.len()]).collect();
    let mut start = 0;
    let mut low = 0;
    for bound in bounds {
        let moved = i32::try_from(bound - start).unwrap_or(i32::MAX);
        let high = priorities.get(bound).copied().unwrap_or_else(|| low + STEP * (moved + 1));
        if high - low <= moved {
            return alone(list.len());
        }
        for (n, position) in (1..).zip(&mut positions[start..bound]) {
            *position = Position { priority: low + (high - low) * n / (moved + 1), common: false };
        }
        start = bound + 1;
        low = high;
    }
    positions
}

/// The indices of a longest strictly rising subsequence.
fn longest_rising(values: &[i32]) -> Vec<usize> {
    // For each index: the length of the longest subsequence that starts there, and its next index.
    let mut best: Vec<(usize, Option<usize>)> = vec![(1, None); values.len()];
    for i in (0..values.len()).rev() {
        for j in i + 1..values.len() {
            if values[i] < values[j] && best[j].0 + 1 > best[i].0 {
                best[i] = (best[j].0 + 1, Some(j));
            }
        }
    }
    let first = (0..values.len()).rev().max_by_key(|&i| best[i].0);
    std::iter::successors(first, |&i| best[i].1).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn show(lists: &[&[&str]]) -> Vec<String> {
        let lists: Vec<Vec<&str>> = lists.iter().map(|list| list.to_vec()).collect();
        let positions = arrange(&lists);
        let word = |(filter, position): (&&str, &Position)| {
            format!("{filter}{}{}", if position.common { "=" } else { "!" }, position.priority)
        };
        lists
            .iter()
            .zip(&positions)
            .map(|(list, at)| list.iter().zip(at).map(word).collect::<Vec<_>>().join(" "))
            .collect()
    }

    #[test]
    fn lists_that_agree_share_one_order() {
        assert_eq!(show(&[&["b", "a"], &["a", "c"], &["c"]]), ["b=10 a=20", "a=20 c=30", "c=30"]);
    }

    #[test]
    fn independent_filters_are_ordered_by_name() {
        assert_eq!(show(&[&["z"], &["a"], &["m"]]), ["z=30", "a=10", "m=20"]);
    }

    #[test]
    fn the_rarer_of_two_contradicting_lists_is_moved() {
        let shown = show(&[&["b", "a"], &["a", "b"], &["b", "a"]]);
        assert_eq!(shown, ["b=10 a=20", "a=20 b!30", "b=10 a=20"]);
    }

    #[test]
    fn a_cycle_of_three_lists_moves_one_of_them() {
        assert_eq!(show(&[&["a", "b"], &["b", "c"], &["c", "a"]]), ["a=10 b=20", "b=20 c=30", "c=30 a!40"]);
    }

    #[test]
    fn a_list_moves_as_a_whole_if_a_gap_is_too_small() {
        let names: Vec<String> = (0..12).map(|n| format!("f{n:02}")).collect();
        let forward: Vec<&str> = names.iter().map(String::as_str).collect();
        let mut backward = forward.clone();
        backward.reverse();
        let positions = arrange(&[forward.clone(), forward, backward]);
        assert!(positions[2].windows(2).all(|pair| pair[0].priority < pair[1].priority));
        assert!(positions[2].iter().all(|position| position.priority > 0));
    }

    proptest::proptest! {
        #[test]
        fn priorities_rise_along_every_list_and_shared_ones_agree(lists in proptest::collection::vec(
            proptest::sample::subsequence(vec!["a", "b", "c", "d", "e", "f", "g"], 1..7).prop_shuffle(), 1..12,
        )) {
            let positions = arrange(&lists);
            let mut common = BTreeMap::new();
            for (list, at) in lists.iter().zip(&positions) {
                proptest::prop_assert!(at.windows(2).all(|pair| pair[0].priority < pair[1].priority));
                proptest::prop_assert!(at.iter().all(|position| position.priority > 0));
                for (filter, position) in list.iter().zip(at).filter(|(_, position)| position.common) {
                    proptest::prop_assert_eq!(*common.entry(*filter).or_insert(position.priority), position.priority);
                }
            }
            let mut backward = lists.clone();
            backward.reverse();
            let mut again = arrange(&backward);
            again.reverse();
            proptest::prop_assert_eq!(again, positions);
        }
    }

    use proptest::strategy::Strategy as _;
}
