//! A value of mesh.toml together with its location.

use std::borrow::Cow;
use std::fmt;
use std::marker::PhantomData;
use std::ops::{Deref, Range};

use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde::de::{Deserialize, Deserializer, Error, SeqAccess, Visitor};

use crate::diag::{FileId, Location, Sources};

/// The name by which [`super::decode`] recognizes a `Spanned`. Serde itself has no protocol for locations.
pub(super) const NAME: &str = "$mesh-compile::Spanned";

/// A value and its location in mesh.toml. Diagnostics point at the value or at its key.
#[derive(Debug, Clone)]
pub(crate) struct Spanned<T> {
    value: T,
    /// The value. For a table with a header, the header.
    location: Location,
    /// The key of the value. For an element of an array, the element itself.
    key_location: Location,
}

impl<T> Spanned<T> {
    /// The location of the value. For a table with a header, the location of the header.
    pub(crate) const fn location(&self) -> Location {
        self.location
    }

    /// The location of the key. An element of an array has no key, so this is the location of the element.
    pub(crate) const fn key_location(&self) -> Location {
        self.key_location
    }

    /// A value at a location that is also that of its key.
    pub(super) const fn at(value: T, location: Location) -> Self {
        Self { value, location, key_location: location }
    }

    /// A value without a location.
    #[cfg(test)]
    pub(crate) fn test(value: T) -> Self {
        let location = Location::whole(Sources::new().add("test".into(), ""));
        Self { value, location, key_location: location }
    }

    /// Another value with the same location.
    pub(crate) const fn with<U>(&self, value: U) -> Spanned<U> {
        Spanned { value, location: self.location, key_location: self.key_location }
    }
}

impl<T> Deref for Spanned<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.value
    }
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Spanned<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_struct(NAME, &[], Parts(PhantomData))
    }
}

/// Reads the parts of a [`Spanned`] in the order in which [`super::decode`] hands them out: the file, the key's start and end, the
/// value's start and end, the value.
struct Parts<T>(PhantomData<T>);

impl<'de, T: Deserialize<'de>> Visitor<'de> for Parts<T> {
    type Value = Spanned<T>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a value with its location")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut parts: A) -> Result<Spanned<T>, A::Error> {
        let missing = || A::Error::custom("a part of the location is missing");
        let file: FileId = parts.next_element()?.ok_or_else(missing)?;
        let mut offset = || parts.next_element::<usize>()?.ok_or_else(missing);
        let key = offset()?..offset()?;
        let at = offset()?..offset()?;
        let value = parts.next_element()?.ok_or_else(missing)?;
        Ok(Spanned { value, location: Location::new(file, at), key_location: Location::new(file, key) })
    }
}

/// The schema of the value. Editors do not see the location.
impl<T: JsonSchema> JsonSchema for Spanned<T> {
    fn inline_schema() -> bool {
        T::inline_schema()
    }

    fn schema_name() -> Cow<'static, str> {
        T::schema_name()
    }

    fn schema_id() -> Cow<'static, str> {
        T::schema_id()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        T::json_schema(generator)
    }
}

impl<T> Spanned<T> {
    /// The location of a part of the value's text, given as a byte range. A string with escapes differs from its source, so this is
    /// the location of the whole string then.
    pub(crate) fn part(&self, sources: &Sources, text: &str, part: &Range<usize>) -> Location {
        let written = self.location.bytes();
        let source = sources.get(self.location.file);
        let offset = source.text.get(written.clone()).and_then(|written| written.find(text));
        match offset {
            Some(offset) if part.end <= text.len() && part.start < part.end => {
                let start = written.start + offset;
                Location::new(self.location.file, start + part.start..start + part.end)
            }
            _ => self.location,
        }
    }
}
