//! Envoy's process, with its own loopback ports and temporary directory. It is killed when this process ends.

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

/// How long Envoy may take to start. It usually takes a third of a second.
const START: Duration = Duration::from_secs(20);
/// The watcher kills Envoy when its standard input closes, which happens when this process ends, even by a signal. It kills the whole
/// process group, because Envoy may have been started by a script.
const WATCH: &str = r#"read -r _; kill -9 "-$1" "$1"; rm -rf -- "$2""#;

/// A running Envoy. Dropping the value kills it.
#[derive(Debug)]
pub(super) struct Process {
    child: Child,
    watcher: Option<Child>,
    dir: EngineDir,
    pub(super) admin: Admin,
    /// The address of the listener [`MARKER`].
    pub(super) marker: SocketAddr,
    pub(super) journal: Arc<Journal>,
}

/// A temporary directory with a UTF-8 path.
#[derive(Debug)]
struct EngineDir {
    /// Removes the directory when dropped.
    _owner: TempDir,
    path: Utf8PathBuf,
}

/// Why Envoy did not start.
#[derive(Debug)]
pub(super) enum NotStarted {
    /// The file cannot be executed, or a directory cannot be created.
    Io(io::Error),
    /// It exited, or did not serve in time. The text is the end of its log.
    Exited(Option<ExitStatus>, String),
}

impl From<io::Error> for NotStarted {
    fn from(error: io::Error) -> Self {
        Self::Io(error)
    }
}

impl EngineDir {
    fn new() -> io::Result<Self> {
        let owner = tempfile::Builder::new().prefix("mesh-compile-envoy-").tempdir()?;
        let path = Utf8PathBuf::from_path_buf(owner.path().to_path_buf())
            .map_err(|path| io::Error::other(format!("{} is not UTF-8", path.display())))?;
        Ok(Self { _owner: owner, path })
    }
}

impl Process {
    /// Starts the Envoy at `path`. `workload` is the workload's address; `timeout` limits each response of the admin interface.
    pub(super) fn start(path: &Utf8Path, workload: SocketAddr, timeout: Duration) -> Result<Self, NotStarted> {
        let dir = EngineDir::new()?;
        let paths = Paths(&dir.path);
        write(&dir.path.join("bootstrap.json"), &config::bootstrap(&paths, workload))?;
        for name in ["lds.json", "cds.json"] {
            write(&dir.path.join(name), &json!({ "resources": [] }))?;
        }
        File::create(dir.path.join("access"))?;
        let log = File::create(dir.path.join("log"))?;
        let journal = Arc::new(Journal::open(dir.path.join("log").as_std_path())?);
        let child = command(path, &paths, log).spawn()?;
        let admin = Admin { address: SocketAddr::from(([127, 0, 0, 1], 0)), timeout };
        let mut process = Self { watcher: None, child, dir, admin, marker: admin.address, journal };
        process.watcher = process.watch();
        process.wait_until_it_serves()?;
        Ok(process)
    }

    /// Starts a process that kills Envoy if this process cannot.
    fn watch(&self) -> Option<Child> {
        let mut command = Command::new("/bin/sh");
        command.args(["-c", WATCH, "sh", &self.child.id().to_string(), self.dir.path.as_str()]);
        in_a_group_of_its_own(&mut command);
        // Without a shell, Envoy survives only if a signal kills this process.
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
        let mut exited = None;
        let marker = Deadline::after(START).poll(|| {
            exited = self.child.try_wait().ok().flatten();
            if exited.is_some() { Some(None) } else { self.serving().map(Some) }
        });
        let Some(Some(marker)) = marker else { return Err(NotStarted::Exited(exited, self.log_tail())) };
        self.marker = marker;
        Ok(())
    }

    fn serving(&mut self) -> Option<SocketAddr> {
        self.admin.address = fs::read_to_string(self.dir.path.join("admin")).ok()?.parse().ok()?;
        self.admin.get("/ready")?;
        self.admin.listeners()?.get(MARKER).copied()
    }

    /// The exit status, once the process has exited.
    pub(super) fn exit_status(&mut self) -> Option<ExitStatus> {
        self.child.try_wait().ok().flatten()
    }

    pub(super) fn paths(&self) -> Paths<'_> {
        Paths(&self.dir.path)
    }

    /// Replaces a file in the directory by a rename. Envoy notices no other change.
    pub(super) fn replace(&self, name: &str, value: &Value) -> io::Result<()> {
        let new = self.dir.path.join("new.json");
        write(&new, value)?;
        rename(&new, &self.dir.path.join(name))
    }

    /// Writes a module's bytes, unless the file exists.
    pub(super) fn module(&self, path: &str, bytes: &[u8]) -> io::Result<()> {
        if Path::new(path).exists() {
            return Ok(());
        }
        File::create(path)?.write_all(bytes)
    }

    /// The lines of the access log.
    pub(super) fn access_log(&self) -> Vec<String> {
        let text = fs::read_to_string(self.dir.path.join("access")).unwrap_or_default();
        let whole = text.rfind('\n').map_or("", |end| &text[..end]);
        if whole.is_empty() && !text.starts_with('\n') {
            Vec::new()
        } else {
            whole.split('\n').map(str::to_owned).collect()
        }
    }

    /// The last lines of the log.
    fn log_tail(&self) -> String {
        let bytes = fs::read(self.dir.path.join("log")).unwrap_or_default();
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
        // Reaping the process frees its number, so this comes after the watcher. Envoy may have exited by itself; then both fail.
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
        // Removed listeners disappear at once, together with their VMs.
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

/// Whether the file is a script, like the Python package's `envoy`. A script may need `$PATH` to find its interpreter.
fn is_script(path: &Utf8Path) -> bool {
    let mut start = [0; 2];
    File::open(path).and_then(|mut file| io::Read::read_exact(&mut file, &mut start)).is_ok() && start == *b"#!"
}

/// Ctrl-C reaches only this process, which then ends the processes it started.
fn in_a_group_of_its_own(command: &mut Command) {
    #[cfg(unix)]
    std::os::unix::process::CommandExt::process_group(command, 0);
    #[cfg(not(unix))]
    let _ = command;
}

fn search_path() -> Option<std::ffi::OsString> {
    std::env::var_os("PATH")
}

fn write(path: &Utf8Path, value: &Value) -> io::Result<()> {
    File::create(path)?.write_all(value.to_string().as_bytes())
}

fn rename(from: &Utf8Path, to: &Utf8Path) -> io::Result<()> {
    fs::rename(from, to)
}
