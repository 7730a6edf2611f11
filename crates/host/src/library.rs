//! The interpreter, and the modules compiled for it.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use wasmi::{CompilationMode, Config, Engine, Linker, Module};

use crate::calls;
use crate::limits;
use crate::metering::{self, Metering};
use crate::outcome::{Fault, FaultKind};
use crate::state::State;
use mesh_compile_module::Digest;
use mesh_compile_module::abi::Abi;
use mesh_compile_module::{LoadContext, ModuleReport, Severity, rules};

/// Modules, each compiled once for any number of proxies.
pub struct Library {
    engine: Engine,
    modules: BTreeMap<Digest, Result<Compiled, Fault>>,
    linkers: BTreeMap<Abi, Linker<State>>,
}

/// A compiled module.
#[derive(Debug, Clone)]
pub(crate) struct Compiled {
    pub(super) module: Module,
    pub(crate) abi: Abi,
    /// Units of fuel that a callback gets at a time.
    pub(super) slice: u64,
}

impl Library {
    /// Compiles the modules in parallel; modules with the same digest once. A module that this host cannot run does not fail here,
    /// but its plugins do not start.
    #[must_use]
    pub fn new(modules: impl IntoIterator<Item = (Digest, Arc<[u8]>)>) -> Self {
        Self::compiled(modules, compile)
    }

    fn compiled(
        modules: impl IntoIterator<Item = (Digest, Arc<[u8]>)>,
        compile: impl Fn(&Engine, &[u8]) -> Result<Compiled, Fault> + Sync,
    ) -> Self {
        use rayon::prelude::*;

        let engine = engine();
        let distinct: BTreeMap<Digest, Arc<[u8]>> = modules.into_iter().collect();
        let modules: Vec<_> =
            distinct.into_par_iter().map(|(digest, bytes)| (digest, compile(&engine, &bytes))).collect();
        let abis = modules.iter().filter_map(|(_, compiled)| Some(compiled.as_ref().ok()?.abi));
        let abis: BTreeSet<Abi> = abis.collect();
        let linkers = abis.into_iter().filter_map(|abi| Some((abi, calls::linker(&engine, abi).ok()?))).collect();
        Self { engine, modules: modules.into_iter().collect(), linkers }
    }

    /// The module with this digest.
    ///
    /// # Errors
    /// Why the host cannot run the module.
    pub(crate) fn get(&self, digest: &Digest) -> Result<&Compiled, Fault> {
        match self.modules.get(digest) {
            Some(compiled) => compiled.as_ref().map_err(Clone::clone),
            None => Err(Fault { kind: FaultKind::Engine, message: "the library does not contain the module".into() }),
        }
    }

    pub(crate) const fn engine(&self) -> &Engine {
        &self.engine
    }

    /// The host functions that a module of this ABI may import.
    pub(super) fn linker(&self, abi: Abi) -> Option<&Linker<State>> {
        self.linkers.get(&abi)
    }
}

/// Eager compilation burns the same fuel in every run. The features are those of V8 that wasmi supports.
fn engine() -> Engine {
    let mut config = Config::default();
    config
        .compilation_mode(CompilationMode::Eager)
        .consume_fuel(true)
        .ignore_custom_sections(true)
        .set_max_recursion_depth(limits::CALL_DEPTH)
        .set_max_stack_height(limits::STACK)
        .wasm_simd(true)
        .wasm_relaxed_simd(true)
        .wasm_tail_call(true)
        .wasm_extended_const(true)
        .wasm_multi_memory(true);
    Engine::new(&config)
}

fn compile(engine: &Engine, bytes: &[u8]) -> Result<Compiled, Fault> {
    let unsupported = |message: String| Fault { kind: FaultKind::Unsupported, message };
    let report = ModuleReport::of(bytes);
    let context = LoadContext { envoy: u32::MAX, filter_type: None, allow_precompiled: false };
    let rejected = rules::check(&report, &context).into_iter().find(|it| it.severity == Severity::Error);
    if let Some(finding) = rejected {
        let message = finding.envoy.unwrap_or(finding.message);
        return Err(Fault { kind: FaultKind::Load, message });
    }
    let Ok(Some(abi)) = report.abi else {
        return Err(Fault { kind: FaultKind::Load, message: "Missing or unknown Proxy-Wasm ABI version".into() });
    };
    if bytes.len() > limits::MODULE {
        return Err(unsupported("the module is over 64 MiB".into()));
    }
    let slice = match metering::metering(bytes) {
        Metering::Slices => limits::SLICE,
        Metering::Fuel => u64::MAX,
        Metering::None(why) => return Err(unsupported(why.to_owned())),
    };
    let module = Module::new(engine, bytes).map_err(|error| unsupported(format!("the interpreter failed: {error}")))?;
    Ok(Compiled { module, abi, slice })
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;

    #[test]
    fn a_module_is_compiled_once_for_any_number_of_workloads() {
        let module = |tag: u32| -> (Digest, Arc<[u8]>) {
            let text = format!(
                r#"(module (memory (export "memory") 1) (func (export "proxy_abi_version_0_2_1"))
                (func (export "malloc") (param i32) (result i32) (i32.const {tag})))"#
            );
            let bytes = wat::parse_str(text).expect("the text is a module");
            (Digest::of(&bytes), bytes.into())
        };
        let three = [1, 2, 3].map(module);
        let of_workloads = std::iter::repeat_n(&three, 1000).flatten().cloned();
        let compilations = AtomicUsize::new(0);
        let library = Library::compiled(of_workloads, |engine, bytes| {
            compilations.fetch_add(1, Ordering::Relaxed);
            compile(engine, bytes)
        });
        assert_eq!(compilations.into_inner(), 3);
        assert!(three.iter().all(|(digest, _)| library.get(digest).is_ok()));
    }
}
