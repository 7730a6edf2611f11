//! All there is to know of a module, from one pass over its bytes.

use std::fmt;

use wasmparser::{
    BinaryReaderError, CompositeInnerType, ConstExpr, DataKind, ElementItems, ElementKind, ExternalKind, FuncType,
    KnownCustom, MemoryType, Operator, Parser, Payload, TypeRef, ValidPayload, Validator, WasmFeatures,
};

use super::abi::Abi;
use super::bytecode::{self, Corrupt};
use super::signature::Written;

/// What V8 14 takes, as Envoy 1.40 sets it up. Not among it, though wasmparser has them on: wide arithmetic, compact imports.
const V8_FEATURES: WasmFeatures = WasmFeatures::MUTABLE_GLOBAL
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

/// What is in a module. Where the bytes are not valid it holds what stood before the fault.
#[derive(Debug)]
pub(crate) struct Report {
    pub(crate) size: usize,
    /// As Envoy reads it.
    pub(crate) abi: Result<Option<Abi>, Corrupt>,
    /// Whether Envoy can read the `name` section and find the sections' ends.
    pub(crate) readable: Result<(), Corrupt>,
    /// Why V8 refuses the bytecode.
    pub(crate) invalid: Option<Invalid>,
    pub(crate) imports: Vec<Import>,
    pub(crate) exports: Vec<Export>,
    /// Imported ones first.
    pub(crate) memories: Vec<MemoryType>,
    pub(crate) custom_sections: Vec<CustomSection>,
    /// Field, tool, version: `processed-by`, `rustc`, `1.95.0`.
    pub(crate) producers: Vec<(String, String, String)>,
    pub(crate) functions: u32,
    /// Bytes of the code section's and of the data section's content.
    pub(crate) code_size: usize,
    pub(crate) data_size: usize,
    /// The first segment that does not fit into its memory or table.
    pub(crate) overflow: Option<Overflow>,
}

/// A fault that validation found.
#[derive(Debug)]
pub(crate) struct Invalid {
    /// In bytes from the file's beginning, or from that of what V8 gets where a precompiled section is cut out.
    pub(crate) offset: u64,
    pub(crate) message: String,
}

#[derive(Debug)]
pub(crate) struct Import {
    pub(crate) module: String,
    pub(crate) name: String,
    pub(crate) kind: Kind,
}

#[derive(Debug)]
pub(crate) struct Export {
    pub(crate) name: String,
    pub(crate) kind: Kind,
}

/// What is imported or exported.
#[derive(Debug, Clone)]
pub(crate) enum Kind {
    /// `None`: its type cannot be told.
    Function(Option<FuncType>),
    Table,
    Memory,
    Global,
    Tag,
}

impl Kind {
    /// The word of the text format.
    pub(crate) const fn as_str(&self) -> &'static str {
        match self {
            Self::Function(_) => "func",
            Self::Table => "table",
            Self::Memory => "memory",
            Self::Global => "global",
            Self::Tag => "tag",
        }
    }
}

/// The type as Envoy writes it for a function, else the word.
impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Function(Some(function)) => Written(function).fmt(f),
            _ => f.write_str(self.as_str()),
        }
    }
}

#[derive(Debug)]
pub(crate) struct CustomSection {
    pub(crate) name: String,
    /// The whole section: type, size, name and content.
    pub(crate) size: usize,
}

/// A segment that reaches beyond what it is copied into.
#[derive(Debug)]
pub(crate) struct Overflow {
    /// `data` or `element`.
    pub(crate) what: &'static str,
    pub(crate) index: u32,
    /// Where it would end, and how much there is: bytes of memory, or elements of a table.
    pub(crate) end: u64,
    pub(crate) available: u64,
}

