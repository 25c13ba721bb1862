//! Marks the rows of one recording by their difference from another.

use std::{
    collections::{BTreeMap, BTreeSet},
    net::IpAddr,
};

use super::{Item, Subject, observe::item_of_change};
use crate::{
    event::Protocol,
    findings::{Change, Destination, Host, Kind},
    model::{Connection, Listener, Model, Process},
};

/// The difference of a row from another recording.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Mark {
    /// The other one has it, too.
    Same,
    /// The other one could not see it.
    Unknown,
    /// The other one has it in another way: by another tree or user, or with another attention.
    Changed,
    /// The other one lacks it.
    New,
}

impl Mark {
    /// The name in a report.
    pub fn name(self) -> &'static str {
        match self {
            Mark::Same => "same",
            Mark::Unknown => "unknown",
            Mark::Changed => "changed",
            Mark::New => "new",
        }
    }
}

/// Everything by which a row finds its items.
type Key = (Subject, Option<Kind>, Vec<u8>, u16, Option<Protocol>);

/// The marks of all items of a recording.
#[derive(Clone, Debug, Default)]
pub struct Marks {
    all: BTreeMap<Key, BTreeSet<Mark>>,
}

impl Marks {
    /// Notes an item.
    pub(super) fn note(&mut self, item: &Item, mark: Mark) {
        self.all.entry(key(item)).or_default().insert(mark);
    }

    /// Returns the mark of a destination; none if it was not compared.
    pub fn of_destination(&self, destination: &Destination) -> Option<Mark> {
        let name = match &destination.host {
            Host::Named(name) => name.to_ascii_lowercase().into_bytes(),
            Host::Address(address) => written(*address),
            Host::Unknown => return None,
        };
        let Destination { port, protocol, .. } = *destination;
        self.get(&(Subject::Destination, None, name, port, Some(protocol)))
    }

    /// Returns the mark of a listener; none if it was not compared.
    pub fn of_listener(&self, listener: &Listener) -> Option<Mark> {
        let local = listener.local?;
        let protocol = Some(listener.protocol);
        let name = written(local.ip());
        self.get(&(Subject::Listener, None, name, local.port(), protocol))
    }

    /// Returns the mark of an inbound connection; none if it was not compared.
    pub fn of_inbound(&self, connection: &Connection) -> Option<Mark> {
        let name = written(connection.remote?.ip());
        let port = connection.local().map_or(0, |local| local.port());
        let protocol = Some(connection.protocol);
        self.get(&(Subject::Inbound, None, name, port, protocol))
    }

    /// Returns the mark of a program by a process; none if it was not compared.
    pub fn of_program(&self, process: &Process) -> Option<Mark> {
        self.get(&(Subject::Program, None, process.exe.to_vec(), 0, None))
    }

    /// Returns the mark of a process that still runs; none if it was not compared.
    pub fn of_running(&self, process: &Process) -> Option<Mark> {
        let name = match process.exe.is_empty() {
            true => process.comm.to_vec(),
            false => process.exe.to_vec(),
        };
        self.get(&(Subject::Change, Some(Kind::Process), name, 0, None))
    }

    /// Returns the mark of a change; none if it was not compared. `what` is a name of a file in it,
    /// or its own. A directory has the marks of all that is in it.
    pub fn of_change(&self, model: &Model, change: &Change<'_>, what: &[u8]) -> Option<Mark> {
        if change.kind == Kind::Program {
            let key = (Subject::Program, None, change.what.clone(), 0, None);
            return self.get(&key);
        }
        let item = item_of_change(model, change)?;
        if change.kind != Kind::File {
            return self.get(&key(&item));
        }
        let name = match what == change.what {
            true => item.name.clone(),
            false => what.to_vec(),
        };
        let from = (
            item.subject,
            item.change.map(|(kind, _)| kind),
            name,
            0,
            None,
        );
        if !from.2.ends_with(b"/") {
            return self.get(&from);
        }
        let below = self.all.range(from.clone()..);
        let below = below.take_while(|((subject, kind, name, ..), _)| {
            (*subject, *kind) == (from.0, from.1) && name.starts_with(&from.2)
        });
        combined(below.flat_map(|(_, marks)| marks.iter().copied()).collect())
    }

    fn get(&self, key: &Key) -> Option<Mark> {
        combined(self.all.get(key)?.clone())
    }
}

fn key(item: &Item) -> Key {
    let end = item.end.as_ref();
    (
        item.subject,
        item.change.map(|(kind, _)| kind),
        item.name.clone(),
        end.map_or(0, |end| end.port),
        end.and_then(|end| end.protocol),
    )
}

fn written(address: IpAddr) -> Vec<u8> {
    address.to_canonical().to_string().into_bytes()
}

/// Returns the mark of a row that stands for several items.
fn combined(marks: BTreeSet<Mark>) -> Option<Mark> {
    let has = |mark: Mark| marks.contains(&mark);
    let is_known = has(Mark::Same) || has(Mark::Changed);
    match () {
        () if is_known && (has(Mark::Changed) || has(Mark::New)) => Some(Mark::Changed),
        () if has(Mark::New) => Some(Mark::New),
        () if has(Mark::Unknown) => Some(Mark::Unknown),
        () => marks.first().copied(),
    }
}

#[cfg(test)]
mod tests {
    use super::{Mark, combined};

    #[test]
    fn a_row_of_several_items_has_one_mark() {
        use Mark::{Changed, New, Same, Unknown};
        for (marks, one) in [
            (vec![], None),
            (vec![Same], Some(Same)),
            (vec![Same, Unknown], Some(Unknown)),
            (vec![Same, New], Some(Changed)),
            (vec![Changed, Unknown], Some(Changed)),
            (vec![New, Unknown], Some(New)),
            (vec![New], Some(New)),
        ] {
            assert_eq!(
                combined(marks.clone().into_iter().collect()),
                one,
                "{marks:?}"
            );
        }
    }
}
