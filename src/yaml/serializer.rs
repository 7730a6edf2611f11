//! Where a value goes: lines, columns and the `key:`, `- ` and `? ` before it.

use std::io::Write as _;

use serde::Serialize;
use serde::ser::{self, Impossible};

use super::{Error, scalar};

/// The longest key, in bytes as written, that may precede its `:` on one line.
///
/// YAML 1.2.2 (section 7.4.2) requires the `:` within 1,024 characters of the key's start, and readers reject it later.
/// A lower limit in bytes needs no count of characters.
const LONGEST_IMPLICIT_KEY: usize = 1000;

/// Writes one value.
pub(super) struct Serializer<'a> {
    out: &'a mut Vec<u8>,
    position: Position,
}

/// Where the value goes.
#[derive(Clone, Copy)]
enum Position {
    /// The cursor is in this column: at the start of the document or after a `- `.
    Line(usize),
    /// The cursor is after the `:` of a key in this column.
    AfterKey(usize),
    /// The value is a key in this column.
    Key(usize),
}

impl<'a> Serializer<'a> {
    pub(super) const fn new(out: &'a mut Vec<u8>) -> Self {
        Self { out, position: Position::Line(0) }
    }

    /// Writes a scalar and the end of its line.
    fn scalar(self, write: impl FnOnce(&mut Vec<u8>)) -> Result<(), Error> {
        if let Position::AfterKey(_) = self.position {
            self.out.push(b' ');
        }
        if let Position::Key(_) = self.position {
            return Err(ser::Error::custom("a map key is not a string"));
        }
        write(self.out);
        self.out.push(b'\n');
        Ok(())
    }

    fn display(self, value: impl std::fmt::Display) -> Result<(), Error> {
        self.scalar(|out| write!(out, "{value}").expect("writing to a Vec cannot fail"))
    }

    const fn collection(self, empty: &'static str) -> Collection<'a> {
        Collection { out: self.out, position: self.position, column: None, empty }
    }
}

/// Writes a key and its `:`.
fn write_key(key: &str, column: usize, out: &mut Vec<u8>) {
    let start = out.len();
    scalar::string(key, out);
    if out.len() - start > LONGEST_IMPLICIT_KEY {
        out.splice(start..start, *b"? ");
        out.push(b'\n');
        pad(column, out);
    }
    out.push(b':');
}

fn pad(columns: usize, out: &mut Vec<u8>) {
    out.resize(out.len() + columns, b' ');
}

macro_rules! numbers {
    ($($method:ident: $type:ty,)*) => {
        $(fn $method(self, value: $type) -> Result<(), Error> {
            self.display(value)
        })*
    };
}

impl<'a> ser::Serializer for Serializer<'a> {
    type Ok = ();
    type Error = Error;
    type SerializeSeq = Collection<'a>;
    type SerializeTuple = Collection<'a>;
    type SerializeTupleStruct = Collection<'a>;
    type SerializeTupleVariant = Impossible<(), Error>;
    type SerializeMap = Collection<'a>;
    type SerializeStruct = Collection<'a>;
    type SerializeStructVariant = Impossible<(), Error>;

    numbers! {
        serialize_bool: bool,
        serialize_i8: i8,
        serialize_i16: i16,
        serialize_i32: i32,
        serialize_i64: i64,
        serialize_u8: u8,
        serialize_u16: u16,
        serialize_u32: u32,
        serialize_u64: u64,
    }

    fn serialize_f32(self, value: f32) -> Result<(), Error> {
        self.serialize_f64(value.into())
    }

    fn serialize_f64(self, value: f64) -> Result<(), Error> {
        if value.is_finite() { self.display(value) } else { Err(ser::Error::custom("a number is not finite")) }
    }

    fn serialize_char(self, value: char) -> Result<(), Error> {
        self.serialize_str(value.encode_utf8(&mut [0; 4]))
    }

    fn serialize_str(self, value: &str) -> Result<(), Error> {
        if let Position::Key(column) = self.position {
            write_key(value, column, self.out);
            return Ok(());
        }
        self.scalar(|out| scalar::string(value, out))
    }

    fn serialize_bytes(self, value: &[u8]) -> Result<(), Error> {
        self.scalar(|out| scalar::base64(value, out))
    }

    fn serialize_none(self) -> Result<(), Error> {
        self.serialize_unit()
    }

    fn serialize_some<T: Serialize + ?Sized>(self, value: &T) -> Result<(), Error> {
        value.serialize(self)
    }

    fn serialize_unit(self) -> Result<(), Error> {
        self.display("null")
    }

    fn serialize_unit_struct(self, _: &'static str) -> Result<(), Error> {
        self.serialize_unit()
    }

