//! One instance of a module, and the calls into it.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::rc::Rc;

use mesh_compile_module::abi::{self, Abi};
use wasmi::{
    AsContextMut as _, Extern, ExternType, Func, ImportType, Instance, Linker, Memory, Ref, Store, Table, TrapCode, Val,
};

use crate::callback::Callback;
use crate::execution::{HostTrap, fault_of, run};
use crate::library::{Compiled, Library};
use crate::limits;
use crate::outcome::{Fault, FaultKind};
use crate::proxy_state::ProxyState;
use crate::state::{Phase, State, VmSettings};

/// An instance.
pub(crate) struct Vm {
    store: Store<State>,
    callbacks: BTreeMap<Callback, Func>,
    pub(crate) abi: Abi,
    /// Units of fuel that a callback gets at a time.
    slice: u64,
    /// Set once the VM has failed. The host does not call a failed VM.
    pub(crate) fault: Option<Fault>,
}

impl Vm {
    /// Instantiates the module and starts it (`_initialize`, `main`, `_start`).
    ///
    /// # Errors
    /// Why the module does not load or start.
    pub(crate) fn new(
        library: &Library,
        compiled: &Compiled,
        number: usize,
        settings: VmSettings,
        proxy_state: Rc<RefCell<ProxyState>>,
    ) -> Result<Self, Fault> {
        let mut store = Store::new(library.engine(), State::new(number, proxy_state, settings));
        store.limiter(|state| &mut state.limiter);
        let granted = refuel(&mut store, u64::MAX).map_err(|error| unsupported(&error))?;
        let instance = instantiate(library, &mut store, compiled);
        spent(&mut store, granted);
        let instance = instance.map_err(|error| not_instantiated(&error, store.data()))?;
        let exported = |name: &str| instance.get_func(&store, name);
        let memory = instance.exports(&store).find_map(|export| export.into_memory());
        let allowed = Callback::ALL.iter().filter(|callback| store.data().settings.allows(callback.as_str()));
        let callbacks = allowed.filter_map(|callback| Some((*callback, exported(callback.as_str())?))).collect();
        let malloc = abi::MALLOC.iter().find_map(|malloc| Some((malloc.name, exported(malloc.name)?)));
        let state = store.data_mut();
        state.malloc = malloc;
        state.memory = state.memory.or(memory);
        let mut vm = Self { store, callbacks, abi: compiled.abi, slice: compiled.slice, fault: None };
        vm.start(&instance)?;
        Ok(vm)
    }

    fn start(&mut self, instance: &Instance) -> Result<(), Fault> {
        let [main, main_void] = &abi::AFTER_INIT;
        self.state_mut().phase = Phase::Starting;
        if self.start_with(instance, abi::INIT.name, &[]) {
            if !self.start_with(instance, main.name, &[0, 0]) {
                self.start_with(instance, main_void.name, &[]);
            }
        } else {
            self.start_with(instance, abi::START.name, &[]);
        }
        self.state_mut().phase = Phase::Normal;
        self.fault.clone().map_or(Ok(()), Err)
    }

    /// Calls a start function. `false`: the module does not export it.
    fn start_with(&mut self, instance: &Instance, name: &'static str, arguments: &[u32]) -> bool {
        let function = instance.get_func(&self.store, name);
        function.inspect(|function| _ = self.run(name, *function, 0, arguments)).is_some()
    }

    /// Frees the resources of a failed VM.
    pub(crate) fn retire(&mut self, library: &Library) {
        let state = self.store.data();
        let state = State::new(state.number, Rc::clone(&state.proxy_state), state.settings.clone());
        self.store = Store::new(library.engine(), state);
        self.callbacks.clear();
    }

    pub(crate) fn state(&self) -> &State {
        self.store.data()
    }

    pub(crate) fn state_mut(&mut self) -> &mut State {
        self.store.data_mut()
    }

    /// Whether the module exports the callback, and its capabilities allow the callback.
    pub(crate) fn has(&self, callback: Callback) -> bool {
        self.callbacks.contains_key(&callback)
    }

    /// Calls a callback of a context; every callback takes the context as its first argument. `None`: the module has no such
    /// callback, the callback returns nothing, or the VM has failed.
    pub(crate) fn call(&mut self, callback: Callback, context: u32, arguments: &[u32]) -> Option<u32> {
        let function = *self.callbacks.get(&callback)?;
        let arguments: Vec<u32> = std::iter::once(context).chain(arguments.iter().copied()).collect();
        self.run(callback.as_str(), function, context, &arguments)
    }

    fn run(&mut self, name: &str, function: Func, context: u32, arguments: &[u32]) -> Option<u32> {
        if self.fault.is_some() {
            return None;
        }
        let state = self.store.data_mut();
        (state.current, state.effective) = (context, 0);
        state.actions.clear();
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
            // A limit of the host explains the trap, wherever in the guest it was reached.
            let fault = nested.filter(|fault| fault.kind != FaultKind::Trap);
            let fault = fault.unwrap_or_else(|| fault_of(name, &error, self.store.data()));
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

fn unsupported(error: &wasmi::Error) -> Fault {
    Fault { kind: FaultKind::Unsupported, message: format!("the interpreter failed: {error}") }
}

/// Gives a callback its fuel: a slice now, and the rest as a reserve. Returns the sum.
fn refuel(store: &mut Store<State>, slice: u64) -> Result<u64, wasmi::Error> {
    let granted = store.data().proxy_state.borrow().fuel();
    let first = granted.min(slice);
    store.data_mut().reserve = granted - first;
    store.set_fuel(first)?;
    Ok(granted)
}

/// Takes what a callback has burned from the fuel of the run.
fn spent(store: &mut Store<State>, granted: u64) {
    let left = store.get_fuel().unwrap_or_default() + store.data().reserve;
    let burned = granted.saturating_sub(left) + limits::EVENT_FUEL;
    store.data().proxy_state.borrow_mut().burn(burned);
}

fn instantiate(library: &Library, store: &mut Store<State>, compiled: &Compiled) -> Result<Instance, wasmi::Error> {
    let linker = library.linker(compiled.abi).ok_or_else(|| wasmi::Error::new("the host functions are not defined"))?;
    let wants = |import: ImportType<'_>| matches!(import.ty(), ExternType::Memory(_) | ExternType::Table(_));
    if !compiled.module.imports().any(wants) {
        return linker.instantiate_and_start(store, &compiled.module);
    }
    let mut linker = linker.clone();
    provide(store, &mut linker, compiled)?;
    linker.instantiate_and_start(store, &compiled.module)
}

/// Provides the memories and tables that the module imports: Envoy's host creates them as requested.
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
        // Two imports of one name share one item.
        let _ = linker.define(import.module(), import.name(), provided);
    }
    Ok(())
}

fn not_instantiated(error: &wasmi::Error, state: &State) -> Fault {
    if let Some(limit) = state.limiter.exceeded {
        return Fault {
            kind: FaultKind::Limits,
            message: format!("the module needs more than {limit}, the limit of the embedded host"),
        };
    }
    match error.as_trap_code() {
        Some(TrapCode::OutOfFuel) => fault_of("the start function", error, state),
        Some(_) => Fault { kind: FaultKind::Load, message: "Failed to create new Wasm instance".into() },
        None if error.downcast_ref::<HostTrap>().is_some() => fault_of("the start function", error, state),
        None => unsupported(error),
    }
}
