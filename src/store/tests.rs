//! A render may stop at any step. The next render repairs `out/` without a word, and never touches a file of the user's.

use std::cell::Cell;
use std::collections::BTreeSet;
use std::io;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use camino::{Utf8Path, Utf8PathBuf};
use tempfile::TempPath;

use super::write::{Disk, Write};
use super::*;
use crate::layout::{self, Tree};
use crate::objects::{Digests, LockedModule};
use crate::world::{self, Memory, write as real};
use crate::{backend, resolve, spec};

const SPEC: &str = "mesh.toml";

/// An output directory.
struct Out {
    _temp: tempfile::TempDir,
    dir: Utf8PathBuf,
}

impl Out {
    fn new() -> Self {
        let temp = tempfile::tempdir().expect("a temporary directory");
        let dir = Utf8Path::from_path(temp.path()).expect("UTF-8").join("out");
        Self { _temp: temp, dir }
    }

    /// The paths of all files.
    fn paths(&self) -> BTreeSet<String> {
        fn walk(world: &dyn World, dir: &Utf8Path, below: &str, found: &mut BTreeSet<String>) {
            for (name, kind) in world.list(&dir.join(below)).unwrap_or_default() {
                let path = if below.is_empty() { name } else { format!("{below}/{name}") };
                if kind == world::FileKind::Directory {
                    walk(world, dir, &path, found);
                } else {
                    found.insert(path);
                }
            }
        }
        let mut found = BTreeSet::new();
        walk(&world::Disk::new(), &self.dir, "", &mut found);
        found
    }

    /// The empty directories, except the output directory itself.
    fn empty_directories(&self) -> Vec<Utf8PathBuf> {
        fn walk(world: &dyn World, dir: &Utf8Path, found: &mut Vec<Utf8PathBuf>) {
            for (name, kind) in world.list(dir).unwrap_or_default() {
                let path = dir.join(name);
                if kind == world::FileKind::Directory {
                    if world.list(&path).is_ok_and(|entries| entries.is_empty()) {
                        found.push(path.clone());
                    }
                    walk(world, &path, found);
                }
            }
        }
        let mut found = Vec::new();
        walk(&world::Disk::new(), &self.dir, &mut found);
        found
    }

    fn read(&self, path: &str) -> Option<Vec<u8>> {
        world::Disk::new().read_current(&self.dir.join(path), Usage::Output).ok()
    }

    fn clear(&self) {
        for path in self.paths() {
            self.remove(&path);
        }
    }

    fn write(&self, path: &str, bytes: &[u8]) {
        let path = self.dir.join(path);
        real::create_dirs(path.parent().expect("a directory")).expect("writable");
        real::write(&path, bytes).expect("writable");
    }

    fn remove(&self, path: &str) {
        real::remove(&self.dir, &self.dir.join(path)).expect("writable");
    }

    /// The files of a mesh.toml, to be written here.
    fn tree(&self, spec: &str) -> Tree {
        let world = Memory::new().file(SPEC, spec).file("one.wasm", module(1)).file("two.wasm", module(2));
        let mut sink = Sink::new();
        let spec = spec::load(&world, SPEC.into(), &[], &mut sink).expect("the file is there").into_only();
        let loaded = crate::base::Loaded::default();
        let resolved = resolve::resolve(&world, &spec, "out".into(), &loaded, &mut sink);
        let plan = backend::envoy_filter::plan(&spec, &resolved.mesh, &resolved.templates, &mut sink);
        assert!(!sink.has_errors(), "{:#?}", sink.into_sorted(world.sources()));
        layout::tree(&resolved.mesh, self.dir.clone(), backend::envoy_filter::objects(&resolved.mesh, &plan))
    }

    fn trees(&self, history: &[Option<String>; 3]) -> [Option<Tree>; 3] {
        history.each_ref().map(|spec| spec.as_ref().map(|spec| self.tree(spec)))
    }

    /// Renders up to the point where the disk fails, if it does. Returns whether the render finished.
    fn render(&self, disk: &dyn Disk, tree: &Tree) -> bool {
        let world = world::Disk::new();
        let mut sink = Sink::new();
        let _ = exclusive(&self.dir, || ());
        let steps = plan(&world, tree, SPEC.into(), &mut sink);
        assert_eq!(sink.into_sorted(world.sources()), [], "the render is rejected");
        Write { disk, world: &world, tree }.run(&steps, &mut Sink::new())
    }

