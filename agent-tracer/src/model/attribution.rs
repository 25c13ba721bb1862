//! Which tree a process belongs to, and why. A rule that matches decides; else a process
//! belongs where the process that forked it belonged at that time.

use std::sync::Arc;

use super::{Because, Doubt, Model, Origin, ProcessIndex};
use crate::{event::Event, rules::Subject};

impl Model {
    /// Looks the rules up for a process that changed.
    pub(super) fn attribute(&mut self, index: ProcessIndex) {
        let position = index.0 as usize;
        let process = &self.processes[position];
        if process.origin == Origin::Snapshot && process.id.pid == self.recorder {
            return;
        }
        let user_name = self.users.get(&process.user).map(Vec::as_slice);
        let subject = Subject {
            exe: &process.exe,
            filename: &process.filename,
            argv: &process.argv,
            user: user_name,
            unit: process.unit.as_deref(),
        };
        if let Some(found) = self.rules.find(&subject) {
            let tree: Arc<str> = found.tree.into();
            let doubt = Doubt::about(&found, process);
            let because = Because::Rule(found.because.into());
            let process = &mut self.processes[position];
            process.tree = tree;
            process.because = because;
            process.doubt = doubt;
        }
    }

    /// Rules may ask for a user by name, and the name of a user can become known after the process.
    pub(super) fn rematch_user(&mut self, user: u32) {
        for position in 0..self.processes.len() {
            let process = &self.processes[position];
            if process.user == user && process.is_running() {
                self.attribute(ProcessIndex(position as u32));
            }
        }
    }

    /// The snapshot tells no forks: lineage is the parent at that time.
    pub(super) fn attribute_snapshot(&mut self, first: usize) {
        for position in first..self.processes.len() {
            self.attribute(ProcessIndex(position as u32));
        }
        for position in first..self.processes.len() {
            if !matches!(self.processes[position].because, Because::RanBefore) {
                continue;
            }
            if let Some(ancestor) = self.ruled_ancestor(position) {
                let tree = Arc::clone(&self.processes[ancestor].tree);
                let parent = self.processes[position]
                    .parent
                    .map_or(ancestor, |parent| parent.0 as usize);
                let because = Because::ChildOf(
                    Arc::clone(&self.processes[parent].comm),
                    self.processes[parent].id.pid,
                );
                let process = &mut self.processes[position];
                process.tree = tree;
                process.because = because;
            }
        }
    }

    fn ruled_ancestor(&self, position: usize) -> Option<usize> {
        let mut current = self.processes[position].parent;
        // A snapshot is not taken at one instant, so parents might form a circle.
        for _ in 0..self.processes.len() {
            let index = current?;
            let process = self.process(index);
            if matches!(process.because, Because::Rule(_)) {
                return Some(index.0 as usize);
            }
            current = process.parent;
        }
        None
    }

    pub(super) fn command_started(&mut self, event: &Event, attached: bool) {
        let index = self.known(event.process, event.user);
        self.command = Some(index);
        let because = if attached {
            Because::Attached
        } else {
            Because::Command
        };
        let tree: Arc<str> = super::COMMAND.into();
        let process = &mut self.processes[index.0 as usize];
        process.tree = Arc::clone(&tree);
        process.because = because;
        if !attached {
            return;
        }
        // What descends from it already is followed as well, unless a rule knows better.
        for position in 0..self.processes.len() {
            if position != index.0 as usize
                && !matches!(self.processes[position].because, Because::Rule(_))
                && self.descends(position, index)
            {
                let parent = self.processes[position].parent.unwrap_or(index);
                let because = Because::ChildOf(
                    Arc::clone(&self.process(parent).comm),
                    self.process(parent).id.pid,
                );
                let process = &mut self.processes[position];
                process.tree = Arc::clone(&tree);
                process.because = because;
            }
        }
    }

    fn descends(&self, position: usize, ancestor: ProcessIndex) -> bool {
        let mut current = self.processes[position].parent;
        for _ in 0..self.processes.len() {
            match current {
                Some(index) if index == ancestor => return true,
                Some(index) => current = self.process(index).parent,
                None => return false,
            }
        }
        false
    }
}
