//! The files below the watched roots, looked at twice: what is new, changed or gone. Contents are read for a digest alone.

use std::{
    collections::BTreeMap,
    fs::{self, File, Metadata},
    io::{self, Read},
    os::unix::{
        ffi::{OsStrExt, OsStringExt},
        fs::MetadataExt,
    },
    path::{Path, PathBuf},
};

use rustix::fs::{lgetxattr, statfs};
use sha2::{Digest, Sha256};

use super::roots::Roots;
use crate::event::{FileDifference, FileState, FilesCompared};

/// Files of which one is told at most. Each takes some 150 bytes until the end.
const FILES: usize = 1_000_000;

/// Content that a digest is made of at most.
const DIGEST_LIMIT: u64 = 1 << 20;

/// Bytes of a digest that are kept.
const DIGEST_BYTES: usize = 16;

/// Differences in one event.
const AT_ONCE: usize = 500;

/// File systems that are views of the kernel's, by the numbers of statfs(2).
const VIEWS: [i64; 12] = [
    0x9fa0,      // proc
    0x6265_6572, // sysfs
    0x6367_7270, // cgroup2
    0x0027_e0eb, // cgroup
    0x1cd1,      // devpts
    0x7472_6163, // tracefs
    0x6462_6720, // debugfs
    0xcafe_4a11, // bpf
    0x7363_6673, // securityfs
    0x6165_676c, // pstore
    0x1980_0202, // mqueue
    0x6e73_6673, // nsfs
];

/// The files as they were at one time.
pub struct Files {
    seen: BTreeMap<Vec<u8>, Look>,
    problem: String,
}

/// One file.
#[derive(Clone, PartialEq)]
struct Look {
    state: FileState,
    /// What tells that a file is another, or was written to; nothing of directories.
    traits: (u64, i64, i64),
}

impl Files {
    /// Looks at all of them. Nothing is opened.
    pub fn look(roots: &Roots) -> Files {
        let mut files = Files {
            seen: BTreeMap::new(),
            problem: String::new(),
        };
        let mut waiting: Vec<PathBuf> = roots.directories().to_vec();
        while let Some(path) = waiting.pop() {
            if roots.leaves_out(&path) {
                continue;
            }
            let Ok(metadata) = fs::symlink_metadata(&path) else {
                // It is gone, or was never there.
                continue;
            };
            if files.seen.len() >= FILES {
                files.problem =
                    format!("there are more than {FILES} files; the rest was not compared");
                break;
            }
            if metadata.is_dir() && !is_view(&path) {
                match fs::read_dir(&path) {
                    Ok(entries) => waiting.extend(entries.flatten().map(|entry| entry.path())),
                    Err(error) => {
                        files.problem = format!("cannot read {}: {error}", path.display());
                    }
                }
            }
            let look = Look::of(&path, &metadata);
            files.seen.insert(path.into_os_string().into_vec(), look);
        }
        files
    }

    /// How many there are.
    pub fn count(&self) -> usize {
        self.seen.len()
    }

    /// What is different later.
    pub fn compare(&self, later: &Files, roots: &Roots) -> Vec<FilesCompared> {
        let mut differences = Vec::new();
        for (path, look) in &later.seen {
            let before = self.seen.get(path);
            if before != Some(look) {
                differences.push(FileDifference {
                    path: path.clone(),
                    before: before.map(|look| look.state.clone()),
                    after: Some(with_digest(path, &look.state)),
                });
            }
        }
        for (path, look) in &self.seen {
            if !later.seen.contains_key(path) {
                differences.push(FileDifference {
                    path: path.clone(),
                    before: Some(look.state.clone()),
                    after: None,
                });
            }
        }
        differences.sort_by(|one, other| one.path.cmp(&other.path));
        let problem = match self.problem.is_empty() {
            true => &later.problem,
            false => &self.problem,
        };
        let directories = roots.directories().iter();
        let mut first = FilesCompared {
            roots: directories
                .map(|root| root.as_os_str().as_bytes().to_vec())
                .collect(),
            entries: later.seen.len() as u64,
            differences: Vec::new(),
            problem: problem.clone(),
        };
        let mut parts = differences.chunks(AT_ONCE);
        first.differences = parts.next().unwrap_or_default().to_vec();
        let rest = parts.map(|part| FilesCompared {
            differences: part.to_vec(),
            ..FilesCompared::default()
        });
        [first].into_iter().chain(rest).collect()
    }
}

impl Look {
    fn of(path: &Path, metadata: &Metadata) -> Look {
        let is_directory = metadata.is_dir();
        let is_file = metadata.is_file();
        let mut state = FileState {
            mode: metadata.mode(),
            user: metadata.uid(),
            group: metadata.gid(),
            size: match is_directory {
                true => 0,
                false => metadata.size(),
            },
            ..FileState::default()
        };
        if is_file && metadata.mode() & 0o111 != 0 {
            state.capabilities = capabilities(path);
        }
        if metadata.is_symlink() {
            state.target = fs::read_link(path)
                .map(|target| target.into_os_string().into_vec())
                .unwrap_or_default();
        }
        Look {
            state,
            traits: match is_file {
                true => (metadata.ino(), metadata.mtime(), metadata.mtime_nsec()),
                false => (0, 0, 0),
            },
        }
    }
}

fn capabilities(path: &Path) -> Vec<u8> {
    // `struct vfs_ns_cap_data` has 24 bytes.
    let mut value = [0_u8; 64];
    let length = lgetxattr(path, "security.capability", &mut value[..]).unwrap_or(0);
    value.get(..length).unwrap_or_default().to_vec()
}

fn is_view(path: &Path) -> bool {
    statfs(path).is_ok_and(|system| VIEWS.contains(&system.f_type))
}

fn with_digest(path: &[u8], state: &FileState) -> FileState {
    let mut state = state.clone();
    // What not everybody may read is not to be guessed from its digest either.
    let is_public = state.mode & 0o004 != 0;
    let is_small = state.kind() == "file" && state.size <= DIGEST_LIMIT;
    if is_small
        && is_public
        && let Ok(digest) = digest(Path::new(std::ffi::OsStr::from_bytes(path)))
    {
        state.digest = digest;
    }
    state
}

fn digest(path: &Path) -> io::Result<Vec<u8>> {
    let mut hash = Sha256::new();
    // It may have grown since.
    let mut content = File::open(path)?.take(DIGEST_LIMIT);
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

    use super::{Files, Roots};

    #[test]
    fn what_is_new_changed_and_gone() {
        let place = tempfile::tempdir().expect("a directory");
        let at = |name: &str| place.path().join(name);
        fs::create_dir(at("old")).expect("a directory");
        for name in ["same", "longer", "mode", "gone", "old/within"] {
            fs::write(at(name), "x").expect("a file");
        }
        let mut roots = Roots::new(&[], &[]).expect("roots");
        roots.directories = vec![place.path().to_owned()];
        let before = Files::look(&roots);
        fs::write(at("longer"), "xyz").expect("a file");
        fs::set_permissions(at("mode"), fs::Permissions::from_mode(0o4755)).expect("a mode");
        fs::remove_file(at("gone")).expect("a file less");
        fs::create_dir(at("new")).expect("a directory");
        symlink("nowhere", at("new/link")).expect("a link");
        let after = Files::look(&roots);
        let told = before.compare(&after, &roots);
        assert_eq!(told.len(), 1);
        let lines: Vec<String> = told[0]
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
        assert_eq!(told[0].entries, after.count() as u64);
        assert!(before.compare(&before, &roots)[0].differences.is_empty());
    }
}
