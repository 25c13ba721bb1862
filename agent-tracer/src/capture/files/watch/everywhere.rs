//! Watches the other file systems of this machine, for changes outside of the roots. Attributes are
//! watched below /usr: one mark a directory, and no event for unpackers.

use std::{
    collections::{HashMap, VecDeque},
    fs,
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use super::FileWatch;

/// Limit of directories of programs whose attributes are watched.
const DIRECTORIES: usize = 4096;

/// Longest time to look for such directories.
const SEARCH: Duration = Duration::from_millis(300);

/// File systems that are named at most in a caveat.
const NAMED: usize = 4;

/// Programs: a new permission counts most there. A mark makes each write(2) to a file of the
/// directory 0.2 µs slower, so there is none where logs and data are.
const PROGRAMS: &str = "/usr";

/// Devices. A watch makes writes to /dev/null half as slow again.
pub(super) const DEVICES: &str = "/dev";

impl FileWatch {
    /// Watches every file system on a disk or in memory, as far as possible.
    pub(super) fn watch_everywhere(&mut self) {
        self.watch_mounts();
        let all = self.mounts.points();
        // The last one is on top.
        let points: HashMap<PathBuf, Option<u64>> = all
            .map(|(point, device)| (point.to_owned(), device))
            .collect();
        self.mark_attributes_elsewhere(&points);
    }

    /// Marks directories of programs outside of the roots for attributes, the topmost first.
    fn mark_attributes_elsewhere(&mut self, points: &HashMap<PathBuf, Option<u64>>) {
        let until = Instant::now() + SEARCH;
        let mut pending: VecDeque<(PathBuf, u64)> = VecDeque::new();
        let programs = Path::new(PROGRAMS);
        let mut above = programs.ancestors();
        if let Some(Some(device)) = above.find_map(|point| points.get(point)) {
            pending.push_back((programs.to_owned(), *device));
        }
        let mut marked = 0;
        while let Some((directory, device)) = pending.pop_front() {
            if marked >= DIRECTORIES || Instant::now() >= until {
                self.attributes_are_partial = true;
                return;
            }
            let file_system = self
                .file_systems
                .iter()
                .find(|known| known.device == device && !known.is_for_homes);
            let is_marked = !self.roots.contains(&directory)
                && file_system.is_some_and(|it| it.mark_attributes_elsewhere(&directory).is_ok());
            marked += usize::from(is_marked);
            for entry in fs::read_dir(&directory).into_iter().flatten().flatten() {
                if !entry.file_type().is_ok_and(|kind| kind.is_dir()) {
                    continue;
                }
                let below = entry.path();
                let is_left_out = self.roots.contains(&below) || self.roots.leaves_out(&below);
                if is_left_out || below == Path::new(DEVICES) {
                    continue;
                }
                match points.get(&below) {
                    Some(Some(device)) => pending.push_back((below, *device)),
                    // A file system that is not watched.
                    Some(None) => {}
                    None => pending.push_back((below, device)),
                }
            }
        }
    }

    /// Describes what is not seen outside of the roots.
    pub(super) fn caveats_elsewhere(&self) -> impl Iterator<Item = String> {
        let named: Vec<&str> = self.unseen.iter().take(NAMED).map(String::as_str).collect();
        let more = match self.unseen.len().saturating_sub(NAMED) {
            0 => String::new(),
            more => format!(" and {more} more"),
        };
        let unseen = (!named.is_empty()).then(|| {
            format!(
                "changes outside of the watched directories are not seen on {}{more}",
                named.join(", ")
            )
        });
        let part = match self.attributes_are_partial {
            true => format!("in {DIRECTORIES} directories of {PROGRAMS}"),
            false => format!("below {PROGRAMS}"),
        };
        let partial = format!(
            "outside of the watched directories, changed permissions of existing files are seen \
             {part} only"
        );
        unseen.into_iter().chain([partial])
    }
}
