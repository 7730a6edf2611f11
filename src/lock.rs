//! mesh.lock: which files of `out/` are ours, and which modules they were made from.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use camino::{Utf8Component, Utf8Path, Utf8PathBuf};
use serde::Deserialize;

use crate::emit::{File, LOCK};
use crate::resolve::mesh::{Mesh, Module};

/// The version of the lock's own format.
const VERSION: u32 = 1;

/// A lock as it is written and read.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Lock {
    version: u32,
    /// Path from `out/` to the SHA-256 of the bytes.
    #[serde(default)]
    pub(crate) files: BTreeMap<String, String>,
    /// Path from mesh.toml to what the module was.
    #[serde(default)]
    modules: BTreeMap<Utf8PathBuf, LockedModule>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct LockedModule {
    sha256: String,
    size: usize,
    /// What is embedded, where that is less than the file.
    #[serde(rename = "slim-size")]
    slim_size: Option<usize>,
    abi: Option<String>,
}

impl Lock {
    pub(crate) fn new(mesh: &Mesh, files: &[File]) -> Self {
        let module = |(path, module): (&Utf8PathBuf, &Module)| {
            let abi = module.original.report.abi.ok().flatten();
            let locked = LockedModule {
                sha256: module.original.digest.to_string(),
                size: module.original.bytes.len(),
                slim_size: module.slim.as_ref().map(|slim| slim.bytes.len()),
                abi: abi.map(|abi| abi.to_string()),
            };
            (path.clone(), locked)
        };
        Self {
            version: VERSION,
            files: files.iter().map(|file| (file.path.clone(), file.digest.to_string())).collect(),
            modules: mesh.modules.iter().map(module).collect(),
        }
    }

    /// Lists files that are about to be written beside those that are there.
    pub(crate) fn announce(&mut self, files: &[File]) {
        self.version = VERSION;
        self.files.extend(
            files.iter().filter(|file| file.path != LOCK).map(|file| (file.path.clone(), file.digest.to_string())),
        );
    }

    pub(crate) fn to_toml(&self, comment: &str) -> String {
        let mut text = format!("# {comment}\nversion = {}\n\n[files]\n", self.version);
        // Writing to a String cannot fail.
        for (path, digest) in &self.files {
            let _ = writeln!(text, "{} = \"{digest}\"", quoted(path));
        }
        text.push_str("\n[modules]\n");
        for (path, LockedModule { sha256, size, slim_size, abi }) in &self.modules {
            let slim = slim_size.map_or_else(String::new, |size| format!(", slim-size = {size}"));
            let abi = abi.as_ref().map_or_else(String::new, |abi| format!(", abi = \"{abi}\""));
            let _ = writeln!(text, "{} = {{ sha256 = \"{sha256}\", size = {size}{slim}{abi} }}", quoted(path.as_str()));
        }
        text
    }

    /// The files of both sides of a lock that git could not merge; `None` where there are no conflict markers or a side does not parse.
    pub(crate) fn merged(text: &str) -> Option<Self> {
        let (mut ours, mut theirs) = (String::new(), String::new());
        let mut side = Side::Both;
        let mut conflicts = 0;
        for line in text.lines() {
            match line.split(' ').next() {
                Some("<<<<<<<") => (side, conflicts) = (Side::Ours, conflicts + 1),
                Some("|||||||") if side == Side::Ours => side = Side::Ancestor,
                Some("=======") if side != Side::Both => side = Side::Theirs,
                Some(">>>>>>>") if side == Side::Theirs => side = Side::Both,
                _ => {
                    if matches!(side, Side::Both | Side::Ours) {
                        ours.extend([line, "\n"]);
                    }
                    if matches!(side, Side::Both | Side::Theirs) {
                        theirs.extend([line, "\n"]);
                    }
                }
            }
        }
        let (mut ours, theirs) = (Self::parse(&ours).ok()?, Self::parse(&theirs).ok()?);
        ours.files.extend(theirs.files);
        (conflicts > 0).then_some(ours)
    }

    /// Reads a lock. An error says what is wrong with it, as the end of a sentence.
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        let lock: Self = toml::from_str(text).map_err(|error| error.message().to_owned())?;
        if lock.version != VERSION {
            return Err(format!("its version is {}, and this mesh-compile knows {VERSION}", lock.version));
        }
        match lock.files.keys().find(|path| !is_inside(Utf8Path::new(path.as_str()))) {
            Some(path) => Err(format!("`{path}` does not lie in the output folder")),
            None => Ok(lock),
        }
    }
}

/// Whose lines they are, between git's conflict markers.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Side {
    Both,
    Ours,
    Ancestor,
    Theirs,
}

/// Whether a path of the lock stays in the folder: what it names may be deleted.
fn is_inside(path: &Utf8Path) -> bool {
    path.components().next().is_some() && path.components().all(|part| matches!(part, Utf8Component::Normal(_)))
}

/// A path as a TOML basic string.
fn quoted(path: &str) -> String {
    let mut text = String::from('"');
    for c in path.chars() {
        match c {
            '"' | '\\' => text.extend(['\\', c]),
            c if c.is_control() => {
                let _ = write!(text, "\\u{:04X}", u32::from(c));
            }
            c => text.push(c),
        }
    }
    text.push('"');
    text
}