    /// Renders to the end, after which the directory contains exactly the files of the tree.
    fn repair(&self, tree: &Tree) {
        assert!(self.render(&Stopping::never(), tree), "the render fails");
        let expected: BTreeSet<String> = tree.files.iter().map(|file| file.path.clone()).collect();
        assert_eq!(self.paths(), expected);
        for file in &tree.files {
            assert!(self.read(&file.path).as_ref() == Some(&file.bytes), "{} differs", file.path);
        }
        assert_eq!(self.empty_directories(), Vec::<Utf8PathBuf>::new());
    }

    /// The codes of the errors about a path that keep a render from starting.
    fn rejections(&self, tree: &Tree) -> Vec<Code> {
        let (world, mut sink) = (world::Disk::new(), Sink::new());
        plan(&world, tree, SPEC.into(), &mut sink);
        sink.into_sorted(world.sources()).into_iter().map(|error| error.code).collect()
    }

    fn lock(&self) -> Lock {
        parse_lock(&self.read(LOCK).unwrap_or_default()).unwrap_or_default()
    }
}

/// A disk on which the process is killed at a given operation. Temporary files then stay, and the last one is half written.
struct Stopping {
    operations: AtomicUsize,
    stopped: AtomicBool,
}

impl Stopping {
    fn after(operations: usize) -> Self {
        Self { operations: AtomicUsize::new(operations), stopped: AtomicBool::new(false) }
    }

    fn never() -> Self {
        Self::after(usize::MAX)
    }

    fn operation(&self) -> io::Result<()> {
        let left = self.operations.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |left| left.checked_sub(1));
        left.map(drop).map_err(|_| {
            self.stopped.store(true, Ordering::SeqCst);
            io::Error::other("killed")
        })
    }
}

impl Disk for Stopping {
    fn create_dirs(&self, dir: &Utf8Path) -> io::Result<()> {
        self.operation()?;
        real::create_dirs(dir)
    }

    fn stage(&self, path: &Utf8Path, bytes: &[u8]) -> io::Result<TempPath> {
        let killed = !self.stopped.load(Ordering::SeqCst);
        if let Err(error) = self.operation() {
            if killed && let Ok(mut half) = real::stage(path, &bytes[..bytes.len() / 2]) {
                half.disable_cleanup(true);
            }
            return Err(error);
        }
        let mut file = real::stage(path, bytes)?;
        file.disable_cleanup(true);
        Ok(file)
    }

    fn persist(&self, file: TempPath, path: &Utf8Path) -> io::Result<()> {
        self.operation()?;
        real::persist(file, path)
    }

    fn remove(&self, dir: &Utf8Path, path: &Utf8Path) -> io::Result<()> {
        self.operation()?;
        real::remove(dir, path)
    }
}

/// A disk on which one path can neither be replaced nor deleted.
struct Protected(Utf8PathBuf);

impl Disk for Protected {
    fn create_dirs(&self, dir: &Utf8Path) -> io::Result<()> {
        real::create_dirs(dir)
    }

    fn stage(&self, path: &Utf8Path, bytes: &[u8]) -> io::Result<TempPath> {
        real::stage(path, bytes)
    }

    fn persist(&self, file: TempPath, path: &Utf8Path) -> io::Result<()> {
        if path == self.0 { Err(io::ErrorKind::PermissionDenied.into()) } else { real::persist(file, path) }
    }

    fn remove(&self, dir: &Utf8Path, path: &Utf8Path) -> io::Result<()> {
        if path == self.0 { Err(io::ErrorKind::PermissionDenied.into()) } else { real::remove(dir, path) }
    }
}

/// A module that Envoy loads.
fn module(tag: u8) -> Vec<u8> {
    let text = format!(
        r#"(module (memory (export "memory") 1)
            (func (export "proxy_abi_version_0_2_1"))
            (func (export "malloc") (param i32) (result i32) i32.const 0)
            (func (export "proxy_on_request_headers") (param i32 i32 i32) (result i32) (drop (i32.const {tag})) i32.const 0))"#
    );
    wat::parse_str(text).expect("valid WebAssembly text")
}

const PER_WORKLOAD: &str = "output.envoy-filters = 'per-workload'\n";
const STABLE: &str = "rollout = { gate = 'none', config-map-name = 'stable' }\n";

/// A mesh.toml whose filter has this module and configuration, with these workloads, as `namespace/name`.
fn mesh(settings: &str, module: &str, config: &str, workloads: &[&str]) -> String {
    let mut text = format!("{settings}filters.f = {{ module = '{module}.wasm', config-text = '{config}' }}\n");
    for workload in workloads {
        let (namespace, name) = workload.split_once('/').expect("a namespace");
        text += &format!(
            "[workloads.{name}]\nnamespace = '{namespace}'\nselector = {{ app = '{name}' }}\nfilters = ['f']\n"
        );
    }
    text
}

