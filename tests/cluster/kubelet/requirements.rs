//! What a machine needs to run pods.

use std::process::{Command, Stdio};

/// Set by a person, never by CI: skips the tests that run pods.
const SKIP: &str = "MESH_COMPILE_SKIP_PODS";

/// Whether a person decided to skip the tests that run pods.
pub(crate) fn is_skipped() -> bool {
    std::env::var(SKIP).is_ok_and(|value| value == "1")
}

/// Fails with what to install or to do. A test that passes without its pods proves nothing.
pub(super) fn check() -> Result<(), String> {
    let packages = [("ip", "iproute2"), ("iptables", "iptables"), ("unshare", "util-linux"), ("mount", "mount")];
    let missing = packages.into_iter().filter(|(program, _)| !starts(Command::new(program).arg("--version")));
    let missing: Vec<_> = missing.map(|(_, package)| package).collect();
    let mut isolated = Command::new("unshare");
    isolated.args(["--net", "--mount", "iptables", "-w", "-t", "nat", "-S"]);
    let why = if !missing.is_empty() {
        format!(
            "programs are missing: run `sudo apt-get install {}`, or install your system's packages",
            missing.join(" ")
        )
    } else if !succeeds(&mut isolated) {
        "no network namespace with iptables can be made: run the tests as root, on a Linux kernel with nf_tables"
            .to_owned()
    } else {
        return Ok(());
    };
    Err(format!("{why}. {SKIP}=1 skips the tests that run pods"))
}

fn starts(command: &mut Command) -> bool {
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).status().is_ok()
}

fn succeeds(command: &mut Command) -> bool {
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).status().is_ok_and(|it| it.success())
}
