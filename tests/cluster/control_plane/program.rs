//! A program of the control plane, which ends with the tests.

use std::fs::{self, File};
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// How long a program may take to get ready on a busy machine. It takes seconds on an idle one.
const PATIENCE: Duration = Duration::from_secs(180);

/// A running program. Dropping it kills the program.
#[derive(Debug)]
pub(crate) struct Program {
    name: &'static str,
    child: Child,
    log: PathBuf,
}

impl Program {
    /// Starts a program that writes its output to `<name>.log` in a directory.
    pub(crate) fn start(name: &'static str, command: &Command, logs: &Path) -> Result<Self, String> {
        let log = logs.join(format!("{name}.log"));
        let file = File::create(&log).and_then(|file| Ok((file.try_clone()?, file)));
        let (out, err) = file.map_err(|error| format!("{}: {error}", log.display()))?;
        // The kernel kills the program if the tests are killed and nothing is dropped.
        let mut wrapped = Command::new("setpriv");
        wrapped.args(["--pdeathsig", "KILL"]).arg(command.get_program()).args(command.get_args());
        wrapped.envs(command.get_envs().filter_map(|(name, value)| Some((name, value?))));
        if let Some(dir) = command.get_current_dir() {
            wrapped.current_dir(dir);
        }
        let child = wrapped.stdin(Stdio::null()).stdout(out).stderr(err).spawn();
        let child = child.map_err(|error| format!("setpriv (of util-linux), which starts {name}: {error}"))?;
        Ok(Self { name, child, log })
    }

    /// Waits until the probe returns a value.
    ///
    /// # Errors
    /// If the program ends or the time is over: the last lines of its log, and what the probe said last.
    pub(crate) fn wait<T>(&mut self, mut probe: impl FnMut() -> Result<T, String>) -> Result<T, String> {
        let start = Instant::now();
        loop {
            let failure = match probe() {
                Ok(value) => return Ok(value),
                Err(failure) => failure,
            };
            let ended = self.child.try_wait().map_err(|error| error.to_string())?;
            let state = match ended {
                Some(status) => format!("ended with {status}"),
                None if start.elapsed() > PATIENCE => format!("is not ready after {} s", PATIENCE.as_secs()),
                None => {
                    std::thread::sleep(Duration::from_millis(100));
                    continue;
                }
            };
            return Err(format!("{} {state}: {failure}\n{}", self.name, last_lines(&self.log())));
        }
    }

    /// The id of the process.
    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    /// Whether the program has ended by itself.
    pub(crate) fn has_ended(&mut self) -> bool {
        !matches!(self.child.try_wait(), Ok(None))
    }

    /// All that the program wrote.
    pub(crate) fn log(&self) -> String {
        String::from_utf8_lossy(&fs::read(&self.log).unwrap_or_default()).into_owned()
    }
}

/// The end of a log.
pub(crate) fn last_lines(log: &str) -> String {
    let lines: Vec<_> = log.lines().collect();
    lines[lines.len().saturating_sub(20)..].join("\n")
}

impl Drop for Program {
    fn drop(&mut self) {
        // Both fail only if the program has already ended.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// As many different ports of the loopback address as asked for, which were free a moment ago.
pub(super) fn free_ports<const N: usize>() -> Result<[u16; N], String> {
    let listeners = [(); N].map(|()| TcpListener::bind("127.0.0.1:0"));
    let mut ports = [0; N];
    for (port, listener) in ports.iter_mut().zip(&listeners) {
        let address = listener.as_ref().map_err(ToString::to_string)?.local_addr();
        *port = address.map_err(|error| error.to_string())?.port();
    }
    Ok(ports)
}