    fn serialize_unit_variant(self, _: &'static str, _: u32, variant: &'static str) -> Result<(), Error> {
        self.serialize_str(variant)
    }

    fn serialize_newtype_struct<T: Serialize + ?Sized>(self, name: &'static str, value: &T) -> Result<(), Error> {
        if name == super::BLOCK
            && let Position::AfterKey(column) = self.position
            && let Ok(serde_json::Value::String(text)) = serde_json::to_value(value)
            && scalar::fits_block(&text)
        {
            self.out.extend_from_slice(b" |\n");
            for line in text.lines() {
                if !line.is_empty() {
                    pad(column + 2, self.out);
                    self.out.extend_from_slice(line.as_bytes());
                }
                self.out.push(b'\n');
            }
            return Ok(());
        }
        value.serialize(self)
    }

    fn serialize_newtype_variant<T: Serialize + ?Sized>(
        self,
        _: &'static str,
        _: u32,
        variant: &'static str,
        _: &T,
    ) -> Result<(), Error> {
        Err(untagged(variant))
    }

    fn serialize_seq(self, _: Option<usize>) -> Result<Collection<'a>, Error> {
        Ok(self.collection("[]"))
    }

    fn serialize_tuple(self, _: usize) -> Result<Collection<'a>, Error> {
        Ok(self.collection("[]"))
    }

    fn serialize_tuple_struct(self, _: &'static str, _: usize) -> Result<Collection<'a>, Error> {
        Ok(self.collection("[]"))
    }

    fn serialize_tuple_variant(
        self,
        _: &'static str,
        _: u32,
        variant: &'static str,
        _: usize,
    ) -> Result<Impossible<(), Error>, Error> {
        Err(untagged(variant))
    }

    fn serialize_map(self, _: Option<usize>) -> Result<Collection<'a>, Error> {
        Ok(self.collection("{}"))
    }

    fn serialize_struct(self, _: &'static str, _: usize) -> Result<Collection<'a>, Error> {
        Ok(self.collection("{}"))
    }

    fn serialize_struct_variant(
        self,
        _: &'static str,
        _: u32,
        variant: &'static str,
        _: usize,
    ) -> Result<Impossible<(), Error>, Error> {
        Err(untagged(variant))
    }
}

fn untagged(variant: &str) -> Error {
    ser::Error::custom(format!("the variant `{variant}` has fields and no tag"))
}

/// Writes a sequence or a mapping, entry by entry.
pub(super) struct Collection<'a> {
    out: &'a mut Vec<u8>,
    position: Position,
    /// The column of the entries, once the first of them is written.
    column: Option<usize>,
    /// What an empty collection is written as.
    empty: &'static str,
}

impl Collection<'_> {
    /// Moves the cursor to the start of the next entry. `indent`: of entries below a key.
    fn next(&mut self, indent: usize) -> Result<usize, Error> {
        let column = match (self.column, self.position) {
            (Some(column), _) => {
                pad(column, self.out);
                column
            }
            (None, Position::Line(column)) => column,
            (None, Position::AfterKey(column)) => {
                self.out.push(b'\n');
                pad(column + indent, self.out);
                column + indent
            }
            (None, Position::Key(_)) => return Err(ser::Error::custom("a map key is not a string")),
        };
        self.column = Some(column);
        Ok(column)
    }

    fn item<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), Error> {
        let column = self.next(0)?;
        self.out.extend_from_slice(b"- ");
        value.serialize(Serializer { out: self.out, position: Position::Line(column + 2) })
    }

    fn key<T: Serialize + ?Sized>(&mut self, key: &T) -> Result<(), Error> {
        let column = self.next(2)?;
        key.serialize(Serializer { out: self.out, position: Position::Key(column) })
    }

    fn value<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), Error> {
        let position = Position::AfterKey(self.column.unwrap_or_default());
        value.serialize(Serializer { out: self.out, position })
    }

    fn close(self) -> Result<(), Error> {
        match self.column {
            Some(_) => Ok(()),
            None => Serializer { out: self.out, position: self.position }.display(self.empty),
        }
    }
}

macro_rules! sequences {
    ($($trait:ident::$method:ident,)*) => {
        $(impl ser::$trait for Collection<'_> {
            type Ok = ();
            type Error = Error;

            fn $method<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), Error> {
                self.item(value)
            }

            fn end(self) -> Result<(), Error> {
                self.close()
            }
        })*
    };
}

sequences! {
    SerializeSeq::serialize_element,
    SerializeTuple::serialize_element,
    SerializeTupleStruct::serialize_field,
}

