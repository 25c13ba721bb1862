//! Remembers files outside of the compared directories that processes of the recorded trees change.
//! At the end they are looked at once. There is no snapshot of them from before.

use std::{
    collections::{BTreeMap, HashMap},
    ffi::OsStr,
    os::unix::ffi::OsStrExt,
    path::Path,
};

use crate::{
    capture::{FileChange, PresentFiles},
    event::{
        Author, ElsewhereFile, Existence, FileAction, FileState, FilesElsewhere, FoldedDirectory,
        ProcessId,
    },
    model::{Model, Process, SYSTEM},
};

/// Limit of files that are remembered, each some 200 bytes.
const FILES: usize = 65_536;

/// Limit of files kept of folded directories because they deserve attention.
const KEPT: usize = 4096;

/// Limit of files found in directories that were moved as a whole.
const MOVED: usize = 16_384;

/// Limits of events about such files, in all and in one directory. A recording that is killed has
/// no other trace of them. Each costs some 6 µs, which an unpacker on a busy machine waits for.
const EVENTS: usize = 16_384;
const EVENTS_IN_DIRECTORY: u8 = 32;

/// Files in one event.
const PER_EVENT: usize = 500;

/// Part of all files that a directory must have to be worth folding.
const WORTHWHILE: usize = FILES / 16;

/// Components of the directories that are folded, the longest first.
const DEPTHS: [usize; 3] = [2, 1, 0];

/// The remembered files.
#[derive(Default)]
pub(super) struct Elsewhere {
    files: HashMap<Vec<u8>, Seen>,
    /// Directories with too many files, with the count of changes that are not listed.
    folded: BTreeMap<Vec<u8>, u64>,
    /// The mounts at the time of the last folding.
    present: Option<PresentFiles>,
    kept: usize,
    events: usize,
    /// Counts of events by directory.
    events_in: HashMap<Vec<u8>, u8>,
}

/// Changes of one file.
#[derive(Clone)]
struct Seen {
    existed: Existence,
    wrote: Option<ProcessId>,
    set: Option<ProcessId>,
    removed: Option<ProcessId>,
    is_moved_directory: bool,
    was_moved: bool,
}

impl Seen {
    fn new(existed: Existence) -> Seen {
        Seen {
            existed,
            wrote: None,
            set: None,
            removed: None,
            is_moved_directory: false,
            was_moved: false,
        }
    }

    fn note(&mut self, change: &FileChange, by: ProcessId) {
        match change.action {
            FileAction::Created | FileAction::Written => self.wrote = Some(by),
            FileAction::Renamed => {
                self.wrote = Some(by);
                self.is_moved_directory |= change.is_directory;
            }
            FileAction::Attributes => self.set = Some(by),
            FileAction::Removed => {
                self.removed = Some(by);
                // The kernel merges a removal and a creation into one event without their order.
                if self.existed == Existence::Absent {
                    self.existed = Existence::Unknown;
                }
            }
            FileAction::Open | FileAction::Unknown => {}
        }
    }
}

/// Returns the existence of a file before its first change.
fn existed_before(action: FileAction) -> Existence {
    match action {
        FileAction::Created => Existence::Absent,
        FileAction::Written | FileAction::Attributes | FileAction::Removed => Existence::Present,
        FileAction::Renamed | FileAction::Open | FileAction::Unknown => Existence::Unknown,
    }
}

/// Checks whether changes by a process are kept everywhere: it is in a tree of the recording.
pub(super) fn is_recorded(process: &Process) -> bool {
    *process.tree != *SYSTEM
}

impl Elsewhere {
    /// Remembers a change by a process of a recorded tree. Returns `true` if an event is to be made
    /// of it.
    pub(super) fn note(&mut self, change: &FileChange, by: ProcessId, model: &Model) -> bool {
        let path = change.path.as_os_str().as_bytes();
        match self.files.get_mut(path) {
            Some(seen) => seen.note(change, by),
            None => {
                if self.files.len() >= FILES {
                    self.make_room(model);
                }
                if self.is_folded(path, change, model) {
                    return false;
                }
                let mut seen = Seen::new(existed_before(change.action));
                seen.note(change, by);
                self.files.insert(path.to_vec(), seen);
            }
        }
        self.is_event(path)
    }

    /// Iterates over the authors of the remembered changes.
    pub(super) fn authors(&self) -> impl Iterator<Item = ProcessId> {
        let all = self.files.values();
        all.flat_map(|seen| [seen.wrote, seen.set, seen.removed])
            .flatten()
    }

    /// Counts an event, if there is room for it.
    fn is_event(&mut self, path: &[u8]) -> bool {
        if self.events >= EVENTS {
            return false;
        }
        let end = path.iter().rposition(|byte| *byte == b'/').unwrap_or(0);
        let directory = path.get(..end).unwrap_or_default();
        match self.events_in.get_mut(directory) {
            Some(count) if *count >= EVENTS_IN_DIRECTORY => return false,
            Some(count) => *count += 1,
            None => drop(self.events_in.insert(directory.to_vec(), 1)),
        }
        self.events += 1;
        true
    }

