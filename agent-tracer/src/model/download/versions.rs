//! What was at which path from when to when, of all that may turn out to be a download. Whether anything came from somebody,
//! and who executed it, is not known here.

use std::collections::BTreeMap;

use crate::model::ProcessIndex;

/// Versions of one path that are kept, the last ones.
const VERSIONS: usize = 16;

/// All that may turn out to be one.
#[derive(Default)]
pub(in crate::model) struct Downloads {
    /// What was at a path, one after the other.
    pub(super) versions: BTreeMap<Vec<u8>, Vec<Version>>,
    /// By who took them away: what was so renamed, if a new name is the next that is told of the same process.
    pub(super) taken: BTreeMap<ProcessIndex, Taken>,
    /// What was executed by processes that are other programs by now.
    pub(super) former: Vec<Run>,
}

/// Content of a file, from when it was there until it was another or gone.
#[derive(Clone)]
pub(super) struct Version {
    pub(super) writer: ProcessIndex,
    pub(super) carrier: Option<ProcessIndex>,
    /// How many connections there were in all by then.
    pub(super) connections: usize,
    pub(super) begun: Moment,
    pub(super) ended: Option<(Moment, End)>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum End {
    Overwritten,
    Removed,
}

/// When something was told of a file, which is a little later than it was done.
#[derive(Clone, Copy)]
pub(super) struct Moment {
    pub(super) reported_ns: u64,
    pub(super) by: Option<ProcessIndex>,
}

/// The name that a file or directory had, and what of it may be downloads: what follows that name in their paths.
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
    pub(super) fn current(&self, path: &[u8]) -> Option<&Version> {
        let last = self.versions.get(path)?.last()?;
        last.ended.is_none().then_some(last)
    }

    pub(super) fn current_mut(&mut self, path: &[u8]) -> Option<&mut Version> {
        let last = self.versions.get_mut(path)?.last_mut()?;
        last.ended.is_none().then_some(last)
    }

    /// What there is at a path and in the directory that it may be.
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

    /// Somebody else has done something to it. What its writer takes away itself it may have made anew: the kernel tells
    /// both at once, in no order.
    pub(super) fn end(&mut self, path: &[u8], moment: Moment, end: End) {
        if let Some(version) = self.current_mut(path)
            && (moment.by.is_none() || version.begun.by != moment.by)
        {
            version.ended = Some((moment, end));
        }
    }

    pub(super) fn carry(&mut self, path: Vec<u8>, moment: Moment, version: Version) {
        let carried = Version {
            carrier: moment.by.filter(|by| *by != version.writer),
            begun: moment,
            ended: None,
            ..version
        };
        self.add(path, carried);
    }

    pub(super) fn add(&mut self, path: Vec<u8>, version: Version) {
        self.end(&path, version.begun, End::Overwritten);
        let versions = self.versions.entry(path).or_default();
        versions.push(version);
        versions.drain(..versions.len().saturating_sub(VERSIONS));
    }
}
