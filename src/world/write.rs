//! How files are written: the output files that a command names, `out/` and the cache all go through here.

use std::fs::{self, File, Metadata};
use std::io::{self, Write as _};

use camino::{Utf8Path, Utf8PathBuf};

/// The start of the names of temporary files. Six letters and digits follow.
pub(crate) const TEMPORARY: &str = ".mesh-compile-";

/// The number of symbolic links that are followed, as Linux does (path_resolution(7)).
const LINKS: usize = 40;

/// Writes an output file that the user named.
///
/// A regular file is replaced atomically and keeps its permissions. A symbolic link stays, and its target is written. A pipe, a
/// device or an open file such as `/dev/stdout` receives the bytes.
///
/// # Errors
/// The path is a directory, or it cannot be written.
pub fn write(path: &Utf8Path, bytes: &[u8]) -> io::Result<()> {
    match Target::of(path)? {
        Target::New(path) => persist(stage(&path, bytes)?, &path),
        Target::File(path, metadata) => {
            let file = stage(&path, bytes)?;
            keep_owner_and_permissions(&file, &metadata)?;
            persist(file, &path)
        }
        Target::Stream(path) => File::options().append(true).open(path)?.write_all(bytes),
        Target::Stdout => match io::stdout().lock().write_all(bytes).and_then(|()| io::stdout().flush()) {
            // The reader wants no more, as in `| head`.
            Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
            written => written,
        },
        Target::Stderr => io::stderr().lock().write_all(bytes),
    }
}

/// What a path leads to.
enum Target {
    New(Utf8PathBuf),
    File(Utf8PathBuf, Metadata),
    /// Something that must not be replaced.
    Stream(Utf8PathBuf),
    /// Opened again, the file would have a position of its own: what this process prints would overwrite the bytes.
    Stdout,
    Stderr,
}

impl Target {
    fn of(path: &Utf8Path) -> io::Result<Self> {
        let mut path = path.to_owned();
        for _ in 0..=LINKS {
            let metadata = match fs::symlink_metadata(&path) {
                Ok(metadata) => metadata,
                Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Self::New(path)),
                Err(error) => return Err(error),
            };
            if metadata.is_file() {
                return Ok(Self::File(path, metadata));
            } else if metadata.is_dir() {
                return Err(io::Error::new(io::ErrorKind::IsADirectory, "it is a directory"));
            } else if !metadata.is_symlink() {
                return Ok(Self::Stream(path));
            } else if let Some(directory) = proc_directory(&path) {
                let is_own = directory == format!("/proc/{}/fd", std::process::id());
                return Ok(match path.file_name() {
                    Some("1") if is_own => Self::Stdout,
                    Some("2") if is_own => Self::Stderr,
                    _ => Self::Stream(path),
                });
            }
            path = parent(&path).join(path.read_link_utf8()?);
        }
        Err(io::Error::other("it leads through too many symbolic links"))
    }
}

/// The directory of a link of `/proc`. Such a link leads to a file that a process has open, whatever path the link shows.
fn proc_directory(link: &Utf8Path) -> Option<Utf8PathBuf> {
    parent(link).canonicalize_utf8().ok().filter(|dir| dir.starts_with("/proc"))
}

/// The directory of a path; `.` for a bare name.
fn parent(path: &Utf8Path) -> &Utf8Path {
    path.parent().filter(|dir| *dir != "").unwrap_or_else(|| ".".into())
}

#[cfg(unix)]
fn keep_owner_and_permissions(file: &tempfile::TempPath, old: &Metadata) -> io::Result<()> {
    use std::os::unix::fs::{MetadataExt as _, chown};
    // Only root can give a file away; everyone else owns the new file.
    let _ = chown(file, Some(old.uid()), Some(old.gid()));
    fs::set_permissions(file, old.permissions())
}

#[cfg(not(unix))]
fn keep_owner_and_permissions(file: &tempfile::TempPath, old: &Metadata) -> io::Result<()> {
    fs::set_permissions(file, old.permissions())
}