impl Report {
    /// Reads the bytes once by Envoy's own reader and once by a validator with V8's features.
    pub(crate) fn of(bytes: &[u8]) -> Self {
        let stripped = bytecode::stripped(bytes);
        let readable =
            bytecode::function_names(bytes).and_then(|()| stripped.as_ref().map(drop).map_err(|error| *error));
        let mut report = Self {
            size: bytes.len(),
            abi: bytecode::abi_version(bytes),
            readable,
            invalid: None,
            imports: Vec::new(),
            exports: Vec::new(),
            memories: Vec::new(),
            custom_sections: Vec::new(),
            producers: Vec::new(),
            functions: 0,
            code_size: 0,
            data_size: 0,
            overflow: None,
        };
        let mut reader = Reader::default();
        if let Err(error) = reader.read(bytes, &mut report) {
            report.invalid = Some(error.into());
        }
        // Only what V8 gets is validated: a precompiled section takes the custom sections behind it along, and nothing else.
        let seen = stripped.as_deref().unwrap_or(bytes);
        if let (None, Err(error)) = (&report.invalid, validate(seen)) {
            report.invalid = Some(error.into());
        }
        report
    }

    /// The function of this name that the module exports, with its type.
    pub(crate) fn exported_function(&self, name: &str) -> Option<&FuncType> {
        self.exports.iter().find_map(|export| match &export.kind {
            Kind::Function(Some(function)) if export.name == name => Some(function),
            _ => None,
        })
    }

    /// Whether there is a custom section whose name this is true of.
    pub(crate) fn has_custom_section(&self, named: impl Fn(&str) -> bool) -> bool {
        self.custom_sections.iter().any(|section| named(&section.name))
    }
}

impl From<BinaryReaderError> for Invalid {
    fn from(error: BinaryReaderError) -> Self {
        Self { offset: error.offset(), message: error.message().to_owned() }
    }
}

fn validate(bytes: &[u8]) -> Result<(), BinaryReaderError> {
    let mut validator = Validator::new_with_features(V8_FEATURES);
    let mut allocations = wasmparser::FuncValidatorAllocations::default();
    for payload in Parser::new(0).parse_all(bytes) {
        if let ValidPayload::Func(function, body) = validator.payload(&payload?)? {
            let mut function = function.into_validator(allocations);
            function.validate(&body)?;
            allocations = function.into_allocations();
        }
    }
    Ok(())
}

/// What has to be remembered from one section for the next.
#[derive(Default)]
struct Reader {
    types: Vec<Option<FuncType>>,
    /// Of every function, imported ones first: the index of its type.
    functions: Vec<u32>,
    /// Of every table, imported ones first: how many elements it begins with.
    tables: Vec<u64>,
}

impl Reader {
    fn read(&mut self, bytes: &[u8], report: &mut Report) -> Result<(), BinaryReaderError> {
        for payload in Parser::new(0).parse_all(bytes) {
            let payload = payload?;
            match payload {
                Payload::TypeSection(section) => {
                    for group in section {
                        self.types.extend(group?.types().map(|ty| match &ty.composite_type.inner {
                            CompositeInnerType::Func(function) => Some(function.clone()),
                            _ => None,
                        }));
                    }
                }
                Payload::ImportSection(section) => {
                    for import in section.into_imports() {
                        self.import(&import?, report);
                    }
                }
                Payload::FunctionSection(section) => {
                    for index in section {
                        self.functions.push(index?);
                        report.functions += 1;
                    }
                }
                Payload::TableSection(section) => {
                    for table in section {
                        self.tables.push(table?.ty.initial);
                    }
                }
                Payload::MemorySection(section) => {
                    for memory in section {
                        report.memories.push(memory?);
                    }
                }
                Payload::ExportSection(section) => {
                    for export in section {
                        let export = export?;
                        let kind = self.kind(export.kind, export.index);
                        report.exports.push(Export { name: export.name.to_owned(), kind });
                    }
                }
                Payload::CodeSectionStart { size, .. } => report.code_size = size as usize,
                Payload::ElementSection(section) => self.elements(section, report)?,
                Payload::DataSection(section) => {
                    report.data_size = length(&section.range());
                    data(section, report)?;
                }
                Payload::CustomSection(section) => custom(&section, report),
                _ => {}
            }
        }
        Ok(())
    }

