//! An exchange in text: the request, the effects of each filter, the calls, the response and the log.

use std::collections::BTreeMap;

use mesh_compile_host::outcome::{Effect, End, ExchangeOutcome, LogLine, Returned};
use mesh_compile_host::{Callback, Fields, Message};

use crate::resolve::traffic::suite::Step;
use crate::verify::report::exchange::{end, level};
use crate::verify::subject::Subject;

/// The text format indents each line by four columns, which makes 80. JSON contains the same lines, so the terminal does not matter.
const WIDTH: usize = 76;
/// Lines shown per part, and of the log. A filter may log a thousand lines.
const LINES: usize = 40;
const LOG_LINES: usize = 20;

/// The whole exchange.
pub(super) fn exchange(subject: &Subject, step: &Step, outcome: &ExchangeOutcome) -> Vec<String> {
    let mut lines = vec!["request".to_owned()];
    message(&step.exchange.request, &mut lines);
    outcome.effects.iter().for_each(|one| effect(subject, one, &mut lines));
    for call in &outcome.calls {
        lines.push(format!("call to {}", call.cluster));
        message(&call.request, &mut lines);
    }
    match &outcome.upstream {
        Some(request) => {
            lines.push("request at the workload".to_owned());
            message(request, &mut lines);
        }
        None => lines.push("no request reached the workload".to_owned()),
    }
    let how = match &outcome.end {
        End::Complete => String::new(),
        End::LocalReply(details) if !details.is_empty() => format!(" ({}, {details})", end(&outcome.end)),
        other => format!(" ({})", end(other)),
    };
    match &outcome.response {
        Some(response) => {
            lines.push(format!("response{how}"));
            message(response, &mut lines);
        }
        None => lines.push(format!("no response{how}")),
    }
    lines.extend(log(subject, &outcome.log));
    lines.iter().map(|line| cut(line)).collect()
}

/// The lines of the log under a heading. Empty if the log is empty.
pub(super) fn log(subject: &Subject, log: &[LogLine]) -> Vec<String> {
    if log.is_empty() {
        return Vec::new();
    }
    let filter = |line: &LogLine| line.plugin.and_then(|number| subject.plugins.get(number));
    let line = |line: &LogLine| {
        let filter = filter(line).map_or_else(String::new, |entry| format!("{}: ", entry.plugin.name()));
        wrapped(&format!("  {:<8} ", level(line.level)), &format!("{filter}{}", line.message))
    };
    let mut lines = vec!["log".to_owned()];
    // The last lines usually explain a failure.
    let before = log.len().saturating_sub(LOG_LINES);
    if before > 0 {
        lines.push(format!("  … {before} earlier lines"));
    }
    lines.extend(log.iter().skip(before).flat_map(line));
    lines
}

/// A text after a head, wrapped into a few lines.
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

/// The effects of a callback. A callback without effects that continued is skipped.
fn effect(subject: &Subject, effect: &Effect, lines: &mut Vec<String>) {
    let Effect { plugin, callback, returned, fields, body, actions } = effect;
    let plain = matches!(returned, Returned::Nothing | Returned::Continue);
    if plain && fields.is_none() && body.is_none() && actions.is_empty() && !shown(*callback) {
        return;
    }
    let filter = subject.plugins.get(*plugin).map_or("a filter", |entry| entry.plugin.name());
    let returned = if *returned == Returned::Nothing { String::new() } else { format!(": {returned}") };
    lines.push(format!("{filter}, {callback}{returned}"));
    let mut details = Vec::new();
    if let Some((before, after)) = fields {
        details.extend(difference(before, after));
    }
    if let Some((before, after)) = body {
        details.extend([format!("  - {}", show(before)), format!("  + {}", show(after))]);
    }
    details.extend(actions.iter().map(|action| format!("  {action}")));
    push(details, lines);
}

/// Whether the callback is listed even without effects: one that receives a part of a message.
const fn shown(callback: Callback) -> bool {
    use Callback::{RequestBody, RequestHeaders, RequestTrailers, ResponseBody, ResponseHeaders, ResponseTrailers};
    matches!(
        callback,
        RequestHeaders | RequestBody | RequestTrailers | ResponseHeaders | ResponseBody | ResponseTrailers
    )
}

/// The removed and the added fields, in order.
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

/// A body as one line.
fn show(body: &[u8]) -> String {
    let size = body.len();
    match std::str::from_utf8(body) {
        Ok(text) => format!("{size} B: {text}"),
        Err(_) => format!("{size} B, not UTF-8: {}", lossy(body)),
    }
}

fn lossy(bytes: &[u8]) -> std::borrow::Cow<'_, str> {
    String::from_utf8_lossy(bytes)
}

/// Adds the lines, cut to [`LINES`].
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
