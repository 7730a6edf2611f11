//! What a host call returns.

/// `WasmResult` of proxy-wasm-cpp-host (include/proxy-wasm/word.h and proxy_wasm_common.h).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Status {
    NotFound = 1,
    BadArgument = 2,
    ParseFailure = 4,
    InvalidMemoryAccess = 6,
    Empty = 7,
    CasMismatch = 8,
    InternalFailure = 10,
    Unimplemented = 12,
    SerializationFailure = 3,
}

/// Why a host call does not return 0 (success).
#[derive(Debug)]
pub(crate) enum Failure {
    /// It returns this status.
    Status(u32),
    /// It does not return: the guest traps.
    Trap(wasmi::Error),
}

impl From<Status> for Failure {
    fn from(status: Status) -> Self {
        Self::Status(status as u32)
    }
}

impl From<wasmi::Error> for Failure {
    fn from(error: wasmi::Error) -> Self {
        Self::Trap(error)
    }
}

/// The result of a host function; `Ok` returns 0 to the guest.
pub(crate) type Reply = Result<(), Failure>;
