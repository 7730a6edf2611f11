//! A guest during a host call: its memory, its allocator, the context that the call acts on.

use std::cell::RefMut;

use wasmi::{AsContextMut as _, Caller, Val};

use crate::context::Context;
use crate::execution::{HostTrap, fault_of, run};
use crate::limits;
use crate::outcome::FaultKind;
use crate::proxy_state::{Exceeded, ProxyState};
use crate::state::{Phase, State};
use crate::status::{Failure, Status};

/// A guest that has called the host.
pub(super) struct Guest<'a> {
    caller: Caller<'a, State>,
}

/// WASI functions that a guest cannot call while it starts (proxy-wasm-cpp-host, `startVm`).
const NOT_WHILE_STARTING: [&str; 6] = ["fd_read", "fd_seek", "fd_close", "sched_yield", "proc_exit", "path_open"];
/// The only other functions that a guest can call while it starts.
const WHILE_STARTING: [&str; 2] = ["proxy_log", "emscripten_notify_memory_growth"];
/// The functions that a guest can call while it allocates (`allocMemory`).
const WHILE_ALLOCATING: [&str; 4] = ["proxy_log", "fd_write", "clock_time_get", "poll_oneoff"];

impl<'a> Guest<'a> {
    pub(super) const fn new(caller: Caller<'a, State>) -> Self {
        Self { caller }
    }

    /// Checks that the guest can call `name` now, and burns the fuel of the call.
    pub(super) fn enter(&mut self, module: &str, name: &str) -> Result<(), Failure> {
        let allowed = match self.state().phase {
            Phase::Normal => true,
            Phase::Starting if module == "env" => WHILE_STARTING.contains(&name),
            Phase::Starting => !NOT_WHILE_STARTING.contains(&name),
            Phase::Allocating => WHILE_ALLOCATING.contains(&name),
        };
        if !allowed {
            return Err(Failure::Trap(wasmi::Error::host(HostTrap::Restricted(format!("{module}.{name}")))));
        }
        if self.proxy_state().is_late() {
            return Err(Failure::Trap(wasmi::Error::host(HostTrap::Endless)));
        }
        self.burn(0)
    }

    /// Burns the fuel of a host call that moves this many bytes.
    fn burn(&mut self, bytes: usize) -> Result<(), Failure> {
        self.spend(limits::CALL_FUEL + bytes as u64 / 16)
    }

    /// Burns fuel for work of the host.
    pub(super) fn spend(&mut self, cost: u64) -> Result<(), Failure> {
        let left = self.caller.get_fuel()?;
        let more = cost.saturating_sub(left);
        let state = self.state_mut();
        state.reserve = state.reserve.checked_sub(more).ok_or_else(|| wasmi::Error::host(HostTrap::Endless))?;
        Ok(self.caller.set_fuel(left.saturating_sub(cost))?)
    }

    pub(super) fn state(&self) -> &State {
        self.caller.data()
    }

    pub(super) fn state_mut(&mut self) -> &mut State {
        self.caller.data_mut()
    }

