//! One instance of a module, and the calls into it.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::rc::Rc;

use wasmi::errors::ErrorKind;
use wasmi::{
    AsContextMut as _, Extern, ExternType, Func, ImportType, Instance, Linker, Memory, Ref, ResumableCall, Store,
    StoreContextMut, Table, TrapCode, Val,
};

use crate::engine::{Compiled, Library};
use crate::guest::HostTrap;
use crate::limits;
use crate::outcome::{Fault, FaultKind};
use crate::state::{Phase, State, VmSettings};
use crate::world::World;
use mesh_compile_module::abi::{self, Abi};

/// An instance.
pub(crate) struct Vm {
    store: Store<State>,
    /// Callbacks and what starts the module, by name.
    exports: BTreeMap<&'static str, Func>,
    pub(crate) abi: Abi,
    /// Units of fuel that a callback gets at a time.
    slice: u64,
    /// Set once it has trapped: nothing more is called.
    pub(crate) fault: Option<Fault>,
}

impl Vm {
    /// Instantiates the module and starts it (`_initialize`, `main`, `_start`).
    ///
    /// # Errors
    /// Why it does not come up.
    pub(crate) fn new(
        library: &Library,
        compiled: &Compiled,
        number: usize,
        settings: VmSettings,
        world: Rc<RefCell<World>>,
    ) -> Result<Self, Fault> {
        let unsupported = |error: wasmi::Error| Fault {
            kind: FaultKind::Unsupported,
            message: format!("the interpreter says: {error}"),
        };
        let mut store = Store::new(library.engine(), State::new(number, world, settings));
        store.limiter(|state| &mut state.limiter);
        let granted = refuel(&mut store, u64::MAX).map_err(unsupported)?;
        let instance = instantiate(library, &mut store, compiled);
        spent(&mut store, granted);
        let instance = instance.map_err(|error| not_instantiated(&error, store.data()))?;
        let exported = |name: &str| instance.get_func(&store, name);
        let memory = instance.exports(&store).find_map(|export| export.into_memory());
        let mut exports = BTreeMap::new();
        for name in abi::callbacks(compiled.abi).map(|callback| callback.name) {
            let gated = name.starts_with("proxy_") && !store.data().settings.allows(name);
            if let Some(function) = exported(name).filter(|_| !gated) {
                exports.insert(name, function);
            }
        }
        for callback in [&abi::INIT, &abi::START].into_iter().chain(&abi::AFTER_INIT) {
            exports.extend(exported(callback.name).map(|function| (callback.name, function)));
        }
        let malloc = abi::MALLOC.iter().find_map(|callback| Some((callback.name, exported(callback.name)?)));
        let state = store.data_mut();
        state.malloc = malloc;
        state.memory = state.memory.or(memory);
        let mut vm = Self { store, exports, abi: compiled.abi, slice: compiled.slice, fault: None };
        vm.start()?;
        Ok(vm)
    }

    fn start(&mut self) -> Result<(), Fault> {
        self.state_mut().phase = Phase::Starting;
        if self.has(abi::INIT.name) {
            self.call(abi::INIT.name, 0, &[]);
            let [main, main_void] = &abi::AFTER_INIT;
            if self.has(main.name) {
                self.call(main.name, 0, &[0, 0]);
            } else {
                self.call(main_void.name, 0, &[]);
            }
        } else {
            self.call(abi::START.name, 0, &[]);
        }
        self.state_mut().phase = Phase::Normal;
        self.fault.clone().map_or(Ok(()), Err)
    }

    /// Gives back what a VM has that has failed. Nothing more is called in it.
    pub(crate) fn retire(&mut self, library: &Library) {
        let state = self.store.data();
        let state = State::new(state.number, Rc::clone(&state.world), state.settings.clone());
        self.store = Store::new(library.engine(), state);
        self.exports.clear();
    }

    pub(crate) fn state(&self) -> &State {
        self.store.data()
    }

    pub(crate) fn state_mut(&mut self) -> &mut State {
        self.store.data_mut()
    }

