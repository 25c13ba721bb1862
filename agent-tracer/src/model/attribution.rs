//! Decides to which tree a process belongs, and why. A rule that matches decides; else a process
//! belongs where the process that forked it belonged at that time.

use std::{collections::BTreeMap, sync::Arc};

use super::{
    Because, COMMAND, Doubt, ProcessIndex,
    processes::{Indices, Processes},
};
use crate::{
    event::UserNamed,
    rules::{RuleSet, Subject},
};

/// The rules, and the names of users that rules may ask for.
pub(super) struct Attribution {
    rules: RuleSet,
    users: BTreeMap<u32, Vec<u8>>,
}

impl Attribution {
    pub(super) fn new(rules: RuleSet) -> Attribution {
        Attribution {
            rules,
            users: BTreeMap::new(),
        }
    }

    pub(super) fn rules(&self) -> &RuleSet {
        &self.rules
    }

    pub(super) fn user_name(&self, user: u32) -> Option<&[u8]> {
        self.users.get(&user).map(Vec::as_slice)
    }

    /// Looks the rules up for a process that changed.
    pub(super) fn attribute(&self, index: ProcessIndex, processes: &mut Processes) {
        if processes.is_recorder(index) {
            return;
        }
        let process = &mut processes[index];
        let subject = Subject {
            exe: &process.exe,
            filename: &process.filename,
            argv: &process.argv,
            user: self.user_name(process.user),
            unit: process.unit.as_deref(),
        };
        if let Some(found) = self.rules.find(&subject) {
            let doubt = Doubt::about(&found, process);
            let because = Because::Rule(found.because.into());
            process.tree = found.tree.into();
            process.because = because;
            process.doubt = doubt;
        } else if let Because::Rule(rule) = &process.because {
            // The tree is for life, as that of a daemon which only a wrapper's name gave away.
            process.because = Because::FormerRule(Arc::clone(rule));
        }
    }

    /// Stores the name of a user, and looks the rules up for the user's processes. The name can
    /// become known after the process.
    pub(super) fn name_user(&mut self, named: &UserNamed, processes: &mut Processes) {
        self.users.insert(named.user, named.name.clone());
        for index in processes.indices() {
            let process = &processes[index];
            if process.user == named.user && process.is_running() {
                self.attribute(index, processes);
            }
        }
    }

    /// Attributes the processes of a snapshot. It has no forks: lineage is the parent at that time.
    pub(super) fn attribute_snapshot(&self, new: Indices, processes: &mut Processes) {
        for index in new.clone() {
            self.attribute(index, processes);
        }
        for index in new {
            let process = &processes[index];
            let is_open = matches!(process.because, Because::RanBefore);
            let Some(parent) = process.parent.filter(|_| is_open) else {
                continue;
            };
            let is_ruled = |above: &ProcessIndex| processes[*above].is_ruled();
            let ruled = processes.ancestors(index).find(is_ruled);
            if let Some(ancestor) = ruled {
                let tree = Arc::clone(&processes[ancestor].tree);
                put_below(index, parent, tree, processes);
            }
        }
    }
}

/// Starts the tree of the command, or of the process that the recording follows, with its
/// descendants so far.
pub(super) fn start_command(index: ProcessIndex, is_attached: bool, processes: &mut Processes) {
    let tree: Arc<str> = COMMAND.into();
    let process = &mut processes[index];
    process.tree = Arc::clone(&tree);
    process.because = match is_attached {
        true => Because::Attached,
        false => Because::Command,
    };
    if !is_attached {
        return;
    }
    for below in processes.indices() {
        if below != index
            && !processes[below].is_ruled()
            && processes.ancestors(below).any(|above| above == index)
        {
            let parent = processes[below].parent.unwrap_or(index);
            put_below(below, parent, Arc::clone(&tree), processes);
        }
    }
}

/// Puts a process into a tree, because of its parent.
fn put_below(index: ProcessIndex, parent: ProcessIndex, tree: Arc<str>, processes: &mut Processes) {
    let because = Because::child_of(&processes[parent]);
    let process = &mut processes[index];
    process.tree = tree;
    process.because = because;
}
