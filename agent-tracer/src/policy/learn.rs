//! Learns rules from recordings: the narrowest ones that a reviewer can still read.

mod draft;
mod ends;
mod minimal;

use std::collections::{BTreeMap, BTreeSet};

use indexmap::IndexMap;

use super::{Item, Observation, Subject, parse::is_of_paths, volatile};
use crate::findings::{Action, Kind};

pub use draft::Draft;
use ends::{end, host, ports};
use minimal::minimal;

/// Greatest number of files of one directory that a rule lists; more are a glob.
const LISTED: usize = 16;

/// Directory of the scripts of packages, which make one rule for each tree and user.
const PACKAGE_SCRIPTS: &[u8] = b"/var/lib/dpkg/info";

/// Directories whose programs make one rule for each tree and user.
const SYSTEM_PROGRAMS: [&[u8]; 4] = [b"/usr/bin", b"/usr/sbin", b"/bin", b"/sbin"];

/// Positions of items: the recording, and the item in it.
pub(super) type Members = Vec<(usize, usize)>;

/// Learns what recordings did.
pub fn learn(observations: &[Observation]) -> Vec<Draft> {
    let all: Vec<Vec<bool>> = observations
        .iter()
        .map(|observation| vec![true; observation.items.len()])
        .collect();
    let learned = learn_some(observations, &all).into_iter();
    learned.map(|(draft, _)| draft).collect()
}

/// Learns from the wanted items alone. Each of them belongs to one draft.
pub(super) fn learn_some(
    observations: &[Observation],
    wanted: &[Vec<bool>],
) -> Vec<(Draft, Members)> {
    let learner = Learner::new(observations, wanted);
    // By its own rule: the list that an item belongs to, and the items.
    let mut own: IndexMap<Draft, (Option<Vec<String>>, Members)> = IndexMap::new();
    for (trace, item) in learner.items() {
        let Some(observation) = observations.get(trace) else {
            continue;
        };
        let Some(it) = observation.items.get(item) else {
            continue;
        };
        let draft = learner.draft(observation, it);
        let of_draft = own.entry(draft);
        let (_, members) = of_draft.or_insert_with(|| (learner.list(it), Vec::new()));
        members.push((trace, item));
    }
    let mut drafts = minimal(observations, listed(own));
    for (draft, members) in &mut drafts {
        draft.seen = recordings(members);
    }
    drafts.sort_by(|(one, _), (other, _)| one.order().cmp(&other.order()));
    drafts
}

/// Joins rules that belong to one list, where as many recordings had them.
fn listed(own: IndexMap<Draft, (Option<Vec<String>>, Members)>) -> Vec<(Draft, Members)> {
    let mut lists: IndexMap<Draft, (BTreeSet<String>, Members)> = IndexMap::new();
    for (mut draft, (list, mut members)) in own {
        let names = draft.names.clone();
        if let Some(list) = list {
            draft.names = list;
            draft.seen = recordings(&members);
        }
        let (all, of_list) = lists.entry(draft).or_default();
        all.extend(names);
        of_list.append(&mut members);
    }
    let lists = lists.into_iter();
    let drafts = lists.map(|(mut draft, (names, members))| {
        draft.names = names.into_iter().collect();
        (draft, members)
    });
    drafts.collect()
}

/// Counts the recordings that had any of the items.
fn recordings(members: &Members) -> usize {
    let traces: BTreeSet<usize> = members.iter().map(|(trace, _)| *trace).collect();
    traces.len()
}

/// Writes the rule that each item alone would get.
pub(super) fn learn_each(observation: &Observation) -> Vec<(Draft, &Item)> {
    let learner = Learner {
        observations: &[],
        wanted: &[],
        directories: BTreeMap::new(),
        whole: BTreeSet::new(),
    };
    let items = observation.items.iter();
    items
        .map(|item| (learner.draft(observation, item), item))
        .collect()
}

/// A directory, the difference and the tree of files in it.
type Directory = (Vec<u8>, Action, String);

struct Learner<'a> {
    observations: &'a [Observation],
    wanted: &'a [Vec<bool>],
    /// Names of files in each directory.
    directories: BTreeMap<Directory, BTreeSet<Vec<u8>>>,
    /// Directories that are new or gone as a whole, in any of the recordings.
    whole: BTreeSet<&'a (Action, Vec<u8>)>,
}

