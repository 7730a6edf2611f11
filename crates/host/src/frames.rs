//! What the interpreter's fuel does not see: a call sets all of the function's locals to zero, and 30,000 of them cost as little fuel as one.
//! So time is looked at too, each time that a slice of fuel is burnt. Two things cannot be interrupted so: a start function, which
//! wasmi calls by itself, and `table.grow`, where wasmi 2.0 loses its place.

use wasmparser::{BinaryReaderError, FunctionBody, Operator, Parser, Payload};

/// Locals of a function whose calls fuel accounts for well enough.
const FEW_LOCALS: u64 = 200;

/// Locals of all functions together: the interpreter takes its time for each of them when it translates.
const MOST_LOCALS: u64 = 10_000_000;

/// How callbacks of a module are kept within their time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Metering {
    /// By fuel alone.
    Fuel,
    /// By time too.
    Slices,
    /// They are not, for this reason.
    None(&'static str),
}

/// Looks into a valid module.
pub(super) fn metering(module: &[u8]) -> Metering {
    // What cannot be read is no module, and the interpreter says so.
    look(module).unwrap_or(Metering::Fuel)
}

fn look(module: &[u8]) -> Result<Metering, BinaryReaderError> {
    let (mut most, mut all, mut starts, mut grows) = (0, 0, false, false);
    for payload in Parser::new(0).parse_all(module) {
        match payload? {
            Payload::StartSection { .. } => starts = true,
            Payload::CodeSectionEntry(body) => {
                let locals = locals(&body)?;
                most = most.max(locals);
                all += locals;
                grows = grows || grows_a_table(&body)?;
            }
            _ => {}
        }
    }
    if all > MOST_LOCALS {
        return Ok(Metering::None("its functions have over 10,000,000 locals"));
    }
    Ok(match (most > FEW_LOCALS, grows, starts) {
        (true, true, _) | (true, _, true) => {
            Metering::None("a function has over 200 locals where it cannot be interrupted")
        }
        (false, true, _) => Metering::Fuel,
        (_, false, _) => Metering::Slices,
    })
}

fn locals(body: &FunctionBody<'_>) -> Result<u64, BinaryReaderError> {
    let mut sum = 0;
    for group in body.get_locals_reader()? {
        sum += u64::from(group?.0);
    }
    Ok(sum)
}

fn grows_a_table(body: &FunctionBody<'_>) -> Result<bool, BinaryReaderError> {
    // The instruction is 0xfc and 15 as LEB128: most bodies have no such bytes.
    let might = body.as_bytes().windows(2).any(|pair| pair[0] == 0xfc && pair[1] & 0x7f == 15);
    if might {
        for operator in body.get_operators_reader()? {
            if matches!(operator?, Operator::TableGrow { .. }) {
                return Ok(true);
            }
        }
    }
    Ok(false)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(text: &str) -> Metering {
        metering(&wat::parse_str(text).expect("the text is a module"))
    }

    #[test]
    fn what_cannot_be_interrupted_has_few_locals() {
        let many = "i64 ".repeat(201);
        let grow = "(drop (table.grow 0 (ref.null func) (i32.const 1)))";
        assert_eq!(of(&format!("(module (func (local {many})))")), Metering::Slices);
        assert_eq!(of(&format!("(module (table 1 funcref) (func {grow}))")), Metering::Fuel);
        assert!(matches!(
            of(&format!("(module (table 1 funcref) (func {grow}) (func (local {many})))")),
            Metering::None(_)
        ));
        assert!(matches!(of(&format!("(module (func $s) (start $s) (func (local {many})))")), Metering::None(_)));
        assert_eq!(of("(module (func $s (drop (i32.const 0x7fc))) (start $s))"), Metering::Slices);
    }
}
