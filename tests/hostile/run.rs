//! Runs `mesh-compile verify` with a time limit and a memory limit.

use std::fmt::Write as _;
use std::fs;
use std::io::Read as _;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use libtest_mimic::Failed;

use super::{Case, Module};

/// Longer than any run takes on a slow and busy machine.
const TIMEOUT: Duration = Duration::from_secs(240);
/// KiB of address space that a run may use.
const MEMORY: usize = 1 << 20;

pub(super) fn run(case: &Case) -> Result<(), Failed> {
    let dir = Path::new(env!("CARGO_TARGET_TMPDIR")).join("hostile").join(case.name.replace(['/', ' '], "-"));
    fs::create_dir_all(&dir)?;
    let bytes = match &case.module {
        Module::Text(text) => wat::parse_str(text)?,
        Module::Bytes(bytes) => bytes.clone(),
    };
    fs::write(dir.join("demo.wasm"), bytes)?;
    fs::write(dir.join("mesh.toml"), spec(case))?;
    let alone = verify(&dir, &["demo.wasm"])?;
    let chain = if case.alone { alone.clone() } else { verify(&dir, &[])? };
    if case.codes.is_empty() {
        for (status, stderr) in [&alone, &chain] {
            check(*status == 0, &format!("unexpected exit status {status}"), stderr)?;
        }
        return Ok(());
    }
    let (_, stderr) = &chain;
    check(case.codes.iter().any(|code| stderr.contains(code)), &format!("none of {:?}", case.codes), stderr)
}

/// A request with a body and trailers, and one without.
const STEPS: &str = r#"
[[workloads.web.tests.steps]]
after = "1s"
request = { method = "POST", chunks = ["one", "two"], trailers = { a = "1" } }
upstream = { status = 200, chunks = ["three", "four"], trailers = { b = "2" } }

[[workloads.web.tests.steps]]
after = "1s"
request = { path = "/again" }
"#;

fn spec(case: &Case) -> String {
    let mut spec = String::new();
    let mut names = Vec::new();
    for number in 0..case.filters {
        _ = writeln!(spec, "[filters.f{number}]\nmodule = \"demo.wasm\"\nvm-id = \"one\"\n");
        names.push(format!("\"f{number}\""));
    }
    _ = writeln!(
        spec,
        r#"[clusters]
auth = {{ name = "auth" }}
grpc = {{ name = "grpc" }}

[workloads.web]
selector = {{ app = "web" }}
filters = [{}]

[[workloads.web.tests]]
name = "traffic"
callouts."auth" = {{ status = 200, body = "yes" }}
callouts."grpc" = {{ grpc-status = 0, messages = ["yes"] }}
{}
{}
"#,
        names.join(", "),
        case.test,
        if case.test.contains("steps") { "" } else { STEPS },
    );
    spec
}

/// The exit status and the standard error.
///
/// # Errors
/// If the program crashes, panics, does not terminate or prints control characters.
fn verify(dir: &Path, arguments: &[&str]) -> Result<(i32, String), Failed> {
    let limited = format!("ulimit -v {MEMORY} && exec \"$@\"");
    let mut child = Command::new("sh")
        .args(["-c", &limited, "sh", env!("CARGO_BIN_EXE_mesh-compile"), "verify", "--no-cache"])
        .args(arguments)
        .current_dir(dir)
        // Each thread has its own stack and arena.
        .env("RAYON_NUM_THREADS", "2")
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()?;
    let mut stderr = child.stderr.take().ok_or("no stderr")?;
    let reader = std::thread::spawn(move || {
        let mut text = Vec::new();
        stderr.read_to_end(&mut text).map(|_| String::from_utf8_lossy(&text).into_owned())
    });
    let start = Instant::now();
    let status = loop {
        if let Some(status) = child.try_wait()? {
            break status;
        }
        if start.elapsed() > TIMEOUT {
            child.kill()?;
            child.wait()?;
            return Err(format!("verify {arguments:?} does not terminate in {}", dir.display()).into());
        }
        std::thread::sleep(Duration::from_millis(10));
    };
    let stderr = reader.join().map_err(|_| "the reader panicked")??;
    // The status is 2 if mesh.toml cannot be rendered with the module.
    let code = status.code().filter(|code| (0..=2).contains(code)).ok_or(format!("{status}:\n{stderr}"))?;
    check(!stderr.contains("panicked"), "a panic", &stderr)?;
    let raw = |c: char| c.is_control() && c != '\n';
    check(!stderr.contains(raw), "control characters in the output", &stderr)?;
    Ok((code, stderr))
}

fn check(holds: bool, problem: &str, stderr: &str) -> Result<(), Failed> {
    if holds {
        return Ok(());
    }
    let shown: String = stderr.chars().take(4000).collect();
    Err(format!("{problem}:\n{}", shown.escape_debug().to_string().replace("\\n", "\n")).into())
}
