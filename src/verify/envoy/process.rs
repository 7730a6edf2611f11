//! Envoy's process: started on loopback ports and in a folder of its own, ended whatever happens.

use std::fs::{self, File};
use std::io::{self, Write as _};
use std::net::SocketAddr;
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::Arc;
use std::time::Duration;

use camino::{Utf8Path, Utf8PathBuf};
use serde_json::{Value, json};
use tempfile::TempDir;

use super::admin::Admin;
use super::clock::Deadline;
use super::config::{self, MARKER, Paths};
use super::journal::Journal;
use super::log;

/// How long Envoy may take to start. It takes a third of a second.
const START: Duration = Duration::from_secs(20);
/// What the watcher does when our end of its standard input closes, that is when this process has ended, even by a signal.
/// Envoy is the first of its group; a script that runs Envoy may have made others.
const WATCH: &str = r#"read -r _; kill -9 "-$1" "$1"; rm -rf -- "$2""#;

/// A running Envoy; it ends with the value.
#[derive(Debug)]
pub(super) struct Process {
    child: Child,
    watcher: Option<Child>,
    folder: Folder,
    pub(super) admin: Admin,
    /// The listener [`MARKER`].
    pub(super) marker: SocketAddr,
    pub(super) journal: Arc<Journal>,
}

/// A temporary folder, its path in UTF-8.
#[derive(Debug)]
struct Folder {
    /// Removes it in the end.
    _owner: TempDir,
    path: Utf8PathBuf,
}

/// Why there is no Envoy, in words that follow `Envoy`.
#[derive(Debug)]
pub(super) enum NotStarted {
    /// The file cannot be executed, or a folder cannot be made.
    Io(io::Error),
    /// It ended, or did not serve in time: the last lines of what it said.
    Ended(Option<ExitStatus>, String),
}

impl From<io::Error> for NotStarted {
    fn from(error: io::Error) -> Self {
        Self::Io(error)
    }
}

impl Folder {
    fn new() -> io::Result<Self> {
        let owner = tempfile::Builder::new().prefix("mesh-compile-envoy-").tempdir()?;
        let path = Utf8PathBuf::from_path_buf(owner.path().to_path_buf())
            .map_err(|path| io::Error::other(format!("{} is not UTF-8", path.display())))?;
        Ok(Self { _owner: owner, path })
    }
}

impl Process {
    /// Starts the Envoy at `path`, which reaches the workload at `workload`. No answer of it may take longer than `patience`.
    pub(super) fn start(path: &Utf8Path, workload: SocketAddr, patience: Duration) -> Result<Self, NotStarted> {
        let folder = Folder::new()?;
        let paths = Paths(&folder.path);
        write(&folder.path.join("bootstrap.json"), &config::bootstrap(&paths, workload))?;
        for name in ["lds.json", "cds.json"] {
            write(&folder.path.join(name), &json!({ "resources": [] }))?;
        }
        File::create(folder.path.join("access"))?;
        let log = File::create(folder.path.join("log"))?;
        let journal = Arc::new(Journal::open(folder.path.join("log").as_std_path())?);
        let child = command(path, &paths, log).spawn()?;
        let admin = Admin { address: SocketAddr::from(([127, 0, 0, 1], 0)), patience };
        let mut process = Self { watcher: None, child, folder, admin, marker: admin.address, journal };
        process.watcher = process.watch();
        process.wait_until_it_serves()?;
        Ok(process)
    }

    /// Another process ends Envoy when this one cannot.
    fn watch(&self) -> Option<Child> {
        let mut command = Command::new("/bin/sh");
        command.args(["-c", WATCH, "sh", &self.child.id().to_string(), self.folder.path.as_str()]);
        in_a_group_of_its_own(&mut command);
        // Without a shell only a signal that ends this process leaves Envoy behind.
        command
            .env_clear()
            .env("PATH", "/usr/bin:/bin")
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .ok()
    }

    fn wait_until_it_serves(&mut self) -> Result<(), NotStarted> {
        let mut ended = None;
        let marker = Deadline::after(START).poll(|| {
            ended = self.child.try_wait().ok().flatten();
            if ended.is_some() { Some(None) } else { self.serving().map(Some) }
        });
        let Some(Some(marker)) = marker else { return Err(NotStarted::Ended(ended, self.last_words())) };
        self.marker = marker;
        Ok(())
    }

