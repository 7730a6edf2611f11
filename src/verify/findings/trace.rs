//! An exchange step by step, as a reader follows it: the request, what each filter did, what came of it. At most 100 columns.

use std::collections::BTreeMap;

use mesh_compile_host::outcome::{Effect, End, ExchangeOutcome, LogLine};
use mesh_compile_host::{Fields, Message};

use crate::traffic::Step;
use crate::verify::exchange::{end, level};
use crate::verify::subject::Subject;

/// With the four columns that the text format puts before each line it is 100.
const WIDTH: usize = 96;
/// Lines of a part, and of a log: a filter may write a thousand.
const LINES: usize = 40;
const LOG_LINES: usize = 20;

/// The whole exchange.
pub(super) fn exchange(subject: &Subject, step: &Step, outcome: &ExchangeOutcome) -> Vec<String> {
    let mut lines = vec!["the request".to_owned()];
    message(&step.exchange.request, &mut lines);
    outcome.effects.iter().for_each(|one| effect(subject, one, &mut lines));
    for call in &outcome.calls {
        lines.push(format!("called: {}", call.cluster));
        message(&call.request, &mut lines);
    }
    match &outcome.upstream {
        Some(request) => {
            lines.push("reached the workload".to_owned());
            message(request, &mut lines);
        }
        None => lines.push("nothing reached the workload".to_owned()),
    }
    let how = match &outcome.end {
        End::Complete => String::new(),
        End::LocalReply(details) if !details.is_empty() => format!(" ({}, {details})", end(&outcome.end)),
        other => format!(" ({})", end(other)),
    };
    match &outcome.response {
        Some(answer) => {
            lines.push(format!("the answer{how}"));
            message(answer, &mut lines);
        }
        None => lines.push(format!("no answer{how}")),
    }
    lines.extend(log(subject, &outcome.log));
    lines.iter().map(|line| cut(line)).collect()
}

/// The lines of the log, under a heading; nothing where there are none.
pub(super) fn log(subject: &Subject, log: &[LogLine]) -> Vec<String> {
    if log.is_empty() {
        return Vec::new();
    }
    let filter = |line: &LogLine| line.plugin.and_then(|number| subject.plugins.get(number));
    let line = |line: &LogLine| {
        let filter = filter(line).map_or_else(String::new, |placed| format!("{}: ", placed.plugin.name()));
        wrapped(&format!("  {:<8} ", level(line.level)), &format!("{filter}{}", line.message))
    };
    let mut lines = vec!["the log".to_owned()];
    // The last of them: what a filter says before it gives up.
    let before = log.len().saturating_sub(LOG_LINES);
    if before > 0 {
        lines.push(format!("  … {before} before"));
    }
    lines.extend(log.iter().skip(before).flat_map(line));
    lines
}

/// A text after a head, in as many lines as it needs, but no more than a few: what went wrong may stand at its end.
fn wrapped(head: &str, text: &str) -> Vec<String> {
    const MOST: usize = 8;
    let width = WIDTH - head.chars().count();
    let mut lines = vec![String::new()];
    for word in text.split_inclusive([' ', '\n']) {
        let mut word: Vec<char> = word.chars().collect();
        let line = lines.last().map_or(0, |line| line.chars().count());
        if line > 0 && line + word.len() > width {
            lines.push(String::new());
        }
        while word.len() > width {
            let rest = word.split_off(width);
            lines.last_mut().into_iter().for_each(|line| line.extend(&word));
            lines.push(String::new());
            word = rest;
        }
        lines.last_mut().into_iter().for_each(|line| line.extend(&word));
    }
    if lines.len() > MOST {
        lines.truncate(MOST);
        lines.last_mut().into_iter().for_each(|line| *line = cut_to(&format!("{line}…"), width));
    }
    let blank = " ".repeat(head.chars().count());
    let heads = std::iter::once(head).chain(std::iter::repeat(blank.as_str()));
    heads.zip(lines).map(|(head, line)| format!("{head}{}", line.trim_end_matches(' '))).collect()
}

/// What a callback did; one that did nothing and let the exchange go on is passed over.
fn effect(subject: &Subject, effect: &Effect, lines: &mut Vec<String>) {
    let Effect { plugin, callback, returned, fields, body, acts } = effect;
    let plain = returned.is_empty() || returned == "Continue";
    if plain && fields.is_none() && body.is_none() && acts.is_empty() && !shown(callback) {
        return;
    }
    let filter = subject.plugins.get(*plugin).map_or("a filter", |placed| placed.plugin.name());
    let returned = if returned.is_empty() { String::new() } else { format!(": {returned}") };
    lines.push(format!("{filter}, {callback}{returned}"));
    let mut own = Vec::new();
    if let Some((before, after)) = fields {
        own.extend(difference(before, after));
    }
    if let Some((before, after)) = body {
        own.extend([format!("  - {}", show(before)), format!("  + {}", show(after))]);
    }
    own.extend(acts.iter().map(|act| format!("  {act}")));
    push(own, lines);
}

/// The callbacks in which a filter sees what goes by: that it did nothing there is worth a line.
fn shown(callback: &str) -> bool {
    ["headers", "body", "trailers"].iter().any(|part| callback.ends_with(part))
}

/// The fields that went, and those that came, in their order.
fn difference(before: &Fields, after: &Fields) -> Vec<String> {
    let less = |left: &Fields, right: &Fields, mark: &str| {
        let mut there: BTreeMap<&(Vec<u8>, Vec<u8>), usize> = BTreeMap::new();
        right.0.iter().for_each(|field| *there.entry(field).or_default() += 1);
        let gone = left.0.iter().filter(move |field| match there.get_mut(field) {
            Some(count) if *count > 0 => {
                *count -= 1;
                false
            }
            _ => true,
        });
        gone.map(|(name, value)| format!("  {mark} {}: {}", lossy(name), lossy(value))).collect::<Vec<_>>()
    };
    let mut lines = less(before, after, "-");
    lines.extend(less(after, before, "+"));
    if lines.is_empty() {
        lines.push("  the same fields in another order".to_owned());
    }
    lines
}

fn message(message: &Message, lines: &mut Vec<String>) {
    let field = |(name, value): &(Vec<u8>, Vec<u8>)| format!("  {}: {}", lossy(name), lossy(value));
    push(message.headers.0.iter().map(field).collect(), lines);
    if !message.body.is_empty() {
        lines.push(format!("  {}", show(&message.body())));
    }
    if let Some(trailers) = &message.trailers {
        lines.push("  trailers".to_owned());
        push(trailers.0.iter().map(|it| format!("  {}", field(it))).collect(), lines);
    }
}

/// A body in a line.
fn show(body: &[u8]) -> String {
    let size = body.len();
    match std::str::from_utf8(body) {
        Ok(text) => format!("{size} B: {text}"),
        Err(_) => format!("{size} B that are no UTF-8: {}", lossy(body)),
    }
}

fn lossy(bytes: &[u8]) -> std::borrow::Cow<'_, str> {
    String::from_utf8_lossy(bytes)
}

fn push(own: Vec<String>, lines: &mut Vec<String>) {
    let more = own.len().saturating_sub(LINES);
    lines.extend(own.into_iter().take(LINES));
    if more > 0 {
        lines.push(format!("  … and {more} more"));
    }
}

fn cut(line: &str) -> String {
    cut_to(line, WIDTH)
}

fn cut_to(line: &str, width: usize) -> String {
    match line.char_indices().nth(width) {
        None => line.to_owned(),
        Some(_) => line.chars().take(width - 1).chain(['…']).collect(),
    }
}
