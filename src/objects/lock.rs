//! mesh.lock: the files of `out/` that are ours, and the modules that they were made from.

use std::collections::{BTreeMap, BTreeSet};

use camino::{Utf8Component, Utf8Path, Utf8PathBuf};
use serde::{Deserialize, Serialize};

/// The newest version of the format.
const VERSION: u32 = 4;
/// The version of a lock without images.
const WITHOUT_IMAGES: u32 = 3;
/// The version of a lock without the fields of a newer one.
const COMMON: u32 = 2;
/// Stands for the digest of a file that does not exist yet.
const ABSENT: &str = "absent";
/// The oldest version that is read. In it, each file has exactly one digest.
const OLDEST: u32 = 1;

/// A lock.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Lock {
    version: u32,
    /// The path of mesh.toml from `out/`. `None`: in the directory above it, with the name in the first comment.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) spec: Option<String>,
    /// Where the workloads' manifests came from, if mesh.toml does not say.
    #[serde(default)]
    base: Option<LockedBase>,
    /// Path from `out/` to the SHA-256 of the bytes.
    #[serde(default)]
    pub(crate) files: BTreeMap<String, Digests>,
    /// Path from mesh.toml to the module as it was rendered.
    #[serde(default)]
    modules: BTreeMap<Utf8PathBuf, LockedModule>,
    /// The name of a filter to the image with its module, with the digest of its manifest.
    #[serde(default)]
    pub(crate) images: BTreeMap<String, String>,
}

/// Where the workloads' manifests came from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum LockedBase {
    /// From the command line. What it named is not recorded: it exists on one machine only.
    Stream,
}

/// The SHA-256 digests that a file may have: one after a complete render. While a render is under way there are several: that
/// of the file on disk, or `absent`, and that of the file that replaces it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub(crate) enum Digests {
    One(String),
    Several(BTreeSet<String>),
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(crate) struct LockedModule {
    pub(crate) sha256: String,
    pub(crate) size: usize,
    /// The size of the embedded bytes, if they are fewer than the file's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) slim_size: Option<usize>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) abi: Option<String>,
}

impl Default for Lock {
    fn default() -> Self {
        Self::new(BTreeMap::new(), BTreeMap::new())
    }
}

impl Digests {
    /// Whether a file with this digest was written by a render.
    pub(crate) fn contains(&self, digest: &str) -> bool {
        match self {
            Self::One(one) => one == digest,
            Self::Several(several) => several.contains(digest),
        }
    }

    /// Whether an interrupted render was going to create or to delete the file, so that a file with another digest is not ours.
    pub(crate) fn can_be_absent(&self) -> bool {
        self.contains(ABSENT)
    }

    /// Adds the digests of `other`.
    fn extend(&mut self, other: Self) {
        let (ours, theirs) = (std::mem::take(self).into_set(), other.into_set());
        let mut all: BTreeSet<String> = ours.into_iter().chain(theirs).collect();
        *self = if all.len() == 1 { all.pop_first().map_or_else(Self::default, Self::One) } else { Self::Several(all) };
    }

    fn into_set(self) -> BTreeSet<String> {
        match self {
            Self::One(one) => [one].into(),
            Self::Several(several) => several,
        }
    }
}

impl Default for Digests {
    fn default() -> Self {
        Self::Several(BTreeSet::new())
    }
}

impl Lock {
    pub(crate) const fn new(files: BTreeMap<String, Digests>, modules: BTreeMap<Utf8PathBuf, LockedModule>) -> Self {
        Self { version: VERSION, spec: None, base: None, files, modules, images: BTreeMap::new() }
    }

    /// The name of the file in `out/`.
    pub(crate) const NAME: &str = "mesh.lock";

    /// Records that the command line named the base.
    pub(crate) fn with_stream(self) -> Self {
        Self { base: Some(LockedBase::Stream), ..self }
    }

    /// Whether the command line of the render named the base.
    pub(crate) const fn used_stream(&self) -> bool {
        matches!(self.base, Some(LockedBase::Stream))
    }

    /// Adds a digest that a file will have. Returns whether the lock changed.
    pub(crate) fn add_pending(&mut self, path: &str, digest: &str) -> bool {
        match self.files.get_mut(path) {
            Some(digests) if digests.contains(digest) => return false,
            Some(digests) => digests.extend(Digests::One(digest.to_owned())),
            None => {
                let digests = [ABSENT, digest].map(str::to_owned).into();
                self.files.insert(path.to_owned(), Digests::Several(digests));
            }
        }
        true
    }

    /// Marks a listed file as about to be deleted. Returns whether the lock changed.
    pub(crate) fn add_pending_deletion(&mut self, path: &str) -> bool {
        self.files.contains_key(path) && self.add_pending(path, ABSENT)
    }

    /// Adds the files of another lock, and its digests of the files that both list.
    pub(crate) fn extend(&mut self, files: impl IntoIterator<Item = (String, Digests)>) {
        for (path, digests) in files {
            self.files.entry(path).or_default().extend(digests);
        }
    }

    /// The lock as TOML, below a line of comment.
    pub(crate) fn to_toml(&self, comment: &str) -> String {
        let version = if !self.images.is_empty() {
            VERSION
        } else if self.spec.is_some() || self.base.is_some() {
            WITHOUT_IMAGES
        } else {
            COMMON
        };
        let mut text = format!("# {comment}\nversion = {version}\n");
        if let Some(spec) = &self.spec {
            text.extend(["spec = ", &toml::Value::from(spec.as_str()).to_string(), "\n"]);
        }
        if self.used_stream() {
            text.push_str("base = \"stream\"\n");
        }
        text.push_str("\n[files]\n");
        entries(&mut text, &self.files);
        text.push_str("\n[modules]\n");
        entries(&mut text, &self.modules);
        if !self.images.is_empty() {
            text.push_str("\n[images]\n");
            entries(&mut text, &self.images);
        }
        text
    }

    /// Where a text is not a lock: the bytes of the parser's error. `None` if it parses.
    pub(crate) fn error_range(text: &str) -> Option<std::ops::Range<usize>> {
        toml::from_str::<Self>(text).err()?.span()
    }

    /// Reads a lock of this version or an older one. An error states what is wrong with it, as the end of a sentence.
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        let mut lock: Self = toml::from_str(text).map_err(|error| error.message().to_owned())?;
        if !(OLDEST..=VERSION).contains(&lock.version) {
            return Err(format!(
                "its version is {}, but this mesh-compile supports only versions {OLDEST} to {VERSION}",
                lock.version
            ));
        }
        lock.version = VERSION;
        match lock.files.keys().find(|path| !is_inside(Utf8Path::new(path.as_str()))) {
            Some(path) => Err(format!("`{path}` is not inside the output directory")),
            None => Ok(lock),
        }
    }
}

/// Writes one entry per line. Git then merges each entry as a whole: lines that several tables have in common would let it
/// combine two of them.
fn entries<K: ToString, V: Serialize>(text: &mut String, entries: &BTreeMap<K, V>) {
    for (key, value) in entries {
        let value = toml::Value::try_from(value).expect("a lock has no value that TOML lacks");
        let table = toml::Value::Table([(key.to_string(), value)].into_iter().collect()).to_string();
        let entry = table.strip_prefix("{ ").and_then(|table| table.strip_suffix(" }"));
        text.extend([entry.expect("a table inside a value is inline"), "\n"]);
    }
}

/// Whether a path of the lock stays inside the directory: the file that it names may be deleted.
fn is_inside(path: &Utf8Path) -> bool {
    path.components().next().is_some() && path.components().all(|part| matches!(part, Utf8Component::Normal(_)))
}
