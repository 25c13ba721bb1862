//! Looks at single files as they are now. It opens none, and enters no file system that may ask a
//! network or a user's program.

use std::{
    collections::HashSet,
    fs,
    os::unix::ffi::OsStringExt,
    path::{Path, PathBuf},
};

use super::{homes, walk};
use crate::event::FileState;

/// The present files, without those on other machines.
pub struct PresentFiles {
    /// Mount points that are not entered.
    foreign: HashSet<PathBuf>,
}

impl PresentFiles {
    /// Reads the present mounts.
    pub fn now() -> PresentFiles {
        PresentFiles {
            foreign: homes::foreign_mounts(),
        }
    }

    /// Returns the state of a file, if it is there. A link is not followed.
    pub fn state(&self, path: &Path) -> Option<FileState> {
        if path.ancestors().any(|above| self.foreign.contains(above)) {
            return None;
        }
        walk::state(path)
    }

    /// Lists the files below a directory, up to a limit.
    pub fn below(&self, directory: &Path, limit: usize) -> Vec<Vec<u8>> {
        let mut found = Vec::new();
        let mut pending = vec![directory.to_owned()];
        while let Some(directory) = pending.pop() {
            if self.foreign.contains(&directory) {
                continue;
            }
            for entry in fs::read_dir(&directory).into_iter().flatten().flatten() {
                if found.len() >= limit {
                    return found;
                }
                if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
                    pending.push(entry.path());
                }
                found.push(entry.path().into_os_string().into_vec());
            }
        }
        found
    }
}
