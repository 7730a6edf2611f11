//! How the host limits the time of a module's functions.
//!
//! The interpreter's fuel does not account for locals: a call sets all locals of the function to zero, and 30,000 locals cost as
//! little fuel as one. So the host also checks the time after each slice of fuel. It cannot interrupt a start function, which wasmi
//! calls by itself, nor `table.grow`, which wasmi 2.0 cannot resume.

use wasmparser::{BinaryReaderError, FunctionBody, Operator, Parser, Payload};

/// Up to this many locals of a function, fuel is accurate enough.
const FEW_LOCALS: u64 = 200;

/// Locals of all functions together: the interpreter spends time on each of them when it compiles the module.
const MOST_LOCALS: u64 = 10_000_000;

/// How the host limits the time of callbacks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Metering {
    /// By fuel alone.
    Fuel,
    /// By time too.
    Slices,
    /// Not at all, for this reason.
    None(&'static str),
}

/// How the host can limit the time of a valid module's callbacks.
pub(super) fn metering(module: &[u8]) -> Metering {
    // The interpreter reports a module that cannot be parsed.
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
    // The instruction is 0xfc, then 15 as LEB128. Most bodies have no such bytes.
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
    fn functions_that_cannot_be_interrupted_must_have_few_locals() {
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
