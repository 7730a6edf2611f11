//! The analysis of a module. Its bytes pass Envoy's own parser, then a validator with V8's features and limits, and then a parser that
//! collects the contents.

use std::fmt;
use std::sync::Arc;

use wasmparser::{
    BinaryReaderError, CompositeInnerType, ExternalKind, FuncType, KnownCustom, MemoryType, Parser, Payload, TableType,
    TypeRef, ValType,
};

use super::abi::Abi;
use super::bytecode::{self, Corrupt};
use super::crash::{self, Crash, Unsupported};
use super::segments::{Globals, Overflow};
use super::signature::Written;
use super::v8::{self, Invalid};

/// What is in a module. For invalid bytes, everything before the fault.
#[derive(Debug)]
pub struct ModuleReport {
    /// Bytes of the file.
    pub size: usize,
    /// The ABI version as Envoy reads it. `None`: no marker.
    pub abi: Result<Option<Abi>, Corrupt>,
    /// Whether Envoy can parse the `name` section and the sections' boundaries.
    pub(crate) readable: Result<(), Corrupt>,
    /// Why V8 rejects the bytecode.
    pub invalid: Option<Invalid>,
    /// In their order.
    pub imports: Vec<Import>,
    /// In their order.
    pub exports: Vec<Export>,
    /// Imported ones first.
    pub(crate) memories: Vec<MemoryType>,
    /// Imported ones first.
    pub(crate) tables: Vec<TableType>,
    /// In their order.
    pub custom_sections: Vec<CustomSection>,
    /// Field, tool, version: `processed-by`, `rustc`, `1.95.0`.
    pub(crate) producers: Vec<(String, String, String)>,
    /// Functions that the module defines.
    pub functions: u32,
    /// Bytes of the code section's content.
    pub code_size: usize,
    /// Bytes of the data section's content.
    pub data_size: usize,
    /// The first segment that does not fit into its memory or table.
    pub(crate) overflow: Option<Overflow>,
    /// The first import, or otherwise export, whose type crashes Envoy.
    pub(crate) crash: Option<Crash>,
}

/// An import.
#[derive(Debug)]
pub struct Import {
    /// The first of its two names.
    pub module: String,
    /// The second of its two names.
    pub name: String,
    /// What it is.
    pub kind: Kind,
}

/// An export.
#[derive(Debug)]
pub struct Export {
    /// Its name.
    pub name: String,
    /// What it is.
    pub kind: Kind,
}

/// What is imported or exported.
#[derive(Debug, Clone)]
pub enum Kind {
    /// A function. `None`: the module does not define its type.
    Function(Option<Arc<FuncType>>),
    /// A table.
    Table,
    /// A memory.
    Memory,
    /// A global.
    Global,
    /// An exception tag.
    Tag,
}

impl Kind {
    /// The word of the text format.
    #[must_use]
    pub const fn as_str(&self) -> &'static str {
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

/// A custom section.
#[derive(Debug)]
pub struct CustomSection {
    /// Its name.
    pub name: String,
    /// Bytes of the whole section: type, size, name and content.
    pub size: usize,
}

impl ModuleReport {
    /// Analyzes the bytes. Faults are part of the report.
    #[must_use]
    pub fn of(bytes: &[u8]) -> Self {
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
            tables: Vec::new(),
            custom_sections: Vec::new(),
            producers: Vec::new(),
            functions: 0,
            code_size: 0,
            data_size: 0,
            overflow: None,
            crash: None,
        };
        // V8 gets no custom sections after a precompiled one, but the report lists them all.
        report.custom_sections(bytes);
        let seen = stripped.as_deref().unwrap_or(bytes);
        report.invalid = v8::validate(seen).err();
        // The parser stops at a fault, which V8 finds too.
        _ = Reader::default().read(seen, &mut report);
        report
    }

    fn crashes(&mut self, imported: bool, name: &str, what: Option<Unsupported>) {
        if let (None, Some((what, says))) = (&self.crash, what) {
            self.crash = Some(Crash { imported, name: name.to_owned(), what, says });
        }
    }

    fn custom_sections(&mut self, bytes: &[u8]) {
        let sections = bytecode::sections(bytes).into_iter().flatten().map_while(Result::ok);
        self.custom_sections.extend(sections.filter_map(|(range, name)| {
            Some(CustomSection { name: String::from_utf8_lossy(name?).into_owned(), size: range.len() })
        }));
    }

    /// Whether Envoy cannot even find the sections' boundaries, so that little else in the report is reliable.
    #[must_use]
    pub fn torn(&self) -> bool {
        self.abi.is_err() || self.readable.is_err_and(|corrupt| corrupt.what != bytecode::NAME_SECTION)
    }