    pub(super) fn proxy_state(&self) -> RefMut<'_, ProxyState> {
        self.caller.data().proxy_state.borrow_mut()
    }

    /// The context that the call acts on.
    pub(super) fn context(&self) -> Result<&Context, Failure> {
        self.state().context().ok_or_else(|| Status::InternalFailure.into())
    }

    pub(super) fn context_mut(&mut self) -> Result<&mut Context, Failure> {
        self.state_mut().context_mut().ok_or_else(|| Status::InternalFailure.into())
    }

    /// Records what the callback has done, for the trace.
    pub(super) fn record(&mut self, action: impl FnOnce() -> String) {
        const MOST: usize = 50;
        let actions = &mut self.state_mut().actions;
        if actions.len() < MOST {
            actions.push(brief(action()));
        }
    }

    /// Bytes of the guest's memory.
    pub(super) fn read(&mut self, pointer: u32, size: u32) -> Result<Vec<u8>, Failure> {
        self.try_read(pointer, size)?.ok_or_else(|| Status::InvalidMemoryAccess.into())
    }

    /// Like [`Self::read`]. `None`: the bytes are outside of the memory.
    pub(super) fn try_read(&mut self, pointer: u32, size: u32) -> Result<Option<Vec<u8>>, Failure> {
        let Some(memory) = self.state().memory else { return Ok(None) };
        let (start, end) = (pointer as usize, pointer as usize + size as usize);
        if end > u32::MAX as usize || memory.data_size(&self.caller) < end {
            return Ok(None);
        }
        if size as usize > limits::ARGUMENT {
            return Err(Exceeded("16 MiB at once").into());
        }
        self.burn(size as usize)?;
        Ok(memory.data(&self.caller).get(start..end).map(<[u8]>::to_vec))
    }

    /// Writes into the guest's memory. `false`: the place is outside of the memory.
    pub(super) fn try_write(&mut self, pointer: u32, bytes: &[u8]) -> bool {
        let Some(memory) = self.state().memory else { return false };
        let end = pointer as usize + bytes.len();
        if end > u32::MAX as usize {
            return false;
        }
        match memory.data_mut(&mut self.caller).get_mut(pointer as usize..end) {
            Some(place) => {
                place.copy_from_slice(bytes);
                true
            }
            None => false,
        }
    }

    pub(super) fn write(&mut self, pointer: u32, bytes: &[u8]) -> Result<(), Failure> {
        if self.try_write(pointer, bytes) { Ok(()) } else { Err(Status::InvalidMemoryAccess.into()) }
    }

    pub(super) fn write_u32(&mut self, pointer: u32, value: u32) -> Result<(), Failure> {
        self.write(pointer, &value.to_le_bytes())
    }

    /// Copies bytes into memory that the guest allocates, and writes their address and length (proxy-wasm-cpp-host,
    /// `copyToPointerSize`).
    pub(super) fn give(&mut self, bytes: &[u8], pointer: u32, size: u32) -> Result<(), Failure> {
        let mut at = 0;
        if !bytes.is_empty() {
            at = self.allocate(bytes.len())?;
            self.write(at, bytes)?;
        }
        self.write_u32(pointer, at)?;
        self.write_u32(size, u32::try_from(bytes.len()).unwrap_or(u32::MAX))
    }

    /// Calls the guest's allocator. A guest that traps there continues, as on V8, and its VM has failed once it returns.
    pub(super) fn allocate(&mut self, size: usize) -> Result<u32, Failure> {
        self.burn(size)?;
        let Some((name, malloc)) = self.state().malloc else { return Err(Status::InvalidMemoryAccess.into()) };
        let size = i32::from_ne_bytes(u32::try_from(size).unwrap_or(u32::MAX).to_ne_bytes());
        let (phase, current, effective) = {
            let state = self.state_mut();
            let before = (state.phase, state.current, state.effective);
            (state.phase, state.current, state.effective) = (Phase::Allocating, 0, 0);
            before
        };
        let mut results = [Val::I32(0)];
        let called = run(self.caller.as_context_mut(), malloc, &[Val::I32(size)], &mut results);
        let state = self.state_mut();
        (state.phase, state.current, state.effective) = (phase, current, effective);
        match (called, results) {
            (Ok(()), [Val::I32(0)]) => Err(Status::InvalidMemoryAccess.into()),
            (Ok(()), [Val::I32(at)]) => Ok(u32::from_ne_bytes(at.to_ne_bytes())),
            (Ok(()), _) => Err(Status::InvalidMemoryAccess.into()),
            (Err(error), _) => {
                let fault = fault_of(name, &error, state);
                let ends = fault.kind != FaultKind::Trap;
                state.nested_fault.get_or_insert(fault);
                if ends { Err(Failure::Trap(error)) } else { Err(Status::InvalidMemoryAccess.into()) }
            }
        }
    }
}

/// Shortens a text: names come from the guest and can be long.
fn brief(text: String) -> String {
    const MOST: usize = 200;
    match text.char_indices().nth(MOST) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text,
    }
}

/// A name that the guest has passed, for messages.
pub(super) fn name_of(bytes: &[u8]) -> String {
    const MOST: usize = 1000;
    brief(String::from_utf8_lossy(&bytes[..bytes.len().min(MOST)]).into_owned())
}
