//! Relative paths that no file system resolves.

use camino::{Utf8Component, Utf8Path, Utf8PathBuf};

/// The path without `.` and inner `..`. `None` for a path that is not relative.
pub(crate) fn normal(path: &Utf8Path) -> Option<Utf8PathBuf> {
    let mut normal = Utf8PathBuf::new();
    for part in path.components() {
        match part {
            Utf8Component::CurDir => {}
            Utf8Component::ParentDir if normal.file_name().is_some() => {
                normal.pop();
            }
            Utf8Component::ParentDir | Utf8Component::Normal(_) => normal.push(part),
            Utf8Component::RootDir | Utf8Component::Prefix(_) => return None,
        }
    }
    Some(normal)
}

/// The relative path between two normal paths, with `/` between its parts.
pub(crate) fn relative(from: &Utf8Path, to: &Utf8Path) -> Option<Utf8PathBuf> {
    let (from, to): (Vec<_>, Vec<_>) = (from.components().collect(), to.components().collect());
    let shared = from.iter().zip(&to).take_while(|(a, b)| a == b).count();
    if from[shared..].contains(&Utf8Component::ParentDir) {
        return None;
    }
    let up = std::iter::repeat_n("..", from.len() - shared);
    let parts: Vec<&str> = up.chain(to[shared..].iter().map(Utf8Component::as_str)).collect();
    Some(parts.join("/").into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_base_is_relative_to_the_output_directory() {
        let path = |from: &str, to: &str| {
            let (from, to) = (normal(from.into())?, normal(to.into())?);
            relative(&from, &to).map(Utf8PathBuf::into_string)
        };
        assert_eq!(path("out", "examples/bookinfo").as_deref(), Some("../examples/bookinfo"));
        assert_eq!(path("deploy/out", "./deploy/base/").as_deref(), Some("../base"));
        assert_eq!(path("out", "../base").as_deref(), Some("../../base"));
        assert_eq!(path("../out", "base"), None);
        assert_eq!(path("../out", "../base").as_deref(), Some("../base"));
        assert_eq!(path("out", "/base"), None);
    }
}