impl ser::SerializeMap for Collection<'_> {
    type Ok = ();
    type Error = Error;

    fn serialize_key<T: Serialize + ?Sized>(&mut self, key: &T) -> Result<(), Error> {
        self.key(key)
    }

    fn serialize_value<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), Error> {
        self.value(value)
    }

    fn end(self) -> Result<(), Error> {
        self.close()
    }
}

impl ser::SerializeStruct for Collection<'_> {
    type Ok = ();
    type Error = Error;

    fn serialize_field<T: Serialize + ?Sized>(&mut self, key: &'static str, value: &T) -> Result<(), Error> {
        self.key(key)?;
        self.value(value)
    }

    fn end(self) -> Result<(), Error> {
        self.close()
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use serde_json::{Value, json};

    use super::super::write;
    use super::*;

    fn written<T: Serialize + ?Sized>(value: &T) -> String {
        let mut out = Vec::new();
        write(value, &mut out).expect("the value is supported");
        String::from_utf8(out).expect("the writer writes UTF-8")
    }

    fn lines(lines: &[&str]) -> String {
        lines.iter().map(|line| format!("{line}\n")).collect()
    }

    #[test]
    fn a_sequence_starts_in_the_column_of_its_key() {
        let value = json!({ "resources": ["a", "b"], "spec": { "on": { "x": true }, "ports": [1, 2] } });
        assert_eq!(
            written(&value),
            lines(&["resources:", "- a", "- b", "spec:", "  'on':", "    x: true", "  ports:", "  - 1", "  - 2"])
        );
    }

    #[test]
    fn items_start_on_the_line_of_their_dash() {
        let value = json!([{ "args": ["b"], "last": false, "name": "a" }, [["c", "d"], ["e"]]]);
        assert_eq!(
            written(&value),
            lines(&["- args:", "  - b", "  last: false", "  name: a", "- - - c", "    - d", "  - - e"])
        );
    }

    #[test]
    fn empty_collections_stay_on_the_line() {
        assert_eq!(
            written(&json!({ "a": {}, "b": [], "c": [{}, []] })),
            lines(&["a: {}", "b: []", "c:", "- {}", "- []"])
        );
        assert_eq!(written(&json!({})), "{}\n");
        assert_eq!(written(&json!([])), "[]\n");
    }

    #[test]
    fn a_document_may_be_a_scalar() {
        assert_eq!(written(&i64::MIN), "-9223372036854775808\n");
        assert_eq!(written(&u64::MAX), "18446744073709551615\n");
        assert_eq!(written("---"), "'---'\n");
        assert_eq!(written(&1.5), "1.5\n");
        assert_eq!(written(&Value::Null), "null\n");
    }

    #[test]
    fn fields_keep_their_order_and_skipped_fields_leave_no_trace() {
        #[derive(Serialize)]
        struct Fields {
            z: i32,
            #[serde(skip_serializing_if = "Option::is_none")]
            skipped: Option<i32>,
            a: Kind,
        }
        #[derive(Serialize)]
        enum Kind {
            Unit,
        }
        assert_eq!(written(&Fields { z: 1, skipped: None, a: Kind::Unit }), "z: 1\na: Unit\n");
    }

    #[test]
    fn bytes_go_on_the_line_of_their_key() {
        struct Bytes;
        impl Serialize for Bytes {
            fn serialize<S: ser::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.serialize_bytes(&[0; 3000])
            }
        }
        let expected = format!("module.wasm: {}\n", "A".repeat(4000));
        assert_eq!(written(&BTreeMap::from([("module.wasm", Bytes)])), expected);
    }

    #[test]
    fn a_key_too_long_for_its_line_is_explicit() {
        let (short, long) = ("k".repeat(1000), "k".repeat(1001));
        let nested = json!([{ "b": 2, long.clone(): { "a": 1 } }]);
        assert_eq!(
            written(&json!({ short.clone(): 1, "nested": nested })),
            lines(&[&format!("{short}: 1"), "nested:", "- b: 2", &format!("  ? {long}"), "  :", "    a: 1"])
        );
    }

    #[test]
    fn values_without_a_canonical_form_are_rejected() {
        #[derive(Serialize)]
        enum Untagged {
            Variant(i32),
        }
        let rejected = |error: Result<(), Error>| error.expect_err("it is rejected").to_string();
        let mut out = Vec::new();
        assert_eq!(rejected(write(&BTreeMap::from([(1, 2)]), &mut out)), "a map key is not a string");
        assert_eq!(rejected(write(&BTreeMap::from([([1], 2)]), &mut out)), "a map key is not a string");
        assert_eq!(rejected(write(&f64::NAN, &mut out)), "a number is not finite");
        assert_eq!(rejected(write(&Untagged::Variant(1), &mut out)), "the variant `Variant` has fields and no tag");
    }
}