    /// Whether the module has this callback, and may be called with it.
    pub(crate) fn has(&self, callback: &str) -> bool {
        self.exports.contains_key(callback)
    }

    /// Calls a callback on behalf of a context. `None`: it has none, it returns nothing, or it trapped, or the VM has failed before.
    pub(crate) fn call(&mut self, callback: &'static str, context: u32, arguments: &[u32]) -> Option<u32> {
        if self.fault.is_some() {
            return None;
        }
        let function = *self.exports.get(callback)?;
        let state = self.store.data_mut();
        (state.current, state.effective) = (context, 0);
        state.acts.clear();
        let arguments: Vec<Val> =
            arguments.iter().map(|value| Val::I32(i32::from_ne_bytes(value.to_ne_bytes()))).collect();
        let mut results = vec![Val::I32(0); function.ty(&self.store).results().len()];
        let granted = refuel(&mut self.store, self.slice);
        let called = granted.and_then(|granted| {
            let called = run(self.store.as_context_mut(), function, &arguments, &mut results);
            spent(&mut self.store, granted);
            called
        });
        let state = self.store.data_mut();
        (state.current, state.effective) = (0, 0);
        let nested = state.nested_fault.take();
        if let Err(error) = called {
            // What a limit of the host ended says so, wherever in the guest it did.
            let fault = nested.filter(|fault| fault.kind != FaultKind::Trap);
            let fault = fault.unwrap_or_else(|| fault_of(callback, &error, self.store.data()));
            self.fault = Some(fault);
            return None;
        }
        if nested.is_some() {
            self.fault = nested;
            return None;
        }
        match results.first() {
            Some(Val::I32(value)) => Some(u32::from_ne_bytes(value.to_ne_bytes())),
            _ => None,
        }
    }
}

/// Gives a callback the fuel that it may burn: at first a slice, the others as it needs them. Returns how much that is in all.
fn refuel(store: &mut Store<State>, slice: u64) -> Result<u64, wasmi::Error> {
    let granted = store.data().world.borrow().fuel();
    let first = granted.min(slice);
    store.data_mut().reserve = granted - first;
    store.set_fuel(first)?;
    Ok(granted)
}

/// Takes what a callback has burnt from the test's fuel.
fn spent(store: &mut Store<State>, granted: u64) {
    let left = store.get_fuel().unwrap_or_default() + store.data().reserve;
    let burnt = granted.saturating_sub(left) + limits::FUEL_OF_AN_EVENT;
    store.data().world.borrow_mut().burn(burnt);
}

/// Calls a function, a slice of fuel at a time: what burns little of it may take long all the same.
pub(super) fn run(
    mut store: StoreContextMut<'_, State>,
    function: Func,
    arguments: &[Val],
    results: &mut [Val],
) -> Result<(), wasmi::Error> {
    let until = store.data().world.borrow().callback_deadline();
    let mut call = function.call_resumable(&mut store, arguments, results)?;
    loop {
        let paused = match call {
            ResumableCall::Finished => return Ok(()),
            ResumableCall::HostTrap(trap) => return Err(trap.into_host_error()),
            ResumableCall::OutOfFuel(paused) => paused,
        };
        let state = store.data_mut();
        let more = state.reserve.min(paused.required_fuel().max(limits::SLICE));
        if more == 0 || World::is_past(until) {
            return Err(wasmi::Error::host(HostTrap::Endless));
        }
        state.reserve -= more;
        let left = store.get_fuel()?;
        store.set_fuel(left + more)?;
        call = paused.resume(&mut store, results)?;
    }
}

fn instantiate(library: &Library, store: &mut Store<State>, compiled: &Compiled) -> Result<Instance, wasmi::Error> {
    let linker =
        library.linker(compiled.abi).ok_or_else(|| wasmi::Error::new("the host functions cannot be defined"))?;
    let wants = |import: ImportType<'_>| matches!(import.ty(), ExternType::Memory(_) | ExternType::Table(_));
    if !compiled.module.imports().any(wants) {
        return linker.instantiate_and_start(store, &compiled.module);
    }
    let mut linker = linker.clone();
    provide(store, &mut linker, compiled)?;
    linker.instantiate_and_start(store, &compiled.module)
}

