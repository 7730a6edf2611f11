//! Runs functions of a guest within its fuel and its time, and explains traps.

use wasmi::errors::ErrorKind;
use wasmi::{Func, ResumableCall, StoreContextMut, TrapCode, Val};

use crate::envoy_texts::RESTRICTED_CALLBACK;
use crate::limits;
use crate::outcome::{Fault, FaultKind};
use crate::proxy_state::Exceeded;
use crate::state::{Phase, State};
use crate::status::Failure;

/// A trap that the host causes.
#[derive(Debug)]
pub(crate) enum HostTrap {
    /// The guest called a function that is not allowed now.
    Restricted(String),
    /// The guest reached a limit of the host.
    Exceeded(&'static str),
    /// The guest ran out of fuel or time in a host call.
    Endless,
}

impl std::fmt::Display for HostTrap {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Restricted(_) => f.write_str(RESTRICTED_CALLBACK),
            Self::Exceeded(what) => write!(f, "over {what}"),
            Self::Endless => f.write_str("out of fuel"),
        }
    }
}

impl wasmi::errors::HostError for HostTrap {}

impl From<Exceeded> for Failure {
    fn from(Exceeded(what): Exceeded) -> Self {
        Self::Trap(wasmi::Error::host(HostTrap::Exceeded(what)))
    }
}

/// Calls a function, and checks the time after each slice of fuel: a function can burn little fuel and still take long.
pub(crate) fn run(
    mut store: StoreContextMut<'_, State>,
    function: Func,
    arguments: &[Val],
    results: &mut [Val],
) -> Result<(), wasmi::Error> {
    let until = store.data().proxy_state.borrow().callback_deadline();
    let mut call = function.call_resumable(&mut store, arguments, results)?;
    loop {
        let paused = match call {
            ResumableCall::Finished => return Ok(()),
            ResumableCall::HostTrap(trap) => return Err(trap.into_host_error()),
            ResumableCall::OutOfFuel(paused) => paused,
        };
        let state = store.data_mut();
        let more = state.reserve.min(paused.required_fuel().max(limits::SLICE));
        if more == 0 || until.is_past() {
            return Err(wasmi::Error::host(HostTrap::Endless));
        }
        state.reserve -= more;
        let left = store.get_fuel()?;
        store.set_fuel(left + more)?;
        call = paused.resume(&mut store, results)?;
    }
}

/// The error that Envoy logs for a guest that has trapped, or the error of this host.
pub(crate) fn fault_of(function: &str, error: &wasmi::Error, state: &State) -> Fault {
    let starting = state.phase == Phase::Starting;
    let exceeded = state.limiter.exceeded;
    let envoy = |text: &str| format!("Function: {function} failed: {text}");
    let host = error.downcast_ref::<HostTrap>();
    let (kind, message) = match (host, trap_code(error)) {
        (Some(HostTrap::Restricted(_)), _) => {
            (FaultKind::Restricted, envoy(&format!("Uncaught Error: {RESTRICTED_CALLBACK}")))
        }
        (Some(HostTrap::Exceeded(what)), _) => {
            (FaultKind::Limits, format!("{function} passed more than {what} to the host"))
        }
        (Some(HostTrap::Endless), _) | (None, Some(TrapCode::OutOfFuel)) => {
            (FaultKind::Endless, format!("{function} does not terminate"))
        }
        (None, Some(TrapCode::StackOverflow)) => {
            (FaultKind::Trap, envoy("Uncaught RangeError: Maximum call stack size exceeded"))
        }
        (None, Some(code)) => (FaultKind::Trap, envoy(&format!("Uncaught RuntimeError: {}", v8(code)))),
        (None, None) => (FaultKind::Unsupported, format!("{function}: the interpreter failed: {error}")),
    };
    let (kind, message) = match (kind, exceeded, host) {
        (FaultKind::Trap, Some(what), _) => {
            (FaultKind::Limits, format!("{message}, after it exceeded the limit of {what}"))
        }
        (FaultKind::Restricted, _, Some(HostTrap::Restricted(call))) => (kind, format!("{message}\nit calls {call}")),
        _ => (kind, message),
    };
    Fault { kind: if starting && kind == FaultKind::Trap { FaultKind::Start } else { kind }, message }
}

fn trap_code(error: &wasmi::Error) -> Option<TrapCode> {
    match error.kind() {
        // Bulk operations report missing fuel with errors of their own.
        ErrorKind::Memory(_) | ErrorKind::Table(_) if error.to_string().contains("fuel") => Some(TrapCode::OutOfFuel),
        _ => error.as_trap_code(),
    }
}

/// V8's message for a trap (v8, src/common/message-template.h).
const fn v8(code: TrapCode) -> &'static str {
    match code {
        TrapCode::UnreachableCodeReached => "unreachable",
        TrapCode::MemoryOutOfBounds => "memory access out of bounds",
        TrapCode::TableOutOfBounds => "table index is out of bounds",
        TrapCode::IndirectCallToNull => "null function or function signature mismatch",
        TrapCode::BadSignature => "function signature mismatch",
        TrapCode::IntegerDivisionByZero => "divide by zero",
        TrapCode::IntegerOverflow => "divide result unrepresentable",
        TrapCode::BadConversionToInteger => "float unrepresentable in integer range",
        TrapCode::StackOverflow => "Maximum call stack size exceeded",
        TrapCode::OutOfFuel => "out of fuel",
        _ => "a trap",
    }
}