    fn import(&mut self, import: &wasmparser::Import<'_>, report: &mut Report) {
        let kind = match import.ty {
            TypeRef::Func(index) | TypeRef::FuncExact(index) => {
                self.functions.push(index);
                Kind::Function(self.function_type(index))
            }
            TypeRef::Table(table) => {
                self.tables.push(table.initial);
                Kind::Table
            }
            TypeRef::Memory(memory) => {
                report.memories.push(memory);
                Kind::Memory
            }
            TypeRef::Global(_) => Kind::Global,
            TypeRef::Tag(_) => Kind::Tag,
        };
        report.imports.push(Import { module: import.module.to_owned(), name: import.name.to_owned(), kind });
    }

    fn function_type(&self, index: u32) -> Option<FuncType> {
        self.types.get(index as usize).cloned().flatten()
    }

    fn kind(&self, kind: ExternalKind, index: u32) -> Kind {
        match kind {
            ExternalKind::Func | ExternalKind::FuncExact => {
                let function = self.functions.get(index as usize);
                Kind::Function(function.and_then(|index| self.function_type(*index)))
            }
            ExternalKind::Table => Kind::Table,
            ExternalKind::Memory => Kind::Memory,
            ExternalKind::Global => Kind::Global,
            ExternalKind::Tag => Kind::Tag,
        }
    }

    fn elements(
        &self,
        section: wasmparser::ElementSectionReader<'_>,
        report: &mut Report,
    ) -> Result<(), BinaryReaderError> {
        for (index, element) in (0..).zip(section) {
            let element = element?;
            let count = match element.items {
                ElementItems::Functions(items) => items.count(),
                ElementItems::Expressions(_, items) => items.count(),
            };
            if let ElementKind::Active { table_index, offset_expr } = element.kind {
                let available = self.tables.get(table_index.unwrap_or(0) as usize).copied().unwrap_or_default();
                overflow(report, "element", (index, &offset_expr), u64::from(count), available);
            }
        }
        Ok(())
    }
}

fn data(section: wasmparser::DataSectionReader<'_>, report: &mut Report) -> Result<(), BinaryReaderError> {
    for (index, data) in (0..).zip(section) {
        let data = data?;
        if let DataKind::Active { memory_index, offset_expr } = data.kind {
            let memory = report.memories.get(memory_index as usize);
            let page = |memory: &MemoryType| 1_u64 << memory.page_size_log2.unwrap_or(16).min(16);
            let available = memory.map_or(0, |memory| memory.initial.saturating_mul(page(memory)));
            overflow(report, "data", (index, &offset_expr), data.data.len() as u64, available);
        }
    }
    Ok(())
}

/// Notes the first segment that does not fit, where its offset is a plain constant.
fn overflow(
    report: &mut Report,
    what: &'static str,
    (index, offset): (u32, &ConstExpr<'_>),
    length: u64,
    available: u64,
) {
    let offset = match offset.get_operators_reader().read() {
        Ok(Operator::I32Const { value }) => u64::from(value.cast_unsigned()),
        Ok(Operator::I64Const { value }) => value.cast_unsigned(),
        _ => return,
    };
    let end = offset.saturating_add(length);
    if end > available && report.overflow.is_none() {
        report.overflow = Some(Overflow { what, index, end, available });
    }
}

fn length(range: &std::ops::Range<u64>) -> usize {
    usize::try_from(range.end - range.start).unwrap_or(usize::MAX)
}

fn custom(section: &wasmparser::CustomSectionReader<'_>, report: &mut Report) {
    let name = section.name().to_owned();
    // The range is the content's, behind the type and the size: those are at least two bytes.
    let content = length(&section.range());
    let length_bytes = (1..).find(|n| content < 1 << (7 * n)).unwrap_or(1);
    report.custom_sections.push(CustomSection { name, size: content + 1 + length_bytes });
    if let KnownCustom::Producers(fields) = section.as_known() {
        for field in fields.into_iter().flatten() {
            for value in field.values.into_iter().flatten() {
                report.producers.push((field.name.to_owned(), value.name.to_owned(), value.version.to_owned()));
            }
        }
    }
}
