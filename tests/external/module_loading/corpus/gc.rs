//! Garbage collection and typed references.

use crate::module_loading::case::{Case, Text};

pub(crate) fn cases() -> Vec<Case> {
    [ITEMS, CODE, WRONG]
        .concat()
        .iter()
        .map(|(name, rest)| Text::default().rest(*rest).case(format!("gc/{name}")))
        .collect()
}

type List = &'static [(&'static str, &'static str)];

const ITEMS: List = &[
    ("struct", "(type (struct (field i32) (field (mut i64))))"),
    ("packed fields", "(type (struct (field i8) (field (mut i16))))"),
    ("array", "(type (array (mut i8)))"),
    ("recursive group", "(rec (type $a (struct (field (ref null $b)))) (type $b (struct (field (ref null $a)))))"),
    ("empty group", "(rec)"),
    ("subtype", "(type $a (sub (struct (field i32)))) (type $b (sub final $a (struct (field i32) (field i32))))"),
    ("a global of i31", "(global (ref i31) (ref.i31 (i32.const 1)))"),
    ("a global of a struct", "(type $s (struct (field i32))) (global (ref $s) (struct.new $s (i32.const 1)))"),
    (
        "a global of an array",
        "(type $a (array i8)) (global (ref $a) (array.new_fixed $a 2 (i32.const 1) (i32.const 2)))",
    ),
    ("a global of an external", "(global externref (extern.convert_any (ref.null any)))"),
    ("a table with a first value", "(table 1 (ref func) (ref.func 0))"),
    (
        "a table of structs",
        "(type $s (struct)) (table 1 (ref null $s)) (elem (i32.const 0) (ref null $s) (struct.new $s))",
    ),
    ("a typed function reference", "(type $f (func)) (global (ref null $f) (ref.null $f))"),
];

const CODE: List = &[
    (
        "struct.new and get",
        "(type $s (struct (field i32))) (func (result i32) (struct.get $s 0 (struct.new_default $s)))",
    ),
    (
        "array.new_data",
        r#"(type $a (array i8)) (data "abc") (func (drop (array.new_data $a 0 (i32.const 0) (i32.const 1))))"#,
    ),
    (
        "array.copy",
        "(type $a (array (mut i8))) (func (param (ref $a)) (array.copy $a $a (local.get 0) (i32.const 0) (local.get 0) (i32.const 0) (i32.const 0)))",
    ),
    ("ref.cast", "(func (param anyref) (drop (ref.cast (ref i31) (local.get 0))))"),
    (
        "br_on_cast",
        "(func (param anyref) (result (ref i31)) (br_on_cast 0 anyref (ref i31) (local.get 0)) unreachable)",
    ),
    ("i31.get_s", "(func (param i31ref) (result i32) (i31.get_s (local.get 0)))"),
    ("ref.eq", "(func (param eqref) (result i32) (ref.eq (local.get 0) (local.get 0)))"),
    ("any.convert_extern", "(func (param externref) (result anyref) (any.convert_extern (local.get 0)))"),
    ("call_ref", "(type $f (func)) (func (param (ref $f)) (call_ref $f (local.get 0)))"),
    ("return_call_ref", "(type $f (func)) (func (param (ref $f)) (return_call_ref $f (local.get 0)))"),
    ("ref.as_non_null", "(func (param funcref) (result (ref func)) (ref.as_non_null (local.get 0)))"),
    ("br_on_null", "(func (param funcref) (block (drop (br_on_null 0 (local.get 0)))))"),
    (
        "a local without a default, set",
        "(func (param (ref func)) (local (ref func)) (local.set 1 (local.get 0)) (drop (local.get 1)))",
    ),
    (
        "call_indirect of a typed table",
        "(type $f (func)) (table 1 (ref null $f)) (func (call_indirect (type $f) (i32.const 0)))",
    ),
];

const WRONG: List = &[
    ("a local without a default, not set", "(func (local (ref func)) (drop (local.get 0)))"),
    ("a subtype of a final type", "(type $a (struct)) (type $b (sub $a (struct)))"),
    ("a subtype that does not fit", "(type $a (sub (struct (field i32)))) (type $b (sub $a (struct (field i64))))"),
    ("a table of non-null without a value", "(table 1 (ref func))"),
    (
        "struct.set of an immutable field",
        "(type $s (struct (field i32))) (func (struct.set $s 0 (struct.new_default $s) (i32.const 0)))",
    ),
    (
        "struct.get of a packed field",
        "(type $s (struct (field i8))) (func (drop (struct.get $s 0 (struct.new_default $s))))",
    ),
    ("ref.cast across hierarchies", "(func (param funcref) (drop (ref.cast (ref any) (local.get 0))))"),
    ("a global of a null that may not be", "(global (ref any) (ref.null any))"),
];
