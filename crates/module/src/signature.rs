//! Types of functions, as the tables of the ABI and as Envoy write them.

use std::fmt;

use wasmparser::{FuncType, ValType};

/// The type of a host function or callback: `i` for i32 and `l` for i64, results after `>`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Signature(&'static str);

/// A signature such as `ili>i`.
pub(crate) const fn sig(text: &'static str) -> Signature {
    Signature(text)
}

impl Signature {
    /// Whether a function of the module has this type.
    #[must_use]
    pub fn fits(self, found: &FuncType) -> bool {
        let (params, results) = self.parts();
        let same = |wanted: &str, found: &[ValType]| {
            wanted.len() == found.len() && wanted.bytes().zip(found).all(|(wanted, found)| value_type(wanted) == *found)
        };
        same(params, found.params()) && same(results, found.results())
    }

    /// The signature as the tables write it.
    #[must_use]
    pub const fn text(self) -> &'static str {
        self.0
    }

    fn parts(self) -> (&'static str, &'static str) {
        self.0.split_once('>').unwrap_or((self.0, ""))
    }
}

const fn value_type(letter: u8) -> ValType {
    match letter {
        b'l' => ValType::I64,
        _ => ValType::I32,
    }
}

/// As Envoy writes it: `i32 i32 -> i32`, `i32 -> void` (src/v8/v8.cc, printValTypes).
impl fmt::Display for Signature {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (params, results) = self.parts();
        let types = |letters: &str| -> Vec<ValType> { letters.bytes().map(value_type).collect() };
        write_types(f, &types(params), &types(results))
    }
}

/// The type of a module's function as Envoy writes it.
pub(crate) struct Written<'a>(pub(crate) &'a FuncType);

impl fmt::Display for Written<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write_types(f, self.0.params(), self.0.results())
    }
}

fn write_types(f: &mut fmt::Formatter<'_>, params: &[ValType], results: &[ValType]) -> fmt::Result {
    let join = |types: &[ValType]| {
        if types.is_empty() { "void".to_owned() } else { types.iter().map(kind).collect::<Vec<_>>().join(" ") }
    };
    write!(f, "{} -> {}", join(params), join(results))
}

fn kind(value: &ValType) -> &'static str {
    match value {
        ValType::I32 => "i32",
        ValType::I64 => "i64",
        ValType::F32 => "f32",
        ValType::F64 => "f64",
        ValType::Ref(reference) if reference.is_extern_ref() => "externref",
        ValType::Ref(reference) if reference.is_func_ref() => "funcref",
        ValType::V128 | ValType::Ref(_) => "unknown",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn signatures_are_written_as_envoy_does() {
        assert_eq!(sig("ili>i").to_string(), "i32 i64 i32 -> i32");
        assert_eq!(sig("i>").to_string(), "i32 -> void");
        assert_eq!(sig(">").to_string(), "void -> void");
        assert!(sig("il>i").fits(&FuncType::new([ValType::I32, ValType::I64], [ValType::I32])));
        assert!(!sig("il>i").fits(&FuncType::new([ValType::I32, ValType::I32], [ValType::I32])));
        assert!(!sig("i>").fits(&FuncType::new([ValType::I32], [ValType::I32])));
    }
}
