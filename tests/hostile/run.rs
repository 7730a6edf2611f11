//! mesh-compile, under watch.

use std::fmt::Write as _;
use std::fs;
use std::io::Read as _;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use libtest_mimic::Failed;

use super::{Case, Module};

/// No run takes as long, however slow and busy the machine.
const PATIENCE: Duration = Duration::from_secs(240);
/// KiB of address space that a run may have.
const MEMORY: usize = 1 << 20;

pub(super) fn run(case: &Case) -> Result<(), Failed> {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("hostile").join(case.name.replace(['/', ' '], "-"));
    fs::create_dir_all(&folder)?;
    let bytes = match &case.module {
        Module::Text(text) => wat::parse_str(text)?,
        Module::Bytes(bytes) => bytes.clone(),
    };
    fs::write(folder.join("demo.wasm"), bytes)?;
    fs::write(folder.join("mesh.toml"), spec(case))?;
    let alone = verify(&folder, &["demo.wasm"])?;
    let chain = if case.alone { alone.clone() } else { verify(&folder, &[])? };
    let wanted = |said: &str| case.codes.iter().any(|code| said.contains(code));
    if case.codes.is_empty() {
        for said in [&alone, &chain] {
            check(!said.contains("error["), "an error, and none was expected", said)?;
        }
    } else {
        check(wanted(&chain), &format!("none of {:?}", case.codes), &chain)?;
    }
    Ok(())
}

/// A request with all that may be in one, and one without.
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
        r#"[workloads.web]
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

/// What is said; an error where it did not end as it should.
fn verify(folder: &Path, arguments: &[&str]) -> Result<String, Failed> {
    let limited = format!("ulimit -v {MEMORY} && exec \"$@\"");
    let mut child = Command::new("sh")
        .args(["-c", &limited, "sh", env!("CARGO_BIN_EXE_mesh-compile"), "verify", "--no-cache"])
        .args(arguments)
        .current_dir(folder)
        // Each thread has a stack and an arena of its own.
        .env("RAYON_NUM_THREADS", "2")
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()?;
    let mut stderr = child.stderr.take().ok_or("no stderr")?;
    let reader = std::thread::spawn(move || {
        let mut said = Vec::new();
        stderr.read_to_end(&mut said).map(|_| String::from_utf8_lossy(&said).into_owned())
    });
    let start = Instant::now();
    let status = loop {
        if let Some(status) = child.try_wait()? {
            break status;
        }
        if start.elapsed() > PATIENCE {
            child.kill()?;
            child.wait()?;
            return Err(format!("verify {arguments:?} hangs in {}", folder.display()).into());
        }
        std::thread::sleep(Duration::from_millis(10));
    };
    let said = reader.join().map_err(|_| "the reader panicked")??;
    // 2: what renders the module refuses it already.
    check(matches!(status.code(), Some(0..=2)), &format!("it ended with {status}"), &said)?;
    check(!said.contains("panicked"), "a panic", &said)?;
    let raw = |c: char| c.is_control() && c != '\n';
    check(!said.contains(raw), "control characters reach the terminal", &said)?;
    Ok(said)
}

fn check(good: bool, wrong: &str, said: &str) -> Result<(), Failed> {
    if good {
        return Ok(());
    }
    let said: String = said.chars().take(4000).collect();
    Err(format!("{wrong}:\n{}", said.escape_debug().to_string().replace("\\n", "\n")).into())
}