/// Writes a temporary file beside `path`, for [`persist`] to move there. It is deleted when dropped.
///
/// # Errors
/// The directory does not exist or cannot be written, or the disk is full.
pub(crate) fn stage(path: &Utf8Path, bytes: &[u8]) -> io::Result<tempfile::TempPath> {
    let mut builder = tempfile::Builder::new();
    builder.prefix(TEMPORARY);
    #[cfg(unix)]
    let permissions = <fs::Permissions as std::os::unix::fs::PermissionsExt>::from_mode(0o666);
    #[cfg(unix)]
    builder.permissions(permissions); // minus the umask, like any new file
    // The error names the temporary file. That of a missing directory is the system's own, of others only the kind is kept.
    let dir = parent(path);
    let reason = |error: io::Error| fs::metadata(dir).err().unwrap_or_else(|| error.kind().into());
    let mut file = builder.tempfile_in(dir).map_err(reason)?;
    file.write_all(bytes)?;
    // Closed here, because a process may not keep ten thousand files open.
    Ok(file.into_temp_path())
}

/// Moves a staged file to its path, atomically.
///
/// # Errors
/// The file cannot be renamed: a directory is at the path, for example.
pub(crate) fn persist(file: tempfile::TempPath, path: &Utf8Path) -> io::Result<()> {
    file.persist(path).map_err(|error| error.error)
}

/// Creates a file that must not exist yet, and its directories. Returns `AlreadyExists` otherwise.
///
/// # Errors
/// The file exists or cannot be written.
pub fn create(path: &Utf8Path, bytes: &[u8], executable: bool) -> io::Result<()> {
    create_dirs(parent(path))?;
    let mut options = File::options();
    options.write(true).create_new(true);
    #[cfg(unix)]
    if executable {
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o777); // minus the umask
    }
    #[cfg(not(unix))]
    let _ = executable;
    options.open(path)?.write_all(bytes)
}

/// Creates a directory and those above it that do not exist.
pub(crate) fn create_dirs(dir: &Utf8Path) -> io::Result<()> {
    fs::create_dir_all(dir)
}

/// Deletes a file, then the directories below `dir` that this leaves empty. A file that does not exist counts as deleted.
pub(crate) fn remove(dir: &Utf8Path, path: &Utf8Path) -> io::Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => {} // another run was faster
        removed => removed?,
    }
    let dirs = path.ancestors().skip(1).take_while(|above| *above != dir);
    for dir in dirs {
        if fs::remove_dir(dir).is_err() {
            break; // not empty
        }
    }
    Ok(())
}

/// Deletes the empty directories below `dir`, and `dir` itself if nothing is left in it. Symbolic links are not followed.
pub(crate) fn prune(dir: &Utf8Path) {
    if !fs::symlink_metadata(dir).is_ok_and(|metadata| metadata.is_dir()) {
        return;
    }
    let Ok(entries) = dir.read_dir_utf8() else { return };
    let dirs = entries.flatten().filter(|entry| entry.file_type().is_ok_and(|kind| kind.is_dir()));
    dirs.for_each(|entry| prune(entry.path()));
    // Fails unless it is empty.
    let _ = fs::remove_dir(dir);
}

