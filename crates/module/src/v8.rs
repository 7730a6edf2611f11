//! Validates bytecode like V8 as Envoy 1.40 configures it: wasmparser's validation with V8's features, and V8's limits if wasmparser's
//! differ (V8 14.4, src/wasm/wasm-limits.h).
//!
//! wasmparser is stricter than V8 for more than 100 memories, names of more than 100,000 bytes, and more than 10,000 catches of a
//! `try_table`.

use rayon::prelude::*;
use wasmparser::{
    AbstractHeapType, BinaryReaderError, BlockType, FuncToValidate, FuncValidatorAllocations, FunctionBody, HeapType,
    MemoryType, Operator, Parser, Payload, TableType, TypeRef, ValType, ValidPayload, Validator, ValidatorResources,
    WasmFeatures,
};

/// A fault that validation found.
#[derive(Debug)]
pub struct Invalid {
    /// Where: bytes from the start of the file, or from the start of what V8 gets if a precompiled section is cut out.
    pub offset: u64,
    /// What is wrong.
    pub message: String,
}

/// V8's features. Unlike in wasmparser's default, wide arithmetic and compact imports are off.
const FEATURES: WasmFeatures = WasmFeatures::MUTABLE_GLOBAL
    .union(WasmFeatures::SATURATING_FLOAT_TO_INT)
    .union(WasmFeatures::SIGN_EXTENSION)
    .union(WasmFeatures::REFERENCE_TYPES)
    .union(WasmFeatures::MULTI_VALUE)
    .union(WasmFeatures::BULK_MEMORY)
    .union(WasmFeatures::SIMD)
    .union(WasmFeatures::RELAXED_SIMD)
    .union(WasmFeatures::THREADS)
    .union(WasmFeatures::TAIL_CALL)
    .union(WasmFeatures::FLOATS)
    .union(WasmFeatures::MULTI_MEMORY)
    .union(WasmFeatures::EXCEPTIONS)
    .union(WasmFeatures::LEGACY_EXCEPTIONS)
    .union(WasmFeatures::MEMORY64)
    .union(WasmFeatures::EXTENDED_CONST)
    .union(WasmFeatures::FUNCTION_REFERENCES)
    .union(WasmFeatures::GC)
    .union(WasmFeatures::GC_TYPES);

/// Initial elements of the largest table.
const TABLE_SIZE: u64 = 10_000_000;
/// Pages of the largest 64-bit memory: 16 GiB.
const MEMORY64_PAGES: u64 = 262_144;
/// Targets of a `br_table` without its default.
const BR_TABLE_SIZE: u32 = 65_520;
/// Values of an `array.new_fixed`.
const ARRAY_NEW_FIXED: u32 = 10_000;

/// Checks that V8 compiles the bytes.
pub(crate) fn validate(bytes: &[u8]) -> Result<(), Invalid> {
    // Hardly any module uses legacy exceptions. A module that is valid without them needs no second pass.
    if pass(bytes, FEATURES.difference(WasmFeatures::LEGACY_EXCEPTIONS), false).is_ok() {
        return Ok(());
    }
    pass(bytes, FEATURES, true)
}

/// Validates the sections first, then the bodies of the functions in parallel. Reports the first fault in the file.
fn pass(bytes: &[u8], features: WasmFeatures, legacy: bool) -> Result<(), Invalid> {
    let mut bodies = Vec::new();
    let outside = sections(bytes, features, &mut bodies);
    let fault = |allocations: &mut FuncValidatorAllocations,
                 (function, body): (FuncToValidate<_>, FunctionBody<'_>)| {
        let mut function = function.into_validator(std::mem::take(allocations));
        let valid = function.validate(&body).map_err(Invalid::from).and_then(|()| body_limits(&body));
        *allocations = function.into_allocations();
        valid.and_then(|()| if legacy { no_new_exceptions(&body) } else { Ok(()) }).err()
    };
    let bodies = bodies.into_par_iter().with_min_len(BODIES_AT_LEAST);
    // All collected bodies precede a fault outside of them.
    bodies.map_init(FuncValidatorAllocations::default, fault).find_map_first(|fault| fault).map_or(outside, Err)
}

/// Bodies per task of a thread.
const BODIES_AT_LEAST: usize = 64;

type Body<'a> = (FuncToValidate<ValidatorResources>, FunctionBody<'a>);

fn sections<'a>(bytes: &'a [u8], features: WasmFeatures, bodies: &mut Vec<Body<'a>>) -> Result<(), Invalid> {
    let mut validator = Validator::new_with_features(features);
    let mut parser = Parser::new(0);
    parser.set_features(features);
    for payload in parser.parse_all(bytes) {
        let payload = payload?;
        let valid = validator.payload(&payload)?;
        limits(&payload)?;
        if let ValidPayload::Func(function, body) = valid {
            bodies.push((function, body));
        }
    }
    Ok(())
}

