//! Compares the files below the watched roots at two times: new, changed or gone. It reads contents
//! for a digest alone.

mod entry;

use std::{
    cmp::Ordering,
    ffi::OsStr,
    io::{self, Read},
    os::unix::ffi::OsStrExt,
    path::{Path, PathBuf},
};

use entry::{Entry, Walk};
use sha2::{Digest, Sha256};

use super::{roots::Roots, safe_open};
use crate::{
    capture::baseline::{Baseline, BaselineBuilder},
    event::{FileDifference, FileState, FilesCompared},
};

/// Limit of files in one walk. Each takes some 20 bytes until the end.
const FILES: usize = 1_000_000;

/// Largest content that gets a digest.
const DIGEST_LIMIT: u64 = 1 << 20;

/// Length of a kept digest, in bytes.
const DIGEST_BYTES: usize = 16;

/// Differences in one event.
const PER_EVENT: usize = 500;

/// The files at one time, in the order of the walk.
pub struct Files {
    seen: Baseline<Entry>,
    is_cut: bool,
    /// Directories that were read in part only.
    cut: Vec<PathBuf>,
    problem: String,
}

impl Files {
    /// Walks all files, without opening any.
    pub fn walk(roots: &Roots) -> Files {
        Files::walk_some(roots, FILES)
    }

    fn walk_some(roots: &Roots, limit: usize) -> Files {
        let mut walk = Walk::new(roots, limit);
        let mut seen = BaselineBuilder::new();
        for file in &mut walk {
            seen.push(&file);
        }
        Files {
            seen: seen.finish(),
            is_cut: walk.is_cut,
            cut: walk.cut,
            problem: walk.problem,
        }
    }

    /// Walks again, and returns the differences. Both walks have the same order, so neither is held
    /// as a whole.
    pub fn compare(&self, roots: &Roots) -> Vec<FilesCompared> {
        self.compare_with(roots, FILES)
    }

    fn compare_with(&self, roots: &Roots, limit: usize) -> Vec<FilesCompared> {
        let mut earlier = Before {
            seen: self.seen.iter(),
            is_cut: self.is_cut,
            problem: self.problem.clone(),
        };
        let mut walk = Walk::new(roots, limit);
        let mut differences = Vec::new();
        let (mut before, mut after) = (earlier.next(), walk.next());
        loop {
            let order = match (&before, &after) {
                (None, None) => break,
                (Some(_), None) => Ordering::Less,
                (None, Some(_)) => Ordering::Greater,
                (Some(before), Some(after)) => before.path().cmp(after.path()),
            };
            // A file that one of the two walks did not reach is not known to be new or gone.
            let is_known = match order {
                Ordering::Less => {
                    (after.is_some() || !walk.is_cut) && !is_below(before.as_ref(), &walk.cut)
                }
                Ordering::Equal => true,
                Ordering::Greater => {
                    (before.is_some() || !earlier.is_cut) && !is_below(after.as_ref(), &self.cut)
                }
            };
            let was = match order {
                Ordering::Greater => None,
                _ => std::mem::replace(&mut before, earlier.next()),
            };
            let is = match order {
                Ordering::Less => None,
                _ => std::mem::replace(&mut after, walk.next()),
            };
            if is_known && was != is {
                differences.extend(difference(was, is));
            }
        }
        differences.sort_by(|one, other| one.path.cmp(&other.path));
        let problem = match earlier.problem.is_empty() {
            true => walk.problem,
            false => earlier.problem,
        };
        in_parts(differences, roots, walk.count as u64, problem)
    }
}

/// Returns the state of a file, if it is there. A link is not followed.
pub(super) fn state(path: &Path) -> Option<FileState> {
    let metadata = std::fs::symlink_metadata(path).ok()?;
    Some(Entry::of(path.to_owned(), &metadata).state)
}

/// The files of the earlier walk.
struct Before<I> {
    seen: I,
    is_cut: bool,
    problem: String,
}

impl<I: Iterator<Item = Result<Entry, String>>> Iterator for Before<I> {
    type Item = Entry;

    fn next(&mut self) -> Option<Entry> {
        match self.seen.next()? {
            Ok(seen) => Some(seen),
            Err(problem) => {
                self.problem = problem;
                self.is_cut = true;
                None
            }
        }
    }
}

