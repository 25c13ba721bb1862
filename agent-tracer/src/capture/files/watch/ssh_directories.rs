//! Watches `.ssh` in the homes of users. On a file system watched as a whole, it adds only
//! attributes. No whole file system is watched for its sake.

use std::{
    collections::HashSet,
    fs, io,
    os::unix::fs::MetadataExt,
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use super::{FileWatch, file_system::FileSystem};
use crate::capture::files::homes::is_missing;

/// Limit of file systems watched for homes alone: each takes a fanotify group, and a user may have
/// 128.
const FILE_SYSTEMS: usize = 8;

/// Shortest interval between two reads of passwd(5): thousands of homes take some 10 ms.
const USERS_EVERY: Duration = Duration::from_millis(100);

/// The state of this part of the watch.
#[derive(Default)]
pub(super) struct SshDirectories {
    /// Count of unwatched directories, with the last error.
    unwatched: Option<(usize, io::Error)>,
    /// True if passwd(5) changed since the last read.
    have_users_changed: bool,
    looked: Option<Instant>,
}

impl FileWatch {
    /// Watches each existing `.ssh`, and the nearest ancestor of a missing one.
    pub(super) fn add_ssh_directories(&mut self, directories: &[PathBuf]) {
        let mut ancestors = HashSet::new();
        for directory in directories {
            if let Err(error) = self.add_ssh_directory(directory, &mut ancestors) {
                let count = self.ssh.unwatched.take().map_or(0, |(count, _)| count);
                self.ssh.unwatched = Some((count + 1, error));
            }
        }
    }

    fn add_ssh_directory(
        &mut self,
        ssh: &Path,
        ancestors: &mut HashSet<PathBuf>,
    ) -> io::Result<()> {
        let mut place = Some(ssh);
        while let Some(directory) = place {
            let is_ssh = directory == ssh;
            place = directory.parent();
            if !is_ssh && ancestors.contains(directory) {
                return Ok(());
            }
            let device = match fs::symlink_metadata(directory) {
                Ok(it) if it.is_dir() => it.dev(),
                Ok(_) => continue,
                Err(error) if is_missing(&error) => continue,
                Err(error) => return Err(error),
            };
            let file_system = self.file_system_for_homes(directory, device)?;
            let is_whole = file_system.whole.is_ok();
            if is_ssh {
                file_system.mark(directory)?;
            } else {
                if !is_whole {
                    file_system.mark_ancestor(directory)?;
                }
                ancestors.insert(directory.to_owned());
            }
            // A watched directory may be removed and come again; only its parent reports that.
            if is_whole || !is_ssh {
                return Ok(());
            }
        }
        Ok(())
    }

    /// Watches a new `.ssh`, or a new directory in one.
    pub(super) fn mark_ssh_directory(&mut self, directory: &Path) -> io::Result<()> {
        let it = fs::symlink_metadata(directory)?;
        match it.is_dir() {
            true => self
                .file_system_for_homes(directory, it.dev())?
                .mark(directory),
            false => Ok(()),
        }
    }

    /// Reads passwd(5) again after a change.
    pub(super) fn follow_users(&mut self, have_changed: bool) {
        self.ssh.have_users_changed |= have_changed;
        let looked = self.ssh.looked;
        let is_due = looked.is_none_or(|looked| looked.elapsed() >= USERS_EVERY);
        if self.ssh.have_users_changed && is_due {
            let new = self.roots.find_homes();
            self.add_ssh_directories(&new);
            self.ssh.have_users_changed = false;
            self.ssh.looked = Some(Instant::now());
        }
    }

    /// Describes the blind spots briefly: there may be thousands of homes.
    pub(super) fn ssh_caveats(&self) -> impl Iterator<Item = String> {
        let has_marks =
            |file_system: &&FileSystem| file_system.is_for_homes && file_system.marked > 0;
        let mut file_systems = self.file_systems.iter().filter(has_marks);
        let piecemeal = file_systems.next().map(|first| {
            let more = match file_systems.count() {
                0 => String::new(),
                count => format!(" and of {count} more"),
            };
            let place = first.place.display();
            format!(
                "on the file system of {place}{more} only .ssh in homes is watched, directory by \
                 directory: the authors of early changes in a new one are inferred"
            )
        });
        let unwatched = self.ssh.unwatched.as_ref();
        let unwatched = unwatched.map(|(count, error)| {
            format!(
                "{count} directories .ssh in homes are not watched, the last one because of: \
                 {error}"
            )
        });
        piecemeal.into_iter().chain(unwatched)
    }

    fn file_system_for_homes(
        &mut self,
        directory: &Path,
        device: u64,
    ) -> io::Result<&mut FileSystem> {
        let known = self
            .file_systems
            .iter()
            .position(|file_system| file_system.device == device);
        let position = match known {
            Some(position) => position,
            None => {
                let such = self
                    .file_systems
                    .iter()
                    .filter(|file_system| file_system.is_for_homes);
                if such.count() >= FILE_SYSTEMS {
                    return Err(io::Error::other(format!(
                        "homes are in more than {FILE_SYSTEMS} file systems of their own"
                    )));
                }
                self.file_systems
                    .push(FileSystem::begin_for_homes(directory, device)?);
                self.file_systems.len() - 1
            }
        };
        self.file_systems
            .get_mut(position)
            .ok_or_else(|| io::ErrorKind::NotFound.into())
    }
}
