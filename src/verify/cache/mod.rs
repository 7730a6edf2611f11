//! Caches the reports of successful dry runs, by everything they depend on.
//!
//! An entry is a file named by its key. It has two lines: the digest of the second line, and the report in JSON. A damaged or unreadable
//! entry is ignored. An entry that cannot be written is not an error: the next run takes longer.

mod key;

use crate::domain::Digest;

use camino::{Utf8Path, Utf8PathBuf};

use super::report::Workload;
use super::subject::Subject;
use crate::world::{Usage, World, write};

/// A cache. Without a directory, it is always empty.
pub(super) struct Cache<'w> {
    world: &'w dyn World,
    dir: Option<Utf8PathBuf>,
}

impl<'w> Cache<'w> {
    /// The cache in this directory.
    pub(super) fn new(world: &'w dyn World, dir: Option<&Utf8Path>) -> Self {
        Self { world, dir: dir.map(|dir| dir.join("verify")) }
    }

    /// The report of an earlier run with the same key.
    pub(super) fn find(&self, subject: &Subject) -> Option<Workload> {
        let text = self.world.read_current(&self.path(subject)?, Usage::Cache).ok()?;
        let text = std::str::from_utf8(&text).ok()?;
        let (digest, report) = text.split_once('\n')?;
        (Digest::of(report.as_bytes()).to_string() == digest).then(|| serde_json::from_str(report).ok()).flatten()
    }

    /// Stores the report of a run without findings.
    pub(super) fn keep(&self, subject: &Subject, workload: &Workload) {
        let Some(path) = self.path(subject) else { return };
        let Ok(report) = serde_json::to_string(workload) else { return };
        let digest = Digest::of(report.as_bytes());
        let written = path.parent().map(|dir| {
            write::create_dirs(dir)?;
            write::persist(write::stage(&path, format!("{digest}\n{report}").as_bytes())?, &path)
        });
        // Without the entry, the next run is only slower.
        drop(written);
    }

    /// `verify/ab/abcdef….json`. Each directory contains a 256th of the entries.
    fn path(&self, subject: &Subject) -> Option<Utf8PathBuf> {
        let dir = self.dir.as_ref()?;
        let key = key::of(subject).to_string();
        Some(dir.join(&key[..2]).join(format!("{key}.json")))
    }
}

#[cfg(test)]
mod tests {

    use super::super::report::{Engine, Run, Test};
    use super::*;

    fn subject(name: &str) -> Subject {
        Subject { name: name.to_owned(), envoy: 40, plugins: Vec::new(), clusters: None, tests: Vec::new() }
    }

    fn report(name: &str) -> Workload {
        let (filter, module) = ("auth".to_owned(), "/auth.wasm".to_owned());
        let run = Run {
            filter,
            module,
            loads: Some(true),
            starts: Some(true),
            configures: None,
            message: None,
            unsupported: false,
        };
        let test = Test {
            name: "t".into(),
            passed: true,
            ran: true,
            failures: Vec::new(),
            exchanges: vec![serde_json::json!({ "a": 1 })],
        };
        Workload {
            memory: crate::verify::report::Memory { vms: 4, bytes: 20_000_000 },
            environment: None,
            name: name.to_owned(),
            engine: Engine::Embedded,
            runs: vec![run],
            tests: vec![test],
        }
    }

    fn dir() -> (tempfile::TempDir, Utf8PathBuf) {
        let dir = tempfile::tempdir().expect("a temporary directory");
        let path = Utf8Path::from_path(dir.path()).expect("UTF-8").join("not/there/yet");
        (dir, path)
    }

    #[test]
    fn a_report_is_found_only_for_the_same_subject() {
        let (_dir, path) = dir();
        let disk = crate::world::Disk::new();
        let cache = Cache::new(&disk, Some(&path));
        assert_eq!(cache.find(&subject("a")), None);
        cache.keep(&subject("a"), &report("a"));
        assert_eq!(cache.find(&subject("a")), Some(report("a")));
        assert_eq!(cache.find(&subject("b")), None);
        assert_eq!(Cache::new(&disk, None).find(&subject("a")), None);
    }

    #[test]
    #[expect(clippy::disallowed_methods, reason = "a test damages its own files")]
    fn a_damaged_entry_is_ignored_and_replaced() {
        let (_dir, path) = dir();
        let disk = crate::world::Disk::new();
        let cache = Cache::new(&disk, Some(&path));
        cache.keep(&subject("a"), &report("a"));
        let entry = cache.path(&subject("a")).expect("a path");
        let whole = std::fs::read(&entry).expect("an entry");
        for end in [0, 1, 64, 65, whole.len() / 2, whole.len() - 1] {
            std::fs::write(&entry, &whole[..end]).expect("the directory is ours");
            assert_eq!(cache.find(&subject("a")), None, "{end} of {} bytes", whole.len());
        }
        std::fs::write(&entry, String::from_utf8_lossy(&whole).replace("auth", "auto")).expect("the directory is ours");
        assert_eq!(cache.find(&subject("a")), None);
        std::fs::remove_file(&entry).and_then(|()| std::fs::create_dir(&entry)).expect("the directory is ours");
        assert_eq!(cache.find(&subject("a")), None);
        cache.keep(&subject("a"), &report("a"));
        std::fs::remove_dir(&entry).expect("the directory is ours");
        cache.keep(&subject("a"), &report("a"));
        assert_eq!(cache.find(&subject("a")), Some(report("a")));
    }
}