/// Checks whether a file is below one of some directories.
fn is_below(seen: Option<&Entry>, directories: &[PathBuf]) -> bool {
    seen.is_some_and(|seen| {
        let path = seen.path();
        directories
            .iter()
            .any(|above| path != above && path.starts_with(above))
    })
}

/// Makes a difference of two states, with a digest of the present content.
fn difference(before: Option<Entry>, after: Option<Entry>) -> Option<FileDifference> {
    let path = after.as_ref().or(before.as_ref())?.path.clone();
    let after = after.map(|seen| with_digest(&path, seen.state));
    Some(FileDifference {
        path,
        before: before.map(|seen| seen.state),
        after,
    })
}

/// Splits differences into events of limited size, at least one.
fn in_parts(
    differences: Vec<FileDifference>,
    roots: &Roots,
    entries: u64,
    problem: String,
) -> Vec<FilesCompared> {
    let directories = roots.directories().iter();
    let mut first = FilesCompared {
        roots: directories
            .map(|root| root.as_os_str().as_bytes().to_vec())
            .collect(),
        entries,
        differences: Vec::new(),
        problem,
        homes: roots.homes().count() as u64,
        homes_left_out: roots.homes().left_out() as u64,
    };
    let mut parts = differences.chunks(PER_EVENT);
    first.differences = parts.next().unwrap_or_default().to_vec();
    let rest = parts.map(|part| FilesCompared {
        differences: part.to_vec(),
        ..FilesCompared::default()
    });
    [first].into_iter().chain(rest).collect()
}

fn with_digest(path: &[u8], mut state: FileState) -> FileState {
    // A digest must not reveal the content of a file with restricted access.
    let is_public = state.mode & 0o004 != 0;
    let is_small = state.kind() == "file" && state.size <= DIGEST_LIMIT;
    if is_small
        && is_public
        && let Ok(digest) = digest(Path::new(OsStr::from_bytes(path)))
    {
        state.digest = digest;
    }
    state
}

fn digest(path: &Path) -> io::Result<Vec<u8>> {
    let mut hash = Sha256::new();
    // It may have grown since.
    let mut content = safe_open::open_no_follow(path)?.take(DIGEST_LIMIT);
    let mut buffer = vec![0; 64 << 10];
    loop {
        let length = content.read(&mut buffer)?;
        if length == 0 {
            break;
        }
        hash.update(buffer.get(..length).unwrap_or_default());
    }
    Ok(hash.finalize()[..DIGEST_BYTES].to_vec())
}

#[cfg(test)]
mod tests {
    use std::{
        fs,
        os::unix::fs::{PermissionsExt, symlink},
        path::PathBuf,
    };

    use super::{Files, FilesCompared, Roots};

    #[test]
    fn what_is_new_changed_and_gone() {
        let (place, roots) = place();
        let at = |name: &str| place.path().join(name);
        fs::create_dir(at("old")).expect("a directory");
        for name in ["same", "longer", "mode", "gone", "old/within"] {
            fs::write(at(name), "x").expect("a file");
        }
        let before = Files::walk(&roots);
        fs::write(at("longer"), "xyz").expect("a file");
        fs::set_permissions(at("mode"), fs::Permissions::from_mode(0o4755)).expect("a mode");
        fs::remove_file(at("gone")).expect("a file less");
        fs::create_dir(at("new")).expect("a directory");
        symlink("nowhere", at("new/link")).expect("a link");
        let parts = before.compare(&roots);
        assert_eq!(parts.len(), 1);
        let lines: Vec<String> = parts[0]
            .differences
            .iter()
            .map(|difference| {
                let path = PathBuf::from(String::from_utf8_lossy(&difference.path).into_owned());
                let name = path.strip_prefix(place.path()).expect("a path below");
                let state = |state: &Option<crate::event::FileState>| match state {
                    Some(state) => format!("{} {:o}", state.kind(), state.mode & 0o7777),
                    None => "-".to_owned(),
                };
                let (before, after) = (state(&difference.before), state(&difference.after));
                format!("{}: {before} {after}", name.display())
            })
            .collect();
        assert_eq!(
            lines,
            [
                "gone: file 644 -",
                "longer: file 644 file 644",
                "mode: file 644 file 4755",
                "new: - directory 755",
                "new/link: - link 777",
            ]
        );
        // Plus the root, "same", and "old" with its file.
        assert_eq!(parts[0].entries, 8);
        let parts = Files::walk(&roots).compare(&roots);
        assert!(parts.len() == 1 && parts[0].differences.is_empty());
    }