    /// Counts a change in a folded directory, unless the file deserves attention.
    fn is_folded(&mut self, path: &[u8], change: &FileChange, model: &Model) -> bool {
        if self.folded.is_empty() {
            return false;
        }
        let mut directories = DEPTHS.iter().map(|depth| directory(path, *depth));
        let is_folded = |directory: &&[u8]| self.folded.contains_key(*directory);
        let Some(directory) = directories.find(is_folded) else {
            return false;
        };
        let is_special = || {
            let present = self.present.as_ref();
            let state = present.and_then(|present| present.state(&change.path));
            change.action != FileAction::Removed && state.is_some_and(|state| is_special(&state))
        };
        if self.kept < KEPT && (is_ruled(model, path) || is_special()) {
            self.kept += 1;
            return false;
        }
        if let Some(count) = self.folded.get_mut(directory) {
            *count = count.saturating_add(1);
        }
        true
    }

    /// Forgets files that are gone without a trace, and folds the directory with the most files.
    fn make_room(&mut self, model: &Model) {
        let present = PresentFiles::now();
        let is_there = |path: &[u8]| present.state(as_path(path));
        // Scratch files come and go.
        self.files
            .retain(|path, seen| seen.existed == Existence::Present || is_there(path).is_some());
        if self.files.len() < FILES / 2 {
            return;
        }
        let largest = DEPTHS.iter().find_map(|depth| {
            let mut counts: HashMap<&[u8], usize> = HashMap::new();
            for path in self.files.keys() {
                *counts.entry(directory(path, *depth)).or_default() += 1;
            }
            let (directory, count) = counts.into_iter().max_by_key(|(_, count)| *count)?;
            (count >= WORTHWHILE || *depth == 0).then(|| directory.to_vec())
        });
        let Some(largest) = largest else { return };
        let depth = largest.iter().filter(|byte| **byte == b'/').count();
        let depth = if largest.len() > 1 { depth } else { 0 };
        let (mut count, mut kept) = (0, self.kept);
        self.files.retain(|path, _| {
            if directory(path, depth) != largest {
                return true;
            }
            let is_special = || is_there(path).is_some_and(|state| is_special(&state));
            if kept < KEPT && (is_ruled(model, path) || is_special()) {
                kept += 1;
                return true;
            }
            count += 1;
            false
        });
        self.kept = kept;
        *self.folded.entry(largest).or_default() += count;
        self.present = Some(present);
    }

    /// Looks at all files, and returns the events. Files that came and went are not in them.
    pub(super) fn look(&self) -> Vec<FilesElsewhere> {
        let present = PresentFiles::now();
        let moved = self.in_moved_directories(&present);
        let own = self.files.iter();
        let mut files: Vec<ElsewhereFile> = Vec::new();
        for (path, seen) in own.chain(&moved) {
            let after = present.state(as_path(path));
            let existed = match seen.existed {
                Existence::Unknown if self.is_in_new_directory(path) => Existence::Absent,
                existed => existed,
            };
            if after.is_none() && existed != Existence::Present {
                continue;
            }
            // Writing to a device or a pipe does not change it.
            let is_stored =
                |state: &FileState| matches!(state.kind(), "file" | "directory" | "link");
            let is_unchanged = existed == Existence::Present && seen.set.is_none();
            if is_unchanged && after.as_ref().is_some_and(|state| !is_stored(state)) {
                continue;
            }
            files.push(ElsewhereFile {
                path: path.clone(),
                existed: existed.into(),
                after,
                wrote: seen.wrote.map(author),
                set: seen.set.map(author),
                removed: seen.removed.map(author),
                was_moved: seen.was_moved,
            });
        }
        files.sort_by(|one, other| one.path.cmp(&other.path));
        let folded = self.folded.iter().map(|(path, changes)| FoldedDirectory {
            path: path.clone(),
            changes: *changes,
        });
        let mut first = FilesElsewhere {
            files: Vec::new(),
            folded: folded.collect(),
        };
        let mut parts = files.chunks(PER_EVENT);
        first.files = parts.next().unwrap_or_default().to_vec();
        let rest = parts.map(|part| FilesElsewhere {
            files: part.to_vec(),
            folded: Vec::new(),
        });
        [first].into_iter().chain(rest).collect()
    }

    /// Returns the content of directories that were moved as a whole. Its authors are inferred.
    fn in_moved_directories(&self, present: &PresentFiles) -> BTreeMap<Vec<u8>, Seen> {
        let moved = self.files.iter();
        let moved = moved.filter(|(_, seen)| seen.is_moved_directory);
        let mut found = BTreeMap::new();
        for (path, seen) in moved {
            let content = Seen {
                wrote: seen.wrote,
                was_moved: true,
                ..Seen::new(Existence::Unknown)
            };
            let below = present.below(as_path(path), MOVED.saturating_sub(found.len()));
            let new = below.into_iter();
            let new = new.filter(|path| !self.files.contains_key(path));
            found.extend(new.map(|path| (path, content.clone())));
        }
        found
    }

