//! The files of a new project.

use std::borrow::Cow;
use std::io;

use camino::{Utf8Path, Utf8PathBuf};
use mesh_compile::world::write::create;
use mesh_compile::world::{Usage, World};

/// A file that does not depend on the repository. Paths below `filter/` move to the directory of the filter.
struct Template {
    path: &'static str,
    bytes: &'static [u8],
    executable: bool,
}

macro_rules! templates {
    ($($path:literal from $source:literal $($executable:ident)?;)*) => {
        &[$(Template { path: $path, bytes: include_bytes!($source), executable: templates!(@ $($executable)?) }),*]
    };
    (@ executable) => { true };
    (@) => { false };
}

const TEMPLATES: &[Template] = templates! {
    "mesh.schema.json" from "../../../schema/mesh.schema.json";
    ".gitattributes" from "gitattributes";
    ".gitignore" from "gitignore";
    ".githooks/pre-commit" from "pre-commit" executable;
    ".github/workflows/mesh-compile.yaml" from "workflow.yaml";
    // First: it shows that the directory is one of `init`.
    "filter/example-filter.wasm" from "filter/example-filter.wasm";
    "filter/Cargo.toml" from "filter/Cargo.toml.in";
    "filter/Cargo.lock" from "filter/Cargo.lock";
    "filter/README.md" from "filter/README.md";
    "filter/src/lib.rs" from "filter/src/lib.rs";
    "filter/src/config.rs" from "filter/src/config.rs";
    "filter/src/edit.rs" from "filter/src/edit.rs";
    "filter/src/json.rs" from "filter/src/json.rs";
    "filter/src/name.rs" from "filter/src/name.rs";
    "filter/src/plugin.rs" from "filter/src/plugin.rs";
};

/// The directories for the filter, in the order in which they are tried.
pub(super) const FILTER_DIRS: [&str; 2] = ["filter", "example-filter"];

/// A file to create.
#[derive(Debug)]
pub(super) struct File {
    /// Relative to the project.
    pub(super) path: Utf8PathBuf,
    bytes: Cow<'static, [u8]>,
    executable: bool,
}

/// What became of a file.
#[derive(Debug)]
pub(super) enum Written {
    Created,
    /// The file existed and has all that it needs.
    UpToDate,
    /// The file existed and was kept. It lacks these lines, if it consists of lines that can be added.
    Kept(Vec<String>),
    Failed(io::Error),
}

/// The directory of the filter: the first that does not exist, or that an earlier `init` created. `None` if all are taken.
pub(super) fn filter_dir(world: &dyn World, project: &Utf8Path) -> Option<&'static str> {
    FILTER_DIRS.into_iter().find(|dir| {
        let dir = project.join(dir);
        world.link_kind(&dir).is_none() || world.link_kind(&dir.join("example-filter.wasm")).is_some()
    })
}

/// The files of a project, without those below directories to leave out.
pub(super) fn files(filter_dir: &str, left_out: &[&str]) -> Vec<File> {
    let wanted = TEMPLATES.iter().filter(|template| !left_out.iter().any(|dir| template.path.starts_with(dir)));
    wanted.map(|template| file(template, filter_dir)).collect()
}

/// The mesh.toml of a project.
pub(super) fn spec(text: String) -> File {
    File { path: "mesh.toml".into(), bytes: text.into_bytes().into(), executable: false }
}

fn file(template: &Template, filter_dir: &str) -> File {
    let Template { path, bytes, executable } = *template;
    let path = path.strip_prefix("filter/").map_or_else(|| path.into(), |rest| Utf8Path::new(filter_dir).join(rest));
    let mentions_dir = path.file_name().is_some_and(|name| matches!(name, ".gitignore" | "README.md"));
    let bytes = match std::str::from_utf8(bytes) {
        Ok(text) if mentions_dir && filter_dir != "filter" => {
            let text = text.replace("/filter/", &format!("/{filter_dir}/"));
            text.replace("cd filter", &format!("cd {filter_dir}")).into_bytes().into()
        }
        _ => bytes.into(),
    };
    File { path, bytes, executable }
}

impl File {
    /// Creates the file unless something is there.
    pub(super) fn write(&self, world: &dyn World, project: &Utf8Path) -> Written {
        let path = project.join(&self.path);
        match create(&path, &self.bytes, self.executable) {
            Ok(()) => Written::Created,
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => self.compare(world, &path),
            Err(error) => Written::Failed(error),
        }
    }

    fn compare(&self, world: &dyn World, path: &Utf8Path) -> Written {
        let existing = world.read_current(path, Usage::Output).unwrap_or_default();
        if *existing == *self.bytes {
            return Written::UpToDate;
        }
        let is_list = [".gitignore", ".gitattributes"].contains(&self.path.as_str());
        let (true, Ok(existing), Ok(wanted)) =
            (is_list, std::str::from_utf8(&existing), std::str::from_utf8(&self.bytes))
        else {
            return Written::Kept(Vec::new());
        };
        let present: Vec<&str> = existing.lines().map(str::trim).collect();
        let missing: Vec<_> = wanted.lines().filter(|line| !present.contains(line)).map(str::to_owned).collect();
        if missing.is_empty() { Written::UpToDate } else { Written::Kept(missing) }
    }
}