/// Memories and tables that the module imports: V8's host makes them as they are wanted.
fn provide(store: &mut Store<State>, linker: &mut Linker<State>, compiled: &Compiled) -> Result<(), wasmi::Error> {
    for import in compiled.module.imports() {
        let provided = match import.ty() {
            ExternType::Memory(wanted) => {
                let memory = Memory::new(&mut *store, *wanted)?;
                store.data_mut().memory = Some(memory);
                Extern::Memory(memory)
            }
            ExternType::Table(wanted) => Extern::Table(Table::new(&mut *store, *wanted, Ref::null(wanted.element()))?),
            ExternType::Func(_) | ExternType::Global(_) => continue,
        };
        // A name that is imported twice is one thing.
        let _ = linker.define(import.module(), import.name(), provided);
    }
    Ok(())
}

fn not_instantiated(error: &wasmi::Error, state: &State) -> Fault {
    if let Some(what) = state.limiter.refused {
        return Fault {
            kind: FaultKind::Limits,
            message: format!("it wants more than {what}, which a dry run does not give"),
        };
    }
    match error.as_trap_code() {
        Some(TrapCode::OutOfFuel) => fault_of("the start function", error, state),
        Some(_) => Fault { kind: FaultKind::Load, message: "Failed to create new Wasm instance".into() },
        None if error.downcast_ref::<HostTrap>().is_some() => fault_of("the start function", error, state),
        None => Fault { kind: FaultKind::Unsupported, message: format!("the interpreter says: {error}") },
    }
}

/// What V8's host says of a guest that has trapped, or what the dry run does.
pub(super) fn fault_of(function: &str, error: &wasmi::Error, state: &State) -> Fault {
    let starting = state.phase == Phase::Starting;
    let refused = state.limiter.refused;
    let envoy = |text: &str| format!("Function: {function} failed: {text}");
    let host = error.downcast_ref::<HostTrap>();
    let (kind, message) = match (host, trap_code(error)) {
        (Some(HostTrap::Restricted(_)), _) => (FaultKind::Restricted, envoy("Uncaught Error: restricted_callback")),
        (Some(HostTrap::Exceeded(what)), _) => {
            (FaultKind::Limits, format!("{function} left more than {what} with the host"))
        }
        (Some(HostTrap::Endless), _) | (None, Some(TrapCode::OutOfFuel)) => {
            (FaultKind::Endless, format!("{function} does not end"))
        }
        (None, Some(TrapCode::StackOverflow)) => {
            (FaultKind::Trap, envoy("Uncaught RangeError: Maximum call stack size exceeded"))
        }
        (None, Some(code)) => (FaultKind::Trap, envoy(&format!("Uncaught RuntimeError: {}", v8(code)))),
        (None, None) => (FaultKind::Unsupported, format!("{function}: the interpreter says: {error}")),
    };
    let (kind, message) = match (kind, refused, host) {
        (FaultKind::Trap, Some(what), _) => (
            FaultKind::Limits,
            format!("{message}, after it was refused more than {what}, which a dry run does not give"),
        ),
        (FaultKind::Restricted, _, Some(HostTrap::Restricted(call))) => (kind, format!("{message}\nit calls {call}")),
        _ => (kind, message),
    };
    Fault { kind: if starting && kind == FaultKind::Trap { FaultKind::Start } else { kind }, message }
}

fn trap_code(error: &wasmi::Error) -> Option<TrapCode> {
    match error.kind() {
        // Bulk operations report fuel in an error of their own.
        ErrorKind::Memory(_) | ErrorKind::Table(_) if error.to_string().contains("fuel") => Some(TrapCode::OutOfFuel),
        _ => error.as_trap_code(),
    }
}

/// V8's words for a trap (v8, src/common/message-template.h).
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
