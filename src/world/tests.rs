use super::*;

/// A world and the directory of the project in it.
type Project = (Box<dyn World>, Utf8PathBuf);

/// The same project on disk and in memory.
fn worlds() -> (tempfile::TempDir, [Project; 2]) {
    let temporary = tempfile::tempdir().expect("a temporary directory");
    let dir = Utf8Path::from_path(temporary.path()).expect("UTF-8").to_owned();
    std::fs::create_dir(dir.join("filter")).expect("writable");
    std::fs::write(dir.join("filter/a.wasm"), b"\0asm").expect("writable");
    std::fs::write(dir.join("mesh.toml"), b"[mesh]").expect("writable");
    let memory = Memory::new().file("filter/a.wasm", b"\0asm").file("mesh.toml", b"[mesh]");
    (temporary, [(Box::new(Disk::new()), dir), (Box::new(memory), Utf8PathBuf::new())])
}

#[test]
fn files_are_read_whole() {
    let (_temporary, worlds) = worlds();
    for (world, dir) in &worlds {
        let path = dir.join("filter/a.wasm");
        assert_eq!(&*world.read(&path, Usage::Module).expect("a file"), b"\0asm");
        assert_eq!(&*world.read_argument(&path, Usage::Module).expect("a file"), b"\0asm");
        assert_eq!(world.read_current(&path, Usage::Module).expect("a file"), b"\0asm");
        let missing = world.read(&dir.join("none"), Usage::Module).expect_err("no file");
        assert_eq!(missing.kind(), io::ErrorKind::NotFound);
    }
}

#[test]
fn a_directory_is_not_a_file() {
    let (_temporary, worlds) = worlds();
    for (world, dir) in &worlds {
        let path = dir.join("filter");
        for result in [world.read(&path, Usage::Module), world.read_argument(&path, Usage::Module)] {
            assert_eq!(result.expect_err("a directory").to_string(), "it is a directory, not a file");
        }
    }
}

#[test]
fn kinds_and_entries_are_the_same_in_memory_and_on_disk() {
    let (_temporary, worlds) = worlds();
    for (world, dir) in &worlds {
        assert_eq!(world.kind(&dir.join("filter")), Some(FileKind::Directory));
        assert_eq!(world.kind(&dir.join("filter/../mesh.toml")), Some(FileKind::File));
        assert_eq!(world.kind(&dir.join("none")), None);
        let mut entries = world.list(dir).expect("a directory");
        entries.sort_by(|(a, _), (b, _)| a.cmp(b));
        assert_eq!(entries, [("filter".into(), FileKind::Directory), ("mesh.toml".into(), FileKind::File)]);
        assert_eq!(world.canonical(&dir.join("none")).expect_err("nothing").kind(), io::ErrorKind::NotFound);
        assert!(world.canonical(&dir.join("filter")).expect("a directory").is_absolute());
    }
}

#[test]
fn a_file_is_read_once() {
    let (_temporary, [(disk, dir), _]) = worlds();
    let path = dir.join("mesh.toml");
    let first = disk.read(&path, Usage::Spec).expect("a file");
    std::fs::write(&path, "[output]").expect("writable");
    assert!(Arc::ptr_eq(&first, &disk.read(&path, Usage::Spec).expect("a file")));
    assert_eq!(disk.read_current(&path, Usage::Spec).expect("a file"), b"[output]");
}

#[test]
fn a_file_over_its_limit_is_rejected() {
    let (_temporary, [(disk, dir), _]) = worlds();
    let path = dir.join("large");
    let file = std::fs::File::create(&path).expect("writable");
    file.set_len(Usage::Configuration.limit()).expect("sparse");
    assert!(disk.read_current(&path, Usage::Configuration).is_ok());
    file.set_len(Usage::Configuration.limit() + 1).expect("sparse");
    let expected = "it is larger than 16 MiB";
    assert_eq!(disk.read_current(&path, Usage::Configuration).expect_err("too large").to_string(), expected);
    assert_eq!(disk.read_argument(&path, Usage::Configuration).expect_err("too large").to_string(), expected);
    let memory = Memory::new().file("large", vec![0; 17 << 20]);
    let rejected = memory.read("large".into(), Usage::Configuration);
    assert_eq!(rejected.expect_err("too large").to_string(), expected);
}

#[cfg(unix)]
#[test]
fn only_an_argument_can_be_a_pipe_or_a_device() {
    let (_temporary, [(disk, dir), _]) = worlds();
    let expected = "it is a pipe, a socket or a device, not a file";
    assert_eq!(disk.read("/dev/null".into(), Usage::Spec).expect_err("a device").to_string(), expected);
    let endless = disk.read_argument("/dev/zero".into(), Usage::Configuration).expect_err("a device");
    assert_eq!(endless.to_string(), "it is larger than 16 MiB");

    let pipe = dir.join("pipe");
    let made = std::process::Command::new("mkfifo").arg(&pipe).status().expect("mkfifo runs");
    assert!(made.success());
    assert_eq!(disk.read_current(&pipe, Usage::Spec).expect_err("a pipe").to_string(), expected);
    let writer = std::thread::spawn({
        let pipe = pipe.clone();
        move || std::fs::write(pipe, "[mesh]").expect("a reader")
    });
    assert_eq!(&*disk.read_argument(&pipe, Usage::Spec).expect("a pipe"), b"[mesh]");
    writer.join().expect("it writes");
    // The bytes are gone from the pipe and are still there.
    assert_eq!(&*disk.read_argument(&pipe, Usage::Spec).expect("a pipe"), b"[mesh]");
}
