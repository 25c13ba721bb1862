//! Decides whether a recording could see what a policy needs. In doubt it could not.

mod facts;
mod lists;
mod needs;

use std::collections::BTreeMap;

use super::Recording;
use crate::trace::Mode;

pub use facts::FACTS;
pub(super) use facts::fact_name;
pub use lists::COMPARED;
pub(super) use lists::compared_as;
pub use needs::Blind;
pub(super) use needs::facts_of_subject;

/// Facts, lists and directories that a recording could see.
#[derive(Clone, Debug, Default)]
pub struct Sight {
    /// Facts with a hook.
    seen: Vec<String>,
    /// Facts without one, with the reason.
    unseen: BTreeMap<String, String>,
    /// Lists that were compared, at least in part.
    compared: Vec<&'static str>,
    /// Lists that were not wholly compared, with the reason.
    not_whole: BTreeMap<&'static str, String>,
    /// Directories that were compared.
    roots: Vec<Vec<u8>>,
    /// True if `.ssh` of every home was compared.
    has_homes: bool,
    /// True if changes outside of the compared directories were seen, too.
    sees_elsewhere: bool,
    /// True if addresses have service tags.
    has_tags: bool,
    /// Inbound connections without a listener.
    unknown_listeners: u64,
    /// True if the recording, and its command, ended.
    has_ended: bool,
    /// Missing parts, in words.
    missing: Vec<String>,
    /// True if the ledger has no missing part.
    is_complete: bool,
    /// True if parts of the file are missing.
    pub is_damaged: bool,
}

impl Sight {
    /// Reduces a recording to what it could see.
    ///
    /// Every listener of a recorded command began during the recording, so it is known. One that is
    /// unknown is of other programs on the machine, such as those of a container.
    pub(super) fn of(recording: &Recording<'_>) -> Sight {
        let Recording { header, model, .. } = recording;
        let mut sight = Sight {
            has_tags: !header.tag_lists.is_empty(),
            roots: model.watched_roots().to_vec(),
            has_homes: model.homes().left_out == 0,
            unknown_listeners: model.ledger().unknown_listeners(),
            missing: recording.missing.clone(),
            is_complete: model.ledger().is_complete(),
            is_damaged: recording.is_damaged,
            has_ended: model.end().is_some()
                && (header.mode() != Mode::Command || model.command_end().is_some()),
            compared: lists::compared(model),
            not_whole: lists::not_whole(model),
            ..Sight::default()
        };
        for entry in &header.plan {
            let name = fact_name(&entry.fact).to_owned();
            match entry.hook.is_empty() {
                false => sight.seen.push(name),
                true => {
                    sight.unseen.insert(name, entry.reason.clone());
                }
            }
        }
        sight.sees_elsewhere = model.looked_elsewhere() && sight.sees("files");
        if header.mode() == Mode::Command && sight.sees("listen") {
            sight.unknown_listeners = 0;
        }
        sight
    }

    /// Returns true if a fact was recorded.
    pub fn sees(&self, fact: &str) -> bool {
        self.seen.iter().any(|seen| seen == fact) && !self.unseen.contains_key(fact)
    }

    /// Returns true if a list was wholly compared.
    pub fn compared(&self, list: &str) -> bool {
        self.compared.contains(&list) && !self.not_whole.contains_key(list)
    }

    /// Returns the directories that were compared.
    pub fn roots(&self) -> &[Vec<u8>] {
        &self.roots
    }

    /// Returns true for a file in a home that was compared.
    pub(super) fn sees_ssh(&self, path: &[u8]) -> bool {
        let mut parts = path.split(|byte| *byte == b'/');
        self.has_homes && parts.any(|part| part == b".ssh")
    }

    /// Returns true if a file at this path would have been seen.
    pub(super) fn sees_file(&self, path: &[u8]) -> bool {
        let is_below = |root: &Vec<u8>| path.starts_with(root);
        self.sees_elsewhere || self.roots.iter().any(is_below) || self.sees_ssh(path)
    }

    /// Returns true if nothing is missing.
    pub fn is_whole(&self) -> bool {
        self.is_complete && self.has_ended && self.unknown_listeners == 0 && !self.is_damaged
    }
}
