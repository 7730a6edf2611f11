//! The files that a path of `mesh.include` names.

use std::io;

use camino::{Utf8Component, Utf8Path, Utf8PathBuf};

use crate::domain::glob;
use crate::world::{FileKind, World};

/// Why a path names no file.
#[derive(Debug)]
pub(super) enum Failure {
    Absolute,
    NoMatch,
    Missing,
    /// The path that is most likely meant.
    Near(String),
    Directory,
    Unreadable(Utf8PathBuf, io::Error),
    /// The pattern is not valid, with the reason.
    Invalid(String),
}

/// The files below `dir`, in the order of their paths.
pub(super) fn expand(world: &dyn World, dir: &Utf8Path, written: &str) -> Result<Vec<Utf8PathBuf>, Failure> {
    let path = Utf8Path::new(written);
    if path.is_absolute() {
        return Err(Failure::Absolute);
    }
    if !glob::is_pattern(written) {
        let file = normal(world, &dir.join(path));
        return match world.kind(&file) {
            Some(FileKind::Directory) => Err(Failure::Directory),
            Some(_) => Ok(vec![file]),
            None => Err(near(world, &file, path).map_or(Failure::Missing, Failure::Near)),
        };
    }
    let parts: Vec<&str> = path.components().map(|part| part.as_str()).collect();
    let mut found = Vec::new();
    walk(world, dir, &parts, &mut found)?;
    let mut found: Vec<_> = found.iter().map(|file| normal(world, file)).collect();
    found.sort();
    found.dedup();
    if found.is_empty() { Err(Failure::NoMatch) } else { Ok(found) }
}

/// Adds the files below `dir` that match the parts of a pattern.
fn walk(world: &dyn World, dir: &Utf8Path, parts: &[&str], found: &mut Vec<Utf8PathBuf>) -> Result<(), Failure> {
    let Some((part, rest)) = parts.split_first() else { return Ok(()) };
    if !glob::is_pattern(part) {
        return step(world, dir.join(part), rest, found);
    }
    let is_deep = *part == "**";
    if is_deep {
        // No directory at all. At the end of a pattern, all files match.
        walk(world, dir, if rest.is_empty() { &["*"] } else { rest }, found)?;
    }
    let listed = if dir == "" { Utf8Path::new(".") } else { dir };
    let pattern = glob::compile(part).map_err(Failure::Invalid)?;
    let mut entries = match world.list(listed) {
        Ok(entries) => entries,
        Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => return Ok(()),
        Err(error) => return Err(Failure::Unreadable(listed.to_owned(), error)),
    };
    entries.sort_by(|(a, _), (b, _)| a.cmp(b));
    for (name, kind) in entries {
        // As in a shell, a name with a leading dot must be written out: editors keep such files beside the real ones.
        if name.starts_with('.') && !part.starts_with('.') {
            continue;
        }
        if is_deep {
            // Links are not followed here, because they can lead back.
            if kind == FileKind::Directory {
                walk(world, &dir.join(name), parts, found)?;
            }
        } else if pattern.is_match(&name) {
            step(world, dir.join(name), rest, found)?;
        }
    }
    Ok(())
}

fn step(world: &dyn World, path: Utf8PathBuf, rest: &[&str], found: &mut Vec<Utf8PathBuf>) -> Result<(), Failure> {
    if !rest.is_empty() {
        return walk(world, &path, rest, found);
    }
    if world.kind(&path).is_some_and(|kind| kind != FileKind::Directory) {
        found.push(path);
    }
    Ok(())
}

/// The path without `.` and inner `..`, unless a symbolic link makes that another file.
pub(super) fn normal(world: &dyn World, path: &Utf8Path) -> Utf8PathBuf {
    let mut normal = Utf8PathBuf::new();
    for part in path.components() {
        match part {
            Utf8Component::CurDir => {}
            Utf8Component::ParentDir if normal.file_name().is_some() => {
                normal.pop();
            }
            part => normal.push(part),
        }
    }
    match (world.canonical(path), world.canonical(&normal)) {
        (Ok(a), Ok(b)) if a != b => path.to_owned(),
        (Ok(_), Err(_)) => path.to_owned(),
        _ => normal,
    }
}

/// The written path with the nearest name in the same directory.
fn near(world: &dyn World, file: &Utf8Path, written: &Utf8Path) -> Option<String> {
    let dir = file.parent().filter(|dir| *dir != "").unwrap_or(Utf8Path::new("."));
    let mut names: Vec<String> =
        world.list(dir).ok()?.into_iter().filter(|(_, kind)| *kind == FileKind::File).map(|(name, _)| name).collect();
    names.sort();
    let near = crate::diag::suggest(file.file_name()?, names.iter().map(String::as_str))?;
    Some(written.with_file_name(near).into_string())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::world::Memory;

    fn found(pattern: &str) -> Vec<String> {
        let files = ["a.toml", "b.toml", ".c.toml", "t/a/m.toml", "t/b/m.toml", "t/b/x/m.toml", "t/n.txt"];
        let world = files.into_iter().fold(Memory::new(), |world, file| world.file(file, "x"));
        let found = expand(&world, "".into(), pattern).unwrap_or_default();
        found.into_iter().map(Utf8PathBuf::into_string).collect()
    }

    #[test]
    fn a_pattern_matches_files_in_the_order_of_their_paths() {
        assert_eq!(found("*.toml"), ["a.toml", "b.toml"]);
        assert_eq!(found("?.toml"), ["a.toml", "b.toml"]);
        assert_eq!(found("[!b].toml"), ["a.toml"]);
        assert_eq!(found("t/{a,x}/m.toml"), ["t/a/m.toml"]);
        assert_eq!(found(".*.toml"), [".c.toml"]);
        assert_eq!(found("t/*/m.toml"), ["t/a/m.toml", "t/b/m.toml"]);
        assert_eq!(found("t/**/m.toml"), ["t/a/m.toml", "t/b/m.toml", "t/b/x/m.toml"]);
        assert_eq!(found("**/*.txt"), ["t/n.txt"]);
        assert_eq!(found("t/../*.toml"), ["a.toml", "b.toml"]);
        assert_eq!(found("t/*"), ["t/n.txt"]);
    }

    #[test]
    fn a_path_without_a_match_is_a_failure() {
        let world = Memory::new().file("teams/a.toml", "x");
        let failure = |path: &str| expand(&world, "".into(), path).unwrap_err();
        assert!(matches!(failure("*.toml"), Failure::NoMatch));
        assert!(matches!(failure("teams"), Failure::Directory));
        assert!(matches!(failure("/a.toml"), Failure::Absolute));
        assert!(matches!(failure("other/a.toml"), Failure::Missing));
        assert!(matches!(failure("teams/b.toml"), Failure::Near(near) if near == "teams/a.toml"));
    }
}
