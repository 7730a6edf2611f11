//! The git repository around a new project.

use camino::{Utf8Path, Utf8PathBuf};
use mesh_compile::world::{Usage, World};

/// The files with the commands before a commit, of git and of the tools that manage hooks.
const HOOKS: [&str; 8] = [
    ".git/hooks/pre-commit",
    ".husky/pre-commit",
    ".pre-commit-config.yaml",
    "lefthook.yml",
    "lefthook.yaml",
    ".lefthook.yml",
    ".lefthook.yaml",
    ".overcommit.yml",
];

/// The repository that a directory belongs to.
#[derive(Debug, Default)]
pub(super) struct Repository {
    /// The project relative to the root of the repository: empty at the root, or outside of a repository.
    pub(super) project: Utf8PathBuf,
    /// The file with the commands before a commit, relative to the root, if the repository has hooks of its own.
    pub(super) hook: Option<Utf8PathBuf>,
    /// Whether that file runs mesh-compile.
    pub(super) is_hooked: bool,
}

impl Repository {
    /// The repository of a directory, which may not exist yet.
    pub(super) fn of(world: &dyn World, dir: &Utf8Path) -> Self {
        let Some(absolute) = absolute(world, dir) else { return Self::default() };
        let Some(root) = absolute.ancestors().find(|dir| world.kind(&dir.join(".git")).is_some()) else {
            return Self::default();
        };
        let project = absolute.strip_prefix(root).unwrap_or(&absolute).to_owned();
        let hook = hooks_path(world, root).map(|path| Utf8Path::new(&path).join("pre-commit")).or_else(|| {
            let file = HOOKS.iter().find(|name| world.link_kind(&root.join(name)).is_some());
            file.map(Utf8PathBuf::from)
        });
        let content = hook.as_ref().and_then(|hook| world.read_current(&root.join(hook), Usage::Configuration).ok());
        let is_hooked = content.is_some_and(|content| String::from_utf8_lossy(&content).contains("mesh-compile"));
        Self { project, hook, is_hooked }
    }
}

/// The absolute path of a directory, of which the last parts may not exist.
pub(super) fn absolute(world: &dyn World, dir: &Utf8Path) -> Option<Utf8PathBuf> {
    let dir = if dir.as_str().is_empty() { Utf8Path::new(".") } else { dir };
    if let Ok(found) = world.canonical(dir) {
        return Some(found);
    }
    let parent = dir.parent().filter(|parent| *parent != dir)?;
    Some(absolute(world, parent)?.join(dir.file_name()?))
}

/// The directory of the hooks, if the repository's own configuration sets one.
fn hooks_path(world: &dyn World, root: &Utf8Path) -> Option<String> {
    let bytes = world.read_current(&root.join(".git/config"), Usage::Configuration).ok()?;
    let text = String::from_utf8(bytes).ok()?;
    let mut in_core = false;
    let mut found = None;
    for line in text.lines().map(str::trim) {
        if let Some(section) = line.strip_prefix('[') {
            in_core = section.trim_end_matches(']').trim().eq_ignore_ascii_case("core");
        } else if let Some((key, value)) = line.split_once('=')
            && in_core
            && key.trim().eq_ignore_ascii_case("hookspath")
        {
            found = Some(value.trim().trim_matches('"').to_owned());
        }
    }
    found
}