/// The specs of a complete render, of an interrupted one and of the one that follows. The first may be missing.
fn histories() -> Vec<[Option<String>; 3]> {
    let per_workload = |config: &str, workloads: &[&str]| Some(mesh(PER_WORKLOAD, "one", config, workloads));
    let shared = |module: &str, config: &str, workloads: &[&str]| Some(mesh("", module, config, workloads));
    let stable = |module: &str, config: &str, workloads: &[&str]| Some(mesh(STABLE, module, config, workloads));
    vec![
        // Content changes and a file is added; then a file is removed.
        [
            per_workload("1", &["shop/a", "shop/b"]),
            per_workload("2", &["shop/a", "shop/b", "shop/c"]),
            per_workload("2", &["shop/a", "shop/c"]),
        ],
        // The change is reverted.
        [
            per_workload("1", &["shop/a", "shop/b"]),
            per_workload("2", &["shop/a", "shop/c"]),
            per_workload("1", &["shop/a", "shop/b"]),
        ],
        // The first render is interrupted.
        [None, shared("one", "1", &["shop/a", "back/b"]), shared("two", "2", &["back/b"])],
        // Names contain the digest of the module.
        [
            shared("one", "1", &["shop/a", "back/b"]),
            shared("two", "2", &["shop/a", "back/b"]),
            shared("one", "3", &["shop/a"]),
        ],
        // Files move to another directory and back.
        [shared("one", "1", &["shop/a"]), shared("one", "1", &["back/a"]), shared("two", "1", &["shop/a"])],
        // The same names with other content.
        [
            stable("one", "1", &["shop/a", "shop/b"]),
            stable("two", "2", &["shop/a", "shop/b"]),
            stable("one", "3", &["shop/b"]),
        ],
        // Almost everything is deleted; then it returns.
        [
            shared("one", "1", &["shop/a", "back/b", "edge/c"]),
            shared("one", "1", &["edge/c"]),
            shared("two", "1", &["shop/a", "back/b", "edge/c"]),
        ],
    ]
}

/// Stops the second render after each of its operations, and passes the directory and the three trees to `check`.
fn at_every_step(check: impl Fn(&Out, [Option<&Tree>; 3], usize)) {
    for history in histories() {
        let out = Out::new();
        let [first, interrupted, last] = out.trees(&history);
        let interrupted = interrupted.expect("a spec");
        for step in 0.. {
            out.clear();
            first.iter().for_each(|first| out.repair(first));
            let finished = out.render(&Stopping::after(step), &interrupted);
            check(&out, [first.as_ref(), Some(&interrupted), last.as_ref()], step);
            if finished {
                assert!(step > 5, "the render has several steps");
                break;
            }
        }
    }
}

#[test]
fn a_render_repairs_what_an_interrupted_one_left() {
    at_every_step(|out, [_, _, last], _| out.repair(last.expect("a spec")));
}

#[test]
fn an_interrupted_render_can_be_repeated() {
    at_every_step(|out, [_, interrupted, _], _| out.repair(interrupted.expect("a spec")));
}

#[test]
fn a_second_interruption_changes_nothing() {
    for history in histories().into_iter().take(2) {
        let out = Out::new();
        let [first, second, last] = out.trees(&history).map(|tree| tree.expect("a spec"));
        for first_step in 0..35 {
            for second_step in (0..35).step_by(4) {
                out.clear();
                out.repair(&first);
                out.render(&Stopping::after(first_step), &second);
                out.render(&Stopping::after(second_step), &last);
                out.repair(&second);
            }
        }
    }
}

#[test]
fn a_complete_render_lists_one_digest_per_file() {
    at_every_step(|out, [_, _, last], _| {
        let last = last.expect("a spec");
        out.repair(last);
        let files: Vec<_> = last.files.iter().filter(|file| file.path != LOCK).collect();
        let lock = out.lock();
        assert_eq!(lock.files.len(), files.len());
        for file in files {
            assert_eq!(lock.files[&file.path], Digests::One(file.digest.to_string()));
        }
    });
}

#[test]
fn a_file_that_was_changed_by_hand_is_not_deleted_after_any_step() {
    let rejected = Cell::new(0);
    at_every_step(|out, [.., last], step| {
        let last = last.expect("a spec");
        for path in out.paths() {
            if last.files.iter().any(|file| file.path == path) || is_temporary(&path) {
                continue;
            }
            let bytes = out.read(&path).expect("a file");
            out.write(&path, &[&bytes[..], b"# mine\n"].concat());
            assert_eq!(out.rejections(last), [Code::MC0704], "{path} after step {step}");
            rejected.update(|count| count + 1);
            out.write(&path, &bytes);
        }
        out.repair(last);
    });
    assert!(rejected.get() > 0);
}

