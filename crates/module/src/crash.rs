//! What of a module's imports and exports Envoy's process does not survive: V8's C API, by which Envoy asks for their types, has no
//! words for the types that came with SIMD, exceptions and garbage collection, and none for tags (V8 14.4, src/wasm/c-api.cc).

use wasmparser::{AbstractHeapType, FuncType, HeapType, RefType, TableType, ValType};

/// What V8 says before the process ends.
pub(crate) const UNREACHABLE: &str = "unreachable code";

/// Why Envoy would crash.
#[derive(Debug)]
pub(crate) struct Crash {
    /// Imports are asked for before anything is linked, exports when there is an instance.
    pub(crate) imported: bool,
    /// The import's or export's name, and what about it: `the type v128`.
    pub(crate) name: String,
    pub(crate) what: String,
    /// What is on the standard error output, if anything.
    pub(crate) says: Option<&'static str>,
}

/// What about an import or export there are no words for, and what V8 says then.
pub(super) type Unspeakable = (String, Option<&'static str>);

pub(super) fn function(function: &FuncType) -> Option<Unspeakable> {
    function.params().iter().chain(function.results()).find_map(|ty| value(*ty))
}

pub(super) fn value(ty: ValType) -> Option<Unspeakable> {
    match ty {
        ValType::I32 | ValType::I64 | ValType::F32 | ValType::F64 => None,
        ValType::V128 => unspeakable(ty),
        ValType::Ref(reference) => (!plain(reference)).then(|| unspeakable(ty)).flatten(),
    }
}

/// Sizes are 32-bit signed numbers there.
pub(super) fn table(table: &TableType) -> Option<Unspeakable> {
    let large = table.maximum.filter(|maximum| i32::try_from(*maximum).is_err());
    let large = large.map(|maximum| (format!("a maximum of {maximum} elements"), None));
    value(ValType::Ref(table.element_type)).or(large)
}

pub(super) fn tag() -> Unspeakable {
    ("a tag".to_owned(), Some(UNREACHABLE))
}

fn unspeakable(ty: ValType) -> Option<Unspeakable> {
    Some((format!("the type {ty}"), Some(UNREACHABLE)))
}

fn plain(reference: RefType) -> bool {
    use AbstractHeapType::{Extern, Func};
    matches!(reference.heap_type(), HeapType::Abstract { shared: false, ty: Func | Extern })
}