fn invalid(offset: u64, message: impl Into<String>) -> Result<(), Invalid> {
    Err(Invalid { offset, message: message.into() })
}

/// The limits outside of functions.
fn limits(payload: &Payload<'_>) -> Result<(), Invalid> {
    match payload {
        Payload::ImportSection(section) => {
            let offset = section.range().start;
            section.clone().into_imports().try_for_each(|import| match import?.ty {
                TypeRef::Table(table) => table_limit(offset, &table),
                TypeRef::Memory(memory) => memory_limit(offset, &memory),
                _ => Ok(()),
            })
        }
        Payload::TableSection(section) => {
            section.clone().into_iter().try_for_each(|table| table_limit(section.range().start, &table?.ty))
        }
        Payload::MemorySection(section) => {
            section.clone().into_iter().try_for_each(|memory| memory_limit(section.range().start, &memory?))
        }
        _ => Ok(()),
    }
}

fn table_limit(offset: u64, table: &TableType) -> Result<(), Invalid> {
    if table.initial > TABLE_SIZE {
        return invalid(offset, format!("a table of {} elements; V8 allows {TABLE_SIZE}", table.initial));
    }
    Ok(())
}

fn memory_limit(offset: u64, memory: &MemoryType) -> Result<(), Invalid> {
    let pages = memory.maximum.unwrap_or_default().max(memory.initial);
    if memory.memory64 && pages > MEMORY64_PAGES {
        return invalid(offset, format!("a 64-bit memory of {pages} pages; V8 allows {MEMORY64_PAGES}"));
    }
    Ok(())
}

/// The limits within a function that differ from wasmparser's. Exceeding one takes at least as many bytes.
fn body_limits(body: &FunctionBody<'_>) -> Result<(), Invalid> {
    let range = body.range();
    if range.end - range.start <= u64::from(ARRAY_NEW_FIXED) {
        return Ok(());
    }
    operators(body, |operator, offset| match operator {
        Operator::BrTable { targets } if targets.len() > BR_TABLE_SIZE => {
            invalid(offset, format!("a br_table of {} targets; V8 allows {BR_TABLE_SIZE}", targets.len()))
        }
        Operator::ArrayNewFixed { array_size, .. } if *array_size > ARRAY_NEW_FIXED => {
            invalid(offset, format!("an array.new_fixed of {array_size} values; V8 allows {ARRAY_NEW_FIXED}"))
        }
        _ => Ok(()),
    })
}

/// V8 supports both kinds of exceptions, but not in the same module.
fn no_new_exceptions(body: &FunctionBody<'_>) -> Result<(), Invalid> {
    let mixed = |offset| invalid(offset, "a module cannot use both legacy and new exception handling in V8");
    for local in body.get_locals_reader()? {
        if is_exception(local?.1) {
            return mixed(body.range().start);
        }
    }
    operators(body, |operator, offset| {
        let new = match operator {
            Operator::TryTable { .. } | Operator::ThrowRef => true,
            Operator::Block { blockty: BlockType::Type(ty) }
            | Operator::Loop { blockty: BlockType::Type(ty) }
            | Operator::If { blockty: BlockType::Type(ty) }
            | Operator::Try { blockty: BlockType::Type(ty) }
            | Operator::TypedSelect { ty } => is_exception(*ty),
            Operator::RefNull { hty } => is_exception_heap(*hty),
            _ => false,
        };
        if new { mixed(offset) } else { Ok(()) }
    })
}

fn is_exception(ty: ValType) -> bool {
    matches!(ty, ValType::Ref(reference) if is_exception_heap(reference.heap_type()))
}

fn is_exception_heap(ty: HeapType) -> bool {
    use AbstractHeapType::{Exn, NoExn};
    matches!(ty, HeapType::Abstract { ty: Exn | NoExn, .. })
}

fn operators(
    body: &FunctionBody<'_>,
    mut look: impl FnMut(&Operator<'_>, u64) -> Result<(), Invalid>,
) -> Result<(), Invalid> {
    let mut reader = body.get_operators_reader()?;
    while !reader.eof() {
        let (operator, offset) = reader.read_with_offset()?;
        look(&operator, offset)?;
    }
    Ok(())
}

impl From<BinaryReaderError> for Invalid {
    fn from(error: BinaryReaderError) -> Self {
        Self { offset: error.offset(), message: error.message().to_owned() }
    }
}
