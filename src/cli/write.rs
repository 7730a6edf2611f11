//! Files that the command line is asked to write.

use std::io::{self, Write as _};

use camino::Utf8Path;

/// Writes a file whole or not at all: to a temporary one in the same folder first.
pub(super) fn write(path: &Utf8Path, bytes: &[u8]) -> io::Result<()> {
    let folder = path.parent().filter(|folder| *folder != "").unwrap_or_else(|| ".".into());
    let mut builder = tempfile::Builder::new();
    #[cfg(unix)]
    let permissions = <std::fs::Permissions as std::os::unix::fs::PermissionsExt>::from_mode(0o666);
    #[cfg(unix)]
    builder.permissions(permissions); // less the umask, as for any new file
    // Of an error only its kind: the temporary name says nothing to anyone.
    let mut file = builder.tempfile_in(folder).map_err(|error| io::Error::from(error.kind()))?;
    file.write_all(bytes)?;
    file.persist(path).map(drop).map_err(|error| error.error)
}
