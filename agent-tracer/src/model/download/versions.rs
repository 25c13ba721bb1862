//! Keeps the versions of each path that may prove to be a download, with their times. Connections
//! and executions are left to the caller.

use std::collections::{BTreeMap, HashMap};

use super::native::Native;
use crate::{
    event::{FileHashed, FileIdentity},
    model::ProcessIndex,
};

/// Limit of versions kept for one path: the last ones.
const VERSIONS: usize = 16;

/// Limit of paths, and of files that are known besides their names.
const PATHS: usize = 65_536;

/// Limit of files whose content was read.
const HASHED: usize = 4096;

/// The content of an executed file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Content {
    /// SHA-256 of it, read after the execution or the writing.
    pub sha256: Vec<u8>,
    /// Set when the file at the path is another one at the end, or has other content.
    pub has_changed: bool,
}

/// All possible downloads.
#[derive(Default)]
pub(in crate::model) struct Downloads {
    /// The versions of each path, in order.
    pub(super) versions: BTreeMap<Vec<u8>, Vec<Version>>,
    /// Names taken away, by process: the next new name of the same process completes a renaming.
    pub(super) taken: BTreeMap<ProcessIndex, Taken>,
    /// Executions by processes that are other programs by now.
    pub(super) former: Vec<Run>,
    /// The versions by their files, which may have further names.
    files: HashMap<FileIdentity, Version>,
    /// The content of executed files.
    contents: BTreeMap<Vec<u8>, Content>,
    pub(super) native: HashMap<FileIdentity, Native>,
}

/// One content of a file, until its replacement or removal.
#[derive(Clone)]
pub(super) struct Version {
    pub(super) writer: ProcessIndex,
    pub(super) carrier: Option<ProcessIndex>,
    /// The downloaded archive that it came out of.
    pub(super) archive: Option<Vec<u8>>,
    pub(super) identity: Option<FileIdentity>,
    /// Count of all connections by then.
    pub(super) connections: usize,
    pub(super) begun: Moment,
    pub(super) ended: Option<(Moment, End)>,
    /// Set when its own writer removed it, or made it anew: the kernel does not say which.
    pub(super) may_be_gone: bool,
}

impl Version {
    fn parties(&self) -> impl Iterator<Item = ProcessIndex> + use<> {
        let ended_by = self.ended.and_then(|(moment, _)| moment.by);
        let parties = [Some(self.writer), self.carrier, self.begun.by, ended_by];
        parties.into_iter().flatten()
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum End {
    Overwritten,
    Removed,
}

/// Time of a file's event, a little later than the change.
#[derive(Clone, Copy)]
pub(in crate::model) struct Moment {
    pub(in crate::model) reported_ns: u64,
    pub(in crate::model) by: Option<ProcessIndex>,
}

/// A former name of a file or directory, and the possible downloads in it: the rest of their paths
/// behind that name.
pub(super) struct Taken {
    pub(super) from: Vec<u8>,
    pub(super) files: Vec<(Vec<u8>, Version)>,
}

pub(super) struct Run {
    pub(super) executed_ns: u64,
    pub(super) runner: ProcessIndex,
    pub(super) path: Vec<u8>,
}

impl Downloads {
    /// Iterates over the writers of all versions, each with the count of connections by then.
    pub(in crate::model) fn writers(&self) -> impl Iterator<Item = (ProcessIndex, usize)> {
        let taken = self.taken.values().flat_map(|taken| &taken.files);
        let versions = self.versions.values().flatten();
        let all = versions.chain(self.files.values());
        let all = all.chain(taken.map(|(_, version)| version));
        all.map(|version| (version.writer, version.connections))
    }

    /// Iterates over the processes that are referred to.
    pub(in crate::model) fn parties(&self) -> impl Iterator<Item = ProcessIndex> {
        let taken = self.taken.values().flat_map(|taken| &taken.files);
        let versions = self.versions.values().flatten();
        let all = versions.chain(self.files.values());
        let all = all.chain(taken.map(|(_, version)| version));
        let takers = self.taken.keys().copied();
        let runners = self.former.iter().map(|run| run.runner);
        all.flat_map(Version::parties).chain(takers).chain(runners)
    }

    pub(super) fn current(&self, path: &[u8]) -> Option<&Version> {
        let last = self.versions.get(path)?.last()?;
        last.ended.is_none().then_some(last)
    }

    pub(super) fn current_mut(&mut self, path: &[u8]) -> Option<&mut Version> {
        let last = self.versions.get_mut(path)?.last_mut()?;
        last.ended.is_none().then_some(last)
    }

    /// Iterates over the versions at a path, and in the directory that it may be.
    pub(super) fn below<'a>(&'a self, path: &'a [u8]) -> impl Iterator<Item = &'a [u8]> {
        let within = [path, b"/"].concat();
        let all = self.versions.range(within.clone()..);
        let all = all.take_while(move |(known, _)| known.starts_with(&within));
        let itself = self.versions.get_key_value(path);
        let known = itself.into_iter().chain(all);
        known
            .filter(|(_, versions)| versions.last().is_some_and(|last| last.ended.is_none()))
            .map(|(known, _)| known.as_slice())
    }

    pub(super) fn take(&self, path: &[u8]) -> Taken {
        let files = self.below(path).filter_map(|known| {
            let rest = known.strip_prefix(path)?.to_vec();
            Some((rest, self.current(known)?.clone()))
        });
        Taken {
            from: path.to_vec(),
            files: files.collect(),
        }
    }

    /// Ends the version at a path for a change by another process. A file that its own writer
    /// removes may have been made anew: the kernel reports both at once, in no order.
    pub(super) fn end(&mut self, path: &[u8], moment: Moment, end: End) {
        if let Some(version) = self.current_mut(path)
            && (moment.by.is_none() || version.begun.by != moment.by)
        {
            version.ended = Some((moment, end));
        }
    }

    /// Returns the version of a file, whatever its name.
    pub(super) fn of_file(&self, identity: Option<FileIdentity>) -> Option<Version> {
        self.files.get(&identity?).cloned()
    }

    pub(super) fn note_file(&mut self, identity: FileIdentity, version: Version) {
        if self.files.len() < PATHS {
            self.files.insert(identity, version);
        }
    }

    /// True if a file may have been downloaded so far.
    pub(in crate::model) fn are_any(&self) -> bool {
        !self.versions.is_empty()
    }

    /// Notes the content of an executed file.
    pub(in crate::model) fn hashed(&mut self, hashed: &FileHashed) {
        if self.contents.len() < HASHED || self.contents.contains_key(&hashed.path) {
            let content = Content {
                sha256: hashed.sha256.clone(),
                has_changed: hashed.has_changed,
            };
            self.contents.insert(hashed.path.clone(), content);
        }
    }

    pub(super) fn content(&self, path: &[u8]) -> Option<Content> {
        self.contents.get(path).cloned()
    }

    pub(super) fn carry(&mut self, path: Vec<u8>, moment: Moment, version: Version) {
        let carried = Version {
            carrier: moment.by.filter(|by| *by != version.writer),
            begun: moment,
            ended: None,
            may_be_gone: false,
            ..version
        };
        self.add(path, carried);
    }

    pub(super) fn add(&mut self, path: Vec<u8>, version: Version) {
        if let Some(identity) = version.identity {
            self.note_file(identity, version.clone());
        }
        if self.versions.len() >= PATHS && !self.versions.contains_key(&path) {
            return;
        }
        self.end(&path, version.begun, End::Overwritten);
        let versions = self.versions.entry(path).or_default();
        versions.push(version);
        versions.drain(..versions.len().saturating_sub(VERSIONS));
    }
}
