//! Writes a mesh.toml with the same content in another order and notation.

use proptest::prelude::Rng as _;
use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};
use toml::{Table, Value};

pub(crate) struct Shuffler(TestRng);

impl Shuffler {
    /// The same seed produces the same file.
    pub(crate) fn new(seed: u8) -> Self {
        let rng = TestRng::from_seed(RngAlgorithm::ChaCha, &[seed; 32]);
        Self(TestRunner::new_with_rng(Config::default(), rng).new_rng())
    }

    fn one_in(&mut self, n: u32) -> bool {
        self.0.next_u32().is_multiple_of(n)
    }

    fn shuffled<'a>(&mut self, table: &'a Table) -> Vec<(&'a String, &'a Value)> {
        let mut entries: Vec<_> = table.iter().collect();
        for i in (1..entries.len()).rev() {
            let other = self.0.next_u32() as usize % (i + 1);
            entries.swap(i, other);
        }
        entries
    }

    /// The whole file.
    pub(crate) fn file(&mut self, table: &Table) -> String {
        let mut text = String::from("# Written by a test.\n\n");
        self.table(&mut text, "", table);
        text
    }

    /// Keys come first, as TOML requires, then tables with headers.
    fn table(&mut self, text: &mut String, path: &str, table: &Table) {
        let mut later = Vec::new();
        for (key, value) in self.shuffled(table) {
            match value {
                Value::Table(inner) if !self.one_in(3) => later.push((key, inner)),
                _ => self.entry(text, "", key, value),
            }
        }
        for (key, inner) in later {
            let key = self.key(key);
            let path = if path.is_empty() { key } else { format!("{path}.{key}") };
            let blank = if self.one_in(2) { " " } else { "" };
            text.push_str(&format!("\n[{blank}{path}{blank}]\n"));
            self.table(text, &path, inner);
        }
    }

    /// `key = value`, or the entries of a table with dotted keys.
    fn entry(&mut self, text: &mut String, path: &str, key: &str, value: &Value) {
        let path = format!("{path}{}", self.key(key));
        match value {
            Value::Table(inner) if !inner.is_empty() && self.one_in(2) => {
                for (key, value) in self.shuffled(inner) {
                    self.entry(text, &format!("{path}."), key, value);
                }
            }
            _ => {
                let blank = if self.one_in(2) { " " } else { "" };
                text.push_str(&format!(
                    "{path}{blank}={blank}{}{}\n",
                    self.value(value),
                    if self.one_in(4) { " # why" } else { "" }
                ));
            }
        }
    }

    fn key(&mut self, key: &str) -> String {
        let bare = key.chars().all(|c| c.is_ascii_alphanumeric() || c == '-' || c == '_') && !key.is_empty();
        if bare && !self.one_in(5) { key.to_owned() } else { self.string(key) }
    }

    fn value(&mut self, value: &Value) -> String {
        match value {
            Value::String(text) => self.string(text),
            Value::Array(items) => {
                let items: Vec<_> = items.iter().map(|item| self.value(item)).collect();
                if self.one_in(2) {
                    format!("[\n  {},\n]", items.join(",\n  ")).replace("[\n  ,\n]", "[]")
                } else {
                    format!("[{}]", items.join(","))
                }
            }
            Value::Table(table) => {
                let entries: Vec<_> = self
                    .shuffled(table)
                    .into_iter()
                    .map(|(key, value)| format!("{} = {}", self.key(key), self.value(value)))
                    .collect();
                format!("{{ {} }}", entries.join(", "))
            }
            Value::Integer(number) => number.to_string(),
            Value::Boolean(flag) => flag.to_string(),
            Value::Float(number) => format!("{number:?}"),
            Value::Datetime(date) => date.to_string(),
        }
    }

    fn string(&mut self, text: &str) -> String {
        let literal = !text.contains('\'') && !text.chars().any(char::is_control);
        if literal && self.one_in(2) { format!("'{text}'") } else { serde_json::to_string(text).expect("a string") }
    }
}
