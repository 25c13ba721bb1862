//! Finds downloaded files of native code, such as the libraries of npm packages. No event reports
//! that a process maps a file, so they are listed without an execution.

use std::collections::{BTreeSet, HashMap};

use super::{
    Content, Downloads, Moment,
    versions::{End, Version},
};
use crate::{
    event::{FileHashed, FileIdentity, NativeCode},
    model::{ProcessIndex, processes::Processes},
};

/// Limit of files with native code.
const NATIVE: usize = 4096;

/// A file with native code, as its first bytes and its content show.
#[derive(Clone)]
pub(super) struct Native {
    pub(super) code: NativeCode,
    sha256: Vec<u8>,
}

impl Native {
    /// Returns the content, if it was read.
    pub(super) fn content(&self, version: &Version) -> Option<Content> {
        let is_overwritten = matches!(version.ended, Some((_, End::Overwritten | End::Removed)));
        (!self.sha256.is_empty()).then(|| Content {
            sha256: self.sha256.clone(),
            has_changed: is_overwritten || version.may_be_gone,
        })
    }
}

impl Downloads {
    /// Checks whether a file that a process wrote is to be looked at: it may be a download.
    pub(in crate::model) fn may_be_native(
        &self,
        by: ProcessIndex,
        path: &[u8],
        processes: &Processes,
    ) -> bool {
        self.current(path).is_some() || self.relative(by, processes).is_some()
    }

    /// Returns the current paths with such a last component, which may be downloads.
    pub(in crate::model) fn named_like(
        &self,
        is_wanted: impl Fn(&[u8]) -> bool,
    ) -> Vec<(Vec<u8>, ProcessIndex)> {
        let all = self.versions.iter();
        let all = all.filter(|(path, _)| {
            let name = path.rsplit(|byte| *byte == b'/').next();
            name.is_some_and(&is_wanted)
        });
        all.filter_map(|(path, versions)| {
            let version = versions.last().filter(|version| version.ended.is_none())?;
            Some((path.clone(), version.carrier.unwrap_or(version.writer)))
        })
        .collect()
    }

    /// Notes native code in a file that a process wrote.
    ///
    /// `connections` is the count of all connections by then.
    pub(in crate::model) fn native(
        &mut self,
        hashed: &FileHashed,
        moment: Moment,
        processes: &Processes,
        connections: usize,
    ) {
        let Some(identity) = hashed.identity else {
            return;
        };
        if self.native.len() >= NATIVE && !self.native.contains_key(&identity) {
            return;
        }
        let native = Native {
            code: hashed.native(),
            sha256: hashed.sha256.clone(),
        };
        self.native.insert(identity, native);
        if let Some(version) = self.current_mut(&hashed.path) {
            version.identity = Some(identity);
        } else if self.of_file(Some(identity)).is_none()
            && let Some(by) = moment.by
            && let Some(writer) = self.relative(by, processes)
        {
            let version = Version {
                writer,
                carrier: None,
                archive: None,
                identity: Some(identity),
                connections,
                begun: moment,
                ended: None,
                may_be_gone: false,
            };
            self.carry(hashed.path.clone(), moment, version);
        }
    }

    /// Returns the files with native code that may be downloads, each at its last path, in the
    /// order of their last changes.
    pub(super) fn natives(&self) -> Vec<(&[u8], &Version, &Native)> {
        let mut last: HashMap<FileIdentity, (&[u8], &Version, &Native)> = HashMap::new();
        if self.native.is_empty() {
            return Vec::new();
        }
        for (path, version) in self
            .versions
            .iter()
            .flat_map(|(path, versions)| versions.iter().map(move |version| (path, version)))
        {
            let Some((identity, native)) = version
                .identity
                .and_then(|identity| Some((identity, self.native.get(&identity)?)))
            else {
                continue;
            };
            let is_later = last
                .get(&identity)
                .is_none_or(|(_, known, _)| known.begun.reported_ns <= version.begun.reported_ns);
            if is_later {
                last.insert(identity, (path, version, native));
            }
        }
        // npm unpacks a package twice, and removes the first copy.
        let stays = |version: &Version| !version.may_be_gone && version.ended.is_none();
        let there = last.values().filter(|(_, version, _)| stays(version));
        let there: BTreeSet<&[u8]> = there.map(|(.., native)| native.sha256.as_slice()).collect();
        let mut all: Vec<_> = last
            .values()
            .filter(|(_, version, native)| {
                let is_unread = native.sha256.is_empty();
                stays(version) || is_unread || !there.contains(native.sha256.as_slice())
            })
            .copied()
            .collect();
        all.sort_by_key(|(path, version, _)| (version.begun.reported_ns, *path));
        all
    }
}
