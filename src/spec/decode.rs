//! From the parsed TOML to the types of mesh.toml, as a serde deserializer.
//!
//! toml's own deserializer drops the locations of keys and has no notion of files. This one passes the file, the range of the key
//! and the range of the value to [`Spanned`](super::Spanned).

use std::borrow::Cow;
use std::fmt;

use serde::de::value::StrDeserializer;
use serde::de::{DeserializeSeed, Deserializer, IntoDeserializer, MapAccess, SeqAccess, Visitor};
use serde::forward_to_deserialize_any;
use toml::de::DeValue;

use super::spanned;
use super::tree::{self, Node, Value};
use crate::diag::Location;

/// A value that does not fit its type.
#[derive(Debug)]
pub(super) struct Error {
    pub(super) message: String,
    pub(super) location: Option<Location>,
}

impl Error {
    fn within(mut self, location: Location) -> Self {
        self.location.get_or_insert(location);
        self
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for Error {}

impl serde::de::Error for Error {
    fn custom<T: fmt::Display>(message: T) -> Self {
        Self { message: message.to_string(), location: None }
    }
}

impl<'de> Deserializer<'de> for &Node<'_> {
    type Error = Error;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        let result = match &self.value {
            Value::Written(value) => written(self, value.get_ref(), visitor),
            Value::Table(entries, _) => {
                let entries = entries.iter().map(|(key, node)| (*key, Cow::Borrowed(node)));
                visitor.visit_map(Entries { entries, value: None })
            }
            Value::Array(items, _) => visitor.visit_seq(Items(items.iter().map(Cow::Borrowed))),
        };
        result.map_err(|error: Error| error.within(self.location()))
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        visitor.visit_some(self)
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(self, _: &'static str, visitor: V) -> Result<V::Value, Error> {
        visitor.visit_newtype_struct(self)
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        name: &'static str,
        _: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Error> {
        if name == spanned::NAME {
            visitor.visit_seq(Parts { of: self, next: 0 })
        } else {
            self.deserialize_any(visitor)
        }
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _: &'static str,
        _: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Error> {
        let result = match self.as_str() {
            Some(text) => visitor.visit_enum(StrDeserializer::new(text)),
            None => Err(serde::de::Error::custom("expected a string")),
        };
        result.map_err(|error: Error| error.within(self.location()))
    }

    forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf
        unit unit_struct seq tuple tuple_struct map identifier ignored_any
    }
}

/// A value as one file has it.
fn written<'a, 'de, V: Visitor<'de>>(node: &Node<'a>, value: &'a DeValue<'a>, visitor: V) -> Result<V::Value, Error> {
    match value {
        DeValue::String(text) => visitor.visit_str(text),
        DeValue::Integer(number) => {
            let (digits, radix) = (number.as_str(), number.radix());
            match i64::from_str_radix(digits, radix) {
                Ok(number) => visitor.visit_i64(number),
                Err(_) => {
                    let number = u64::from_str_radix(digits, radix).map_err(serde::de::Error::custom);
                    number.and_then(|number| visitor.visit_u64(number))
                }
            }
        }
        DeValue::Float(number) => {
            let number = number.as_str().parse().map_err(serde::de::Error::custom);
            number.and_then(|number| visitor.visit_f64(number))
        }
        DeValue::Boolean(value) => visitor.visit_bool(*value),
        DeValue::Datetime(time) => visitor.visit_string(time.to_string()),
        DeValue::Array(items) => {
            let file = node.file;
            let item = move |value: &'a toml::Spanned<DeValue<'a>>| {
                Cow::Owned(Node { file, key: value.span(), value: Value::Written(value) })
            };
            visitor.visit_seq(Items(items.iter().map(item)))
        }
        DeValue::Table(table) => {
            let entries = tree::entries(node.file, table).map(|(key, node)| (key, Cow::Owned(node)));
            visitor.visit_map(Entries { entries, value: None })
        }
    }
}

/// The parts of a [`Spanned`](super::Spanned), in the order in which it reads them.
struct Parts<'n, 'a> {
    of: &'n Node<'a>,
    next: usize,
}

impl<'de> SeqAccess<'de> for Parts<'_, '_> {
    type Error = Error;