    /// The function of this name that the module exports, with its type.
    #[must_use]
    pub fn exported_function(&self, name: &str) -> Option<&FuncType> {
        self.exports.iter().find_map(|export| match &export.kind {
            Kind::Function(Some(function)) if export.name == name => Some(function.as_ref()),
            _ => None,
        })
    }

    /// Whether the name of a custom section matches.
    pub fn has_custom_section(&self, named: impl Fn(&str) -> bool) -> bool {
        self.custom_sections.iter().any(|section| named(&section.name))
    }
}

/// In bytes.
const PAGE: u64 = 65_536;

/// What later sections refer to.
#[derive(Default)]
struct Reader {
    types: Vec<Option<Arc<FuncType>>>,
    /// Of every function, imported ones first: the index of its type.
    functions: Vec<u32>,
    /// Of every global, imported ones first: its type.
    globals: Vec<ValType>,
    values: Globals,
}

impl Reader {
    fn read(&mut self, bytes: &[u8], report: &mut ModuleReport) -> Result<(), BinaryReaderError> {
        for payload in Parser::new(0).parse_all(bytes) {
            let payload = payload?;
            match payload {
                Payload::TypeSection(section) => {
                    for group in section {
                        self.types.extend(group?.types().map(|ty| match &ty.composite_type.inner {
                            CompositeInnerType::Func(function) => Some(Arc::new(function.clone())),
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
                        report.tables.push(table?.ty);
                    }
                }
                Payload::MemorySection(section) => {
                    for memory in section {
                        report.memories.push(memory?);
                    }
                }
                Payload::GlobalSection(section) => {
                    for global in section {
                        let global = global?;
                        self.globals.push(global.ty.content_type);
                        self.values.push(&global.init_expr);
                    }
                }
                Payload::ExportSection(section) => {
                    for export in section {
                        let export = export?;
                        let kind = self.kind(export.kind, export.index);
                        let what = self.unsupported(&kind, export.index as usize, &report.tables);
                        report.crashes(false, export.name, what);
                        report.exports.push(Export { name: export.name.to_owned(), kind });
                    }
                }
                Payload::CodeSectionStart { size, .. } => report.code_size = size as usize,
                Payload::ElementSection(section) => {
                    let tables: Vec<u64> = report.tables.iter().map(|table| table.initial).collect();
                    report.overflow = self.values.elements(section, &tables);
                }
                Payload::DataSection(section) => {
                    report.data_size = length(&section.range());
                    let memories: Vec<u64> =
                        report.memories.iter().map(|memory| memory.initial.saturating_mul(PAGE)).collect();
                    report.overflow = report.overflow.take().or(self.values.data(section, &memories));
                }
                Payload::CustomSection(section) => producers(&section, report),
                _ => {}
            }
        }
        Ok(())
    }

    fn import(&mut self, import: &wasmparser::Import<'_>, report: &mut ModuleReport) {
        let kind = match import.ty {
            TypeRef::Func(index) | TypeRef::FuncExact(index) => {
                self.functions.push(index);
                Kind::Function(self.function_type(index))
            }
            TypeRef::Table(table) => {
                report.tables.push(table);
                Kind::Table
            }
            TypeRef::Memory(memory) => {
                report.memories.push(memory);
                Kind::Memory
            }
            TypeRef::Global(global) => {
                self.globals.push(global.content_type);
                self.values.push_imported();
                Kind::Global
            }
            TypeRef::Tag(_) => Kind::Tag,
        };
        let index = match kind {
            Kind::Table => report.tables.len() - 1,
            Kind::Global => self.globals.len() - 1,
            _ => 0,
        };
        let what = self.unsupported(&kind, index, &report.tables);
        report.crashes(true, import.name, what);
        report.imports.push(Import { module: import.module.to_owned(), name: import.name.to_owned(), kind });
    }

    fn function_type(&self, index: u32) -> Option<Arc<FuncType>> {
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

    /// Why an import or export crashes Envoy.
    fn unsupported(&self, kind: &Kind, index: usize, tables: &[TableType]) -> Option<Unsupported> {
        match kind {
            Kind::Function(function) => function.as_deref().and_then(crash::function),
            Kind::Table => tables.get(index).and_then(crash::table),
            Kind::Global => self.globals.get(index).and_then(|ty| crash::value(*ty)),
            Kind::Tag => Some(crash::tag()),
            Kind::Memory => None,
        }
    }
}

fn length(range: &std::ops::Range<u64>) -> usize {
    usize::try_from(range.end - range.start).unwrap_or(usize::MAX)
}

fn producers(section: &wasmparser::CustomSectionReader<'_>, report: &mut ModuleReport) {
    if let KnownCustom::Producers(fields) = section.as_known() {
        for field in fields.into_iter().flatten() {
            for value in field.values.into_iter().flatten() {
                report.producers.push((field.name.to_owned(), value.name.to_owned(), value.version.to_owned()));
            }
        }
    }
}