/// Waits for the lock of a directory, after a call of `waiting` if another process holds it. The result holds the lock as long as
/// it lives. `None` where the file system has no locks.
pub(crate) fn lock(dir: &Utf8Path, waiting: impl FnOnce()) -> Option<File> {
    // Opening a pipe would wait for a writer.
    let dir = fs::metadata(dir).ok().filter(Metadata::is_dir).and_then(|_| File::open(dir).ok())?;
    match dir.try_lock() {
        Ok(()) => return Some(dir),
        Err(fs::TryLockError::WouldBlock) => waiting(),
        Err(fs::TryLockError::Error(_)) => return None,
    }
    dir.lock().is_ok().then_some(dir)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn dir() -> (tempfile::TempDir, Utf8PathBuf) {
        let dir = tempfile::tempdir().expect("a temporary directory");
        let path = Utf8Path::from_path(dir.path()).expect("UTF-8").to_owned();
        (dir, path)
    }

    fn read(path: &Utf8Path) -> String {
        fs::read_to_string(path).expect("a file")
    }

    #[test]
    fn a_missing_file_is_created_and_a_regular_file_is_replaced() {
        let (_dir, dir) = dir();
        let path = dir.join("file");
        write(&path, b"one").expect("writable");
        assert_eq!(read(&path), "one");
        let before = File::open(&path).expect("a file");
        write(&path, b"two").expect("writable");
        assert_eq!(read(&path), "two");
        assert_eq!(io::read_to_string(before).expect("still open"), "one", "the old file is not overwritten");
        assert_eq!(fs::read_dir(&dir).expect("a directory").count(), 1, "no temporary file stays");
    }

    #[test]
    fn a_directory_is_rejected() {
        let (_dir, dir) = dir();
        assert_eq!(write(&dir, b"one").expect_err("a directory").to_string(), "it is a directory");
        let missing = write(&dir.join("none/file"), b"one").expect_err("no directory");
        assert_eq!(missing.kind(), io::ErrorKind::NotFound);
    }

    #[cfg(unix)]
    mod unix {
        use std::os::unix::fs::{PermissionsExt as _, symlink};

        use super::*;

        #[test]
        fn a_regular_file_keeps_its_permissions() {
            let (_dir, dir) = dir();
            let path = dir.join("file");
            write(&path, b"one").expect("writable");
            fs::set_permissions(&path, fs::Permissions::from_mode(0o640)).expect("ours");
            write(&path, b"two").expect("writable");
            assert_eq!(fs::metadata(&path).expect("a file").permissions().mode() & 0o777, 0o640);
        }

        #[test]
        fn a_symbolic_link_stays_and_its_target_is_written() {
            let (_dir, dir) = dir();
            fs::create_dir(dir.join("below")).expect("writable");
            write(&dir.join("below/file"), b"one").expect("writable");
            for (link, target) in [("link", "below/file"), ("chain", "link"), ("dangling", "below/new")] {
                symlink(target, dir.join(link)).expect("writable");
                write(&dir.join(link), link.as_bytes()).expect("writable");
                assert!(dir.join(link).is_symlink());
                assert_eq!(read(&dir.join(target)), link);
            }
            assert!(!dir.join("below/new").is_symlink());
            symlink("loop", dir.join("loop")).expect("writable");
            assert!(write(&dir.join("loop"), b"one").is_err());
            assert!(dir.join("loop").is_symlink());
        }

        #[test]
        fn empty_directories_are_deleted_but_links_are_not_followed() {
            let (_dir, dir) = dir();
            create_dirs(&dir.join("out/empty/below")).expect("writable");
            create_dirs(&dir.join("elsewhere/empty")).expect("writable");
            write(&dir.join("out/file"), b"one").expect("writable");
            symlink("../elsewhere", dir.join("out/link")).expect("writable");
            prune(&dir.join("out/link"));
            prune(&dir.join("out"));
            assert!(dir.join("elsewhere/empty").is_dir() && dir.join("out/file").is_file());
            assert!(dir.join("out/link").is_symlink() && !dir.join("out/empty").exists());
        }

        #[test]
        fn a_pipe_receives_the_bytes() {
            let (_dir, dir) = dir();
            let pipe = dir.join("pipe");
            assert!(std::process::Command::new("mkfifo").arg(&pipe).status().expect("mkfifo runs").success());
            let reader = std::thread::spawn({
                let pipe = pipe.clone();
                move || fs::read_to_string(pipe).expect("a writer")
            });
            write(&pipe, b"one").expect("a reader");
            assert_eq!(reader.join().expect("it reads"), "one");
            let kind = fs::symlink_metadata(&pipe).expect("a pipe").file_type();
            assert!(std::os::unix::fs::FileTypeExt::is_fifo(&kind));
        }

        #[test]
        fn a_device_is_not_replaced() {
            write("/dev/null".into(), b"one").expect("writable");
            let kind = fs::symlink_metadata("/dev/null").expect("a device").file_type();
            assert!(std::os::unix::fs::FileTypeExt::is_char_device(&kind));
        }

        /// What `/dev/stdout` leads to when the shell redirects to a file.
        #[cfg(target_os = "linux")]
        #[test]
        fn an_open_file_receives_the_bytes_after_its_own() {
            use std::os::fd::AsRawFd as _;
            let (_dir, dir) = dir();
            write(&dir.join("file"), b"one").expect("writable");
            let open = File::open(dir.join("file")).expect("a file");
            symlink(format!("/proc/self/fd/{}", open.as_raw_fd()), dir.join("stdout")).expect("writable");
            write(&dir.join("stdout"), b" two").expect("writable");
            assert_eq!(io::read_to_string(open).expect("still open"), "one two");
            assert!(dir.join("stdout").is_symlink());
        }

        #[test]
        fn a_directory_without_permission_is_an_error() {
            let (_dir, dir) = dir();
            fs::set_permissions(&dir, fs::Permissions::from_mode(0o500)).expect("ours");
            // Permissions do not bind root, but nobody can create a file in /proc.
            let root = File::create(dir.join("probe")).is_ok();
            let path = if root { "/proc/file".into() } else { dir.join("file") };
            assert!(write(&path, b"one").is_err());
        }
    }
}
