//! Whether data and elements fit into the memory or table that V8 copies them into.

use wasmparser::{ConstExpr, DataKind, DataSectionReader, ElementItems, ElementKind, ElementSectionReader, Operator};

/// A segment that does not fit.
#[derive(Debug)]
pub(crate) struct Overflow {
    /// `data` or `element`.
    pub(crate) what: &'static str,
    pub(crate) index: u32,
    /// Where it would end, and how much is available: bytes of memory, or elements of a table.
    pub(crate) end: u64,
    pub(crate) available: u64,
}

/// The values of the globals, as far as the bytes show them. Imported globals have no known value.
#[derive(Debug, Default)]
pub(super) struct Globals(Vec<Option<u64>>);

impl Globals {
    pub(super) fn push_imported(&mut self) {
        self.0.push(None);
    }

    pub(super) fn push(&mut self, value: &ConstExpr<'_>) {
        let value = self.value(value);
        self.0.push(value);
    }

    /// The value of the expression, if it is a known integer.
    fn value(&self, expression: &ConstExpr<'_>) -> Option<u64> {
        let mut stack = Vec::new();
        for operator in expression.get_operators_reader() {
            let value = match operator.ok()? {
                Operator::I32Const { value } => u64::from(value.cast_unsigned()),
                Operator::I64Const { value } => value.cast_unsigned(),
                Operator::GlobalGet { global_index } => self.0.get(global_index as usize).copied().flatten()?,
                Operator::End => break,
                operator => binary(&operator, stack.pop()?, stack.pop()?)?,
            };
            stack.push(value);
        }
        stack.pop()
    }

    /// The first data segment that does not fit, where `memories` are the initial sizes in bytes.
    pub(super) fn data(&self, section: DataSectionReader<'_>, memories: &[u64]) -> Option<Overflow> {
        (0..).zip(section.into_iter().map_while(Result::ok)).find_map(|(index, data)| {
            let DataKind::Active { memory_index, offset_expr } = data.kind else { return None };
            let available = memories.get(memory_index as usize).copied().unwrap_or_default();
            self.overflow("data", index, &offset_expr, data.data.len() as u64, available)
        })
    }

    /// The first element segment that does not fit, where `tables` are the initial numbers of elements.
    pub(super) fn elements(&self, section: ElementSectionReader<'_>, tables: &[u64]) -> Option<Overflow> {
        (0..).zip(section.into_iter().map_while(Result::ok)).find_map(|(index, element)| {
            let count = match element.items {
                ElementItems::Functions(items) => items.count(),
                ElementItems::Expressions(_, items) => items.count(),
            };
            let ElementKind::Active { table_index, offset_expr } = element.kind else { return None };
            let available = tables.get(table_index.unwrap_or(0) as usize).copied().unwrap_or_default();
            self.overflow("element", index, &offset_expr, u64::from(count), available)
        })
    }

    fn overflow(
        &self,
        what: &'static str,
        index: u32,
        offset: &ConstExpr<'_>,
        length: u64,
        available: u64,
    ) -> Option<Overflow> {
        let end = self.value(offset)?.saturating_add(length);
        (end > available).then_some(Overflow { what, index, end, available })
    }
}

/// Extended constant expressions: sums, differences and products. The right operand is on top.
fn binary(operator: &Operator<'_>, right: u64, left: u64) -> Option<u64> {
    let low = |value: u64| value & u64::from(u32::MAX);
    Some(match operator {
        Operator::I32Add => low(left.wrapping_add(right)),
        Operator::I32Sub => low(left.wrapping_sub(right)),
        Operator::I32Mul => low(left.wrapping_mul(right)),
        Operator::I64Add => left.wrapping_add(right),
        Operator::I64Sub => left.wrapping_sub(right),
        Operator::I64Mul => left.wrapping_mul(right),
        _ => return None,
    })
}
