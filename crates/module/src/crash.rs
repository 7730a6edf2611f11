//! Imports and exports that crash Envoy: V8's C API, which Envoy queries for their types, cannot represent the types of SIMD, exceptions
//! and garbage collection, nor tags (V8 14.4, src/wasm/c-api.cc).

use wasmparser::{AbstractHeapType, FuncType, HeapType, RefType, TableType, ValType};

/// What V8 prints before the process exits.
pub(crate) const UNREACHABLE: &str = "unreachable code";

/// Why Envoy would crash.
#[derive(Debug)]
pub(crate) struct Crash {
    /// Whether it is an import. Envoy queries imports before linking, and exports after instantiation.
    pub(crate) imported: bool,
    /// The name of the import or export, and the problem: `the type v128`.
    pub(crate) name: String,
    pub(crate) what: String,
    /// What V8 prints to standard error, if anything.
    pub(crate) says: Option<&'static str>,
}

/// A problem of an import or export, and what V8 prints.
pub(super) type Unsupported = (String, Option<&'static str>);

pub(super) fn function(function: &FuncType) -> Option<Unsupported> {
    function.params().iter().chain(function.results()).find_map(|ty| value(*ty))
}

pub(super) fn value(ty: ValType) -> Option<Unsupported> {
    match ty {
        ValType::I32 | ValType::I64 | ValType::F32 | ValType::F64 => None,
        ValType::V128 => unsupported(ty),
        ValType::Ref(reference) => (!plain(reference)).then(|| unsupported(ty)).flatten(),
    }
}

/// In the API, sizes are signed 32-bit numbers.
pub(super) fn table(table: &TableType) -> Option<Unsupported> {
    let large = table.maximum.filter(|maximum| i32::try_from(*maximum).is_err());
    let large = large.map(|maximum| (format!("a maximum of {maximum} elements"), None));
    value(ValType::Ref(table.element_type)).or(large)
}

pub(super) fn tag() -> Unsupported {
    ("a tag".to_owned(), Some(UNREACHABLE))
}

fn unsupported(ty: ValType) -> Option<Unsupported> {
    Some((format!("the type {ty}"), Some(UNREACHABLE)))
}

fn plain(reference: RefType) -> bool {
    use AbstractHeapType::{Extern, Func};
    matches!(reference.heap_type(), HeapType::Abstract { shared: false, ty: Func | Extern })
}