    fn next_element_seed<T: DeserializeSeed<'de>>(&mut self, seed: T) -> Result<Option<T::Value>, Error> {
        let part = self.next;
        self.next += 1;
        let (key, value) = (&self.of.key, self.of.span());
        let offset = match part {
            0 => return seed.deserialize(self.of.file.into_deserializer()).map(Some),
            1 => key.start,
            2 => key.end,
            3 => value.start,
            4 => value.end,
            5 => return seed.deserialize(self.of).map(Some),
            _ => return Ok(None),
        };
        seed.deserialize(offset.into_deserializer()).map(Some)
    }
}

/// The elements of an array.
struct Items<I>(I);

impl<'n, 'a: 'n, 'de, I: ExactSizeIterator<Item = Cow<'n, Node<'a>>>> SeqAccess<'de> for Items<I> {
    type Error = Error;

    fn next_element_seed<T: DeserializeSeed<'de>>(&mut self, seed: T) -> Result<Option<T::Value>, Error> {
        self.0.next().map(|item| seed.deserialize(&*item)).transpose()
    }

    fn size_hint(&self) -> Option<usize> {
        Some(self.0.len())
    }
}

/// The entries of a table.
struct Entries<'n, 'a, I> {
    entries: I,
    value: Option<Cow<'n, Node<'a>>>,
}

impl<'n, 'a: 'n, 'de, I: Iterator<Item = (&'a str, Cow<'n, Node<'a>>)>> MapAccess<'de> for Entries<'n, 'a, I> {
    type Error = Error;

    fn next_key_seed<K: DeserializeSeed<'de>>(&mut self, seed: K) -> Result<Option<K::Value>, Error> {
        let Some((key, node)) = self.entries.next() else { return Ok(None) };
        let location = node.key_location();
        self.value = Some(node);
        let name = StrDeserializer::<Error>::new(key);
        seed.deserialize(name).map(Some).map_err(|error| error.within(location))
    }

    fn next_value_seed<V: DeserializeSeed<'de>>(&mut self, seed: V) -> Result<V::Value, Error> {
        let value = self.value.take().ok_or_else(|| serde::de::Error::custom("a value without a key"))?;
        seed.deserialize(&*value)
    }
}

/// Implements `Deserialize` for an enum whose variants differ by the kind of the TOML value: `string`, `integer`, `boolean`,
/// `array` or `table`. Serde's own `untagged` copies the value first and loses its location.
macro_rules! by_kind {
    ($name:ident { $($kind:ident => $variant:ident),+ $(,)? }) => {
        impl<'de> serde::Deserialize<'de> for $name {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                struct ByKind;

                impl<'de> serde::de::Visitor<'de> for ByKind {
                    type Value = $name;

                    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                        f.write_str([$(stringify!($kind)),+].join(" or ").as_str())
                    }

                    $(by_kind! { @$kind $name $variant })+
                }

                deserializer.deserialize_any(ByKind)
            }
        }
    };
    (@string $name:ident $variant:ident) => {
        fn visit_str<E: serde::de::Error>(self, value: &str) -> Result<$name, E> {
            let value = serde::de::value::StrDeserializer::new(value);
            serde::Deserialize::deserialize(value).map($name::$variant)
        }
    };
    (@integer $name:ident $variant:ident) => {
        fn visit_i64<E: serde::de::Error>(self, value: i64) -> Result<$name, E> {
            Ok($name::$variant(value))
        }
    };
    (@boolean $name:ident $variant:ident) => {
        fn visit_bool<E: serde::de::Error>(self, value: bool) -> Result<$name, E> {
            Ok($name::$variant(value))
        }
    };
    (@array $name:ident $variant:ident) => {
        fn visit_seq<A: serde::de::SeqAccess<'de>>(self, value: A) -> Result<$name, A::Error> {
            let value = serde::de::value::SeqAccessDeserializer::new(value);
            serde::Deserialize::deserialize(value).map($name::$variant)
        }
    };
    (@table $name:ident $variant:ident) => {
        fn visit_map<A: serde::de::MapAccess<'de>>(self, value: A) -> Result<$name, A::Error> {
            let value = serde::de::value::MapAccessDeserializer::new(value);
            serde::Deserialize::deserialize(value).map($name::$variant)
        }
    };
}
pub(super) use by_kind;
