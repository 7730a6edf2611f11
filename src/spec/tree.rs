//! The values of mesh.toml, its included files and one environment as one tree. Nothing is copied: a part that comes from one file
//! stays as the parser left it, and only the tables above a merged value are put together anew.

use std::collections::BTreeMap;
use std::ops::Range;

use toml::de::{DeTable, DeValue};

use crate::diag::{FileId, Location};

/// A value and where it is written.
#[derive(Debug, Clone)]
pub(super) struct Node<'a> {
    pub(super) file: FileId,
    /// The key of the value. For an element of an array, the element itself.
    pub(super) key: Range<usize>,
    pub(super) value: Value<'a>,
}

#[derive(Debug, Clone)]
pub(super) enum Value<'a> {
    /// As it is written in the file.
    Written(&'a toml::Spanned<DeValue<'a>>),
    /// A table with entries from several places, and the bytes of the first place.
    Table(Table<'a>, Range<usize>),
    /// An array with elements from several files, and the bytes of the first array.
    Array(Vec<Node<'a>>, Range<usize>),
}

/// The entries of a table.
pub(super) type Table<'a> = BTreeMap<&'a str, Node<'a>>;

/// The entries of a table of a file.
pub(super) fn entries<'a>(file: FileId, table: &'a DeTable<'a>) -> impl Iterator<Item = (&'a str, Node<'a>)> {
    table.iter().map(move |(key, value)| {
        let node = Node { file, key: key.span(), value: Value::Written(value) };
        (key.get_ref().as_ref(), node)
    })
}

impl<'a> Node<'a> {
    /// The bytes of the value.
    pub(super) fn span(&self) -> Range<usize> {
        match &self.value {
            Value::Written(value) => value.span(),
            Value::Table(_, span) | Value::Array(_, span) => span.clone(),
        }
    }

    /// Where the value is.
    pub(super) fn location(&self) -> Location {
        Location::new(self.file, self.span())
    }

    /// Where the key is.
    pub(super) fn key_location(&self) -> Location {
        Location::new(self.file, self.key.clone())
    }

    pub(super) fn is_table(&self) -> bool {
        match &self.value {
            Value::Written(value) => value.get_ref().is_table(),
            Value::Table(..) => true,
            Value::Array(..) => false,
        }
    }

    pub(super) fn is_array(&self) -> bool {
        match &self.value {
            Value::Written(value) => value.get_ref().is_array(),
            Value::Array(..) => true,
            Value::Table(..) => false,
        }
    }

    /// The keys of a table.
    pub(super) fn keys(&self) -> Vec<&'a str> {
        match &self.value {
            Value::Written(value) => {
                let table = value.get_ref().as_table();
                table.into_iter().flatten().map(|(key, _)| key.get_ref().as_ref()).collect()
            }
            Value::Table(entries, _) => entries.keys().copied().collect(),
            Value::Array(..) => Vec::new(),
        }
    }

    /// The entry of a table.
    pub(super) fn get(&self, key: &str) -> Option<Self> {
        match &self.value {
            Value::Written(value) => {
                let (key, value) = value.get_ref().as_table()?.get_key_value(key)?;
                Some(Node { file: self.file, key: key.span(), value: Value::Written(value) })
            }
            Value::Table(entries, _) => entries.get(key).cloned(),
            Value::Array(..) => None,
        }
    }

    /// The entries of a table. Empty for another value.
    pub(super) fn into_entries(self) -> Table<'a> {
        match self.value {
            Value::Written(value) => {
                value.get_ref().as_table().map(|it| entries(self.file, it).collect()).unwrap_or_default()
            }
            Value::Table(entries, _) => entries,
            Value::Array(..) => Table::new(),
        }
    }

    /// The elements of an array. Empty for another value.
    pub(super) fn into_items(self) -> Vec<Self> {
        match self.value {
            Value::Written(value) => {
                let item = |value: &'a toml::Spanned<DeValue<'a>>| Node {
                    file: self.file,
                    key: value.span(),
                    value: Value::Written(value),
                };
                value.get_ref().as_array().into_iter().flatten().map(item).collect()
            }
            Value::Array(items, _) => items,
            Value::Table(..) => Vec::new(),
        }
    }

    /// The text of a string.
    pub(super) fn as_str(&self) -> Option<&'a str> {
        match &self.value {
            Value::Written(value) => value.get_ref().as_str(),
            Value::Table(..) | Value::Array(..) => None,
        }
    }

    /// The entries of a table, to be changed. `None` for another value.
    pub(super) fn entries_mut(&mut self) -> Option<&mut Table<'a>> {
        if let Value::Written(value) = &self.value {
            let table = value.get_ref().as_table()?;
            self.value = Value::Table(entries(self.file, table).collect(), value.span());
        }
        match &mut self.value {
            Value::Table(entries, _) => Some(entries),
            Value::Written(_) | Value::Array(..) => None,
        }
    }

    /// Puts another value over this one: tables merge, everything else is replaced.
    pub(super) fn overlay(&mut self, above: Self) {
        if !above.is_table() {
            *self = above;
            return;
        }
        let Some(below) = self.entries_mut() else {
            *self = above;
            return;
        };
        for (key, value) in above.into_entries() {
            match below.get_mut(key) {
                Some(below) => below.overlay(value),
                None => drop(below.insert(key, value)),
            }
        }
    }

    /// Adds what this table lacks from another one. The table stays where it is.
    pub(super) fn underlay(&mut self, below: &Self) {
        let (Some(entries), true) = (self.entries_mut(), below.is_table()) else { return };
        for (key, value) in below.clone().into_entries() {
            match entries.get_mut(key) {
                Some(above) => above.underlay(&value),
                None => drop(entries.insert(key, value)),
            }
        }
    }
}