impl<'a> Learner<'a> {
    fn new(observations: &'a [Observation], wanted: &'a [Vec<bool>]) -> Learner<'a> {
        let mut learner = Learner {
            observations,
            wanted,
            directories: BTreeMap::new(),
            whole: observations.iter().flat_map(|seen| &seen.whole).collect(),
        };
        for (trace, item) in learner.items() {
            let item = observations
                .get(trace)
                .and_then(|seen| seen.items.get(item));
            if let Some((item, key)) = item.and_then(|item| Some((item, directory(item)?))) {
                let names = learner.directories.entry(key).or_default();
                // More would decide nothing.
                if names.len() <= LISTED {
                    names.insert(item.name.clone());
                }
            }
        }
        learner
    }

    fn items(&self) -> Members {
        let mut items = Vec::new();
        for (trace, (observation, wanted)) in self.observations.iter().zip(self.wanted).enumerate()
        {
            let positions = (0..observation.items.len()).zip(wanted);
            let positions = positions.filter(|(_, is_wanted)| **is_wanted);
            items.extend(positions.map(|(item, _)| (trace, item)));
        }
        items
    }

    fn draft(&self, observation: &Observation, item: &Item) -> Draft {
        let pids = &observation.pids;
        let mut draft = Draft {
            subject: item.subject,
            names: Vec::new(),
            change: item.change,
            tree: volatile::exact(item.tree.as_bytes()),
            user: None,
            port: None,
            attention: item
                .attention
                .as_ref()
                .map(|reason| volatile::exact(reason.as_bytes())),
            seen: 0,
        };
        draft.names = vec![match item.subject {
            Subject::Program => {
                draft.user = Some(volatile::exact(&item.user));
                volatile::path(&item.name, pids)
            }
            Subject::Download => volatile::path(&item.name, pids),
            Subject::Destination | Subject::Listener => end(item),
            Subject::Inbound => {
                let end = item.end.as_ref();
                let (port, protocol) = end.map_or((0, None), |end| (end.port, end.protocol));
                draft.port = protocol.map(|protocol| (ports(port), protocol));
                host(item)
            }
            Subject::Change => self.change(item, observation),
        }];
        draft
    }

    fn change(&self, item: &Item, observation: &Observation) -> String {
        let Some((kind, action)) = item.change else {
            return volatile::text(&item.name);
        };
        if kind == Kind::File && item.attention.is_none() {
            if let Some(whole) = self.topmost(action, &item.name) {
                return format!("{}**", volatile::path(whole, &observation.pids));
            }
            if let Some(key) = directory(item)
                && self.has_many(&key)
            {
                return format!("{}*", volatile::path(&key.0, &observation.pids));
            }
        }
        match kind {
            Kind::Mount => volatile::path(&item.name, &observation.pids),
            kind if is_of_paths(kind) => volatile::path(&item.name, &observation.pids),
            _ => volatile::text(&item.name),
        }
    }

    fn has_many(&self, key: &Directory) -> bool {
        let names = self.directories.get(key);
        names.is_some_and(|names| names.len() > LISTED)
    }

    /// Names the list that an item belongs to, if it may share a rule with others. All else of the
    /// rule is the same for them: the tree, the user, the difference, and the reason for attention.
    fn list(&self, item: &Item) -> Option<Vec<String>> {
        let name = &item.name;
        match (item.subject, item.change) {
            (Subject::Program, _) if item.attention.is_some() => None,
            (Subject::Program, _) => Some(named(match above(name) {
                above if SYSTEM_PROGRAMS.contains(&above) => b"",
                above if above == PACKAGE_SCRIPTS => above,
                _ => first_directory(name),
            })),
            (Subject::Download, _) => Some(named(first_directory(name))),
            (_, Some((Kind::User | Kind::Group | Kind::Package | Kind::Process, _)))
                if item.attention.is_none() =>
            {
                Some(Vec::new())
            }
            (_, Some((Kind::File, action))) if item.attention.is_none() => {
                match (self.topmost(action, name), directory(item)) {
                    (Some(whole), _) => {
                        let whole = whole.strip_suffix(b"/").unwrap_or(whole);
                        Some([named(above(whole)), vec!["**".to_owned()]].concat())
                    }
                    (None, Some(key)) if self.has_many(&key) => None,
                    (None, _) => Some(named(above(name))),
                }
            }
            (_, Some((Kind::File | Kind::Cron, _))) => Some(named(above(name))),
            _ => None,
        }
    }

    /// Returns the topmost directory that is new or gone with all that is in it.
    fn topmost<'n>(&self, action: Action, name: &'n [u8]) -> Option<&'n [u8]> {
        let slashes = name
            .iter()
            .enumerate()
            .filter(|(at, byte)| **byte == b'/' && *at > 0);
        let mut above = slashes.filter_map(|(at, _)| name.get(..=at));
        above.find(|above| self.whole.contains(&(action, above.to_vec())))
    }
}

/// Returns the directory of a path, without the slash at its end.
fn above(path: &[u8]) -> &[u8] {
    let slash = path.iter().rposition(|byte| *byte == b'/');
    slash
        .and_then(|slash| path.get(..slash))
        .unwrap_or_default()
}

/// Returns the directory of the root that a path is in, such as `/opt`.
fn first_directory(path: &[u8]) -> &[u8] {
    let below = path.get(1..).unwrap_or_default();
    let slash = below.iter().position(|byte| *byte == b'/');
    slash
        .and_then(|slash| path.get(..=slash))
        .unwrap_or_default()
}

/// Makes a key for a list, which is never the name of an item.
fn named(directory: &[u8]) -> Vec<String> {
    vec![
        String::new(),
        String::from_utf8_lossy(directory).into_owned(),
    ]
}

/// Returns the directory of a file that needs no rule of its own; with a slash at the end.
fn directory(item: &Item) -> Option<Directory> {
    let (kind, action) = item.change?;
    let is_plain = kind == Kind::File && item.attention.is_none() && !item.name.ends_with(b"/");
    let slash = item.name.iter().rposition(|byte| *byte == b'/')?;
    let directory = item.name.get(..=slash).filter(|_| is_plain && slash > 0)?;
    Some((directory.to_vec(), action, item.tree.to_string()))
}