    #[test]
    fn a_directory_comes_before_what_sorts_between_it_and_its_files() {
        let (place, roots) = place();
        let write = |name: &str| fs::write(place.path().join(name), "x").expect("a file");
        fs::create_dir(place.path().join("a")).expect("a directory");
        for name in ["a/b", "a-b", "a.b", "a0", "b"] {
            write(name);
        }
        let before = Files::walk(&roots);
        for name in ["a/0", "a/z", "a-", "a+", "0"] {
            write(name);
        }
        let parts = before.compare(&roots);
        assert_eq!(names(&parts, &place), ["0", "a+", "a-", "a/0", "a/z"]);
    }

    #[test]
    fn nothing_is_new_or_gone_that_was_not_come_to() {
        let (place, roots) = place();
        for name in ["a", "b", "c"] {
            fs::write(place.path().join(name), "x").expect("a file");
        }
        // The root and "a".
        let (whole, part) = (Files::walk(&roots), Files::walk_some(&roots, 2));
        fs::remove_file(place.path().join("a")).expect("a file less");
        for (before, limit) in [(&whole, 2), (&part, 2), (&part, 9)] {
            let parts = before.compare_with(&roots, limit);
            assert_eq!(names(&parts, &place), ["a"]);
            assert!(parts[0].problem.starts_with("there are more than 2 files"));
        }
    }

    #[test]
    fn of_a_home_only_keys_and_not_too_many() {
        let place = tempfile::tempdir().expect("a directory");
        let home = fs::canonicalize(place.path()).expect("its path");
        let roots = Roots::of_home(&home);
        let at = |name: &str| home.join(".ssh").join(name);
        let none = Files::walk(&roots);
        fs::create_dir(at("")).expect("a directory");
        fs::write(home.join("other"), "x").expect("a file");
        fs::write(at("rc"), "x").expect("a file");
        assert_eq!(names(&none.compare(&roots), &place), [".ssh", ".ssh/rc"]);
        let few = Files::walk(&roots);
        for number in 0..1000 {
            fs::write(at(&format!("{number}")), "x").expect("a file");
        }
        let many = Files::walk(&roots);
        fs::write(at("rc"), "longer").expect("a file");
        // Chance decides which of them are reached; none may count as gone.
        for before in [&few, &many] {
            let parts = before.compare(&roots);
            let is_gone =
                |part: &FilesCompared| part.differences.iter().any(|it| it.after.is_none());
            assert!(!parts.iter().any(is_gone));
            assert!(parts[0].problem.contains("more than 1000 files"));
        }
        for number in 0..1000 {
            fs::remove_file(at(&format!("{number}"))).expect("a file less");
        }
        let parts = many.compare(&roots);
        let is_new = |part: &FilesCompared| part.differences.iter().any(|it| it.before.is_none());
        assert!(!parts.iter().any(is_new));
        // A link in its place is one, and leads nowhere.
        fs::rename(at(""), home.join("kept")).expect("another name");
        symlink("kept", home.join(".ssh")).expect("a link");
        let parts = few.compare(&roots);
        assert_eq!(names(&parts, &place), [".ssh", ".ssh/rc"]);
    }

    fn place() -> (tempfile::TempDir, Roots) {
        let place = tempfile::tempdir().expect("a directory");
        let mut roots = Roots::new(&[], &[]).expect("roots");
        roots.directories = vec![place.path().to_owned()];
        (place, roots)
    }

    fn names(parts: &[FilesCompared], place: &tempfile::TempDir) -> Vec<String> {
        let all = parts.iter().flat_map(|part| &part.differences);
        let below = place.path().as_os_str().len() + 1;
        all.map(|it| String::from_utf8_lossy(&it.path[below..]).into_owned())
            .collect()
    }
}