    fn serving(&mut self) -> Option<SocketAddr> {
        self.admin.address = fs::read_to_string(self.folder.path.join("admin")).ok()?.parse().ok()?;
        self.admin.get("/ready")?;
        self.admin.listeners()?.get(MARKER).copied()
    }

    /// Whether it still runs; else how it ended.
    pub(super) fn ended(&mut self) -> Option<ExitStatus> {
        self.child.try_wait().ok().flatten()
    }

    pub(super) fn paths(&self) -> Paths<'_> {
        Paths(&self.folder.path)
    }

    /// Puts a file of the folder in the place of an earlier one, at once. Envoy looks at no other changes.
    pub(super) fn replace(&self, name: &str, value: &Value) -> io::Result<()> {
        let new = self.folder.path.join("new.json");
        write(&new, value)?;
        rename(&new, &self.folder.path.join(name))
    }

    /// Writes a module's bytes, unless they are there.
    pub(super) fn module(&self, path: &str, bytes: &[u8]) -> io::Result<()> {
        if Path::new(path).exists() {
            return Ok(());
        }
        File::create(path)?.write_all(bytes)
    }

    /// The lines of the access log.
    pub(super) fn access_log(&self) -> Vec<String> {
        let text = fs::read_to_string(self.folder.path.join("access")).unwrap_or_default();
        let whole = text.rfind('\n').map_or("", |end| &text[..end]);
        if whole.is_empty() && !text.starts_with('\n') {
            Vec::new()
        } else {
            whole.split('\n').map(str::to_owned).collect()
        }
    }

    /// The last lines of the log.
    pub(super) fn last_words(&self) -> String {
        let bytes = fs::read(self.folder.path.join("log")).unwrap_or_default();
        let text = String::from_utf8_lossy(&bytes);
        let lines: Vec<&str> = text.lines().filter(|line| !line.contains("][trace][")).collect();
        lines[lines.len().saturating_sub(3)..].join("\n")
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        if let Some(mut watcher) = self.watcher.take() {
            drop(watcher.stdin.take());
            _ = watcher.wait();
        }
        // Only now is the number free for another process. It may have ended by itself; then there is nothing to end.
        _ = self.child.kill();
        _ = self.child.wait();
    }
}

fn command(path: &Utf8Path, paths: &Paths<'_>, log: File) -> Command {
    let mut command = Command::new(path);
    command
        .args(["--disable-hot-restart", "--concurrency", "1", "--log-level", "warning"])
        .args(["--component-log-level", "wasm:trace,router:debug,upstream:info,admin:off"])
        .args(["--log-format-escaped", "--log-format", log::FORMAT])
        // What is taken away goes at once, and its VMs with it.
        .args(["--drain-time-s", "0", "--drain-strategy", "immediate", "--file-flush-interval-msec", "1"])
        .args(["--config-path", &paths.file("bootstrap.json"), "--admin-address-path", &paths.file("admin")])
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(log)
        .env_clear();
    if let Some(search_path) = search_path().filter(|_| is_script(path)) {
        command.env("PATH", search_path);
    }
    in_a_group_of_its_own(&mut command);
    command
}

/// The Python package's `envoy` is one; it may have to look for its interpreter.
fn is_script(path: &Utf8Path) -> bool {
    let mut start = [0; 2];
    File::open(path).and_then(|mut file| io::Read::read_exact(&mut file, &mut start)).is_ok() && start == *b"#!"
}

/// A Ctrl-C is for us; what we started ends with us.
fn in_a_group_of_its_own(command: &mut Command) {
    #[cfg(unix)]
    std::os::unix::process::CommandExt::process_group(command, 0);
    #[cfg(not(unix))]
    let _ = command;
}

#[expect(clippy::disallowed_methods, reason = "where Envoy is looked for; nothing of it reaches a manifest")]
fn search_path() -> Option<std::ffi::OsString> {
    std::env::var_os("PATH")
}

fn write(path: &Utf8Path, value: &Value) -> io::Result<()> {
    File::create(path)?.write_all(value.to_string().as_bytes())
}

#[expect(clippy::disallowed_methods, reason = "in a temporary folder; store/ writes out/")]
fn rename(from: &Utf8Path, to: &Utf8Path) -> io::Result<()> {
    fs::rename(from, to)
}