#[test]
fn a_new_file_of_the_users_is_not_overwritten_after_any_step() {
    let rejected = Cell::new(0);
    at_every_step(|out, [_, _, last], step| {
        let last = last.expect("a spec");
        // Files that are not on disk were never written, or are deleted already.
        let present = out.paths();
        for file in last.files.iter().filter(|file| file.path != LOCK && !present.contains(&file.path)) {
            out.write(&file.path, b"mine");
            assert_eq!(out.rejections(last), [Code::MC0705], "{} after step {step}", file.path);
            rejected.update(|count| count + 1);
            out.remove(&file.path);
        }
        out.repair(last);
    });
    assert!(rejected.get() > 0);
}

#[test]
fn a_path_that_cannot_be_changed_is_repaired_once_it_can() {
    for history in histories() {
        let out = Out::new();
        let trees = out.trees(&history);
        let paths: BTreeSet<&str> =
            trees.iter().flatten().flat_map(|tree| &tree.files).map(|file| file.path.as_str()).collect();
        let [first, interrupted, last] = trees.each_ref().map(Option::as_ref);
        for path in paths {
            out.clear();
            first.iter().for_each(|first| out.repair(first));
            let protected = Protected(out.dir.join(path));
            for tree in [interrupted, last].into_iter().flatten() {
                out.render(&protected, tree);
            }
            last.iter().for_each(|last| out.repair(last));
        }
    }
}

#[test]
fn a_lock_of_the_first_version_lists_the_same_files() {
    for history in histories() {
        let out = Out::new();
        let [Some(first), second, _] = out.trees(&history) else { continue };
        out.repair(&first);
        let mut lock = "version = 1\n[files]\n".to_owned();
        for file in first.files.iter().filter(|file| file.path != LOCK) {
            lock += &format!("\"{}\" = \"{}\"\n", file.path, file.digest);
        }
        out.write(LOCK, lock.as_bytes());
        let steps = plan(&world::Disk::new(), &first, SPEC.into(), &mut Sink::new());
        let steps: Vec<_> = steps.iter().map(|step| (step.action, step.path.as_str())).collect();
        assert_eq!(steps, [(Action::Update, LOCK)]);
        out.repair(&second.expect("a spec"));
    }
}

/// Two branches that add modules. The entries of both sides stay apart, also where git sees no conflict.
#[test]
fn locks_that_git_merges_list_the_files_of_both_sides() {
    let lock = |modules: &[&str]| {
        let module = |name: &&str| {
            let locked =
                LockedModule { sha256: format!("{name:x<64}"), size: 1, slim_size: None, abi: Some("0.2.1".into()) };
            (Utf8PathBuf::from(format!("{name}.wasm")), locked)
        };
        let file = |name: &&str| (format!("configmaps/shop/{name}.yaml"), Digests::One(format!("{name:x<64}")));
        Lock::new(modules.iter().map(file).collect(), modules.iter().map(module).collect())
    };
    let all: [&[&str]; 7] = [&["a"], &["b"], &["a", "b"], &["b", "c"], &["a", "c"], &["a", "b", "c"], &[]];
    let dir = tempfile::tempdir().expect("a temporary directory");
    let dir = Utf8Path::from_path(dir.path()).expect("UTF-8");
    for base in all {
        for (ours, theirs) in all.iter().flat_map(|ours| all.iter().map(move |theirs| (*ours, *theirs))) {
            for (name, modules) in [("ours", ours), ("base", base), ("theirs", theirs)] {
                real::write(&dir.join(name), lock(modules).to_toml("c").as_bytes()).expect("writable");
            }
            let git = std::process::Command::new("git")
                .args(["merge-file", "-p", "ours", "base", "theirs"])
                .current_dir(dir)
                .output()
                .expect("git runs");
            let text = String::from_utf8_lossy(&git.stdout);
            let merged = parse_lock(&git.stdout).unwrap_or_else(|reason| panic!("{reason}:\n{text}"));
            // What one side deletes may be gone; what a side adds may not.
            for name in ours.iter().chain(theirs).filter(|name| !base.contains(name)) {
                assert!(merged.files.contains_key(&format!("configmaps/shop/{name}.yaml")), "{name}:\n{text}");
            }
        }
    }
}
