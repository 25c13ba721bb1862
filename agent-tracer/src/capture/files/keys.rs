//! How `.ssh` in the homes of users is watched. Where its file system is watched as a whole, only attributes are left to be told
//! of; no other file system is for its sake.

use std::{
    collections::HashSet,
    fs, io,
    os::unix::fs::MetadataExt,
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use super::{FileWatch, group::Group};
use crate::capture::homes::is_missing;

/// File systems at most of which nothing but homes is watched: each takes a group, of which a user may have 128.
const FILE_SYSTEMS: usize = 8;

/// How often it is looked who the users are, at most: thousands of homes take some 10 ms.
const USERS_EVERY: Duration = Duration::from_millis(100);

/// What is known of them besides.
#[derive(Default)]
pub(super) struct Keys {
    /// How many are not watched, and why the last one is not.
    unwatched: Option<(usize, io::Error)>,
    /// Whether users may have come that were not looked for.
    are_users_others: bool,
    looked: Option<Instant>,
}

impl FileWatch {
    /// Watches each `.ssh` that is there. Where one is not, its coming is to be told.
    pub(super) fn add_keys(&mut self, keys: &[PathBuf]) {
        let mut ways = HashSet::new();
        for key in keys {
            if let Err(error) = self.add_key(key, &mut ways) {
                let count = self.keys.unwatched.take().map_or(0, |(count, _)| count);
                self.keys.unwatched = Some((count + 1, error));
            }
        }
    }

    fn add_key(&mut self, key: &Path, ways: &mut HashSet<PathBuf>) -> io::Result<()> {
        let mut place = Some(key);
        while let Some(directory) = place {
            let is_it = directory == key;
            place = directory.parent();
            if !is_it && ways.contains(directory) {
                return Ok(());
            }
            let device = match fs::symlink_metadata(directory) {
                Ok(it) if it.is_dir() => it.dev(),
                Ok(_) => continue,
                Err(error) if is_missing(&error) => continue,
                Err(error) => return Err(error),
            };
            let group = self.group_for_homes(directory, device)?;
            let is_whole = group.whole.is_ok();
            if is_it {
                group.mark(directory)?;
            } else {
                if !is_whole {
                    group.mark_way(directory)?;
                }
                ways.insert(directory.to_owned());
            }
            // One that is watched itself may yet go and come again, of which only the one above tells.
            if is_whole || !is_it {
                return Ok(());
            }
        }
        Ok(())
    }

    /// Watches a `.ssh`, or a directory in one, that came to be.
    pub(super) fn mark_keys(&mut self, directory: &Path) -> io::Result<()> {
        let it = fs::symlink_metadata(directory)?;
        match it.is_dir() {
            true => self.group_for_homes(directory, it.dev())?.mark(directory),
            false => Ok(()),
        }
    }

    /// Looks who the users are when that may have changed.
    pub(super) fn follow_users(&mut self, are_others: bool) {
        self.keys.are_users_others |= are_others;
        let looked = self.keys.looked;
        let is_due = looked.is_none_or(|looked| looked.elapsed() >= USERS_EVERY);
        if self.keys.are_users_others && is_due {
            let new = self.roots.find_homes();
            self.add_keys(&new);
            self.keys.are_users_others = false;
            self.keys.looked = Some(Instant::now());
        }
    }

    /// What is not seen of them, in a few words: there may be thousands.
    pub(super) fn caveats_of_keys(&self) -> impl Iterator<Item = String> {
        let with_keys = |group: &&Group| group.is_for_homes && group.marked > 0;
        let mut groups = self.groups.iter().filter(with_keys);
        let piecemeal = groups.next().map(|first| {
            let more = match groups.count() {
                0 => String::new(),
                count => format!(" and of {count} more"),
            };
            let place = first.place.display();
            format!(
                "of the file system of {place}{more} only .ssh in homes is watched, directory by directory: who does what in a new one at once is concluded"
            )
        });
        let unwatched = self.keys.unwatched.as_ref();
        let unwatched = unwatched.map(|(count, error)| {
            format!(
                "not watched: .ssh in homes, {count} in number, the last one because of: {error}"
            )
        });
        piecemeal.into_iter().chain(unwatched)
    }

    fn group_for_homes(&mut self, directory: &Path, device: u64) -> io::Result<&mut Group> {
        let known = self.groups.iter().position(|group| group.device == device);
        let position = match known {
            Some(position) => position,
            None => {
                let such = self.groups.iter().filter(|group| group.is_for_homes);
                if such.count() >= FILE_SYSTEMS {
                    return Err(io::Error::other(format!(
                        "homes are in more than {FILE_SYSTEMS} file systems of their own"
                    )));
                }
                self.groups.push(Group::begin_for_homes(directory, device)?);
                self.groups.len() - 1
            }
        };
        self.groups
            .get_mut(position)
            .ok_or_else(|| io::ErrorKind::NotFound.into())
    }
}