    /// Checks whether a directory above a path did not exist before.
    fn is_in_new_directory(&self, path: &[u8]) -> bool {
        let above = as_path(path).ancestors().skip(1);
        above
            .filter_map(|directory| self.files.get(directory.as_os_str().as_bytes()))
            .any(|seen| seen.existed == Existence::Absent)
    }
}

fn author(id: ProcessId) -> Author {
    Author {
        pid: id.pid,
        start_ns: id.start_ns,
    }
}

fn as_path(path: &[u8]) -> &Path {
    Path::new(OsStr::from_bytes(path))
}

fn is_ruled(model: &Model, path: &[u8]) -> bool {
    model.rules().reason(&[path]).is_some()
}

/// Checks whether a file gives rights to its caller.
fn is_special(state: &FileState) -> bool {
    state.kind() == "file" && (state.mode & 0o6000 != 0 || !state.capabilities.is_empty())
}

/// Returns the beginning of a path with so many components, at most its parent directory.
fn directory(path: &[u8], depth: usize) -> &[u8] {
    let mut slashes = path.iter().enumerate().skip(1);
    let mut end = 0;
    for _ in 0..depth {
        match slashes.find(|(_, byte)| **byte == b'/') {
            Some((at, _)) => end = at,
            None => break,
        }
    }
    match path.get(..end) {
        Some(directory) if end > 0 => directory,
        Some(_) | None => b"/",
    }
}

#[cfg(test)]
mod tests {
    use std::{fs, path::PathBuf};

    use super::*;
    use crate::rules::RuleSet;

    const BY: ProcessId = ProcessId {
        pid: 7,
        start_ns: 1,
    };

    fn change(path: PathBuf, action: FileAction) -> FileChange {
        FileChange {
            path,
            action,
            pid: BY.pid,
            is_directory: false,
            is_wanted: false,
            is_compared: false,
            jobs: Vec::new(),
        }
    }

    #[test]
    fn directories_have_at_most_two_components() {
        for (path, two, one) in [
            ("/tmp/build/a/b", "/tmp/build", "/tmp"),
            ("/tmp/a", "/tmp", "/tmp"),
            ("/a", "/", "/"),
        ] {
            assert_eq!(directory(path.as_bytes(), 2), two.as_bytes());
            assert_eq!(directory(path.as_bytes(), 1), one.as_bytes());
            assert_eq!(directory(path.as_bytes(), 0), b"/");
        }
    }

    #[test]
    fn what_came_and_went_is_not_listed() {
        let place = tempfile::tempdir().expect("a directory");
        let at = |name: &str| place.path().join(name);
        let model = Model::new(RuleSet::empty());
        let mut elsewhere = Elsewhere::default();
        fs::write(at("made"), "x").expect("a file");
        fs::write(at("written"), "x").expect("a file");
        fs::write(at("replaced"), "x").expect("a file");
        for (name, actions) in [
            ("made", &[FileAction::Created, FileAction::Written][..]),
            ("scratch", &[FileAction::Created, FileAction::Removed]),
            ("moved-away", &[FileAction::Renamed, FileAction::Removed]),
            ("written", &[FileAction::Written]),
            ("replaced", &[FileAction::Renamed]),
            ("gone", &[FileAction::Removed]),
        ] {
            for action in actions {
                elsewhere.note(&change(at(name), *action), BY, &model);
            }
        }
        let events = elsewhere.look();
        let listed: Vec<(String, &str, bool)> = events
            .iter()
            .flat_map(|event| &event.files)
            .map(|file| {
                let name = as_path(&file.path).file_name().expect("a name");
                let name = name.to_string_lossy().into_owned();
                (name, file.existed().name(), file.after.is_some())
            })
            .collect();
        let expected = [
            ("gone", "present", false),
            ("made", "absent", true),
            ("replaced", "unknown", true),
            ("written", "present", true),
        ];
        let expected = expected.map(|(name, existed, is)| (name.to_owned(), existed, is));
        assert_eq!(listed, expected);
    }

    #[test]
    fn a_flood_is_folded_and_does_not_hide_the_rest() {
        let model = Model::new(RuleSet::empty());
        let mut elsewhere = Elsewhere::default();
        let place = tempfile::tempdir().expect("a directory");
        let kept = place.path().join("kept");
        fs::write(&kept, "x").expect("a file");
        elsewhere.note(&change(kept, FileAction::Written), BY, &model);
        for number in 0..FILES + 100 {
            // They are not there, but were before.
            let path = PathBuf::from(format!("/flood/all/d{}/{number}", number % 7));
            elsewhere.note(&change(path, FileAction::Removed), BY, &model);
        }
        let cron = PathBuf::from("/flood/all/authorized_keys");
        elsewhere.note(&change(cron, FileAction::Removed), BY, &model);
        assert!(elsewhere.files.len() < 10);
        let events = elsewhere.look();
        let files: Vec<&ElsewhereFile> = events.iter().flat_map(|event| &event.files).collect();
        assert_eq!(files.len(), 2);
        let folded = &events.first().expect("an event").folded;
        assert_eq!(folded.len(), 1);
        let flood = folded.first().expect("a directory");
        assert_eq!(flood.path, b"/flood/all");
        assert_eq!(flood.changes, FILES as u64 + 100);
    }
}
