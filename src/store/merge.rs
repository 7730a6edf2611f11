//! A mesh.lock that git could not merge.

use crate::objects::Lock;

/// The lock with the files of both sides; `None` without conflict markers, or if a side does not parse.
pub(super) fn merged(text: &str) -> Option<Lock> {
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
    let (mut ours, theirs) = (Lock::parse(&ours).ok()?, Lock::parse(&theirs).ok()?);
    ours.extend(theirs.files);
    (conflicts > 0).then_some(ours)
}

/// The side of a conflict that a line belongs to.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Side {
    Both,
    Ours,
    Ancestor,
    Theirs,
}
